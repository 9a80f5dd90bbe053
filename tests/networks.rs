//! Servers as administrators install them, on hosts of their own, with IPv4 and IPv6 between them:
//! a client and a site in one network, and behind a router that translates IPv4 addresses another
//! site and another client.

use crate::{
    hosts::{Host, Installed, make_certificate},
    program::Outcome,
    real_server::peers,
};
use rustix::process::Signal;
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// Hosts outside and inside, and the router between them.
struct World {
    router: Arc<Host>,
    client: Arc<Host>,
    insider: Arc<Host>,
}

const FXP: &str = env!("CARGO_BIN_EXE_fxp");

/// Where the router is, for those outside; for them site B is there as well.
const ROUTER: &str = "203.0.113.1";
const SITE_A: [&str; 2] = ["203.0.113.20", "2001:db8:1::20"];
/// The same host, by its other addresses.
const SITE_A_TOO: [&str; 2] = ["203.0.113.21", "2001:db8:1::21"];
const SITE_B: [&str; 2] = ["10.7.0.20", "2001:db8:7::20"];

/// Site A's address on its link, which both ends of the link call by their own interface.
const SITE_A_ON_LINK: &str = "fe80::20";

impl World {
    fn new() -> World {
        let router = Host::new();
        router.does(
            "ip link add name outside type bridge\n\
             ip link add name inside type bridge\n\
             ip addr add 203.0.113.1/24 dev outside\n\
             ip addr add 2001:db8:1::1/64 dev outside nodad\n\
             ip addr add 10.7.0.1/24 dev inside\n\
             ip addr add 2001:db8:7::1/64 dev inside nodad\n\
             ip link set outside up\n\
             ip link set inside up\n\
             echo 1 >/proc/sys/net/ipv4/ip_forward\n\
             echo 1 >/proc/sys/net/ipv6/conf/all/forwarding",
        );
        let client = join(&router, "outside", 10);
        let insider = join(&router, "inside", 10);
        World { router, client, insider }
    }

    fn site_a(&self) -> Installed {
        let host = join(&self.router, "outside", 20);
        host.does(
            "ip addr add 203.0.113.21/24 dev eth0\n\
             ip addr add 2001:db8:1::21/64 dev eth0 nodad",
        );
        let names = [&SITE_A[..], &SITE_A_TOO, &["a.example"]].concat();
        Installed::on(host, &names, &[("transfer_log", "'/var/log/fxpd/xferlog'")])
    }

    /// One behind the router, which leads those who come to its own address there.
    fn site_b(&self) -> Installed {
        let host = join(&self.router, "inside", 20);
        self.translate();
        let names = [&SITE_B[..], &[ROUTER, "b.example"]].concat();
        let here = "[{ networks = ['10.7.0.0/24'], address = '10.7.0.20' }]";
        let settings = [
            ("passive_ports", "'50000-50099'"),
            ("max_sessions", "100"),
            ("passive_address", &format!("'{ROUTER}'")[..]),
            ("passive_addresses", here),
            ("transfer_log", "'/var/log/fxpd/xferlog'"),
        ];
        Installed::on(host, &names, &settings)
    }

    fn translate(&self) {
        let peers = peers();
        assert!(peers.join("usr/sbin/nft").exists(), "no nft: run tests/peers.sh to get it");
        let rules = "table ip translation {\n\
             chain in { type nat hook prerouting priority dstnat;\n\
             iifname outside ip daddr 203.0.113.1 tcp dport { 21, 50000-50099 } dnat to 10.7.0.20\n}\n\
             chain out { type nat hook postrouting priority srcnat;\n\
             oifname outside ip saddr 10.7.0.0/24 masquerade\n}\n}\n";
        let libraries =
            format!("LD_LIBRARY_PATH={}", peers.join("usr/lib/x86_64-linux-gnu").display());
        let nft = peers.join("usr/sbin/nft").display().to_string();
        self.router.runs_on(&["env", &libraries, &nft, "-f", "-"], rules).succeeds();
    }
}

