//! Each verb of the server: in order and out of order, before the login and during a transfer. What
//! is said of each stands in `verb_table.rs`; which there are, the server says itself, by `HELP`.

use crate::{
    ftp::Ftp,
    peer,
    site::Site,
    verb_table::{ELSEWHERE, FEATURES, Flow, ROWS, Row, Stage, WRONG_ORDER},
};
use openssl::ssl::SslStream;
use std::{fs, net::TcpStream};

/// A site with the tree that the table speaks of, for each account.
fn site() -> Site {
    let site = Site::with(|plan| plan.settings.ccc = true);
    for account in ["ann", "bob", "reader"] {
        let home = site.path("..").join(account);
        fs::write(home.join("a"), "hello").unwrap();
        fs::create_dir(home.join("d")).unwrap();
    }
    site
}

fn come_to(stage: Stage, site: &Site) -> Ftp {
    match stage {
        Stage::Clear => site.connect(),
        Stage::Secured => {
            let mut ftp = site.connect();
            ftp.secure();
            ftp
        }
        Stage::Inside => site.login("ann"),
    }
}

/// Says a row's good line with all that belongs to it, to the end.
#[track_caller]
fn goes_well(row: &Row, ftp: &mut Ftp) {
    for (line, code) in row.before {
        ftp.says(line, *code);
    }
    let (line, code) = row.good;
    match row.flow {
        Flow::Reply => drop(ftp.says(line, code)),
        Flow::End => {
            ftp.says(line, code);
            ftp.hears_the_end();
        }
        Flow::EndOfTls => {
            ftp.says(line, code);
            ftp.leave_tls();
            ftp.says("NOOP", 200);
        }
        Flow::Download => assert!(!ftp.download(line).is_empty(), "{line}"),
        Flow::Upload => drop(ftp.upload(line, b" world")),
    }
}

/// An upload that has begun and that ends when the test says so.
fn begin_upload(ftp: &mut Ftp) -> SslStream<TcpStream> {
    let address = ftp.epsv();
    ftp.says("STOR in", 150);
    ftp.data(address)
}

/// The words within a reply of several lines.
fn words(reply: &str) -> Vec<&str> {
    inner(reply).iter().flat_map(|line| line.split_ascii_whitespace()).collect()
}

/// The lines within a reply of several.
fn inner(reply: &str) -> Vec<&str> {
    let lines: Vec<&str> = reply.split("\r\n").collect();
    lines[1..lines.len() - 1].iter().map(|line| line.trim_start()).collect()
}

#[test]
fn every_verb_that_help_lists_has_a_row_and_every_row_is_listed() {
    let site = site();
    let help = site.connect().says("HELP", 214);
    let listed: Vec<&str> =
        words(&help).into_iter().filter(|name| !ELSEWHERE.contains(name)).collect();
    let tested: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    assert_eq!(listed, tested);
    for row in ROWS {
        assert!(!row.bad.is_empty(), "{}", row.name);
        for (line, _) in row.bad.iter().chain([&row.good]) {
            assert_eq!(line.split(' ').next(), Some(row.name));
        }
    }
}

#[test]
fn help_tells_the_form_of_every_verb() {
    let site = site();
    let mut ftp = site.connect();
    for row in ROWS {
        let told = ftp.says(&format!("HELP {}", row.name), 214);
        let form = format!("214 Usage: {}", row.name);
        assert!(told == form || told.starts_with(&format!("{form} ")), "{told}");
        let again = ftp.says(&format!("help {}", row.name.to_lowercase()), 214);
        assert_eq!(told, again, "in any case");
    }
}

#[test]
fn a_good_line_does_what_it_says() {
    for row in ROWS {
        let site = site();
        goes_well(row, &mut come_to(row.stage, &site));
    }
}

#[test]
fn verbs_are_heard_in_any_case() {
    for row in ROWS {
        let (line, code) = row.good;
        if row.flow == Flow::Reply && row.before.is_empty() {
            let site = site();
            let line = line.replacen(row.name, &row.name.to_lowercase(), 1);
            come_to(row.stage, &site).says(&line, code);
        }
    }
}

#[test]
fn a_bad_line_is_refused_and_changes_nothing() {
    let site = site();
    for row in ROWS {
        let mut ftp = come_to(row.stage, &site);
        for (line, code) in row.bad {
            ftp.says(line, *code);
        }
        ftp.says("NOOP", 200);
        assert_eq!(site.names(), ["a", "d"], "{}", row.name);
        assert_eq!(site.file("a").unwrap(), b"hello", "{}", row.name);
    }
}

#[test]
fn before_auth_and_before_the_login_each_verb_has_its_answer() {
    let site = site();
    for row in ROWS {
        let (line, _) = row.good;
        site.connect().says(line, row.clear);
        come_to(Stage::Secured, &site).says(line, row.secured);
    }
    assert_eq!(site.names(), ["a", "d"]);
    assert_eq!(site.file("a").unwrap(), b"hello");
}

#[test]
fn an_account_that_only_reads_is_refused_what_writes_and_nothing_else() {
    let site = site();
    for row in ROWS {
        let mut ftp = site.login("reader");
        match row.flow {
            Flow::Download => goes_well(row, &mut ftp),
            _ => drop(ftp.says(row.good.0, row.reader)),
        }
    }
    let home = site.path("../reader");
    assert_eq!(fs::read(home.join("a")).unwrap(), b"hello");
    assert_eq!(fs::read_dir(home).unwrap().count(), 2);
}

