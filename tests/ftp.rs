//! A control connection in a test's hands: it says exactly what it is told, and hears exactly what
//! comes. Data connections are made by `peer.rs`.

use crate::{peer, site::PATIENCE};
use openssl::ssl::{SslSession, SslStream};
use socket2::SockRef;
use std::{
    io::{self, Read, Write},
    net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream},
};

/// A control connection.
pub struct Ftp {
    wire: Wire,
    heard: Vec<u8>,
    pub server: SocketAddr,
    pub tls: peer::Client,
}

enum Wire {
    Clear(TcpStream),
    Tls(Box<SslStream<TcpStream>>),
    Lost,
}

impl Ftp {
    /// Connects and hears the greeting.
    pub fn connect(server: SocketAddr) -> Ftp {
        let mut ftp = Ftp::silent(server, peer::Client::any());
        ftp.hears(220);
        ftp
    }

    /// Connects and hears nothing yet.
    pub fn silent(server: SocketAddr, tls: peer::Client) -> Ftp {
        Ftp::over(TcpStream::connect(server).unwrap(), server, tls)
    }

    /// Goes on with a connection to `server` that was made before.
    pub fn over(socket: TcpStream, server: SocketAddr, tls: peer::Client) -> Ftp {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Ftp { wire: Wire::Clear(socket), heard: Vec::new(), server, tls }
    }

    /// Connects to an implicit-TLS listener and hears the greeting.
    pub fn implicit(server: SocketAddr) -> Ftp {
        let mut ftp = Ftp::silent(server, peer::Client::any());
        ftp.shake_hands();
        ftp.hears(220);
        ftp
    }

    /// `AUTH TLS` and the handshake.
    pub fn secure(&mut self) {
        self.says("AUTH TLS", 234);
        self.shake_hands();
    }

    /// The handshake alone, as TLS client.
    pub fn shake_hands(&mut self) {
        let Wire::Clear(socket) = std::mem::replace(&mut self.wire, Wire::Lost) else {
            panic!("the connection is under TLS already");
        };
        let stream = self.tls.connect(socket, None).expect("a handshake");
        self.wire = Wire::Tls(Box::new(stream));
    }

    /// The certificate that the server has shown, as [`fxpd::Fingerprint`] writes it.
    pub fn shown(&self) -> String {
        let Wire::Tls(stream) = &self.wire else { panic!("the connection is in clear text") };
        peer::shown(stream)
    }

    /// Ends TLS and goes on in clear text, as after `REIN` or `CCC`.
    pub fn leave_tls(&mut self) {
        let Wire::Tls(mut stream) = std::mem::replace(&mut self.wire, Wire::Lost) else {
            panic!("the connection is in clear text");
        };
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the server's close_notify");
        let _ = stream.shutdown();
        self.wire = Wire::Clear(stream.get_ref().try_clone().unwrap());
    }

    /// `USER`, `PASS`, `PBSZ`, `PROT P`, `TYPE I`.
    pub fn log_in(&mut self, account: &str) {
        self.says(&format!("USER {account}"), 331);
        self.says("PASS pw", 230);
        self.says("PBSZ 0", 200);
        self.says("PROT P", 200);
        self.says("TYPE I", 200);
    }

    /// Sends a command and hears a reply with this code; returns the reply's text, lines and all.
    #[track_caller]
    pub fn says(&mut self, command: &str, code: u16) -> String {
        self.sends(format!("{command}\r\n").as_bytes());
        self.hears_after(command, code)
    }

    /// Sends bytes as they are.
    pub fn sends(&mut self, bytes: &[u8]) {
        match &mut self.wire {
            Wire::Clear(socket) => socket.write_all(bytes).unwrap(),
            Wire::Tls(stream) => stream.write_all(bytes).unwrap(),
            Wire::Lost => panic!("no connection"),
        }
    }

    /// Closes our end, and goes on listening.
    pub fn stops_speaking(&mut self) {
        let socket = match &self.wire {
            Wire::Clear(socket) => socket,
            Wire::Tls(stream) => stream.get_ref(),
            Wire::Lost => panic!("no connection"),
        };
        socket.shutdown(Shutdown::Write).unwrap();
    }

    /// Sends bytes in clear text as urgent data, as a telnet Synch is sent.
    pub fn sends_urgent(&mut self, bytes: &[u8]) {
        let Wire::Clear(socket) = &self.wire else { panic!("TLS knows no urgent data") };
        assert_eq!(SockRef::from(socket).send_out_of_band(bytes).unwrap(), bytes.len());
    }

    /// Hears a reply with this code.
    #[track_caller]
    pub fn hears(&mut self, code: u16) -> String {
        self.hears_after("", code)
    }

    #[track_caller]
    fn hears_after(&mut self, command: &str, code: u16) -> String {
        let reply = self.reply().unwrap_or_else(|error| panic!("no reply to '{command}': {error}"));
        assert!(reply.starts_with(&code.to_string()), "'{command}' {code}: heard {reply}");
        reply
    }

