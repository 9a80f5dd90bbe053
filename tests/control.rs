//! The control connection: what is said to what, in which order, before and after TLS and login.

use crate::{ftp::Ftp, peer, site::Site};
use openssl::ssl::SslVersion;
use std::io::Read;

/// The line of a reply to `FEAT` that is `feature` and nothing else.
fn has_feature(feat: &str, feature: &str) -> bool {
    feat.split("\r\n").any(|line| line == format!(" {feature}"))
}

#[test]
fn feat_lists_sscn_exactly_before_auth_after_auth_and_after_login() {
    let site = Site::start();
    let mut ftp = site.connect();
    for stage in ["before", "after AUTH", "after login"] {
        let feat = ftp.says("FEAT", 211);
        for feature in ["SSCN", "CPSV", "PBSZ", "PROT", "AUTH TLS;TLS-C;SSL;TLS-P", "EPSV", "UTF8"]
        {
            assert!(has_feature(&feat, feature), "{stage}: {feature} in {feat}");
        }
        match stage {
            "before" => ftp.secure(),
            _ => ftp.log_in("ann"),
        }
    }
}

#[test]
fn sscn_reports_and_sets_byte_for_byte() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    for (command, reply) in [
        ("SSCN", "200 SSCN:SERVER METHOD"),
        ("SSCN ON", "200 SSCN:CLIENT METHOD"),
        ("SSCN", "200 SSCN:CLIENT METHOD"),
        ("SSCN OFF", "200 SSCN:SERVER METHOD"),
        ("sscn on", "200 SSCN:CLIENT METHOD"),
        ("SSCN Off  ", "200 SSCN:SERVER METHOD"),
        ("SSCN On ", "200 SSCN:CLIENT METHOD"),
    ] {
        assert_eq!(ftp.says(command, 200), reply, "{command}");
    }
    for bad in ["SSCN MAYBE", "SSCN ON OFF", "SSCN OFF OFF"] {
        ftp.says(bad, 501);
        assert_eq!(ftp.says("SSCN", 200), "200 SSCN:CLIENT METHOD", "unchanged by {bad}");
    }
}

#[test]
fn sscn_waits_for_auth_and_login() {
    let site = Site::start();
    let mut ftp = site.connect();
    for verb in ["SSCN", "SSCN ON", "CPSV"] {
        ftp.says(verb, 503);
    }
    ftp.secure();
    for verb in ["SSCN", "SSCN ON", "CPSV"] {
        ftp.says(verb, 530);
    }
    ftp.says("USER ann", 331);
    ftp.says("PASS pw", 230);
    assert_eq!(ftp.says("SSCN ON", 200), "200 SSCN:CLIENT METHOD", "with PROT C");
}

#[test]
fn three_commands_in_one_tls_record_get_three_replies_in_order() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    ftp.sends(b"SSCN ON\r\nPBSZ 0\r\nPROT P\r\n");
    assert_eq!(ftp.hears(200), "200 SSCN:CLIENT METHOD");
    assert_eq!(ftp.hears(200), "200 PBSZ=0");
    ftp.hears(200);
    ftp.says("NOOP", 200);
}

#[test]
fn rein_goes_back_to_clear_text_and_forgets_everything() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    ftp.says("SSCN ON", 200);
    let address = ftp.epsv();
    ftp.says("REIN", 220);
    ftp.leave_tls();
    ftp.says("SSCN", 503);
    ftp.says("PWD", 534);
    assert!(std::net::TcpStream::connect(address).is_err(), "the port is closed");
    ftp.secure();
    ftp.says("USER ann", 331);
    ftp.says("PASS pw", 230);
    assert_eq!(ftp.says("SSCN", 200), "200 SSCN:SERVER METHOD");
    ftp.says("EPSV", 229);
    ftp.says("LIST", 521);
    ftp.says("PROT P", 503);
}

#[test]
fn nothing_that_needs_tls_or_login_runs_before_it() {
    let site = Site::start();
    let mut ftp = site.connect();
    for command in ["USER ann", "PASS pw", "RETR a", "PWD", "STAT", "ABOR"] {
        ftp.says(command, 534);
    }
    for command in ["PBSZ 0", "PROT P", "CCC"] {
        ftp.says(command, 503);
    }
    ftp.secure();
    for command in ["RETR a", "STOR a", "PWD", "PASV", "MKD a", "LIST"] {
        ftp.says(command, 530);
    }
    ftp.says("PASS pw", 503);
    assert!(site.names().is_empty());
}

#[test]
fn refusals_have_one_order() {
    let site = Site::start();
    let mut ftp = site.connect();
    ftp.says("FROB", 500);
    ftp.says("RETR", 501);
    ftp.says("RETR a", 534);
    ftp.secure();
    ftp.says("RETR", 501);
    ftp.says("RETR a", 530);
    let mut reader = site.login("reader");
    reader.says("RNTO a", 550);
    reader.says("STOR a", 550);
    ftp.log_in("ann");
    ftp.says("RNTO a", 503);
    ftp.says("SMNT a", 502);
}

#[test]
fn every_name_of_tls_is_taken_and_two_of_them_protect_data_at_once() {
    let site = Site::start();
    site.put("a", b"hello");
    for (name, protects) in [("TLS", false), ("TLS-C", false), ("SSL", true), ("TLS-P", true)] {
        let mut ftp = site.connect();
        ftp.says(&format!("AUTH {name}"), 234);
        ftp.shake_hands();
        ftp.says("USER ann", 331);
        ftp.says("PASS pw", 230);
        if protects {
            assert_eq!(ftp.download("RETR a"), b"hello", "{name}");
        } else {
            ftp.says("EPSV", 229);
            ftp.says("RETR a", 521);
        }
    }
    let mut ftp = site.connect();
    ftp.says("AUTH KERBEROS_V4", 504);
}