#[test]
fn during_a_transfer_a_verb_waits_or_is_answered_at_once() {
    for row in ROWS {
        let site = site();
        let mut ftp = site.login("ann");
        let data = begin_upload(&mut ftp);
        let (line, _) = row.good;
        ftp.sends(format!("{line}\r\n").as_bytes());
        match (row.name, row.at_once) {
            ("ABOR", true) => {
                ftp.hears(426);
                ftp.hears(226);
                drop(data);
            }
            (_, true) => {
                ftp.hears(row.inside);
                peer::finish(data);
                ftp.hears(226);
            }
            (_, false) => {
                // What waits is answered in its order, behind the transfer.
                ftp.sends(b"NOOP\r\n");
                peer::finish(data);
                let first = ftp.reply().unwrap();
                assert!(first.starts_with("226 "), "{line}: heard {first}");
                let then = ftp.reply().unwrap();
                assert!(then.starts_with(&row.inside.to_string()), "{line}: heard {then}");
            }
        }
        match row.flow {
            Flow::End => ftp.hears_the_end(),
            Flow::EndOfTls => {}
            _ if row.at_once => drop(ftp.says("NOOP", 200)),
            _ => drop(ftp.hears(200)),
        }
    }
}

#[test]
fn what_comes_in_the_wrong_order_is_refused() {
    for (stage, before, (line, code)) in WRONG_ORDER {
        let site = site();
        let mut ftp = come_to(*stage, &site);
        for (line, code) in *before {
            ftp.says(line, *code);
        }
        ftp.says(line, *code);
        ftp.says("NOOP", 200);
    }
}

#[test]
fn after_ccc_there_is_no_way_back_but_rein() {
    let site = site();
    let mut ftp = site.login("ann");
    ftp.says("CCC", 200);
    ftp.leave_tls();
    ftp.says("CCC", 503);
    ftp.says("USER ann", 534);
    ftp.says("PASS pw", 534);
    assert_eq!(ftp.download("RETR a"), b"hello");
    ftp.says("REIN", 220);
    ftp.says("RETR a", 534);
    ftp.secure();
    ftp.log_in("ann");
}

#[test]
fn no_verb_of_the_table_is_unknown_or_unbuilt() {
    let site = site();
    for row in ROWS {
        for line in [row.name, row.good.0] {
            let mut ftp = site.login("reader");
            ftp.sends(format!("{line}\r\n").as_bytes());
            let reply = ftp.reply().unwrap();
            assert!(!reply.starts_with("500") && !reply.starts_with("502"), "{line}: {reply}");
        }
    }
    site.login("reader").says("FROB", 500);
}

#[test]
fn every_feature_that_feat_lists_works_and_none_is_left_out() {
    let site = site();
    let feat = site.connect().says("FEAT", 211);
    let name = |line: &str| match line.split_once(' ') {
        // What stands behind them is tried below.
        Some((name @ ("MLST" | "HASH"), _)) => name.to_owned(),
        _ => line.to_owned(),
    };
    let listed: Vec<String> = inner(&feat)
        .into_iter()
        .filter(|line| !ELSEWHERE.contains(line) && !ELSEWHERE.contains(&&*name(line)))
        .map(name)
        .collect();
    let tested: Vec<&str> = FEATURES.iter().map(|(feature, _)| *feature).collect();
    assert_eq!(listed, tested);
    for (feature, lines) in FEATURES {
        let mut ftp = site.login("bob");
        for (line, code) in *lines {
            ftp.says(line, *code);
        }
        for name in feature.strip_prefix("AUTH ").into_iter().flat_map(|names| names.split(';')) {
            let mut ftp = site.connect();
            ftp.says(&format!("AUTH {name}"), 234);
            ftp.shake_hands();
        }
    }
}

#[test]
fn every_hash_and_every_fact_that_feat_names_can_be_chosen() {
    let site = site();
    let mut ftp = site.login("ann");
    let feat = ftp.says("FEAT", 211);
    let names = |verb: &str| -> Vec<String> {
        let line = inner(&feat).into_iter().find_map(|line| line.strip_prefix(verb)).unwrap();
        let names = line.split_terminator(';');
        names.map(|name| name.trim().trim_end_matches('*').to_owned()).collect()
    };
    let (hashes, facts) = (names("HASH "), names("MLST "));
    assert!(hashes.len() > 1 && facts.len() > 1, "{feat}");
    for hash in hashes {
        assert_eq!(ftp.says(&format!("OPTS HASH {hash}"), 200), format!("200 {hash}"));
        assert!(ftp.says("HASH a", 213).starts_with(&format!("213 {hash} 0-5 ")));
    }
    let has_birth = site.path("a").metadata().unwrap().created().is_ok();
    for fact in facts.iter().filter(|fact| *fact != "create" || has_birth) {
        let chosen = ftp.says(&format!("OPTS MLST {fact};"), 200);
        assert_eq!(chosen, format!("200 MLST OPTS {fact};"));
        let shown = ftp.says("MLST a", 250);
        assert!(inner(&shown)[0].starts_with(&format!("{fact}=")), "{shown}");
    }
}
