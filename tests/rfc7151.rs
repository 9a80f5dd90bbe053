//! The dialogues of RFC 7151, with the client's side played: how `HOST` chooses whose users and files
//! a client meets, and what it leaves alone. Where this server differs on purpose, the test says so.
//! Certificates, server names and data connections of hosts stand in `virtual_hosts.rs`.

use crate::{
    ftp::Ftp,
    peer::Client,
    rfc::{inner, plays},
    site::Site,
    virtual_hosts::host,
};
use fxpd::{Demand, Identity};

/// The hosts that the RFC speaks of, each with one user. TLS is the client's choice, as most of the
/// dialogues are without.
fn site() -> Site {
    let identity = Identity::self_signed(&["ftp.example.com"]).unwrap();
    Site::with(|plan| {
        plan.settings.tls = Demand::Optional;
        plan.virtual_hosts = vec![
            host(&["ftp.example.com"], "foo", &identity).greeting("Host accepted"),
            host(&["foo.example.com"], "fay", &identity),
            host(&["bar.example.com"], "bar", &identity),
            host(&["xn--e1afmkfd.com"], "ivan", &identity),
            host(&["192.0.2.1", "[2001:db8::c000:201]", "[::192.0.2.1]"], "lee", &identity),
        ];
    })
}

/// Is there `user` where the client is?
#[track_caller]
fn enters(ftp: &mut Ftp, user: &str) {
    plays(ftp, &[(&format!("USER {user}"), 331), ("PASS pw", 230)]);
}

#[track_caller]
fn is_refused(ftp: &mut Ftp, user: &str) {
    plays(ftp, &[(&format!("USER {user}"), 331), ("PASS pw", 530)]);
}

#[test]
fn section_2_1_case_is_of_no_consequence() {
    let site = site();
    for line in ["HOST ftp.example.com", "host Ftp.Example.Com", "HoSt fTp.eXample.cOm"] {
        let mut ftp = site.connect();
        assert_eq!(ftp.says(line, 220), "220 Host accepted");
        enters(&mut ftp, "foo");
    }
}

#[test]
fn section_3_1_names_beyond_ascii_come_as_a_labels() {
    let site = site();
    let mut ftp = site.connect();
    plays(&mut ftp, &[("HOST пример.com", 501), ("HOST xn--e1afmkfd.com", 220)]);
    enters(&mut ftp, "ivan");
}

#[test]
fn section_3_1_a_literal_is_that_of_a_host_or_of_the_server_itself() {
    let literals = ["192.0.2.1", "[2001:db8::c000:201]", "[::192.0.2.1]"];
    let (with, without) = (site(), Site::start());
    for literal in literals {
        let mut ftp = with.connect();
        ftp.says(&format!("HOST {literal}"), 220);
        enters(&mut ftp, "lee");
        without.connect().says(&format!("HOST {literal}"), 504);
    }
    without.connect().says("HOST 127.0.0.1", 220);
    let site = Site::with(|plan| plan.host = "::1".parse().unwrap());
    plays(&mut site.connect(), &[("HOST [::1]", 220), ("HOST [0:0::1]", 220), ("HOST [::2]", 504)]);
}

#[test]
fn section_3_1_a_port_is_no_part_of_the_name() {
    let site = site();
    let mut ftp = site.connect();
    for line in [
        "HOST 192.0.2.1:2112",
        "HOST [2001:db8::c000:201]:2112",
        "HOST ftp.example.com:2112",
        "HOST ftp.example.com:21",
    ] {
        ftp.says(line, 501);
    }
}

#[test]
fn section_3_2_an_unknown_host_is_504_and_the_client_may_name_another() {
    let site = site();
    let mut ftp = site.connect();
    plays(&mut ftp, &[("HOST www.example.com", 504), ("HOST ftp.example.com", 220)]);
    enters(&mut ftp, "foo");
}

#[test]
fn section_3_2_a_server_that_stops_says_421_and_closes() {
    let mut site = site();
    let mut ftp = site.connect();
    ftp.says("HOST ftp.example.com", 220);
    site.handle.take().unwrap().shutdown();
    ftp.hears(421);
    ftp.hears_the_end();
}

