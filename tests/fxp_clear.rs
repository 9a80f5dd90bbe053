//! `fxp` with servers that have no TLS: never unasked, and never more in clear text than asked for.

use crate::{
    fxp_pairs::{copies, fxp, said, url},
    program::{Outcome, Program, sample},
    site::Site,
};
use fxpd::{
    Connection, Credentials, Demand, Existing, FxpGrant, FxpLevel, Judge, Location, Run, Secret,
    Setup, Shown, Unseen,
};
use std::{io, net::TcpListener};

const NO_SECURE_ROUTE: i32 = 76;

/// A site that demands no TLS, and lets its account copy without.
fn lax() -> Site {
    Site::with(|plan| {
        plan.settings.tls = Demand::Optional;
        plan.fxp = FxpGrant::both(FxpLevel::Any);
    })
}

fn clear_url(site: &Site, path: &str) -> String {
    url(site, path).replace("ftps://", "ftp://")
}

/// Runs `fxp` as one to whom clear text is all right.
#[track_caller]
fn runs(fxp: &Program, arguments: &[&str]) -> Outcome {
    let arguments = [&["--trust-new", "--log-protocol", "--allow-clear"], arguments].concat();
    fxp.runs_with(&arguments, &[("FXP_PASSWORD", "pw")])
}

#[test]
fn a_clear_server_is_refused_unheard_until_it_is_allowed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("ftp://ann@{}/a", listener.local_addr().unwrap());
    let refused = fxp().runs_with(&["--trust-new", &url, "a"], &[("FXP_PASSWORD", "pw")]);
    refused
        .fails(NO_SECURE_ROUTE, "the password, all names")
        .fails(NO_SECURE_ROUTE, "--allow-clear");
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn files_go_up_and_come_down_in_clear_text_where_it_is_allowed() {
    let (site, fxp) = (lax(), fxp());
    let bytes = sample(3_000_001);
    fxp.put("a", &bytes);
    let up = runs(&fxp, &["a", &clear_url(&site, "b")]).succeeds();
    assert_eq!(site.file("b").as_ref(), Some(&bytes));
    let plan = runs(&fxp, &["plan", &clear_url(&site, "b"), "c"]).succeeds();
    plan.says("through this host, IN CLEAR TEXT");
    let down = runs(&fxp, &[&clear_url(&site, "b"), "./"]).succeeds();
    assert_eq!(fxp.file("b").as_ref(), Some(&bytes));
    for outcome in [up, down] {
        let said = said(&outcome.err, site.address);
        assert!(said.contains(&"PASS ****"), "{}", outcome.err);
        for never in ["AUTH", "PBSZ", "PROT", "SSCN", "CCC"] {
            assert!(!said.iter().any(|said| said.starts_with(never)), "{never}: {}", outcome.err);
        }
        outcome.says("IN CLEAR TEXT").says("3000001 bytes");
        let record = site.record();
        assert!(record.complete && record.tls.is_none());
    }
}

#[test]
fn a_copy_with_a_clear_server_is_clear_for_its_file_and_for_nothing_else() {
    let (clear, secure, fxp) = (lax(), lax(), fxp());
    let bytes = sample(500_001);
    clear.put("a", &bytes);
    secure.put("a", &bytes);
    for (source, from, target, to) in [
        (&clear, clear_url(&clear, "a"), &secure, url(&secure, "b")),
        (&secure, url(&secure, "a"), &clear, clear_url(&clear, "b")),
    ] {
        let copied = runs(&fxp, &[&from, &to]).succeeds().says("IN CLEAR TEXT");
        let levels = |site: &Site| {
            let said = said(&copied.err, site.address);
            said.into_iter().filter(|said| said.starts_with("PROT")).collect::<Vec<_>>()
        };
        assert_eq!(levels(&secure), ["PROT P", "PROT C", "PROT P"], "{}", copied.err);
        assert!(levels(&clear).is_empty(), "{}", copied.err);
        assert!(!copied.err.contains("> SSCN"), "{}", copied.err);
        assert_eq!(target.file("b").as_ref(), Some(&bytes));
        for record in [source.record(), target.record()] {
            assert!(record.complete && record.tls.is_none(), "{record:?}");
        }
    }
    let sure = ["--require-verified", &clear_url(&clear, "a"), &url(&secure, "c")];
    runs(&fxp, &sure).fails(NO_SECURE_ROUTE, "");
    assert_eq!(secure.file("c"), None);
    let both = runs(&fxp, &[&clear_url(&clear, "a"), &clear_url(&secure, "c")]).succeeds();
    both.says("IN CLEAR TEXT").says("control no TLS, no TLS");
    assert_eq!(secure.file("c"), Some(bytes));
}

#[test]
fn a_server_that_insists_on_tls_is_not_talked_out_of_it() {
    let (clear, strict, fxp) = (lax(), Site::start(), fxp());
    clear.put("a", b"hello\n");
    let refused = runs(&fxp, &[&clear_url(&clear, "a"), &url(&strict, "b")]);
    refused.fails(NO_SECURE_ROUTE, "target refused PROT: 534");
    assert!(strict.names().is_empty());
}

#[test]
fn allowing_clear_text_changes_nothing_between_servers_with_tls() {
    let (source, target, fxp) = (lax(), lax(), fxp());
    source.put("a", b"hello\n");
    let copied = copies(&fxp, &["--allow-clear", &url(&source, "a"), &url(&target, "b")]);
    copied.succeeds().says("TLS client by SSCN");
    assert!(source.record().tls.is_some() && target.record().tls.is_some());
}

/// Trusts whoever answers.
struct Anyone;

impl Judge for Anyone {
    fn judge(&self, _: &Shown<'_>) -> Result<(), String> {
        Ok(())
    }

    fn allow_clear(&self, _: &fxpd::Site) -> Result<(), String> {
        Ok(())
    }
}

#[test]
fn what_follows_a_clear_copy_on_the_same_connection_is_protected_again() {
    let (clear, secure) = (lax(), lax());
    clear.put("a", b"hello\n");
    let open = |url: String| {
        let location: Location = url.parse().unwrap();
        let ann = Credentials::new("ann", Secret::new("pw")).unwrap();
        (Connection::open(location.site, ann, Setup::new(Anyone)).unwrap(), location.path)
    };
    let (mut source, from) = open(clear_url(&clear, "a"));
    let (mut target, to) = open(url(&secure, "b"));
    let mut run = Run::begin(&mut source, &mut target).unwrap();
    run.file(&from, &to, Existing::Replace, &mut Unseen).unwrap();
    drop(run); // which does not end it, as when its owner is gone
    assert!(secure.record().tls.is_none());
    let home = tempfile::tempdir().unwrap();
    let here = home.path().join("b");
    fxpd::download(&mut target, &to, &here, Existing::Replace, &mut Unseen).unwrap();
    assert!(secure.record().tls.is_some());
}
