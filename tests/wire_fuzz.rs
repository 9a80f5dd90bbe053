//! Whatever bytes come, in whatever pieces: one final reply a command line, no session that dies of
//! a fault, and a server that answers the next client. The bytes are random, the seeds are not.

use crate::{
    ftp::{Ftp, port_command},
    peer,
    site::Site,
};
use fxpd::{Settings, TlsFloor};
use socket2::{Domain, Socket, Type};
use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr},
    thread,
    time::Duration,
};

const THREADS: u64 = 4;
const SEEDS_A_THREAD: usize = 40;

/// Fewer than the refusals that end a session.
const MAX_LINES: usize = 15;

/// All that may stand between login and logout, and what else clients have been seen to say.
const VERBS: [&str; 46] = [
    "SYST", "NOOP", "FEAT", "HELP", "STAT", "OPTS", "PBSZ", "PROT", "SSCN", "CPSV", "PASV", "EPSV",
    "EPSV", "EPRT", "TYPE", "MODE", "STRU", "ALLO", "REST", "RETR", "STOR", "APPE", "STOU", "ABOR",
    "LIST", "NLST", "MLSD", "MLST", "CWD", "CDUP", "PWD", "XPWD", "MKD", "RMD", "DELE", "RNFR",
    "RNTO", "SIZE", "MDTM", "CCC", "AUTH", "ACCT", "SITE", "FROB", "noop", "",
];

const ARGUMENTS: [&[u8]; 30] = [
    b"",
    b"",
    b"a",
    b"b",
    b"d",
    b"d/a",
    b"/",
    b"..",
    b"../../x",
    b"-la",
    b"-a d",
    b" ",
    b"*",
    b"%n%s",
    b"\xc3\xbc",
    b"\xff\xff\xfe\xff\xff",
    b"a\tb",
    b"\x7f",
    b"0",
    b"1",
    b"P",
    b"ON",
    b"OFF extra",
    b"I",
    b"A N",
    b"99999999999999999999",
    b"-1",
    b"|1|0.0.0.0|1|",
    b"|2|::1|70000|",
    b"MLST size;type;",
];

/// Small, and the same on every run.
struct Random(u64);

impl Random {
    fn seeded(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn bytes(&mut self, max: usize) -> Vec<u8> {
        (0..self.below(max)).map(|_| self.below(256).to_le_bytes()[0]).collect()
    }

    /// A line that is well formed as a line, whatever it means.
    fn line(&mut self, closed: SocketAddr) -> Vec<u8> {
        let mut line = match self.below(12) {
            0 => port_command(closed).into_bytes(),
            1 => (0..self.below(200)).map(|_| 32 + self.below(95).to_le_bytes()[0]).collect(),
            _ => {
                let verb = VERBS[self.below(VERBS.len())].as_bytes();
                [verb, b" ", ARGUMENTS[self.below(ARGUMENTS.len())]].concat()
            }
        };
        line.extend_from_slice(b"\r\n");
        line
    }

    /// `bytes` in pieces of any length.
    fn pieces<'a>(&mut self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(1 + self.below(bytes.len().min(64)));
            pieces.push(piece);
            bytes = rest;
        }
        pieces
    }
}

/// A port at which nobody else will ever listen while it lives, and nobody does.
fn closed_port() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// All replies up to the end of the connection.
fn replies(ftp: &mut Ftp) -> Vec<String> {
    let mut replies = Vec::new();
    loop {
        match ftp.reply() {
            Ok(reply) => replies.push(reply),
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("after {replies:?}"),
            Err(_) => return replies,
        }
    }
}

