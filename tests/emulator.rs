//! A small FTPS server with the manners of others that cannot be had here, as far as a copy between
//! servers shows them. It holds its files in memory, blocks, and remembers what it heard.

use crate::{
    other_server::listen,
    peer::{self, Client},
};
use fxpd::{Identity, TlsRole};
use openssl::ssl::{SslContext, SslStream};
use socket2::SockRef;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, BufRead, BufReader, Read, Write},
    net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::Builder,
    time::Duration,
};

/// Whoever keeps a data connection waiting for longer has failed.
const DATA_PATIENCE: Duration = Duration::from_secs(2);

/// How a server differs from others.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    pub greeting: &'static str,
    /// The lines of its `FEAT`.
    pub features: &'static [&'static str],
    /// The code that answers `SSCN`.
    pub sscn: u16,
    /// A bare `SSCN` makes it the TLS server.
    pub query_resets: bool,
    /// It obeys `SSCN ON` only where it opens the connection.
    pub only_active: bool,
    /// `CPSV` is `SSCN ON` besides, and nothing takes that back but `SSCN OFF`.
    pub cpsv_stays: bool,
    /// `PASV` wants `PRET` before it.
    pub wants_pret: bool,
    /// It says 150 only when the TCP connection is there.
    pub late_150: bool,
    /// The code of a handshake that failed.
    pub bad_handshake: u16,
    /// What follows a file.
    pub done: &'static str,
    /// What it makes of what it is sent.
    pub keeps: fn(Vec<u8>) -> Vec<u8>,
    /// A passive port where nobody listens.
    pub closed_ports: bool,
    /// As TLS client it has no certificate to show.
    pub anonymous: bool,
}

/// A server like many.
pub const PLAIN: Manners = Manners {
    greeting: "220 ready",
    features: &["SSCN", "SIZE", "XSHA256"],
    sscn: 200,
    query_resets: false,
    only_active: false,
    cpsv_stays: false,
    wants_pret: false,
    late_150: false,
    bad_handshake: 425,
    done: "226 Transfer complete.",
    keeps: |bytes| bytes,
    closed_ports: false,
    anonymous: false,
};

pub struct Emulator {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    manners: Manners,
    server: SslContext,
    client: Client,
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    heard: Mutex<Vec<String>>,
    stopped: AtomicBool,
}

impl Emulator {
    pub fn start(host: &str, manners: Manners) -> Emulator {
        let listener = TcpListener::bind((host, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let identity = Identity::self_signed(&[host]).unwrap();
        let client = if manners.anonymous { Client::any() } else { Client::showing(&identity) };
        let shared = Arc::new(Shared {
            manners,
            server: peer::server(&identity, |_| {}),
            client,
            files: Mutex::default(),
            heard: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let serve = move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if serving.stopped.load(Ordering::Relaxed) {
                    break;
                }
                let shared = Arc::clone(&serving);
                // A client that goes without a word is not our affair.
                Builder::new().spawn(move || drop(converse(socket, &shared))).unwrap();
            }
        };
        Builder::new().spawn(serve).unwrap();
        Emulator { address, shared }
    }

    pub fn url(&self, path: &str) -> String {
        format!("ftps://ann@{}/{path}", self.address)
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        self.shared.files.lock().unwrap().insert(name.to_owned(), bytes.to_owned());
    }

    pub fn file(&self, name: &str) -> Option<Vec<u8>> {
        self.shared.files.lock().unwrap().get(name).cloned()
    }

    pub fn names(&self) -> Vec<String> {
        self.shared.files.lock().unwrap().keys().cloned().collect()
    }

    /// Every command so far.
    pub fn heard(&self) -> Vec<String> {
        self.shared.heard.lock().unwrap().clone()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address); // wakes who accepts
    }
}

/// One client's state.
struct Session<'a> {
    shared: &'a Shared,
    control: BufReader<SslStream<TcpStream>>,
    host: IpAddr,
    role: TlsRole,
    is_private: bool,
    is_announced: bool,
    port: Port,
}

/// How the next data connection comes about.
enum Port {
    None,
    Passive(TcpListener, TlsRole),
    Active(SocketAddr),
}

