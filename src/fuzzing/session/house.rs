//! What the session under test serves: accounts, and files that tell whose they are.

use super::client::MAX_LINE_BYTES;
use crate::{
    auth::{Account, AuthError, Authenticator, FxpGrant, FxpLevel, Right, Visitor},
    net::{Identity, Names, Tls, TlsFloor},
    proto::{Access, Kind, Secret, VirtualPath},
    session::{
        Confinement, Demand, Ended, Host, Hosts, Listen, Presence, Services, Session, Settings,
    },
    storage::{Memory, Storage, Tree},
    sys::stop::{self, StopSource},
    transfer::{Bucket, Turns},
};
use socket2::{Domain, Socket, Type};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, LazyLock},
    thread::{self, JoinHandle},
    time::Duration,
};

/// An account, which opens with the password `pw`: its name, which is its home's too, what it may
/// do, and what is in all its files, and in the name of one.
pub struct Member {
    pub name: &'static str,
    access: Access,
    secret: &'static str,
}

pub const MEMBERS: [Member; 3] = [
    Member { name: "ann", access: Access::ReadWrite, secret: "Qx71ann" },
    Member { name: "ro", access: Access::ReadOnly, secret: "Zk58ro" },
    Member { name: "drop", access: Access::Incoming, secret: "Wv93drop" },
];

/// In a file that nobody may see: it stands in the directory of uploads.
const HIDDEN: &str = "Jf26in";

/// The certificate of the server, and of the client where that is the TLS server.
pub static IDENTITY: LazyLock<Identity> =
    LazyLock::new(|| Identity::self_signed(&["localhost"]).unwrap());

static TLS: LazyLock<Tls> = LazyLock::new(|| {
    let names = Names::of_default_host(&[]);
    Tls::new(&IDENTITY, &[], names, TlsFloor::Tls12).unwrap()
});

/// What says nothing for this long hangs.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Where the client is: not where other servers of this machine are.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 70, 85, 90);

/// The accounts and their files.
pub struct House {
    files: Memory,
    before: [Contents; 3],
    stop: Option<StopSource>,
}

/// The files of a home, and what they hold; directories hold nothing.
type Contents = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

impl House {
    /// Whether a text holds what only a file or a name of an account does.
    pub fn knows_a_secret(text: &[u8]) -> bool {
        MEMBERS.iter().any(|member| holds(text, member.secret)) || holds(text, HIDDEN)
    }

    pub fn new() -> House {
        let files = Memory::new();
        for Member { name, access, secret } in &MEMBERS {
            files.put(name, "/a", secret.as_bytes());
            files.put(name, &format!("/d/{secret}"), format!("{secret}\r\n").repeat(99).as_bytes());
            files.put(name, "/e/f/g", b"");
            if *access == Access::Incoming {
                files.put(name, &format!("/incoming/{HIDDEN}"), HIDDEN.as_bytes());
            }
        }
        let before = MEMBERS.map(|member| contents(&files, member.name));
        House { files, before, stop: None }
    }

    /// Begins a session, and returns the client's end of its control connection.
    pub fn serve(&mut self) -> (TcpStream, JoinHandle<()>) {
        let (stop_source, stop) = stop::pair().unwrap();
        self.stop = Some(stop_source);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let client = connect(address).unwrap();
        // A port that was somebody else's a moment ago may have a stranger waiting first.
        let ours = client.local_addr().unwrap();
        let mut accepted = listener.incoming().map(Result::unwrap);
        let server = accepted.find(|it| it.peer_addr().ok() == Some(ours)).unwrap();
        let default = Arc::new(Host {
            name: "the default host".to_owned(),
            greeting: None,
            authenticator: Arc::new(Door),
            storage: Arc::new(self.files.clone()),
            hashes: Arc::default(),
            ledgers: Arc::default(),
        });
        let services = Services {
            settings: settings(),
            tls: TLS.clone(),
            hosts: Hosts { default, others: Vec::new() },
            confinement: Confinement::none(),
            on_transfer: Arc::new(drop),
            turns: Turns::new(1),
            listening: vec![address],
            stop,
        };
        let session =
            Session::new(Arc::new(services), Box::new(Alone), server, Listen::Explicit, None);
        let session = session.unwrap();
        let run = move || assert!(matches!(session.run(), Ended::Over(_)), "nothing confines it");
        let thread = thread::Builder::new().spawn(run).unwrap();
        (client, thread)
    }