    /// Whatever reply comes, with its codes and inner line ends; the last line end cut off.
    pub fn reply(&mut self) -> io::Result<String> {
        let mut reply = String::new();
        loop {
            let line = self.line()?;
            let is_last = line.len() >= 4 && line.as_bytes()[3] == b' ' && !line.starts_with(' ');
            reply.push_str(&line);
            if is_last {
                return Ok(reply);
            }
            reply.push_str("\r\n");
        }
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = self.heard.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.heard.drain(..at + 2).take(at).collect();
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            let mut bytes = [0; 4096];
            let read = match &mut self.wire {
                Wire::Clear(socket) => socket.read(&mut bytes),
                Wire::Tls(stream) => stream.read(&mut bytes),
                Wire::Lost => Ok(0),
            };
            let count = match read {
                // A process that is stopped and goes on has its waits with a limit cut short.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.heard.extend_from_slice(&bytes[..count]);
        }
    }

    /// The connection ends here, with nothing more said.
    #[track_caller]
    pub fn hears_the_end(&mut self) {
        match self.line() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {}
            other => panic!("the end was awaited, not {other:?}"),
        }
        assert!(self.heard.is_empty(), "heard {}", self.heard.escape_ascii());
    }

    /// `EPSV`, and the address to connect to.
    pub fn epsv(&mut self) -> SocketAddr {
        let reply = self.says("EPSV", 229);
        let port = reply.split("(|||").nth(1).unwrap().split('|').next().unwrap();
        SocketAddr::new(self.server.ip(), port.parse().unwrap())
    }

    /// `PASV` or `CPSV`, and the address to connect to.
    pub fn pasv(&mut self, verb: &str) -> SocketAddr {
        let reply = self.says(verb, 227);
        let numbers = reply.split(['(', ')']).nth(1).unwrap();
        let n: Vec<u16> = numbers.split(',').map(|n| n.parse().unwrap()).collect();
        format!("{}.{}.{}.{}:{}", n[0], n[1], n[2], n[3], n[4] * 256 + n[5]).parse().unwrap()
    }

    /// Listens here and tells the server by `PORT` (IPv4) or `EPRT`.
    pub fn port(&mut self) -> TcpListener {
        let listener = TcpListener::bind(SocketAddr::new(self.own_ip(), 0)).unwrap();
        let address = listener.local_addr().unwrap();
        self.says(&port_command(address), 200);
        listener
    }

    /// Uploads `bytes` by `command`, the ordinary way, and hears 226.
    pub fn upload(&mut self, command: &str, bytes: &[u8]) -> String {
        let address = self.epsv();
        self.says(command, 150);
        let mut data = self.data(address);
        data.write_all(bytes).unwrap();
        peer::finish(data);
        self.hears(226)
    }

    /// Begins to upload by `command`, breaks off behind `bytes` without close_notify, and hears 426.
    pub fn breaks_off(&mut self, command: &str, bytes: &[u8]) {
        let address = self.epsv();
        self.says(command, 150);
        let mut data = self.data(address);
        data.write_all(bytes).unwrap();
        data.get_ref().shutdown(Shutdown::Write).unwrap();
        self.hears(426);
    }

    /// Downloads by `command`, the ordinary way, and hears 226.
    pub fn download(&mut self, command: &str) -> Vec<u8> {
        let address = self.epsv();
        self.says(command, 150);
        let data = self.data(address);
        let bytes = peer::read_to_close(data).expect("close_notify");
        self.hears(226);
        bytes
    }

    /// A data connection to `address`, as an ordinary client makes it: TLS client, resuming.
    pub fn data(&mut self, address: SocketAddr) -> SslStream<TcpStream> {
        let socket = peer::connect(address);
        let session = self.session();
        self.tls.connect(socket, session.as_ref()).expect("a data handshake")
    }

    /// The newest session of this control connection, to be resumed.
    pub fn session(&mut self) -> Option<SslSession> {
        self.tls.session()
    }

    /// The socket below a connection in clear text, for handshakes of another kind.
    pub fn into_socket(self) -> TcpStream {
        match self.wire {
            Wire::Clear(socket) => socket,
            _ => panic!("the connection is under TLS"),
        }
    }

    /// Our own address on this connection.
    pub fn own_ip(&self) -> IpAddr {
        match &self.wire {
            Wire::Clear(socket) => socket.local_addr().unwrap().ip(),
            Wire::Tls(stream) => stream.get_ref().local_addr().unwrap().ip(),
            Wire::Lost => panic!("no connection"),
        }
    }
}

/// `PORT` for IPv4, `EPRT` for IPv6.
pub fn port_command(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(v4) => {
            let [a, b, c, d] = v4.ip().octets();
            format!("PORT {a},{b},{c},{d},{},{}", v4.port() / 256, v4.port() % 256)
        }
        SocketAddr::V6(v6) => format!("EPRT |2|{}|{}|", v6.ip(), v6.port()),
    }
}
