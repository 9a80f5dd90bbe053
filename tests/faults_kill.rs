//! A server that is killed, again and again, at moments that the bytes decide: what was acknowledged
//! is whole, what was replaced is one or the other, and nothing stays that nobody asked for. And
//! what `fsync` means, by the order of the system calls.

use crate::{
    ftp::Ftp,
    mounts::Mount,
    peer,
    program::sample,
    started::{Home, Orphan, Running, wait_until},
};
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// The server has been killed.
struct Killed;

/// What a file may hold after a kill, the last first; nothing stands for no file.
type Versions = Vec<Option<Vec<u8>>>;

/// A client that keeps books of what it was told, and kills the server when so many bytes are sent.
struct Client {
    server: Running,
    ftp: Ftp,
    left: usize,
    books: BTreeMap<String, Versions>,
}

/// What the end of an upload counts for, in bytes: many kills shall meet it.
const END_BYTES: usize = 60_000;

const PIECE_BYTES: usize = 8_000;

fn start(home: &Home) -> (Running, SocketAddr) {
    let server = Running::start(&mut home.fxpd());
    let address = home.address();
    (server, address)
}

impl Client {
    fn kill(&mut self) -> Killed {
        self.server.0.kill().unwrap();
        self.server.0.wait().unwrap();
        Killed
    }

    /// So many bytes are sent, or the server is killed.
    fn pass(&mut self, bytes: usize) -> Result<(), Killed> {
        if bytes < self.left {
            self.left -= bytes;
            return Ok(());
        }
        Err(self.kill())
    }

    fn now(&self, name: &str) -> Option<Vec<u8>> {
        self.books.get(name).and_then(|versions| versions[0].clone())
    }

    fn upload(&mut self, verb: &str, name: &str, bytes: &[u8]) -> Result<(), Killed> {
        let before = self.now(name);
        let after = match verb {
            "APPE" => [before.clone().unwrap_or_default(), bytes.to_vec()].concat(),
            _ => bytes.to_vec(),
        };
        self.books.insert(name.to_owned(), vec![Some(after.clone()), before]);
        let address = self.ftp.epsv();
        self.ftp.says(&format!("{verb} {name}"), 150);
        let mut data = self.ftp.data(address);
        for piece in bytes.chunks(PIECE_BYTES) {
            data.write_all(piece).unwrap();
            self.pass(piece.len())?;
        }
        data.shutdown().unwrap();
        if self.left < END_BYTES {
            // The server is at it now: for up to half a millisecond it goes on.
            let until = Instant::now() + Duration::from_nanos(8 * self.left as u64);
            while Instant::now() < until {}
            return Err(self.kill());
        }
        self.left -= END_BYTES;
        peer::finish(data);
        self.ftp.hears(226);
        self.books.insert(name.to_owned(), vec![Some(after)]);
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), Killed> {
        let bytes = self.now(from);
        self.ftp.says(&format!("RNFR {from}"), 350);
        for name in [from, to] {
            self.books.insert(name.to_owned(), vec![bytes.clone(), None]);
        }
        self.ftp.sends(format!("RNTO {to}\r\n").as_bytes());
        self.pass(PIECE_BYTES)?;
        self.ftp.hears(250);
        self.books.remove(from);
        self.books.insert(to.to_owned(), vec![bytes]);
        Ok(())
    }

    fn work(&mut self, round: usize) -> Result<(), Killed> {
        for lap in 0.. {
            let bytes = |count: u32| sample(count)[round + lap..].to_vec();
            self.upload("STOR", &format!("new-{round}-{lap}"), &bytes(100_000))?;
            self.upload("STOR", "same", &bytes(150_000))?;
            self.upload("APPE", "log", &bytes(20_000))?;
            self.rename(&format!("new-{round}-{lap}"), &format!("kept-{round}-{lap}"))?;
        }
        Ok(())
    }
}

/// Whether `found` may be what is left of a file of which `versions` are known.
fn is_right(name: &str, found: &Option<Vec<u8>>, versions: &Versions) -> bool {
    if versions.contains(found) {
        return true;
    }
    // What is appended stands in its place at once, from its beginning on.
    let (Some(found), [Some(whole), before]) = (found, &versions[..]) else { return false };
    let before = before.as_deref().unwrap_or_default();
    name == "log" && found.starts_with(before) && whole.starts_with(found)
}

/// What `books` say of the tree, once it is found that the tree agrees.
fn audit(
    tree: &Path,
    round: usize,
    books: &BTreeMap<String, Versions>,
) -> BTreeMap<String, Versions> {
    let mut found: BTreeMap<String, Versions> = BTreeMap::new();
    for (name, versions) in books {
        let there = fs::read(tree.join(name)).ok();
        assert!(is_right(name, &there, versions), "round {round}: {name} is a mix");
        if there.is_some() {
            found.insert(name.clone(), vec![there]);
        }
    }
    // A file that moves is in one of two places.
    for name in books.keys().filter_map(|name| name.strip_prefix("new-")) {
        let both = [format!("new-{name}"), format!("kept-{name}")];
        if books.contains_key(&both[1]) {
            let there = both.iter().filter(|name| found.contains_key(*name)).count();
            assert_eq!(there, 1, "round {round}: {name}");
        }
    }
    let is_strange = |name: &String| !is_hidden(name) && !found.contains_key(name);
    let strangers: Vec<String> = names(tree).into_iter().filter(is_strange).collect();
    assert!(strangers.is_empty(), "round {round}: {strangers:?}");
    found
}