/// A host in one of the router's networks, with `number` as the end of its addresses.
fn join(router: &Arc<Host>, network: &str, number: u8) -> Arc<Host> {
    let host = Host::beside(router);
    let port = format!("{network}{number}");
    router.plug(&port, &host, "eth0");
    router.does(&format!("ip link set {port} master {network} up"));
    let (v4, v6) = match network {
        "outside" => ("203.0.113", "2001:db8:1:"),
        _ => ("10.7.0", "2001:db8:7:"),
    };
    host.does(&format!(
        "ip addr add {v4}.{number}/24 dev eth0\n\
         ip addr add {v6}:{number}/64 dev eth0 nodad\n\
         ip addr add fe80::{number}/64 dev eth0 nodad\n\
         ip link set eth0 up\n\
         ip route add default via {v4}.1\n\
         ip route add default via {v6}:1"
    ));
    host
}

/// An address as a URL has it.
fn bracketed(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}

/// curl, which makes sure that `site` is who it says.
#[track_caller]
fn curl(from: &Host, site: &Installed, words: &[&str]) -> Outcome {
    let authority = site.host.path("/etc/fxpd/cert.pem").display().to_string();
    let always = ["curl", "-sSv", "--ssl-reqd", "-m", "30", "-u", "ann:pw", "--cacert", &authority];
    from.runs(&[&always, words].concat())
}

/// fxp, which knows these sites and no others.
fn fxp(from: &Host, sites: &[&Installed], words: &[&str]) -> Outcome {
    let pins = sites.iter().flat_map(|site| ["--pin", &site.fingerprint]);
    let pins: Vec<&str> = pins.collect();
    from.runs(&[&[FXP, "-v"][..], &pins, words].concat())
}

fn url(address: &str, name: &str) -> String {
    format!("ftps://ann@{}/{name}", bracketed(address))
}

fn sample(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 251 + at) as u8).collect()
}

