//! An FTPS server that answers by a script and remembers what it heard, for what no real server
//! would do. It serves one control connection.

use crate::real_server::make_certificate;
use openssl::ssl::{
    SslAcceptor, SslAcceptorBuilder, SslFiletype, SslMethod, SslStream, SslVerifyMode,
};
use std::{
    io::{self, BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::mpsc,
    thread::{Builder, JoinHandle},
};

pub struct ScriptedServer {
    port: u16,
    heard: mpsc::Receiver<String>,
    thread: Option<JoinHandle<()>>,
}

/// What the server does on the data connection of a RETR or a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// Sends `hello\n` and ends as it should.
    Whole,
    /// Sends `hello\n` and closes without close_notify, yet says 226.
    Cut,
    /// Sends these bytes, which a listing may be, and ends as it should.
    These(&'static [u8]),
    /// Shows another certificate than on the control connection.
    OtherCertificate,
    /// Resumes no session, and wants to see a certificate of the client.
    AsksCertificate,
}

/// Verb and reply. What is not listed is answered as a quiet server would.
pub type Script = &'static [(&'static str, &'static str)];

/// In place of a reply: none, until the client goes.
pub const SILENCE: &str = "";

const ORDINARY: Script = &[
    ("USER", "331 password"),
    ("PASS", "230 in"),
    ("FEAT", "211-Features:\r\n SIZE\r\n211 End"),
    ("SYST", "215 UNIX"),
    ("SIZE", "213 6"),
    ("PWD", "257 \"/\" is here"),
    ("QUIT", "221 bye"),
];

impl ScriptedServer {
    pub fn start(script: Script) -> ScriptedServer {
        ScriptedServer::with_data(script, Data::Whole)
    }

    pub fn with_data(script: Script, data: Data) -> ScriptedServer {
        let home = tempfile::tempdir().unwrap();
        make_certificate(home.path(), [127, 0, 0, 1].into());
        let control = acceptor(home.path()).build();
        let for_data = match data {
            Data::Whole | Data::Cut | Data::These(_) => control.clone(),
            Data::OtherCertificate => {
                make_certificate(home.path(), [127, 0, 0, 1].into());
                acceptor(home.path()).build()
            }
            Data::AsksCertificate => {
                let mut builder = acceptor(home.path());
                let must = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
                builder.set_verify_callback(must, |_, _| true);
                builder.build()
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, heard) = mpsc::channel();
        let serve = move || {
            let (mut socket, _) = listener.accept().unwrap();
            socket.write_all(b"220 scripted\r\n").unwrap();
            let mut line = String::new();
            let clear = BufReader::with_capacity(1, &socket).read_line(&mut line);
            tell.send(line.trim_end().to_owned()).unwrap();
            if clear.is_ok() && line.starts_with("AUTH TLS") {
                socket.write_all(b"234 go\r\n").unwrap();
                if let Ok(stream) = control.accept(socket) {
                    // The client is gone: what is left to say has no hearer.
                    let _ = converse(stream, script, &tell, |socket| send(socket, &for_data, data));
                }
            }
        };
        let thread = Some(Builder::new().spawn(serve).unwrap());
        ScriptedServer { port, heard, thread }
    }

    pub fn url(&self, path: &str) -> String {
        format!("ftps://ann@127.0.0.1:{}/{path}", self.port)
    }

    /// The commands it heard, when its client has gone.
    pub fn heard(mut self) -> Vec<String> {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        self.heard.try_iter().collect()
    }
}

/// Shows the certificate in `home`.
fn acceptor(home: &Path) -> SslAcceptorBuilder {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_certificate_chain_file(home.join("cert.pem")).unwrap();
    acceptor.set_private_key_file(home.join("key.pem"), SslFiletype::PEM).unwrap();
    acceptor
}

fn converse(
    stream: SslStream<TcpStream>,
    script: Script,
    tell: &mpsc::Sender<String>,
    send: impl Fn(TcpStream),
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    let mut listener = None;
    while stream.read_line(&mut line)? > 0 {
        let command = line.trim_end().to_owned();
        let verb = command.split(' ').next().unwrap_or_default();
        tell.send(command.clone()).unwrap();
        let scripted = script.iter().chain(ORDINARY).find(|row| row.0 == verb);
        let mut say = |reply: &str| stream.get_mut().write_all(format!("{reply}\r\n").as_bytes());
        match (verb, scripted, listener.take()) {
            (_, Some((_, reply)), _) if *reply == SILENCE => {
                return io::copy(&mut stream, &mut io::sink()).map(drop);
            }
            (_, Some((_, reply)), _) => say(reply)?,
            ("PASV", ..) => {
                let bound = TcpListener::bind("127.0.0.1:0")?;
                let [high, low] = bound.local_addr()?.port().to_be_bytes();
                say(&format!("227 here (127,0,0,1,{high},{low})"))?;
                listener = Some(bound);
            }
            ("RETR" | "MLSD" | "LIST", None, Some(listener)) => {
                say("150 here it comes")?;
                send(listener.accept()?.0);
                say("226 done")?;
            }
            _ => say("200 ok")?,
        }
        line.clear();
    }
    Ok(())
}

fn send(socket: TcpStream, acceptor: &SslAcceptor, data: Data) {
    let Ok(mut stream) = acceptor.accept(socket) else { return };
    let bytes = if let Data::These(bytes) = data { bytes } else { b"hello\n" };
    let _ = stream.write_all(bytes); // a client that refuses the certificate is gone
    if data != Data::Cut {
        let _ = stream.shutdown();
    }
}