fn names(tree: &Path) -> Vec<String> {
    let names = fs::read_dir(tree).unwrap();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn is_hidden(name: &str) -> bool {
    name.starts_with(".fxpd.")
}

/// Kills a server so many times, and tells how many hidden names the kills have left.
fn rounds(home: &Home, count: usize) -> usize {
    let tree = home.path("ann");
    let hidden = || names(&tree).iter().filter(|name| is_hidden(name)).count();
    let mut books = BTreeMap::new();
    let mut left_behind = 0;
    for round in 0..count {
        let (server, address) = start(home);
        let mut ftp = Ftp::connect(address);
        ftp.secure();
        ftp.log_in("ann");
        wait_until("nothing hidden is left", || hidden() == 0);
        let left = 1 + round * 104_729 % 500_000;
        let mut client = Client { server, ftp, left, books };
        assert!(client.work(round).is_err(), "it is killed");
        left_behind += hidden();
        books = audit(&tree, round, &client.books);
    }
    left_behind
}

#[test]
fn whenever_a_server_is_killed_what_it_acknowledged_is_whole_and_nothing_else_is_left() {
    let home = Home::new("log = 'syslog'");
    let left_behind = rounds(&home, 24);
    // Only in the moment in which a file takes the name of another has it a name of its own.
    assert!(left_behind < 8, "{left_behind}");
}

#[test]
fn what_killed_servers_leave_on_a_shared_file_system_goes_with_the_next_start() {
    let home = Home::new("log = 'syslog'");
    let _shared = Mount::shared(&home.path("ann"));
    let left_behind = rounds(&home, 10);
    assert!(left_behind > 2, "{left_behind}: then the test has tried nothing");
}

/// A server under strace that keeps its files on the disk, and what its calls were.
struct Traced {
    _server: Running,
    _process: Orphan,
    address: SocketAddr,
    home: Home,
}

const CALLS: &str =
    "trace=fsync,fdatasync,syncfs,linkat,renameat,renameat2,write,writev,sendto,sendmsg";

impl Traced {
    fn start(more: &str) -> Traced {
        let home = Home::new(&format!("log = 'syslog'\nfsync = true\n{more}"));
        fs::create_dir(home.path("trace")).unwrap();
        fs::write(home.path("ann/old"), "the old file").unwrap();
        let mut command = Command::new("strace");
        command.args(["-ff", "-yy", "-qq", "-e", CALLS, "-o"]).arg(home.path("trace/thread"));
        command.arg(env!("CARGO_BIN_EXE_fxpd")).arg("-c").arg(home.path("fxpd.conf"));
        let server = Running::start(&mut command);
        let address = home.address();
        let process = Orphan(home.pid());
        Traced { _server: server, _process: process, address, home }
    }

    /// What one session did so far, a letter a call: `r` something was said on its control
    /// connection, `f` a file is on the disk, `d` a directory is, `n` a file got a name. What
    /// is done twice in a row stands once.
    fn story(&self) -> String {
        let control = format!("TCP:[{}->", self.address);
        let tree = format!("<{}>", self.home.word("ann"));
        let files = fs::read_dir(self.home.path("trace")).unwrap();
        let mut texts = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
        let session = texts.find(|text| text.contains(&control)).unwrap_or_default();
        let letter = |line: &str| match line {
            _ if line.contains(" = -1 ") || !line.contains(" = ") => None,
            _ if line.contains(&control) => Some('r'),
            _ if line.starts_with("fsync") && line.contains(&tree) => Some('d'),
            _ if line.starts_with("fsync") => Some('f'),
            _ if line.starts_with("link") || line.starts_with("rename") => Some('n'),
            _ => None,
        };
        let mut story: Vec<char> = session.lines().filter_map(letter).collect();
        story.dedup();
        story.into_iter().collect()
    }
}

#[test]
fn with_fsync_226_comes_after_the_disk_has_file_and_name() {
    for (more, told) in [
        (
            "",
            [
                ("STOR new", "rfndr"),
                ("STOR old", "rfndr"),
                ("STOU", "rfndr"),
                ("APPE old", "rfr"),
                ("APPE newer", "rfndr"),
                ("REST 1", "rfr"),
            ],
        ),
        (
            "in_place = true",
            [
                ("STOR new", "rfdr"),
                ("STOR old", "rfr"),
                ("STOU", "rfndr"),
                ("APPE old", "rfr"),
                ("APPE newer", "rfndr"),
                ("REST 1", "rfr"),
            ],
        ),
    ] {
        let traced = Traced::start(more);
        let mut ftp = Ftp::connect(traced.address);
        ftp.secure();
        ftp.log_in("ann");
        let mut before = "r".to_owned();
        for (command, expected) in told {
            let command = match command {
                "REST 1" => {
                    ftp.says("REST 1", 350);
                    "STOR old"
                }
                other => other,
            };
            ftp.upload(command, b"new");
            let story = format!("{before}{}", &expected[1..]);
            wait_until(&format!("{command} goes by {story}, not {}", traced.story()), || {
                traced.story() == story
            });
            before = story;
        }
    }
}
