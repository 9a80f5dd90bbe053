//! `XPEER` between two servers of ours, brokered by hand, and those who stand between them.

use crate::{
    ftp::Ftp,
    other_server::{Means, introduce, opposite},
    peer::{self, Client},
    site::Site,
    virtual_hosts,
    xpeer::{expects, hex, impatient_at},
};
use fxpd::{Fingerprint, FxpGrant, FxpLevel, Identity, PeerProof, TlsRole};
use openssl::ssl::{SslContext, SslStream};
use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread::{Builder, JoinHandle},
};

const FILE: &[u8] = b"one line\nand another\n";
const ROLES: [TlsRole; 2] = [TlsRole::Accept, TlsRole::Connect];

/// Two sites whose accounts copy with verified servers only, and their control connections.
struct Pair {
    source: Site,
    target: Site,
    from: Ftp,
    to: Ftp,
}

fn pair() -> Pair {
    let (source, target) = (impatient_at("127.0.0.2"), impatient_at("127.0.0.3"));
    source.put("out", FILE);
    let (from, to) = (source.login("ann"), target.login("ann"));
    Pair { source, target, from, to }
}

impl Pair {
    /// Which of the two is told the other's certificate.
    fn pin(&mut self, source: bool, target: bool) {
        for (ftp, is_told, other) in [
            (&mut self.from, source, self.target.identity.fingerprint()),
            (&mut self.to, target, self.source.identity.fingerprint()),
        ] {
            match is_told {
                true => expects(ftp, other),
                false => drop(ftp.says("XPEER OFF", 200)),
            }
        }
    }

    /// The target passive, in `role` (the source in the other), the source told to go to
    /// `detour(target's port)`.
    fn meet(&mut self, role: TlsRole, detour: impl FnOnce(SocketAddr) -> SocketAddr) {
        let (target, source) = match role {
            TlsRole::Accept => ("OFF", "ON"),
            TlsRole::Connect => ("ON", "OFF"),
        };
        self.to.says(&format!("SSCN {target}"), 200);
        self.from.says(&format!("SSCN {source}"), 200);
        let address = self.to.pasv("PASV");
        self.from.says(&Means::Port.naming(detour(address)), 200);
        self.to.says("STOR in", 150);
        self.from.says("RETR out", 150);
    }
}

#[test]
fn two_servers_that_expect_each_other_copy_in_every_pairing() {
    let mut pair = pair();
    pair.pin(true, true);
    let Pair { source, target, from, to } = &mut pair;
    for source_is_passive in [true, false] {
        for (passive_sscn, active_sscn, verb) in
            [("ON", "OFF", "PASV"), ("OFF", "ON", "PASV"), ("OFF", "OFF", "CPSV")]
        {
            for store in ["STOR in", "APPE in", "STOU"] {
                let row = format!("{source_is_passive} {passive_sscn} {verb} {store}");
                let (passive, active) = match source_is_passive {
                    true => (&mut *from, &mut *to),
                    false => (&mut *to, &mut *from),
                };
                passive.says(&format!("SSCN {passive_sscn}"), 200);
                active.says(&format!("SSCN {active_sscn}"), 200);
                introduce(passive, verb, active);
                to.says(store, 150);
                from.says("RETR out", 150);
                from.hears(226);
                to.hears(226);
                let (sent, stored) = (source.record(), target.record());
                for (record, other) in [(sent, &*target), (stored, &*source)] {
                    assert_eq!(record.proof, PeerProof::Proved, "{row}");
                    let shown = record.tls.unwrap().peer;
                    assert_eq!(shown, Some(other.identity.fingerprint()), "{row}");
                    assert!(record.foreign, "{row}");
                }
            }
        }
    }
}

#[test]
fn two_servers_that_expect_each_other_copy_over_ipv6() {
    let (source, target) = (impatient_at("::1"), impatient_at("::1"));
    source.put("out", FILE);
    let (mut from, mut to) = (source.login("ann"), target.login("ann"));
    expects(&mut from, target.identity.fingerprint());
    expects(&mut to, source.identity.fingerprint());
    for connecting in [true, false] {
        to.says(if connecting { "SSCN ON" } else { "SSCN OFF" }, 200);
        from.says(if connecting { "SSCN OFF" } else { "SSCN ON" }, 200);
        let address = to.epsv();
        from.says(&Means::Eprt.naming(address), 200);
        to.says("STOR in", 150);
        from.says("RETR out", 150);
        from.hears(226);
        to.hears(226);
        assert_eq!(source.record().proof, PeerProof::Proved);
        assert_eq!(target.record().proof, PeerProof::Proved);
    }
}