fn converse(mut socket: TcpStream, shared: &Shared) -> io::Result<()> {
    writeln!(socket, "{}\r", shared.manners.greeting)?;
    let mut line = String::new();
    BufReader::with_capacity(1, &socket).read_line(&mut line)?;
    if line.trim_end() != "AUTH TLS" {
        return writeln!(socket, "530 TLS first\r");
    }
    writeln!(socket, "234 go\r")?;
    let host = socket.local_addr()?.ip();
    let stream = peer::accept_tls(&shared.server, socket).map_err(io::Error::other)?;
    let mut session = Session {
        shared,
        control: BufReader::new(stream),
        host,
        role: TlsRole::Accept,
        is_private: false,
        is_announced: false,
        port: Port::None,
    };
    loop {
        line.clear();
        if session.control.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let command = line.trim_end().to_owned();
        shared.heard.lock().unwrap().push(command.clone());
        let (verb, argument) = command.split_once(' ').unwrap_or((&command, ""));
        session.obey(verb, argument)?;
        if verb == "QUIT" {
            return Ok(());
        }
    }
}

impl Session<'_> {
    fn obey(&mut self, verb: &str, argument: &str) -> io::Result<()> {
        let manners = self.shared.manners;
        match (verb, argument) {
            ("USER", _) => self.say("331 password"),
            ("PASS", _) => self.say("230 in"),
            ("FEAT", _) => {
                let lines: String =
                    manners.features.iter().map(|line| format!(" {line}\r\n")).collect();
                self.say(&format!("211-Features:\r\n{lines}211 End"))
            }
            ("SYST", _) => self.say("215 UNIX Type: L8"),
            ("PROT", _) => {
                self.is_private = argument == "P";
                self.say("200 fine")
            }
            ("PWD", _) => self.say("257 \"/\" is here"),
            ("QUIT", _) => self.say("221 bye"),
            ("PRET", _) => {
                self.is_announced = true;
                self.say("200 OK, planning to use it")
            }
            ("SSCN", _) if manners.features.contains(&"SSCN") => self.sscn(argument),
            ("PASV" | "CPSV", _) if manners.wants_pret && !self.is_announced => {
                self.say("500 PRET first")
            }
            ("CPSV", _) if manners.features.contains(&"CPSV") => self.listen(TlsRole::Connect),
            ("PASV", _) => self.listen(self.passive_role()),
            ("PORT", _) => {
                self.port = Port::Active(address(argument));
                self.say("200 Command okay.")
            }
            ("RETR" | "STOR", _) => self.transfer(verb, argument),
            ("SIZE" | "XSHA256" | "DELE", _) => self.about_file(verb, argument),
            ("PBSZ" | "TYPE" | "ABOR" | "NOOP", _) => self.say("200 fine"),
            _ => self.say("500 what?"),
        }
    }

    fn sscn(&mut self, argument: &str) -> io::Result<()> {
        let manners = self.shared.manners;
        if !self.is_private {
            return self.say("500 PROT P first");
        }
        match argument {
            "ON" => self.role = TlsRole::Connect,
            "OFF" => self.role = TlsRole::Accept,
            "" if manners.query_resets => self.role = TlsRole::Accept,
            "" => {}
            _ => return self.say("501 ON or OFF"),
        }
        let method = if self.role == TlsRole::Connect { "CLIENT" } else { "SERVER" };
        self.say(&format!("{} SSCN:{method} METHOD", manners.sscn))
    }

    fn passive_role(&self) -> TlsRole {
        if self.shared.manners.only_active { TlsRole::Accept } else { self.role }
    }

    fn listen(&mut self, role: TlsRole) -> io::Result<()> {
        let manners = self.shared.manners;
        if manners.cpsv_stays && role == TlsRole::Connect {
            self.role = role;
        }
        let listener = listen(self.host);
        SockRef::from(&listener).set_read_timeout(Some(DATA_PATIENCE))?;
        let address = listener.local_addr()?;
        // With closed ports nobody listens any more when the client hears of it.
        self.port = Port::Passive(listener, role);
        if manners.closed_ports {
            self.port = Port::None;
        }
        let host = address.ip().to_string().replace('.', ",");
        let [high, low] = address.port().to_be_bytes();
        self.say(&format!("227 Entering Passive Mode ({host},{high},{low})"))
    }

    fn transfer(&mut self, verb: &str, name: &str) -> io::Result<()> {
        let manners = self.shared.manners;
        self.is_announced = false;
        let file = self.shared.files.lock().unwrap().get(name).cloned();
        if verb == "RETR" && file.is_none() {
            return self.say("550 no such file");
        }
        if !manners.late_150 {
            self.say("150 File status okay; about to open data connection.")?;
        }
        let Ok((socket, role)) = self.open() else { return self.say("425 Can't open it") };
        if manners.late_150 {
            self.say("150 Opening BINARY mode data connection with TLS.")?;
        }
        let shaken = match role {
            TlsRole::Connect => self.shared.client.connect(socket, None),
            TlsRole::Accept => peer::accept_tls(&self.shared.server, socket),
        };
        let Ok(mut data) = shaken else {
            return self.say(&format!("{} TLS handshake failed", manners.bad_handshake));
        };
        let moved = match file {
            Some(bytes) if verb == "RETR" => send(&mut data, &bytes),
            _ => receive(&mut data).map(|bytes| {
                let kept = (manners.keeps)(bytes);
                drop(self.shared.files.lock().unwrap().insert(name.to_owned(), kept));
            }),
        };
        match moved {
            Ok(()) => self.say(manners.done),
            Err(_) => self.say("426 Connection closed; transfer aborted."),
        }
    }

    fn open(&mut self) -> io::Result<(TcpStream, TlsRole)> {
        let (socket, role) = match std::mem::replace(&mut self.port, Port::None) {
            Port::None => return Err(io::ErrorKind::NotConnected.into()),
            Port::Passive(listener, role) => (listener.accept()?.0, role),
            Port::Active(address) => {
                (TcpStream::connect_timeout(&address, DATA_PATIENCE)?, self.role)
            }
        };
        socket.set_read_timeout(Some(DATA_PATIENCE))?;
        Ok((socket, role))
    }

    fn about_file(&mut self, verb: &str, name: &str) -> io::Result<()> {
        let mut files = self.shared.files.lock().unwrap();
        let reply = match (verb, files.get(name)) {
            (_, None) => "550 no such file".to_owned(),
            ("SIZE", Some(bytes)) => format!("213 {}", bytes.len()),
            ("XSHA256", Some(bytes)) => {
                let hex =
                    openssl::sha::sha256(bytes).iter().fold(String::new(), |mut hex, byte| {
                        let _ = write!(hex, "{byte:02X}"); // into a String: it cannot fail
                        hex
                    });
                format!("250 {hex}")
            }
            (_, Some(_)) => {
                files.remove(name);
                "250 gone".to_owned()
            }
        };
        drop(files);
        self.say(&reply)
    }

    fn say(&mut self, reply: &str) -> io::Result<()> {
        self.control.get_mut().write_all(format!("{reply}\r\n").as_bytes())
    }
}

/// The six numbers of `PORT`.
fn address(argument: &str) -> SocketAddr {
    let numbers: Vec<u8> = argument.split(',').map(|number| number.parse().unwrap()).collect();
    let host: [u8; 4] = numbers[..4].try_into().unwrap();
    (host, u16::from_be_bytes([numbers[4], numbers[5]])).into()
}

/// Sends all, and waits until the other end has gone: its tickets are not to be met by a reset.
fn send(data: &mut SslStream<TcpStream>, bytes: &[u8]) -> io::Result<()> {
    data.write_all(bytes)?;
    let _ = data.shutdown(); // close_notify; the other's may never come
    data.get_ref().shutdown(Shutdown::Write)?;
    let _ = io::copy(&mut data.get_ref(), &mut io::sink());
    Ok(())
}

fn receive(data: &mut SslStream<TcpStream>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    data.read_to_end(&mut bytes)?;
    let _ = data.shutdown(); // the sender may be gone
    Ok(bytes)
}
