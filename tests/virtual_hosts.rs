//! Several hosts behind one address: by `HOST` and by server name, each with a certificate and
//! users of its own.

use crate::{
    ftp::Ftp,
    other_server::Means,
    peer::{self, Client},
    site::{Plan, Site},
};
use fxpd::{
    Access, Account, AuthError, Authenticator, Builder, Demand, FxpGrant, FxpLevel, Identity,
    Listen, Memory, Secret, Settings, TlsFloor, VirtualHost, Visitor,
};
use openssl::ssl::{SslVerifyMode, SslVersion};
use std::io::Write;

const VERSIONS: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

/// One account, whose password is `pw`.
struct Only(&'static str);

impl Authenticator for Only {
    fn authenticate(&self, visitor: &Visitor<'_>, secret: &Secret) -> Result<Account, AuthError> {
        if visitor.name != self.0 || secret.expose() != b"pw" {
            return Err(AuthError::Rejected);
        }
        Ok(Account {
            fxp: FxpGrant::both(FxpLevel::Tls),
            ..Account::new(visitor.name, visitor.name, Access::ReadWrite)
        })
    }
}

/// A site whose own users are `ann` and others, with a host `a.example` of `amy` and a host
/// `b.example` of `ben`.
pub struct Hosts {
    site: Site,
    pub own: String,
    pub a: String,
    pub b: String,
}

pub fn host(names: &[&str], user: &'static str, identity: &Identity) -> VirtualHost {
    let files = Memory::new();
    files.put(user, "/out", user.as_bytes());
    let names = names.iter().map(|name| name.parse().unwrap());
    VirtualHost::new(names, identity.clone(), Only(user)).storage(files)
}

fn hosts_with(change: impl FnOnce(&mut Plan)) -> Hosts {
    let [a, b] = ["a.example", "b.example"].map(|name| Identity::self_signed(&[name]).unwrap());
    let site = Site::with(|plan| {
        plan.virtual_hosts = vec![
            host(&["a.example", "ftp.a.example"], "amy", &a).greeting("A is here"),
            host(&["b.example", "[2001:db8::b]"], "ben", &b),
        ];
        change(plan);
    });
    let own = site.identity.fingerprint().to_string();
    Hosts { site, own, a: a.fingerprint().to_string(), b: b.fingerprint().to_string() }
}

pub fn hosts() -> Hosts {
    hosts_with(|_| {})
}

impl Hosts {
    fn connect(&self, client: Client) -> Ftp {
        let mut ftp = Ftp::silent(self.site.address, client);
        ftp.hears(220);
        ftp
    }

    /// A connection under TLS by server name alone.
    pub fn at(&self, name: &str) -> Ftp {
        let mut ftp = self.connect(Client::any().at(name));
        ftp.secure();
        ftp
    }
}

/// Logs in as the only one of these whom the host knows. The server keeps back the answers to more
/// wrong passwords than the two here, so each case has a server of its own.
#[track_caller]
fn only_knows(ftp: &mut Ftp, known: &str) {
    for stranger in ["ann", "amy", "ben"].into_iter().filter(|name| *name != known) {
        ftp.says(&format!("USER {stranger}"), 331);
        ftp.says("PASS pw", 530);
    }
    ftp.log_in(known);
}

#[test]
fn host_before_auth_chooses_certificate_users_and_storage() {
    for name in ["a.example", "A.Example", "ftp.a.example"] {
        let hosts = hosts();
        let mut ftp = hosts.site.connect();
        assert!(ftp.says("FEAT", 211).contains("\r\n HOST\r\n"));
        assert_eq!(ftp.says(&format!("HOST {name}"), 220), "220 A is here");
        ftp.secure();
        assert_eq!(ftp.shown(), hosts.a, "{name}");
        only_knows(&mut ftp, "amy");
        assert_eq!(ftp.download("RETR out"), b"amy");
    }
    let hosts = hosts();
    let mut ftp = hosts.site.connect();
    assert_eq!(ftp.says("HOST [2001:DB8:0::B]", 220), "220 fxpd ready", "the server's greeting");
    ftp.secure();
    assert_eq!(ftp.shown(), hosts.b);
    only_knows(&mut ftp, "ben");
}

#[test]
fn without_host_and_server_name_it_is_the_default_host() {
    let hosts = hosts();
    let mut ftp = hosts.site.connect();
    ftp.secure();
    assert_eq!(ftp.shown(), hosts.own);
    only_knows(&mut ftp, "ann");
}

#[test]
fn the_server_name_alone_chooses_as_well() {
    for version in VERSIONS {
        for (name, user) in [
            ("a.example", "amy"),
            ("B.EXAMPLE", "ben"),
            ("localhost", "ann"),
            ("unknown.example", "ann"),
        ] {
            let hosts = hosts();
            let shown = match user {
                "amy" => &hosts.a,
                "ben" => &hosts.b,
                _ => &hosts.own,
            };
            let mut ftp = hosts.connect(Client::only(version).at(name));
            ftp.secure();
            assert_eq!(ftp.shown(), *shown, "{version:?} {name}");
            only_knows(&mut ftp, user);
            let address = ftp.epsv();
            ftp.says("NLST", 150);
            let data = ftp.data(address);
            assert_eq!(peer::shown(&data), *shown, "{version:?} {name}");
            peer::read_to_close(data).unwrap();
            ftp.hears(226);
        }
    }
}

#[test]
fn implicit_tls_is_greeted_by_the_host_of_its_server_name_and_rein_stays_there() {
    let hosts = hosts();
    let mut ftp = Ftp::silent(hosts.site.implicit, Client::any().at("a.example"));
    ftp.shake_hands();
    assert_eq!(ftp.hears(220), "220 A is here");
    assert_eq!(ftp.shown(), hosts.a);
    ftp.says("HOST b.example", 504);
    ftp.log_in("amy");
    ftp.says("REIN", 220);
    only_knows(&mut ftp, "amy");
    Ftp::implicit(hosts.site.implicit).log_in("ann");
}

#[test]
fn host_and_server_name_may_both_be_said_if_they_agree() {
    // The second is another name of the first; the last is nobody's, and says nothing.
    for server_name in ["a.example", "ftp.a.example", "unknown.example"] {
        let hosts = hosts();
        let mut ftp = hosts.connect(Client::any().at(server_name));
        ftp.says("HOST a.example", 220);
        ftp.secure();
        assert_eq!(ftp.shown(), hosts.a, "{server_name}");
        ftp.says("HOST a.example", 220);
        only_knows(&mut ftp, "amy");
    }
}

#[test]
fn a_server_name_that_contradicts_host_ends_the_handshake() {
    let hosts = hosts();
    for (said, server_name) in
        [("a.example", "b.example"), ("a.example", "localhost"), ("localhost", "a.example")]
    {
        for version in VERSIONS {
            let client = Client::only(version).at(server_name);
            let mut ftp = hosts.connect(client.clone());
            ftp.says(&format!("HOST {said}"), 220);
            ftp.says("AUTH TLS", 234);
            let refused = client.connect(ftp.into_socket(), None).unwrap_err();
            assert!(refused.contains("unrecognized name"), "{refused}");
        }
    }
}

#[test]
fn a_host_other_than_that_of_the_certificate_is_504() {
    let by_host = |hosts: &Hosts| {
        let mut ftp = hosts.site.connect();
        ftp.says("HOST a.example", 220);
        ftp.secure();
        ftp
    };
    for arrive in [by_host, |hosts: &Hosts| hosts.at("a.example")] {
        let hosts = hosts();
        let mut ftp = arrive(&hosts);
        assert_eq!(ftp.shown(), hosts.a);
        ftp.says("HOST b.example", 504);
        ftp.says("HOST localhost", 504);
        assert_eq!(ftp.says("HOST ftp.a.example", 220), "220 A is here");
        only_knows(&mut ftp, "amy");
    }
    let hosts = hosts();
    let mut by_name = hosts.at("localhost");
    by_name.says("HOST a.example", 504);
    only_knows(&mut by_name, "ann");
}

/// FluentFTP and others say HOST only under TLS, and some name nobody in the handshake.
#[test]
fn host_after_a_handshake_for_nobody_in_particular_chooses_the_users() {
    for client in [Client::any(), Client::any().at("unknown.example")] {
        let hosts = hosts();
        let mut ftp = hosts.connect(client);
        ftp.secure();
        ftp.says("HOST a.example", 220);
        ftp.says("HOST b.example", 220);
        only_knows(&mut ftp, "ben");
        assert_eq!(ftp.shown(), hosts.own);
        let address = ftp.epsv();
        ftp.says("RETR out", 150);
        let data = ftp.data(address);
        assert_eq!(peer::shown(&data), hosts.own, "as on the control connection");
        assert_eq!(peer::read_to_close(data).unwrap(), b"ben");
        ftp.hears(226);
    }
}

#[test]
fn unknown_hosts_are_504_and_malformed_ones_501() {
    let hosts = hosts();
    let mut ftp = hosts.site.connect();
    for unknown in ["c.example", "example", "127.0.0.2", "[::1]", "300.400.500.600"] {
        ftp.says(&format!("HOST {unknown}"), 504);
    }
    for bad in ["", " ", " a.example b", " a.example:21", " [::1]:21", " a..example", " -a"] {
        ftp.says(&format!("HOST{bad}"), 501);
    }
    // The names in its certificate, and the address that was connected to.
    for own in ["localhost", "127.0.0.1", "[127.0.0.1]", "[::ffff:127.0.0.1]"] {
        ftp.says(&format!("HOST {own}"), 220);
    }
    ftp.secure();
    assert_eq!(ftp.shown(), hosts.own);
}

#[test]
fn host_comes_before_the_login_and_the_last_one_counts() {
    let hosts = hosts();
    let mut ftp = hosts.site.connect();
    ftp.says("HOST a.example", 220);
    ftp.says("HOST c.example", 504);
    ftp.says("HOST b.example", 220);
    ftp.secure();
    ftp.says("USER ben", 331);
    ftp.says("HOST b.example", 220);
    ftp.says("PASS pw", 503);
    ftp.says("USER ben", 331);
    ftp.says("PASS wrong", 530);
    ftp.says("HOST b.example", 220);
    ftp.log_in("ben");
    ftp.says("HOST b.example", 503);
    ftp.says("HOST a.example", 503);
    assert_eq!(ftp.download("RETR out"), b"ben");
}

#[test]
fn rein_goes_back_to_the_default_host() {
    let hosts = hosts();
    let mut ftp = hosts.site.connect();
    ftp.says("HOST a.example", 220);
    ftp.secure();
    ftp.log_in("amy");
    ftp.says("REIN", 220);
    ftp.leave_tls();
    ftp.secure();
    assert_eq!(ftp.shown(), hosts.own);
    only_knows(&mut ftp, "ann");
    ftp.says("REIN", 220);
    ftp.leave_tls();
    ftp.says("HOST b.example", 220);
    ftp.secure();
    assert_eq!(ftp.shown(), hosts.b);
    ftp.log_in("ben");
}

#[test]
fn as_tls_client_a_host_shows_its_own_certificate_on_data_connections() {
    let hosts = hosts();
    let other = Identity::self_signed(&["other"]).unwrap();
    let asking = peer::server(&other, |builder| {
        builder.set_verify_callback(SslVerifyMode::PEER, |_, _| true);
    });
    let mut by_host = hosts.site.connect();
    by_host.says("HOST a.example", 220);
    by_host.secure();
    for mut ftp in [hosts.at("a.example"), by_host] {
        ftp.log_in("amy");
        ftp.says("SSCN ON", 200);
        for means in [Means::Pasv, Means::Port] {
            let route = means.prepare(&mut ftp);
            ftp.says("STOR in", 150);
            let mut data = peer::accept_tls(&asking, route.open()).unwrap();
            assert_eq!(peer::shown(&data), hosts.a, "{means:?}");
            data.write_all(b"hello").unwrap();
            peer::finish(data);
            ftp.hears(226);
        }
    }
}

#[test]
fn sessions_of_a_virtual_host_resume_on_its_data_connections() {
    let hosts = hosts_with(|plan| plan.settings.data_tls_reuse = Demand::Required);
    for version in VERSIONS {
        for by_server_name in [true, false] {
            let client = Client::only(version);
            let client = if by_server_name { client.at("a.example") } else { client };
            let mut ftp = hosts.connect(client);
            if !by_server_name {
                ftp.says("HOST a.example", 220);
            }
            ftp.secure();
            ftp.log_in("amy");
            for _ in 0..3 {
                assert_eq!(ftp.download("RETR out"), b"amy", "{version:?} {by_server_name}");
                assert!(hosts.site.record().tls.unwrap().resumed);
            }
        }
    }
}

#[test]
fn sessions_do_not_resume_at_another_host() {
    let hosts = hosts_with(|plan| plan.settings.data_tls_reuse = Demand::Required);
    for version in VERSIONS {
        // Those of another control connection on a data connection.
        let client = Client::only(version);
        let mut at_a = hosts.connect(client.clone());
        at_a.says("HOST a.example", 220);
        at_a.secure();
        at_a.log_in("amy");
        let session = client.session().expect("a ticket");
        let mut at_b = hosts.connect(Client::only(version));
        at_b.says("HOST b.example", 220);
        at_b.secure();
        at_b.log_in("ben");
        let address = at_b.epsv();
        at_b.says("RETR out", 150);
        let data = client.connect(peer::connect(address), Some(&session)).unwrap();
        assert!(!data.ssl().session_reused(), "{version:?}");
        assert_eq!(peer::shown(&data), hosts.b);
        at_b.hears(522);
        // And those of the same control connection, once it is at another host.
        let session = client.session().expect("a ticket");
        at_a.says("REIN", 220);
        at_a.leave_tls();
        at_a.says("HOST b.example", 220);
        at_a.says("AUTH TLS", 234);
        let control = client.connect(at_a.into_socket(), Some(&session)).unwrap();
        assert!(!control.ssl().session_reused(), "{version:?}");
        assert_eq!(peer::shown(&control), hosts.b);
    }
}

#[test]
fn a_reload_replaces_the_virtual_hosts() {
    let hosts = hosts();
    let mut old = hosts.at("a.example");
    let renewed = Identity::self_signed(&["a.example"]).unwrap();
    let settings = Settings { passive_ports: 0..=0, ..Settings::default() };
    let now = vec![host(&["a.example"], "ben", &renewed)];
    let handle = hosts.site.handle.as_ref().unwrap();
    handle.reload(settings.clone(), hosts.site.identity.clone(), TlsFloor::Tls12, now).unwrap();
    let mut new = hosts.at("a.example");
    assert_eq!(new.shown(), renewed.fingerprint().to_string());
    only_knows(&mut new, "ben");
    old.log_in("amy");
    let mut gone = hosts.site.connect();
    gone.says("HOST b.example", 504);
    let twice = vec![host(&["x"], "amy", &renewed), host(&["y", "X"], "ben", &renewed)];
    let refused =
        handle.reload(settings, hosts.site.identity.clone(), TlsFloor::Tls12, twice).unwrap_err();
    assert_eq!(refused.to_string(), "two virtual hosts are called x");
    gone.says("HOST a.example", 220);
}

#[test]
fn hosts_without_a_name_of_their_own_are_refused_at_the_start() {
    let identity = Identity::self_signed(&["localhost"]).unwrap();
    for (names, what) in [(&[][..], "no name"), (&["a", "A"], "two virtual hosts are called a")] {
        let bound = Builder::new(identity.clone(), Only("ann"), Memory::new())
            .listen("127.0.0.1:0".parse().unwrap(), Listen::Explicit)
            .virtual_host(host(names, "amy", &identity))
            .bind();
        let refused = bound.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains(what), "{refused}");
    }
}