#[test]
fn an_account_for_verified_servers_needs_the_pin_and_no_more() {
    let mut pair = pair();
    let foreign = Means::Port.naming("127.0.0.3:50000".parse().unwrap());
    pair.from.says(&foreign, 200);
    let reply = pair.from.says("RETR out", 550);
    assert!(reply.contains("XPEER"), "{reply}");
    expects(&mut pair.from, pair.target.identity.fingerprint());
    pair.from.says("XPEER OFF", 200);
    pair.from.says(&foreign, 200);
    pair.from.says("RETR out", 550);
    // A pin opens no direction that is shut.
    let shut = Site::with(|plan| plan.fxp = FxpGrant::both(FxpLevel::Off));
    shut.put("out", FILE);
    let mut ftp = shut.login("ann");
    expects(&mut ftp, pair.target.identity.fingerprint());
    ftp.says(&Means::Port.naming("127.0.0.3:50000".parse().unwrap()), 550);
}

/// Stands between two servers, and ends with what it has read.
type Interceptor = JoinHandle<Vec<u8>>;

/// Passes bytes on as they are.
fn relaying(to: SocketAddr) -> (SocketAddr, Interceptor) {
    between(to, |active, passive| {
        let (mut back, mut answers) = (active.try_clone().unwrap(), passive.try_clone().unwrap());
        let answer = Builder::new().spawn(move || io::copy(&mut answers, &mut back)).unwrap();
        let mut seen = Vec::new();
        let mut block = [0; 4096];
        while let Ok(count @ 1..) = (&active).read(&mut block) {
            seen.extend_from_slice(&block[..count]);
            if (&passive).write_all(&block[..count]).is_err() {
                break;
            }
        }
        let _ = passive.shutdown(Shutdown::Write); // or it is gone
        let _ = answer.join();
        seen
    })
}

/// Shakes hands with both, showing a certificate of its own, and passes on what it decrypts.
fn terminating(to: SocketAddr, passive_role: TlsRole) -> (SocketAddr, Interceptor) {
    let own = Identity::self_signed(&["interceptor"]).unwrap();
    between(to, move |active, passive| {
        let (server, client) = (peer::server(&own, |_| {}), Client::showing(&own));
        let towards_active = shake(&server, &client, active, passive_role);
        let towards_passive = shake(&server, &client, passive, opposite(passive_role));
        let mut seen = Vec::new();
        if let Ok(mut source) = towards_active {
            let _ = source.read_to_end(&mut seen); // what came before a cut counts as well
            if let Ok(mut target) = towards_passive {
                let _ = target.write_all(&seen); // it may have refused us
                peer::finish(target);
            }
        }
        seen
    })
}

fn shake(
    server: &SslContext,
    client: &Client,
    socket: TcpStream,
    role: TlsRole,
) -> Result<SslStream<TcpStream>, String> {
    match role {
        TlsRole::Accept => peer::accept_tls(server, socket),
        TlsRole::Connect => client.connect(socket, None),
    }
}

fn between(
    to: SocketAddr,
    work: impl FnOnce(TcpStream, TcpStream) -> Vec<u8> + Send + 'static,
) -> (SocketAddr, Interceptor) {
    let listener = TcpListener::bind("127.0.0.4:0").unwrap();
    let here = listener.local_addr().unwrap();
    let work = move || work(peer::accept(&listener), peer::connect(to));
    (here, Builder::new().spawn(work).unwrap())
}

#[test]
fn who_only_passes_bytes_on_reads_nothing_and_is_no_matter() {
    for role in ROLES {
        let mut pair = pair();
        pair.pin(true, true);
        let mut interceptor = None;
        pair.meet(role, |address| {
            let (here, thread) = relaying(address);
            interceptor = Some(thread);
            here
        });
        pair.from.hears(226);
        pair.to.hears(226);
        let seen = interceptor.unwrap().join().unwrap();
        assert!(seen.len() > FILE.len() && !seen.windows(4).any(|bytes| bytes == &FILE[..4]));
        assert_eq!(pair.target.file("in").unwrap(), FILE);
        assert_eq!(pair.source.record().proof, PeerProof::Proved);
        assert_eq!(pair.target.record().proof, PeerProof::Proved);
    }
}