/// Commands in a burst get one final reply each, and `QUIT` its own behind them.
fn burst(mut ftp: Ftp, random: &mut Random, closed: SocketAddr, seed: u64) {
    let mut lines: Vec<_> = (0..random.below(MAX_LINES)).map(|_| random.line(closed)).collect();
    // By chance alone a command would seldom come in the middle of a transfer.
    let transfer = ["RETR a", "STOR b", "LIST"][random.below(3)];
    let meanwhile = ["ABOR", "STAT", "EPSV"][random.below(3)];
    let at = random.below(lines.len() + 1);
    let whole = ["EPSV", transfer, meanwhile].map(|line| format!("{line}\r\n").into_bytes());
    lines.splice(at..at, whole);
    let sent = [lines.concat(), b"QUIT\r\n".to_vec()].concat();
    random.pieces(&sent).into_iter().for_each(|piece| ftp.sends(piece));
    let heard = replies(&mut ftp);
    let finals = heard.iter().filter(|reply| !reply.starts_with('1')).count();
    let shown = sent.escape_ascii();
    assert_eq!(finals, lines.len() + 1, "seed {seed}: {shown}: {heard:#?}");
    assert!(heard.last().unwrap().starts_with("221"), "seed {seed}: {shown}: {heard:#?}");
}

/// Bytes of any kind. Those without telnet sequences leave the session in order.
fn garbage(mut ftp: Ftp, random: &mut Random, seed: u64) {
    const IAC: u8 = 255;
    let keeps_iac = random.below(4) == 0;
    let mut bytes = random.bytes(6000);
    bytes.retain(|byte| keeps_iac || *byte != IAC);
    bytes.extend_from_slice(b"\r\nNOOP\r\nQUIT\r\n");
    random.pieces(&bytes).into_iter().for_each(|piece| ftp.sends(piece));
    if keeps_iac {
        return; // QUIT may have been swallowed
    }
    let heard = replies(&mut ftp);
    let [.., noop, quit] = &heard[..] else { panic!("seed {seed}: {heard:?}") };
    assert!(noop.starts_with("200") && quit.starts_with("221"), "seed {seed}: {heard:?}");
}

/// Bytes of any kind where a handshake belongs.
fn no_handshake(site: &Site, random: &mut Random) {
    let mut ftp = site.connect();
    ftp.says("AUTH TLS", 234);
    let mut socket = ftp.into_socket();
    let _ = socket.write_all(&random.bytes(2000)); // the server may have seen enough
    let _ = socket.shutdown(Shutdown::Write);
    let _ = socket.read_to_end(&mut Vec::new());

    let mut ftp = site.login("ann");
    // Before the verb: behind it the server would not wait for long.
    let mut data = peer::connect(ftp.epsv());
    ftp.says(["STOR never", "APPE never"][random.below(2)], 150);
    let _ = data.write_all(&random.bytes(2000));
    let _ = data.shutdown(Shutdown::Write);
    ftp.hears(421);
    ftp.says("NOOP", 200);
}

/// Sessions of every kind, with a server of their own.
fn sessions(first_seed: u64) {
    let mut patient = Settings::default();
    let site = Site::with(|plan| {
        patient = plan.settings.clone();
        plan.settings.data_timeout = Duration::from_millis(50);
    });
    site.put("a", b"hello");
    let (_kept, closed) = closed_port();
    for seed in (first_seed..).take(SEEDS_A_THREAD) {
        let mut random = Random::seeded(seed);
        burst(site.connect(), &mut random, closed, seed);
        burst(site.login("ann"), &mut random, closed, seed);
        garbage(site.connect(), &mut random, seed);
        garbage(site.login("ann"), &mut random, seed);
        no_handshake(&site, &mut random);
    }
    assert!(site.file("never").is_none(), "nothing came through a handshake that never was");
    // The next client may be slower than those.
    let handle = site.handle.as_ref().unwrap();
    handle.reload(patient, site.identity.clone(), TlsFloor::Tls12, vec![]).unwrap();
    let mut ftp = site.login("ann");
    ftp.says("NOOP", 200);
    ftp.upload("STOR last", b"hello");
    assert_eq!(ftp.download("RETR last"), b"hello");
}

#[test]
fn no_bytes_break_the_order_of_replies_or_the_server() {
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let first_seed = thread * 1000;
            thread::Builder::new().spawn_scoped(scope, move || sessions(first_seed)).unwrap();
        }
    });
}