#[test]
fn section_3_2_1_after_rein_host_is_said_again() {
    let site = site();
    let mut ftp = site.connect();
    ftp.says("HOST ftp.example.com", 220);
    enters(&mut ftp, "foo");
    ftp.says("REIN", 220);
    is_refused(&mut ftp, "foo");
    ftp.says("HOST ftp.example.com", 220);
    enters(&mut ftp, "foo");
}

#[test]
fn section_3_2_2_a_typical_login() {
    let site = site();
    let mut ftp = site.connect();
    assert_eq!(ftp.says("HOST ftp.example.com", 220), "220 Host accepted");
    plays(&mut ftp, &[("USER foo", 331), ("PASS pw", 230)]);
    assert!(ftp.says("PWD", 257).starts_with("257 \"/\" "));
}

#[test]
fn section_3_2_2_of_two_hosts_the_last_one_counts() {
    let site = site();
    let mut ftp = site.connect();
    plays(&mut ftp, &[("HOST foo.example.com", 220), ("HOST bar.example.com", 220)]);
    is_refused(&mut ftp, "fay");
    plays(&mut ftp, &[("USER bar", 331), ("PASS pw", 230)]);
}

#[test]
fn section_3_2_2_acct_has_nothing_to_add() {
    let site = site();
    let mut ftp = site.connect();
    ftp.says("HOST ftp.example.com", 220);
    plays(&mut ftp, &[("USER foo", 331), ("PASS pw", 230), ("ACCT project1", 202), ("PWD", 257)]);
}

#[test]
fn section_3_2_2_host_stays_through_auth_which_needs_no_adat() {
    let site = site();
    let mut ftp = site.connect();
    ftp.says("HOST ftp.example.com", 220);
    ftp.secure();
    ftp.says("ADAT YmFzZTY0", 503);
    plays(&mut ftp, &[("USER foo", 331), ("PASS pw", 230), ("ACCT project1", 202)]);
}

#[test]
fn section_3_2_2_host_after_auth_is_the_one_of_the_server_name() {
    let site = site();
    let named = |name: &str| {
        let mut ftp = Ftp::silent(site.address, Client::any().at(name));
        ftp.hears(220);
        ftp.secure();
        ftp
    };
    let mut ftp = named("ftp.example.com");
    plays(&mut ftp, &[("HOST bar.example.com", 504), ("HOST ftp.example.com", 220)]);
    enters(&mut ftp, "foo");
    // A server name that nobody has was passed over in the handshake, and is here: a client that
    // came by a tunnel or an alias sends what its user has typed.
    let mut ftp = named("alias.example.net");
    ftp.says("HOST ftp.example.com", 220);
    enters(&mut ftp, "foo");
}

#[test]
fn section_3_3_after_the_login_host_is_503_and_changes_nothing() {
    let site = site();
    let mut ftp = site.connect();
    ftp.says("HOST ftp.example.com", 220);
    enters(&mut ftp, "foo");
    plays(&mut ftp, &[("HOST ftp.example.com", 503), ("HOST bar.example.com", 503)]);
    assert!(ftp.says("STAT", 211).contains("Logged in as foo"));
}

#[test]
fn section_3_3_host_that_is_refused_is_as_if_it_had_not_been_sent() {
    let site = site();
    let mut ftp = site.connect();
    ftp.says("HOST ftp.example.com", 220);
    plays(&mut ftp, &[("USER foo", 331), ("HOST", 501), ("HOST www.example.com", 504)]);
    ftp.says("PASS pw", 230);
}

#[test]
fn section_3_3_without_host_the_client_is_at_the_default_one() {
    let site = site();
    let mut ftp = site.connect();
    is_refused(&mut ftp, "foo");
    enters(&mut ftp, "ann");
}

#[test]
fn section_3_4_feat_has_a_line_with_the_one_word() {
    let site = site();
    let feat = site.connect().says("FEAT", 211);
    assert!(inner(&feat).contains(&" HOST"), "{feat}");
}

/// A client has no reason to say `HOST` here; if it does, what it said for one host must not be
/// taken for another.
#[test]
fn section_4_host_between_user_and_pass_begins_the_login_anew() {
    let site = site();
    let mut ftp = site.connect();
    plays(&mut ftp, &[("HOST foo.example.com", 220), ("USER bar", 331)]);
    plays(&mut ftp, &[("HOST bar.example.com", 220), ("PASS pw", 503)]);
    enters(&mut ftp, "bar");
}
