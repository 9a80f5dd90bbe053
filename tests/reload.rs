//! SIGHUP while files move: an upload, a download and a copy between two servers go on as if
//! nothing had happened, and the log names what takes a restart.

use crate::{
    daemon::{Daemon, wait_for, write_identity},
    ftp::Ftp,
    peer,
    started::{Home, Running},
};
use openssl::ssl::SslStream;
use rustix::process::Signal;
use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
    thread,
};

/// So much that it cannot lie in buffers: who does not read holds a transfer up.
const LARGE: usize = 24 << 20;

fn login(server: SocketAddr) -> Ftp {
    let mut ftp = Ftp::connect(server);
    ftp.secure();
    ftp.log_in("ann");
    ftp
}

fn pattern() -> Vec<u8> {
    (0..LARGE).map(|at| (at / 251 + at) as u8).collect()
}

/// An upload and a download whose beginnings have moved.
struct Busy {
    upload: (Ftp, SslStream<TcpStream>),
    download: (Ftp, SslStream<TcpStream>),
}

impl Busy {
    fn begin(daemon: &Daemon) -> Busy {
        let (mut up, mut down) = (login(daemon.address), login(daemon.address));
        let address = up.epsv();
        up.says("STOR up", 150);
        let mut upload = up.data(address);
        upload.write_all(b"before ").unwrap();
        let address = down.epsv();
        down.says("RETR large", 150);
        let mut download = down.data(address);
        download.read_exact(&mut [0; 1000]).unwrap();
        Busy { upload: (up, upload), download: (down, download) }
    }

    fn end(self, daemon: &Daemon, large: &[u8]) {
        let (mut up, mut upload) = self.upload;
        upload.write_all(b"and after").unwrap();
        peer::finish(upload);
        up.hears(226);
        assert_eq!(fs::read(daemon.path("ann/up")).unwrap(), b"before and after");
        let (mut down, download) = self.download;
        assert!(peer::read_to_close(download).unwrap() == large[1000..], "the rest of the file");
        down.hears(226);
        for mut ftp in [up, down] {
            ftp.says("QUIT", 221);
        }
    }
}

/// The client of a copy between two servers.
struct Copy {
    source: Ftp,
    target: Ftp,
}

impl Copy {
    /// 150 at both ends, with SSCN at the source.
    fn begin(from: SocketAddr, to: SocketAddr) -> Copy {
        let (mut source, mut target) = (login(from), login(to));
        source.says("SSCN ON", 200);
        let address = target.pasv("PASV");
        source.says(&crate::ftp::port_command(address), 200);
        target.sends(b"STOR copy\r\n");
        source.sends(b"RETR large\r\n");
        target.hears(150);
        source.hears(150);
        Copy { source, target }
    }

    fn end(mut self) {
        self.target.hears(226);
        self.source.hears(226);
    }
}

#[test]
fn a_reload_under_load_drops_nothing_and_names_what_takes_a_restart() {
    let large = pattern();
    let servers = [(); 2].map(|()| Daemon::start_with(|_| "fxp = 'tls'\n".to_owned()));
    for server in &servers {
        fs::write(server.path("ann/large"), &large).unwrap();
    }
    let [one, two] = &servers;
    let busy = Busy::begin(one);
    thread::scope(|scope| {
        // Copies run one after the other as long as reloads come, both ways.
        let copies = [(one.address, two.address), (two.address, one.address)].map(|(from, to)| {
            scope.spawn(move || (0..3).for_each(|_| Copy::begin(from, to).end()))
        });
        for round in 0..10 {
            for server in &servers {
                let conf = server.path("fxpd.conf");
                let text = fs::read_to_string(&conf).unwrap();
                let kept: Vec<&str> =
                    text.lines().filter(|line| !line.contains(" # changed")).collect();
                let mask = if round % 2 == 0 { "027" } else { "077" };
                let changed = format!(
                    "{}\numask = '{mask}' # changed\nmax_hooks = 9 # changed\n\
                     greeting = 'round {round}' # changed\ndata_timeout_s = 29 # changed\n",
                    kept.join("\n")
                );
                fs::write(&conf, changed).unwrap();
                let (cert, key) = (server.path("cert.pem"), server.path("key.pem"));
                write_identity(&cert, &key, "localhost");
                server.signal(Signal::HUP);
                let told = [(); 2].map(|()| wait_for(&server.log, "takes a restart"));
                assert!(told[0].contains("'max_hooks' was changed"), "{told:?}");
                assert!(told[1].contains("'umask' was changed"), "{told:?}");
                wait_for(&server.log, "] reloaded");
            }
        }
        copies.into_iter().for_each(|copy| copy.join().unwrap());
    });
    busy.end(one, &large);
    for server in &servers {
        assert!(fs::read(server.path("ann/copy")).unwrap() == large, "a copy is whole");
        let mut ftp = Ftp::silent(server.address, peer::Client::any());
        assert!(ftp.hears(220).contains("round 9"), "new sessions follow the new settings");
    }
    let log = fs::read_to_string(one.path("xferlog")).unwrap();
    assert!(log.lines().all(|line| line.ends_with(" c")), "{log}");
}

#[test]
fn a_reload_that_is_asked_for_too_early_is_done_once_the_server_serves() {
    let home = Home::new("log = 'syslog'");
    let (conf, slow) = (home.path("fxpd.conf"), home.path("slow"));
    let settings = fs::read_to_string(&conf).unwrap();
    fs::rename(&conf, home.path("first")).unwrap();
    assert!(Command::new("mkfifo").arg(&conf).status().unwrap().success());
    let server = Running::start(&mut home.fxpd());
    // It reads its settings, and so this does not wait any more.
    let mut first = File::options().write(true).open(&conf).unwrap();
    fs::rename(&conf, slow).unwrap();
    fs::write(&conf, format!("{settings}greeting = 'second'\n")).unwrap();
    server.signal(Signal::HUP);
    first.write_all(settings.as_bytes()).unwrap();
    drop(first);
    let address = home.address();
    home.hears(": reloaded");
    let mut ftp = Ftp::silent(address, peer::Client::any());
    assert_eq!(ftp.hears(220), "220 second");
}
