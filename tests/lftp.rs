//! lftp as its users call it, against a site of ours. Copies between two sites are in
//! `lftp_fxp.rs`.

use crate::{
    program::{Outcome, Program, sample},
    site::Site,
};
use fxpd::{Demand, Identity};
use std::fs;

/// What every run sets: lftp retries for ever where it is not told otherwise.
pub const SETTINGS: &str = "set cmd:fail-exit yes\n\
    set net:max-retries 1\n\
    set net:timeout 10\n\
    set net:reconnect-interval-base 1\n\
    set ftp:ssl-force yes\n\
    set ftp:ssl-protect-data yes\n";

pub fn lftp() -> Program {
    Program::new("lftp", "lftp")
}

/// Runs the lines of `script` behind the usual settings.
#[track_caller]
pub fn run(lftp: &Program, script: &str) -> Outcome {
    lftp.put("script", format!("{SETTINGS}{script}").as_bytes());
    lftp.runs(&["--norc", "-f", "script"])
}

/// Runs `script` logged in at `site`, whose certificate is trusted and no other.
#[track_caller]
pub fn run_at(site: &Site, lftp: &Program, script: &str) -> Outcome {
    lftp.put("ca.pem", &site.identity.certificate_pem().unwrap());
    let ca = lftp.word("ca.pem");
    let address = site.address;
    run(lftp, &format!("set ssl:ca-file {ca}\nopen -u ann,pw ftp://{address}\n{script}"))
}

/// Makes a small tree of directories below `top`: its files' names and bytes.
fn plant(put: impl Fn(&str, &[u8]), make: impl Fn(&str)) -> Vec<(String, Vec<u8>)> {
    for directory in ["tree", "tree/a", "tree/a/deep er", "tree/empty"] {
        make(directory);
    }
    let mut files = Vec::new();
    for (name, count) in
        [("tree/x", 1), ("tree/a/big", 300_001), ("tree/a/deep er/ü", 17), ("tree/none", 0)]
    {
        put(name, &sample(count));
        files.push((name.to_owned(), sample(count)));
    }
    files
}

#[test]
fn lftp_mirrors_a_tree_both_ways() {
    let (site, lftp) = (Site::start(), lftp());
    let files =
        plant(|name, bytes| lftp.put(name, bytes), |name| fs::create_dir(lftp.path(name)).unwrap());
    run_at(&site, &lftp, "mirror -R tree up/tree\nmirror up/tree back/tree\nfind up")
        .succeeds()
        .says("up/tree/empty/");
    for (name, bytes) in files {
        assert_eq!(site.file(&format!("up/{name}")).as_ref(), Some(&bytes), "{name}");
        assert_eq!(lftp.file(&format!("back/{name}")).as_ref(), Some(&bytes), "{name}");
    }
    assert!(lftp.path("back/tree/empty").is_dir());
    let again = "mirror -v -R tree up/tree\nmirror -v up/tree back/tree";
    let again = run_at(&site, &lftp, again).succeeds();
    assert_eq!(again.out, "", "nothing is left to do");
    for n in 0..6 {
        assert!(site.record().complete, "transfer {n}");
    }
    run_at(&site, &lftp, "rm -r up").succeeds();
    assert!(site.names().is_empty());
}

#[test]
fn lftp_gets_puts_and_goes_on_where_a_file_broke_off() {
    let (site, lftp) = (Site::start(), lftp());
    let bytes = sample(1_000_003);
    lftp.put("a", &bytes);
    run_at(&site, &lftp, "put a\nget a -o b\ncat a").succeeds();
    assert_eq!(site.file("a").unwrap(), bytes);
    assert_eq!(lftp.file("b").unwrap(), bytes);

    lftp.put("b", &bytes[..600_000]);
    site.put("a", &bytes[..700_000]);
    for _ in 0..3 {
        site.record();
    }
    run_at(&site, &lftp, "reput a\nreget a -o b\npget -n 3 a -o c").succeeds();
    assert_eq!(site.file("a").unwrap(), bytes);
    assert_eq!(lftp.file("b").unwrap(), bytes);
    assert_eq!(lftp.file("c").unwrap(), bytes);
    assert_eq!(site.record().bytes, 300_003, "only what was missing");
    assert_eq!(site.record().bytes, 400_003, "only what was missing");
}

#[test]
fn lftp_makes_moves_lists_and_removes() {
    let (site, lftp) = (Site::start(), lftp());
    site.put("a", b"hello\n");
    site.put("b", b"");
    run_at(&site, &lftp, "mkdir -p d/e\nmv a d/e/c\nrm b\ncls -1 d/e\ndu -b d")
        .succeeds()
        .says("c\n");
    assert_eq!(site.names(), ["d"]);
    assert_eq!(site.file("d/e/c").unwrap(), b"hello\n");
    run_at(&site, &lftp, "ls d/e\ncat d/e/c\npwd").succeeds().says("hello\n");
    run_at(&site, &lftp, "rmdir d").fails(1, "not empty");
    run_at(&site, &lftp, "rm no").fails(1, "550");
    run_at(&site, &lftp, "rm d/e/c\nrmdir d/e d").succeeds();
    assert!(site.names().is_empty());
}

#[test]
fn lftp_resumes_on_every_data_connection_where_that_is_required() {
    let site = Site::with(|plan| plan.settings.data_tls_reuse = Demand::Required);
    let lftp = lftp();
    for n in 0..5 {
        lftp.put(&format!("f{n}"), &sample(1000 + n));
    }
    fs::create_dir(lftp.path("back")).unwrap();
    for versions in ["NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL"] {
        let set = format!("set ssl:priority {versions}");
        run_at(&site, &lftp, &format!("{set}\nmput f*\nls\nlcd back\nmget f*")).succeeds();
        for n in 0..5 {
            fs::remove_file(lftp.path(&format!("back/f{n}"))).unwrap();
        }
        for _ in 0..10 {
            let record = site.record();
            assert!(record.complete && record.tls.unwrap().resumed, "{versions}");
        }
    }
}

#[test]
fn lftp_connects_by_implicit_tls_over_ipv6_and_from_its_own_port() {
    let site = Site::start();
    site.put("a", b"hello\n");
    let lftp = lftp();
    lftp.put("ca.pem", &site.identity.certificate_pem().unwrap());
    let ca = lftp.word("ca.pem");
    let implicit = site.implicit;
    let open = format!("set ssl:ca-file {ca}\nopen -u ann,pw ftps://{implicit}\ncat a");
    run(&lftp, &open).succeeds().says("hello\n");
    run_at(&site, &lftp, "set ftp:passive-mode no\ncat a\nput ca.pem\nls")
        .succeeds()
        .says("hello\n");
    assert_eq!(site.file("ca.pem"), lftp.file("ca.pem"));

    let site = Site::with(|plan| {
        plan.host = "::1".parse().unwrap();
        plan.identity = Identity::self_signed(&["::1"]).unwrap();
    });
    site.put("a", b"hello\n");
    run_at(&site, &lftp, "set ssl:check-hostname no\ncat a").succeeds().says("hello\n");
}

#[test]
fn lftp_is_told_of_wrong_passwords_and_unknown_certificates() {
    let (site, lftp) = (Site::start(), lftp());
    let address = site.address;
    let open = |words: &str| run(&lftp, &format!("{words}\nls"));
    open(&format!("open -u ann,pw ftp://{address}")).fails(1, "Certificate verification");
    let set = "set ssl:verify-certificate no";
    open(&format!("{set}\nopen -u ann,no ftp://{address}")).fails(1, "Login failed: 530");
}
