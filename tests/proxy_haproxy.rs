//! A real HAProxy in front of two servers, for control and data connections.

use crate::{
    daemon::{Daemon, wait_for},
    ftp::Ftp,
    peer,
    proxy::connect_from,
    real_server,
    site::PATIENCE,
};
use openssl::ssl::SslStream;
use std::{
    fs,
    io::Write,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::Child,
    time::Instant,
};
use tempfile::TempDir;

/// Where clients find the balancer, where they are themselves, and from where the balancer goes on
/// to the servers: all of these are this host.
const BALANCER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 5));
const CLIENT: &str = "127.0.0.2";

/// HAProxy with one port for all control connections, which it shares out, and the passive port of
/// each server.
struct Haproxy {
    child: Child,
    control: SocketAddr,
    _home: TempDir,
}

/// A server and its only passive port.
struct Server {
    daemon: Daemon,
    passive: u16,
}

impl Server {
    fn start() -> Server {
        let passive = free(IpAddr::V4(Ipv4Addr::LOCALHOST)).port();
        let daemon = Daemon::start_with(|_| {
            format!(
                "proxy_listen = '127.0.0.1:0'\nproxy_from = '127.0.0.1'\n\
                 passive_ports = '{passive}-{passive}'\n"
            )
        });
        Server { daemon, passive }
    }
}

impl Haproxy {
    /// With `send-proxy` or `send-proxy-v2`.
    fn start(servers: &[Server], version: &str) -> Haproxy {
        let control = free(BALANCER);
        let mut shared = format!("listen control\n bind {control}\n balance roundrobin\n");
        let mut passive = String::new();
        for Server { daemon, passive: port } in servers {
            shared += &format!(" server s{port} {} {version}\n", daemon.address);
            passive += &format!(
                "listen data{port}\n bind {BALANCER}:{port}\n server d 127.0.0.1:{port} {version}\n"
            );
        }
        let timeouts = "timeout connect 9s\n timeout client 60s\n timeout server 60s";
        let home = tempfile::tempdir().unwrap();
        let conf = home.path().join("conf");
        fs::write(&conf, format!("defaults\n mode tcp\n {timeouts}\n{shared}{passive}")).unwrap();
        let mut command = real_server::peer("usr/sbin/haproxy");
        let child = command.arg("-db").arg("-f").arg(&conf).spawn().unwrap();
        // It listens everywhere or nowhere, and who comes to a data port is counted for no server.
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((BALANCER, servers[0].passive)).is_err() {
            assert!(Instant::now() < deadline, "haproxy does not listen");
        }
        Haproxy { child, control, _home: home }
    }

    /// A client, logged in at whichever server.
    fn login(&self) -> Ftp {
        let socket = connect_from(CLIENT, self.control);
        let mut ftp = Ftp::over(socket, self.control, peer::Client::any());
        ftp.hears(220);
        ftp.secure();
        ftp.log_in("ann");
        ftp
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free(host: IpAddr) -> SocketAddr {
    TcpListener::bind((host, 0)).unwrap().local_addr().unwrap()
}

fn data(ftp: &mut Ftp, address: SocketAddr) -> SslStream<TcpStream> {
    let socket = connect_from(CLIENT, address);
    let session = ftp.session();
    ftp.tls.connect(socket, session.as_ref()).expect("a data handshake")
}

#[test]
fn clients_of_haproxy_are_shared_out_and_known_by_their_own_address_for_data_too() {
    for version in ["send-proxy-v2", "send-proxy"] {
        let servers = [Server::start(), Server::start()];
        let haproxy = Haproxy::start(&servers, version);
        let mut clients = [haproxy.login(), haproxy.login()];
        for server in &servers {
            let line = wait_for(&server.daemon.log, "logged in as ann");
            assert!(line.contains(&format!(" {CLIENT}:")), "{version}: {line}");
        }
        for ftp in &mut clients {
            let address = ftp.epsv();
            assert!(servers.iter().any(|server| server.passive == address.port()));
            ftp.says("STOR a", 150);
            let mut upload = data(ftp, address);
            upload.write_all(b"hello").unwrap();
            peer::finish(upload);
            ftp.hears(226);
            let address = ftp.pasv("PASV");
            assert_eq!(address.ip(), BALANCER);
            ftp.says("RETR a", 150);
            assert_eq!(peer::read_to_close(data(ftp, address)).unwrap(), b"hello");
            ftp.hears(226);
        }
        for server in &servers {
            assert_eq!(fs::read(server.daemon.path("ann/a")).unwrap(), b"hello");
        }
    }
}
