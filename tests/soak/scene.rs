//! What all visitors of the soak share: the servers, the book, the shelf, and what went wrong.

use super::{
    book::Book,
    dice::Dice,
    server::Server,
    shelf::{Item, Shelf},
};
use crate::{
    authority::Authority,
    ftp::Ftp,
    other_server::connect_from,
    peer::Client,
    proftpd::{Proftpd, Resumption},
};
use openssl::{
    ssl::{SslStream, SslVerifyMode, SslVersion},
    x509::X509,
};
use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    net::TcpStream,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize},
    },
};

pub struct Scene {
    pub authority: Authority,
    pub servers: [Server; 2],
    pub proftpd: Proftpd,
    pub book: Book,
    pub shelf: Shelf,
    /// Those who hold a connection and do nothing with it.
    pub ghosts: Mutex<VecDeque<Ghost>>,
    /// Uploads that were cut: what is left of them is to be removed.
    pub cut: Mutex<Vec<(usize, String)>>,
    /// One at a time fills the account with the small quota.
    pub quinn: Mutex<()>,
    pub visits: Mutex<BTreeMap<&'static str, u64>>,
    pub failures: Mutex<Vec<String>>,
    /// Visits that the crowd has begun.
    pub turns: AtomicUsize,
    pub is_over: AtomicBool,
}

/// What a client that fell silent holds open.
#[expect(dead_code, reason = "they are held, not used")]
pub enum Ghost {
    Clear(TcpStream),
    Idle(Ftp),
    Transfer(Ftp, SslStream<TcpStream>),
}

/// More ghosts than this make the oldest go.
const MOST_GHOSTS: usize = 40;

impl Scene {
    pub fn new() -> Scene {
        let authority = Authority::new();
        let servers = ["127.0.0.21", "127.0.0.22"].map(|host| Server::start(host, &authority));
        Scene {
            authority,
            servers,
            proftpd: Proftpd::start(Resumption::Demanded),
            book: Book::default(),
            shelf: Shelf::default(),
            ghosts: Mutex::default(),
            cut: Mutex::default(),
            quinn: Mutex::default(),
            visits: Mutex::default(),
            failures: Mutex::default(),
            turns: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        }
    }

    /// A connection to `server` from `source`, which trusts the CA alone and has heard 220.
    pub fn knocks(&self, server: usize, source: &str, dice: &mut Dice) -> Ftp {
        let ca = X509::from_pem(&fs::read(self.authority.file()).unwrap()).unwrap();
        let newest = *dice.pick(&[SslVersion::TLS1_2, SslVersion::TLS1_3]);
        let tls = Client::built(|builder| {
            builder.cert_store_mut().add_cert(ca).unwrap();
            builder.set_verify(SslVerifyMode::PEER);
            builder.set_max_proto_version(Some(newest)).unwrap();
        });
        let address = self.servers[server].daemon.address;
        let mut ftp = Ftp::over(connect_from(source, address), address, tls);
        ftp.hears(220);
        ftp
    }

    /// The same, logged in.
    pub fn logs_in(&self, server: usize, account: &str, dice: &mut Dice) -> Ftp {
        let mut ftp = self.knocks(server, &source(dice), dice);
        ftp.secure();
        ftp.log_in(account);
        ftp
    }

    pub fn haunts(&self, ghost: Ghost) {
        let mut ghosts = self.ghosts.lock().unwrap();
        ghosts.push_back(ghost);
        let gone = if ghosts.len() > MOST_GHOSTS { ghosts.pop_front() } else { None };
        drop(ghosts);
        drop(gone);
    }

    /// Whether `item` is on the disk of its server as it should be.
    #[track_caller]
    pub fn is_there(&self, item: &Item) {
        let path = self.servers[item.server].daemon.path("ann").join(&item.name);
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{item:?}: {error}"));
        assert!(bytes == item.bytes(), "{item:?} is not what was acknowledged");
    }
}

/// An address that few others come from.
pub fn source(dice: &mut Dice) -> String {
    format!("127.0.40.{}", 1 + dice.below(200))
}

/// A data connection for `ftp`, from where it comes from.
pub fn opens_data(ftp: &mut Ftp, command: &str) -> SslStream<TcpStream> {
    let address = ftp.epsv();
    ftp.says(command, 150);
    let socket = connect_from(&ftp.own_ip().to_string(), address);
    let session = ftp.session();
    ftp.tls.connect(socket, session.as_ref()).expect("a data handshake")
}
