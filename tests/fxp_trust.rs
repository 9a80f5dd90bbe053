//! `fxp trust`: a certificate is shown first and recorded only when somebody says so.

use crate::{
    fxp_pairs::{fxp, url},
    program::Program,
    scripted_server::ScriptedServer,
    site::Site,
};
use fxpd::Identity;
use std::fs;

const USAGE: i32 = 64;
const UNREACHABLE: i32 = 69;
const REFUSED: i32 = 77;
const CONFIG: i32 = 78;

/// The record of known hosts.
fn known(fxp: &Program) -> String {
    fs::read_to_string(fxp.path(".config/fxp/known_hosts")).unwrap_or_default()
}

#[test]
fn a_certificate_is_shown_and_recorded_only_when_it_is_the_expected_one_or_by_yes() {
    let (site, fxp) = (Site::start(), fxp());
    let fingerprint = site.identity.fingerprint().to_string();
    let (server, address) = (url(&site, ""), site.address.to_string());
    let line = format!("{address} {fingerprint}\n");

    let other = format!("SHA256:{}", "ab".repeat(32));
    let refused = fxp.runs(&["--pin", &other, "trust", &server]).fails(REFUSED, "no pin names");
    refused.says(&fingerprint).says("CN=localhost").says("itself").says("localhost, 127.0.0.1");
    assert_eq!(known(&fxp), "");
    fxp.runs(&["--pin", &fingerprint, "trust", &server]).succeeds().says("recorded in ");
    assert_eq!(known(&fxp), line);
    fxp.runs(&["trust", &address]).succeeds().says("already known");
    assert_eq!(known(&fxp), line);

    let second = Site::start();
    let implicit = format!("ftps+implicit://{}", second.implicit);
    fxp.runs(&["--yes", "trust", &second.address.to_string(), &implicit]).succeeds();
    assert_eq!(known(&fxp).lines().count(), 3);
    let (from, to) = (url(&site, "a"), url(&second, "a"));
    site.put("a", b"hello\n");
    fxp.runs_with(&[&from, &to], &[("FXP_PASSWORD", "pw")]).succeeds();
}

#[test]
fn a_changed_certificate_is_replaced_only_when_that_is_asked_for() {
    let (site, fxp) = (Site::start(), fxp());
    let address = site.address.to_string();
    let old = format!("SHA256:{}", "ab".repeat(32));
    let before = format!("# mine\n{address} {old}\nother:21 {old}\n");
    fs::create_dir_all(fxp.path(".config/fxp")).unwrap();
    fs::write(fxp.path(".config/fxp/known_hosts"), &before).unwrap();
    let refused = fxp.runs(&["--yes", "trust", &address]).fails(REFUSED, "CHANGED");
    refused.says(&format!("it was {old}")).fails(REFUSED, "--replace");
    assert_eq!(known(&fxp), before);
    fxp.runs(&["--yes", "--replace", "trust", &address]).succeeds().says("CHANGED");
    let now = site.identity.fingerprint();
    assert_eq!(known(&fxp), format!("# mine\nother:21 {old}\n{address} {now}\n"));
}

#[test]
fn trust_says_whether_the_authorities_agree_and_sends_nothing_but_auth_tls() {
    let site = Site::with(|plan| plan.identity = Identity::self_signed(&["127.0.0.1"]).unwrap());
    let fxp = fxp();
    fxp.put("ca.pem", &site.identity.certificate_pem().unwrap());
    let address = site.address.to_string();
    let agreed = fxp.runs(&["--cacert", "ca.pem", "--yes", "trust", &address]).succeeds();
    agreed.says("by --cacert  trusted for this host");
    let stranger = Site::with(|plan| plan.identity = Identity::self_signed(&["b"]).unwrap());
    let address = stranger.address.to_string();
    let doubted = fxp.runs(&["--cacert", "ca.pem", "--yes", "trust", &address]).succeeds();
    doubted.says("by --cacert  not trusted: ");

    let server = ScriptedServer::start(&[]);
    fxp.runs(&["--yes", "trust", &server.url("")]).succeeds();
    assert_eq!(server.heard(), ["AUTH TLS"]);
}

#[test]
fn every_server_is_met_and_the_last_failure_counts() {
    let (site, fxp) = (Site::start(), fxp());
    let address = site.address.to_string();
    let gone = "127.0.0.1:1";
    let outcome = fxp.runs(&["--yes", "trust", "ftp://h/", gone, &address]);
    let outcome = outcome.fails(UNREACHABLE, "cannot reach 127.0.0.1:1");
    outcome.fails(UNREACHABLE, "without TLS there is nothing to trust");
    assert_eq!(known(&fxp), format!("{address} {}\n", site.identity.fingerprint()));
    fxp.runs(&["trust"]).fails(USAGE, "give a SERVER");
    fxp.runs(&["trust", "ftps://ann:secret@h"]).fails(USAGE, "must not hold a password");
    let sites =
        format!("[work]\nurl = '{}'\npins = '{}'\n", url(&site, ""), site.identity.fingerprint());
    fxp.put("sites.toml", sites.as_bytes());
    fxp.runs(&["--sites", "sites.toml", "trust", "work"]).succeeds().says("already known");
    let bad = fxp.runs_with(&["trust", &address], &[("FXP_TIMEOUT", "soon")]);
    bad.fails(CONFIG, "FXP_TIMEOUT is from 1 to");
    let elsewhere = [("FXP_KNOWN_HOSTS", "elsewhere")];
    fxp.runs_with(&["--yes", "trust", &address], &elsewhere)
        .succeeds()
        .says("recorded in elsewhere");
}