#[test]
fn who_decrypts_is_refused_by_each_server_that_expects_the_other() {
    for role in ROLES {
        for (source_knows, target_knows) in
            [(true, true), (true, false), (false, true), (false, false)]
        {
            let row = format!("target {role:?}, {source_knows} {target_knows}");
            // The interceptor is a foreign host to both; without a pin that needs this grant.
            let mut pair = pair_granting(FxpLevel::Tls);
            pair.pin(source_knows, target_knows);
            let mut interceptor = None;
            pair.meet(role, |address| {
                let (here, thread) = terminating(address, role);
                interceptor = Some(thread);
                here
            });
            if source_knows {
                let reply = pair.from.hears(421);
                assert!(reply.contains("not the certificate expected"), "{row}: {reply}");
                assert_eq!(pair.source.record().proof, PeerProof::Missing, "{row}");
            } else {
                // It has shaken hands with the interceptor, who may be cut off by the target.
                pair.from.reply().unwrap();
                assert_eq!(pair.source.record().proof, PeerProof::Unasked, "{row}");
            }
            if target_knows {
                let reply = pair.to.hears(421);
                let none_came = reply.contains("the peer closed") || reply.contains("eof");
                let refused = reply.contains("not the certificate expected");
                assert!(refused || source_knows && none_came, "{row}: {reply}");
                assert_eq!(pair.target.record().proof, PeerProof::Missing, "{row}");
            } else {
                pair.to.reply().unwrap();
                assert_eq!(pair.target.record().proof, PeerProof::Unasked, "{row}");
            }
            let seen = interceptor.unwrap().join().unwrap();
            // What the interceptor can do where nobody looks: the attack is a real one.
            assert_eq!(seen.is_empty(), source_knows, "{row}");
            let stored = pair.target.file("in").unwrap_or_default();
            assert_eq!(stored == FILE, !source_knows && !target_knows, "{row}");
            if target_knows {
                assert!(pair.target.names().is_empty(), "{row}");
            }
        }
    }
}

fn pair_granting(level: FxpLevel) -> Pair {
    let site = |host: &str| {
        Site::with(|plan| {
            plan.host = host.parse().unwrap();
            plan.fxp = FxpGrant::both(level);
            plan.settings.data_timeout = crate::xpeer::SHORT;
        })
    };
    let (source, target) = (site("127.0.0.2"), site("127.0.0.3"));
    source.put("out", FILE);
    let (from, to) = (source.login("ann"), target.login("ann"));
    Pair { source, target, from, to }
}

#[test]
fn a_virtual_host_shows_the_certificate_of_its_control_connection_when_it_connects() {
    let site = impatient_at("127.0.0.1");
    let print = |text: &str| text.parse::<Fingerprint>().unwrap();
    let hosts = virtual_hosts::hosts();
    let mut from = hosts.at("a.example");
    from.log_in("amy");
    from.says("SSCN ON", 200);
    let mut to = site.login("ann");
    for (expected, code) in [(&hosts.a, 226), (&hosts.own, 421), (&hosts.b, 421)] {
        expects(&mut to, print(expected));
        introduce(&mut to, "PASV", &mut from);
        to.says("STOR in", 150);
        from.says("RETR out", 150);
        let reply = to.hears(code);
        assert!(code == 226 || reply.contains(&hosts.a), "{reply}");
        from.reply().unwrap();
    }
    assert_eq!(from.shown(), hosts.a);
    assert_eq!(site.file("in").unwrap(), b"amy");
    assert_eq!(hex(print(&hosts.a)).len(), 64);
}

#[test]
fn the_dialogue_of_the_man_page_is_a_real_one() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/man/fxpd-fxp.7"));
    let page = page.unwrap();
    let examples = page.split(".Sh EXAMPLES").nth(1).unwrap();
    let dialogue = examples.split(".Bd -literal\n").nth(1).unwrap().split("\n.Ed").next().unwrap();
    let mut pair = pair();
    pair.source.put("out", b"hello\n");
    // The page's own digests and its own port, and what they are here.
    let ours = |site: &Site| hex(site.identity.fingerprint());
    let digest = |line: &str| line.split("SHA-256 ").nth(1).unwrap().to_owned();
    let (of_b, of_a) = (digest(line(dialogue, 0)), digest(line(dialogue, 2)));
    let mut names = vec![(of_b, ours(&pair.target)), (of_a, ours(&pair.source))];
    let mut heard = String::new();
    for said in dialogue.lines() {
        let (head, text) = said.split_at(3);
        let side = if head.starts_with('A') { &mut pair.from } else { &mut pair.to };
        let here =
            names.iter().fold(text.to_owned(), |text, (page, here)| text.replace(page, here));
        if head.ends_with("> ") {
            side.sends(format!("{here}\r\n").as_bytes());
            continue;
        }
        heard = side.reply().unwrap();
        if heard.starts_with("227") {
            let numbers = |reply: &str| reply.split(['(', ')']).nth(1).unwrap().to_owned();
            names.push((numbers(text), numbers(&heard)));
        } else {
            assert_eq!(heard, here, "{said}");
        }
    }
    assert_eq!(heard, "200 XPEER OFF", "the last word");
    assert_eq!(pair.target.file("in").unwrap(), b"hello\n");
    assert_eq!(pair.source.record().proof, PeerProof::Proved);
    assert_eq!(pair.target.record().proof, PeerProof::Proved);
}

fn line(text: &str, index: usize) -> &str {
    text.lines().nth(index).unwrap()
}