/// The lines of a transfer log, in fields.
fn records(site: &Installed) -> Vec<Vec<String>> {
    let log = site.host.text("/var/log/fxpd/xferlog");
    log.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

#[test]
fn a_site_installed_by_its_readme_serves_both_families() {
    let world = World::new();
    let (site, client) = (world.site_a(), &world.client);
    client.put("file", &sample(300_000));
    for (number, address) in SITE_A.iter().chain(&SITE_A_TOO).enumerate() {
        let name = format!("curl{number}");
        let at = format!("ftp://{}/{name}", bracketed(address));
        curl(client, &site, &["-T", "file", &at]).succeeds();
        assert!(site.host.file(&format!("/srv/ann/{name}")) == sample(300_000), "{address}");
        curl(client, &site, &["-o", "back", &at]).succeeds();
        assert!(client.file("back") == sample(300_000), "{address}");

        let name = format!("fxp{number}");
        fxp(client, &[&site], &["file", &url(address, &name)]).succeeds();
        fxp(client, &[&site], &[&url(address, &name), "again"]).succeeds();
        assert!(client.file("again") == sample(300_000), "{address}");
        fs::remove_file(client.path("again")).unwrap();
    }
    // xferlog(5) has 18 fields, and nobody shows an address of this link but the clients.
    let records = records(&site);
    let fields = |count| records.iter().all(|record| record.len() == count);
    assert!(records.len() == 16 && fields(18), "{records:?}");
    for (records, client) in
        records.chunks(4).zip(["203.0.113.10", "2001:db8:1::10"].iter().cycle())
    {
        assert!(records.iter().all(|record| record[6] == *client), "{client}: {records:?}");
    }
}

#[test]
fn two_sites_copy_over_both_families_and_prove_themselves_to_each_other() {
    let world = World::new();
    let (a, b) = (world.site_a(), world.site_b());
    fs::write(a.host.path("/srv/ann/v4"), sample(3_000_001)).unwrap();
    fs::write(a.host.path("/srv/ann/v6"), sample(3_000_002)).unwrap();
    // For those outside, site B is at the router by IPv4, which tells PASV what to say.
    for (name, of_a, of_b) in [("v4", SITE_A[0], ROUTER), ("v6", SITE_A[1], SITE_B[1])] {
        let (here, there, again) =
            (url(of_a, name), url(of_b, name), url(of_a, &format!("{name}b")));
        let words = ["--require-verified", "--log-protocol"];
        let there_and_back = [[&here, &there], [&there, &again]];
        for [from, to] in there_and_back {
            let copied = fxp(&world.client, &[&a, &b], &[&words[..], &[from, to]].concat());
            let copied = copied.succeeds().says("verified on both ends");
            let verb = if name == "v6" { "> EPRT |2|2001:db8:" } else { "> PORT 203,0,113," };
            assert!(copied.err.contains(verb), "{}", copied.err);
        }
        let sent = a.host.file(&format!("/srv/ann/{name}"));
        assert!(b.host.file(&format!("/srv/ann/{name}")) == sent, "{name}");
        assert!(a.host.file(&format!("/srv/ann/{name}b")) == sent, "{name} and back");
    }
    for (site, client) in
        [(&a, ["203.0.113.10", "2001:db8:1::10"]), (&b, ["203.0.113.10", "2001:db8:1::10"])]
    {
        let records = records(site);
        let clients: Vec<&str> = records.iter().map(|record| record[6].as_str()).collect();
        assert_eq!(clients, [client[0], client[0], client[1], client[1]], "{records:?}");
        assert!(
            records.iter().all(|record| record.len() == 18 && record[17] == "c"),
            "{records:?}"
        );
    }
}

#[test]
fn behind_address_translation_each_client_is_told_the_address_that_it_can_reach() {
    let world = World::new();
    let site = world.site_b();
    for (client, address, told) in
        [(&world.client, ROUTER, "203,0,113,1"), (&world.insider, SITE_B[0], "10,7,0,20")]
    {
        client.put("file", &sample(100_000));
        let at = format!("ftp://{address}/{address}");
        // curl believes what PASV says only where it is told to.
        for words in [["-T", "file"], ["-o", "back"]] {
            let words = [&["--disable-epsv", "--no-ftp-skip-pasv-ip"][..], &words, &[&at]].concat();
            let run = curl(client, &site, &words).succeeds();
            let reply = format!("< 227 Entering Passive Mode ({told},");
            assert!(run.err.contains(&reply), "{address}: {}", run.err);
        }
        assert!(client.file("back") == sample(100_000), "{address}");
    }
}

#[test]
fn a_client_on_the_link_has_its_data_by_the_same_link() {
    let world = World::new();
    let (site, client) = (world.site_a(), &world.client);
    client.put("file", &sample(100_000));
    // A name for an address whose zone only curl's own system knows.
    let at = |name: &str| format!("ftp://[{SITE_A_ON_LINK}%25eth0]/{name}");
    curl(client, &site, &["-k", "-T", "file", &at("epsv")]).succeeds();
    let down = curl(client, &site, &["-k", "-o", "back", &at("epsv")]).succeeds();
    assert!(down.err.contains("> EPSV"), "{}", down.err);
    assert!(client.file("back") == sample(100_000));

    let asked = client.runs(&["python3", "-c", CALL_ME_BACK, "fe80::20%eth0"]).succeeds();
    assert!(asked.out.contains("'EPRT |2|fe80::10|"), "{}", asked.out);
    for name in ["epsv", "eprt"] {
        assert!(site.host.file(&format!("/srv/ann/{name}")) == sample(100_000), "{name}");
    }
    assert!(client.file("again") == sample(100_000));
}

/// Up and down by active data connections. curl's do not get as far as TLS.
const CALL_ME_BACK: &str = r#"
import ftplib, ssl, sys
ftp = ftplib.FTP_TLS(context=ssl._create_unverified_context(), timeout=20)
ftp.set_debuglevel(1)
ftp.connect(sys.argv[1])
ftp.login("ann", "pw")
ftp.prot_p()
ftp.set_pasv(False)
ftp.storbinary("STOR eprt", open("file", "rb"))
ftp.retrbinary("RETR eprt", open("again", "wb").write)
ftp.quit()
"#;

/// Makes a passive port at each address given, and tells at which of them a client gets through to
/// it. As `ftplib` does it, but for the connection itself.
const ASK_EVERYWHERE: &str = r#"
import ftplib, socket, ssl, sys
control, others = sys.argv[1], sys.argv[2:]
tls = ssl._create_unverified_context()
ftp = ftplib.FTP_TLS(context=tls, timeout=20)
ftp.connect(control)
ftp.login("ann", "pw")
ftp.prot_p()
for verb in ["EPSV"] + ["PASV"] * ("." in control):
    reply = ftp.sendcmd(verb)
    port = ftplib.parse227(reply)[1] if verb == "PASV" else ftplib.parse229(reply, (control, 21))[1]
    for host in others:
        try:
            socket.create_connection((host, port), 20).close()
            print(verb, host)
        except ConnectionRefusedError:
            pass
"#;

#[test]
fn a_passive_port_is_open_at_the_address_that_the_client_uses_and_at_no_other() {
    let world = World::new();
    let _site = world.site_a();
    let all = [SITE_A, SITE_A_TOO].concat();
    for address in &all {
        let words = [&["python3", "-c", ASK_EVERYWHERE, address][..], &all].concat();
        let found = world.client.runs(&words).succeeds().out;
        let verbs = if address.contains('.') { &["EPSV", "PASV"][..] } else { &["EPSV"] };
        let expected: Vec<String> =
            verbs.iter().map(|verb| format!("{verb} {address}\n")).collect();
        assert_eq!(found, expected.concat());
    }
}

#[test]
fn certificates_and_settings_are_swapped_while_clients_and_copies_come_and_go() {
    // Odd: the last one is shown the certificate that is not the first.
    const ROUNDS: usize = 5;
    let world = World::new();
    let (mut a, b) = (world.site_a(), world.site_b());
    let first = a.fingerprint.clone();
    let names = [&SITE_A[..], &["a.example"]].concat();
    let second = make_certificate(&a.host, "next.pem", "next.key", &names);
    // Who has both in view knows the site before, meanwhile and behind.
    let pins = ["--pin", &first, "--pin", &second, "--pin", &b.fingerprint];
    fs::write(a.host.path("/srv/ann/large"), sample(4 << 20)).unwrap();
    let (done, visits) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let visitor = |number: usize, of_a: &'static str, of_b: &'static str| {
            let (client, done, visits) = (&world.client, &done, &visits);
            move || {
                while !done.load(Ordering::Relaxed) {
                    let (from, to) = (url(of_a, "large"), url(of_b, &format!("copy{number}")));
                    let words = [&[FXP][..], &pins, &[&from, &to]].concat();
                    client.runs(&words).succeeds();
                    visits.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        scope.spawn(visitor(0, SITE_A[0], ROUTER));
        scope.spawn(visitor(1, SITE_A[1], SITE_B[1]));
        let stop = Stop(&done);
        for round in 1..=ROUNDS {
            let before = visits.load(Ordering::Relaxed);
            a.host.does(
                "cd /etc/fxpd\n\
                 for kind in pem:cert.pem key:key.pem; do\n\
                 mv ${kind#*:} old; mv next.${kind%%:*} ${kind#*:}; mv old next.${kind%%:*}\n\
                 done",
            );
            crate::hosts::set(&a.host, "greeting", &format!("'round {round}'"));
            a.signal(Signal::HUP);
            a.logs("] reloaded", round);
            crate::started::wait_until("copies go on", || {
                visits.load(Ordering::Relaxed) >= before + 2
            });
        }
        drop(stop);
    });
    a.fingerprint = second;
    fxp(&world.client, &[&a], &[&url(SITE_A[0], "large"), "last"]).succeeds();
    let greeted =
        curl(&world.client, &a, &["-I", &format!("ftp://{}/large", SITE_A[0])]).succeeds();
    assert!(greeted.err.contains(&format!("< 220 round {ROUNDS}")), "{}", greeted.err);
    for number in 0..2 {
        let copy = b.host.file(&format!("/srv/ann/copy{number}"));
        assert!(copy == sample(4 << 20), "copy{number}");
    }
    let records = [records(&a), records(&b)].concat();
    assert!(records.iter().all(|record| record[17] == "c"), "{records:?}");
}

/// Ends the visits also when a round fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