    /// What nobody may change is as it was.
    pub fn check(&self) {
        for (member, before) in MEMBERS.iter().zip(&self.before) {
            let after = contents(&self.files, member.name);
            match member.access {
                Access::ReadWrite => {}
                Access::ReadOnly => assert_eq!(after, *before, "{}", member.name),
                Access::Incoming => {
                    let mut after = after;
                    after.retain(|path, _| {
                        !path.starts_with(b"/incoming/") || before.contains_key(path)
                    });
                    assert_eq!(after, *before, "{}", member.name);
                }
            }
        }
    }

    /// What `member` has received, or everybody before a login, is nobody else's.
    pub fn check_seen(&self, seen: &[u8], by: Option<&Member>) {
        assert!(!holds(seen, HIDDEN), "{}", seen.escape_ascii());
        for other in &MEMBERS {
            let is_own = by.is_some_and(|member| member.name == other.name);
            assert!(is_own || !holds(seen, other.secret), "{}", seen.escape_ascii());
        }
    }
}

fn holds(text: &[u8], secret: &str) -> bool {
    text.windows(secret.len()).any(|part| part == secret.as_bytes())
}

/// A connection from the client's address; `None` where nobody listens any longer.
pub fn connect(address: SocketAddr) -> Option<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((CLIENT, 0)).into()).unwrap();
    socket.connect(&address.into()).ok()?;
    Some(socket.into())
}

/// Nothing waits long: a session that waits is one that is not tried.
fn settings() -> Settings {
    Settings {
        tls: Demand::Optional,
        ccc: true,
        passive_ports: 0..=0,
        data_timeout: Duration::from_millis(20),
        handshake_timeout: Duration::from_millis(500),
        max_line_bytes: MAX_LINE_BYTES,
        ..Settings::default()
    }
}

fn contents(files: &Memory, home: &str) -> Contents {
    let tree = files.tree(OsStr::new(home)).unwrap();
    let mut contents = Contents::new();
    let mut left = vec![VirtualPath::root()];
    while let Some(directory) = left.pop() {
        for entry in tree.list(&directory).unwrap() {
            let entry = entry.unwrap();
            let path = directory.child(&entry.name);
            let bytes = (entry.kind == Kind::File).then(|| read(&*tree, &path));
            contents.insert(path.as_bytes().to_vec(), bytes);
            left.extend((entry.kind == Kind::Directory).then_some(path));
        }
    }
    contents
}

fn read(tree: &dyn Tree, path: &VirtualPath) -> Vec<u8> {
    let mut download = tree.open(path, 0).unwrap();
    let mut bytes = vec![0; usize::try_from(download.size()).unwrap()];
    let mut filled = 0;
    while filled < bytes.len() {
        filled += download.read(&mut bytes[filled..]).unwrap();
    }
    bytes
}

/// Lets the members in.
struct Door;

impl Authenticator for Door {
    fn authenticate(&self, visitor: &Visitor<'_>, secret: &Secret) -> Result<Account, AuthError> {
        let member = MEMBERS.iter().find(|member| member.name == visitor.name);
        let member = member.filter(|_| secret.expose() == b"pw").ok_or(AuthError::Rejected)?;
        let (fxp, rights) = (FxpGrant::both(FxpLevel::Off), vec![Right::Links, Right::Who]);
        Ok(Account { fxp, rights, ..Account::new(visitor.name, visitor.name, member.access) })
    }
}

/// A server of one session.
struct Alone;

impl Presence for Alone {
    fn logged_in(&mut self, _: &str, _: &Account) -> Option<[Arc<Bucket>; 2]> {
        Some([Arc::new(Bucket::new(0)), Arc::new(Bucket::new(0))])
    }

    fn guessed_wrong(&mut self) -> Duration {
        Duration::ZERO
    }

    fn is_banned(&self) -> bool {
        false
    }

    fn who(&self) -> Vec<String> {
        vec!["you".to_owned()]
    }

    fn logged_out(&mut self) {}
}