#[test]
fn implicit_tls_begins_with_the_first_byte() {
    let site = Site::start();
    site.put("a", b"hello");
    let mut ftp = Ftp::implicit(site.implicit);
    ftp.says("AUTH TLS", 503);
    ftp.says("USER ann", 331);
    ftp.says("PASS pw", 230);
    assert_eq!(ftp.download("RETR a"), b"hello");
}

#[test]
fn old_tls_is_refused_and_new_tls_is_spoken() {
    let site = Site::start();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let mut ftp = Ftp::silent(site.address, peer::Client::only(version));
        ftp.hears(220);
        ftp.secure();
        ftp.log_in("ann");
    }
    let old = peer::Client::built(|builder| {
        builder.set_security_level(0);
        builder.set_min_proto_version(Some(SslVersion::TLS1)).unwrap();
        builder.set_max_proto_version(Some(SslVersion::TLS1_1)).unwrap();
    });
    let mut ftp = site.connect();
    ftp.says("AUTH TLS", 234);
    let refused = old.connect(ftp.into_socket(), None).unwrap_err();
    assert!(refused.contains("version"), "{refused}");
}

#[test]
fn a_client_of_another_protocol_is_refused_by_alpn_and_by_its_first_line() {
    let site = Site::start();
    for (names, accepted) in [(&b"\x03ftp"[..], true), (b"\x08http/1.1", false)] {
        let client = peer::Client::built(|builder| builder.set_alpn_protos(names).unwrap());
        let mut ftp = site.connect();
        ftp.says("AUTH TLS", 234);
        assert_eq!(client.connect(ftp.into_socket(), None).is_ok(), accepted);
    }
    let mut ftp = site.connect();
    ftp.sends(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    ftp.hears_the_end();
}

#[test]
fn bytes_behind_auth_are_never_executed() {
    let site = Site::start();
    let mut ftp = site.connect();
    ftp.sends(b"AUTH TLS\r\nNOOP\r\n");
    ftp.hears_the_end();
}

#[test]
fn auth_forgets_who_was_there_and_cannot_come_twice() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    ftp.says("AUTH TLS", 503);
    assert_eq!(ftp.says("PWD", 257), "257 \"/\" is the current directory.");
}

#[test]
fn bad_lines_are_answered_once_and_not_executed() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    for bad in [&b"MKD a\0b\r\n"[..], b"MKD a\rb\r\n", b"MKD a\nMKD b\r\n"] {
        ftp.sends(bad);
        ftp.hears(501);
    }
    let mut long = b"MKD ".to_vec();
    long.extend(vec![b'x'; 8000]);
    long.extend_from_slice(b"\r\n");
    ftp.sends(&long);
    ftp.hears(500);
    ftp.says("NOOP", 200);
    ftp.sends(b"MKD half");
    drop(ftp);
    let mut ftp = site.login("ann");
    ftp.says("NOOP", 200);
    assert!(site.names().is_empty(), "{:?}", site.names());
}

#[test]
fn too_many_refused_commands_end_the_session() {
    let site = Site::start();
    let mut ftp = site.connect();
    for _ in 0..19 {
        ftp.says("FROB", 500);
    }
    ftp.says("FROB", 500);
    ftp.hears(421);
    ftp.hears_the_end();
}

#[test]
fn whoever_has_said_much_more_hears_all_the_same_why_the_session_ends() {
    let site = Site::start();
    let mut ftp = site.connect();
    ftp.sends(&b"FROB\r\n".repeat(20_000));
    for _ in 0..20 {
        ftp.hears(500);
    }
    ftp.hears(421);
    // Not a reset, by which some systems drop what has come before it.
    assert_eq!(ftp.into_socket().read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn three_wrong_passwords_end_the_session_and_names_are_not_told_apart() {
    let site = Site::start();
    let mut ftp = site.connect();
    ftp.secure();
    let known = (ftp.says("USER ann", 331), ftp.says("PASS no", 530));
    let unknown = (ftp.says("USER nobody", 331), ftp.says("PASS no", 530));
    assert_eq!(known, unknown);
    ftp.says("USER ann", 331);
    ftp.says("PASS no", 421);
    ftp.hears_the_end();
}

#[test]
fn a_username_in_mid_session_logs_out() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    ftp.says("USER bob", 331);
    ftp.says("PWD", 530);
}

#[test]
fn data_in_clear_text_is_refused_by_default() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    ftp.says("PROT C", 534);
    ftp.says("PROT S", 536);
    ftp.says("PROT X", 504);
}

#[test]
fn rnfr_and_rest_count_for_the_next_command_only() {
    let site = Site::start();
    site.put("a", b"0123456789");
    let mut ftp = site.login("ann");
    ftp.says("RNFR a", 350);
    ftp.says("NOOP", 200);
    ftp.says("RNTO b", 503);
    ftp.says("REST 5", 350);
    ftp.says("NOOP", 200);
    assert_eq!(ftp.download("RETR a"), b"0123456789");
    ftp.says("REST 5", 350);
    assert_eq!(ftp.download("RETR a"), b"56789", "EPSV may stand between");
    ftp.says("RNFR a", 350);
    ftp.says("RNTO b", 250);
    assert_eq!(site.names(), ["b"]);
}

#[test]
fn ccc_is_refused_unless_allowed() {
    let site = Site::start();
    site.login("ann").says("CCC", 534);
    let site = Site::with(|plan| plan.settings.ccc = true);
    site.put("a", b"hello");
    let mut ftp = site.login("ann");
    ftp.says("CCC", 200);
    ftp.leave_tls();
    ftp.says("PWD", 257);
    assert_eq!(ftp.download("RETR a"), b"hello", "data stays under TLS");
}
