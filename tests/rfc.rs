//! The dialogues of the RFCs that made the protocol, with the client's side played: RFC 959, 1123,
//! 2389, 2428 and 2640. Where this server differs on purpose, the test says so. Files' facts stand
//! in `rfc3659.rs`, TLS in `rfc4217.rs`.

use crate::{
    ftp::Ftp,
    other_server::{introduce, site_at},
    peer,
    site::Site,
};
use std::{fs, io::Write};

/// Says each line and hears its code.
#[track_caller]
pub fn plays(ftp: &mut Ftp, dialogue: &[(&str, u16)]) {
    for (line, code) in dialogue {
        ftp.says(line, *code);
    }
}

/// The lines within a reply of several, as they are.
pub fn inner(reply: &str) -> Vec<&str> {
    let lines: Vec<&str> = reply.split("\r\n").collect();
    lines[1..lines.len() - 1].to_vec()
}

fn site() -> Site {
    let site = Site::start();
    site.put("a", b"hello");
    fs::create_dir(site.path("d")).unwrap();
    site
}

/// What RFC 959 §5.4 lets a command be answered with; the preliminary replies stand among them.
const SEQUENCES: &[(&[&str], &[u16])] = &[
    (&["USER ann", "USER"], &[230, 530, 500, 501, 421, 331, 332]),
    (&["PASS pw", "PASS"], &[230, 202, 530, 500, 501, 503, 421, 332]),
    (&["ACCT x"], &[230, 202, 530, 500, 501, 503, 421]),
    (&["CWD d", "CWD x", "CWD"], &[250, 500, 501, 502, 421, 530, 550]),
    // The table has 200 for CDUP; §4.1.1 says that its replies are those of CWD, and they are.
    (&["CDUP", "CDUP x"], &[250, 500, 501, 502, 421, 530, 550]),
    (&["QUIT", "QUIT x"], &[221, 500, 501]),
    (&["REIN"], &[120, 220, 421, 500, 502]),
    (&["PORT 127,0,0,1,200,1", "PORT 1", "PORT 127,0,0,1,0,21"], &[200, 500, 501, 421, 530]),
    (&["PASV", "PASV x"], &[227, 500, 501, 502, 421, 530]),
    (&["MODE S", "MODE B", "MODE C", "MODE"], &[200, 500, 501, 504, 421, 530]),
    (&["TYPE A", "TYPE A N", "TYPE A T", "TYPE E", "TYPE L 8"], &[200, 500, 501, 504, 421, 530]),
    (&["STRU F", "STRU R", "STRU P", "STRU"], &[200, 500, 501, 504, 421, 530]),
    (&["ALLO 10", "ALLO 10 R 5", "ALLO"], &[200, 202, 500, 501, 504, 421, 530]),
    (&["REST 1", "REST x"], &[500, 501, 502, 421, 530, 350]),
    (&["STOR b", "STOR", "STOR x\x01"], &[125, 150, 532, 450, 452, 553, 500, 501, 421, 530, 425]),
    (&["STOU"], &[125, 150, 532, 450, 452, 553, 500, 501, 421, 530, 425]),
    (&["RETR a", "RETR x", "RETR"], &[125, 150, 450, 550, 500, 501, 421, 530, 425]),
    (&["LIST", "NLST"], &[125, 150, 450, 500, 501, 502, 421, 530, 425]),
    (&["APPE b", "APPE d"], &[125, 150, 532, 450, 550, 452, 553, 500, 501, 502, 421, 530, 425]),
    (&["RNFR a", "RNFR x", "RNFR"], &[450, 550, 500, 501, 502, 421, 530, 350]),
    (&["RNTO b", "RNTO"], &[250, 532, 553, 500, 501, 502, 503, 421, 530]),
    (&["DELE a", "DELE x", "DELE"], &[250, 450, 550, 500, 501, 502, 421, 530]),
    (&["RMD d", "RMD x", "RMD"], &[250, 500, 501, 502, 421, 530, 550]),
    (&["MKD e", "MKD d", "MKD"], &[257, 500, 501, 502, 421, 530, 550]),
    (&["PWD", "PWD x"], &[257, 500, 501, 502, 421, 550]),
    (&["ABOR", "ABOR x"], &[225, 226, 500, 501, 502, 421]),
    (&["SYST", "SYST x"], &[215, 500, 501, 502, 421]),
    (&["STAT", "STAT a", "STAT d"], &[211, 212, 213, 450, 500, 501, 502, 421, 530]),
    (&["HELP", "HELP USER"], &[211, 214, 500, 501, 502, 421]),
    (&["SITE CHMOD 600 a", "SITE CHMOD"], &[200, 202, 500, 501, 530]),
    (&["NOOP"], &[200, 500, 421]),
    (&["SMNT x"], &[202, 250, 500, 501, 502, 421, 530, 550]),
    (&["FROB"], &[500]),
];

#[test]
fn rfc959_5_4_every_reply_is_among_those_of_its_command() {
    for (lines, allowed) in SEQUENCES {
        for line in *lines {
            let site = site();
            let mut ftp = site.login("ann");
            ftp.sends(format!("{line}\r\n").as_bytes());
            let reply = ftp.reply().unwrap();
            let code = reply[..3].parse().unwrap();
            assert!(allowed.contains(&code), "{line}: {reply}");
        }
    }
}

/// Codes that §5.4 does not list for a command: it was written before accounts that only read, and
/// 550 is what clients know. RFC 2228 §5 adds 534.
#[test]
fn rfc959_5_4_what_this_server_adds_to_the_replies() {
    let site = site();
    plays(&mut site.login("ann"), &[("STOR d", 550), ("LIST x", 550), ("STAT x", 550)]);
    plays(&mut site.login("ann"), &[("ALLO 18446744073709551615", 552)]);
    plays(&mut site.login("ann"), &[("SITE FROB", 504), ("HELP FROB", 504), ("SITE HELP", 214)]);
    plays(&mut site.login("ann"), &[("RNFR a", 350), ("RNTO d", 550)]);
    plays(&mut site.login("reader"), &[("STOR a", 550), ("RNTO a", 550)]);
    plays(&mut site.connect(), &[("PWD", 534), ("USER ann", 534), ("REST 1", 534)]);
}

#[test]
fn rfc959_5_4_a_transfer_has_a_preliminary_reply_and_a_final_one() {
    let site = site();
    let mut ftp = site.login("ann");
    assert_eq!(ftp.download("RETR a"), b"hello");
    ftp.upload("STOR b", b"1");
    ftp.upload("APPE b", b"2");
    ftp.upload("STOU", b"3");
    ftp.download("LIST");
    ftp.download("NLST");
    assert_eq!(site.file("b").unwrap(), b"12");
    ftp.says("RETR b", 425);
}

#[test]
fn rfc959_5_4_login_goes_by_name_and_password() {
    let site = site();
    let mut ftp = site.connect();
    ftp.secure();
    plays(&mut ftp, &[("PASS pw", 503), ("USER ann", 331), ("PASS no", 530)]);
    // A USER may come at any point and begins the login again (§4.1.1).
    plays(&mut ftp, &[("USER ann", 331), ("PASS pw", 230), ("USER bob", 331), ("PWD", 530)]);
    plays(&mut ftp, &[("PASS pw", 230), ("ACCT x", 202), ("PWD", 257), ("QUIT", 221)]);
    ftp.hears_the_end();
}

#[test]
fn rfc959_4_1_3_a_rename_is_two_commands() {
    let site = site();
    let mut ftp = site.login("ann");
    plays(&mut ftp, &[("RNTO b", 503), ("RNFR a", 350), ("RNTO b", 250), ("RNFR a", 550)]);
    assert_eq!(site.names(), ["b", "d"]);
}

#[test]
fn rfc959_4_1_3_abor_with_a_transfer_is_answered_twice_and_without_once() {
    let site = site();
    let mut ftp = site.login("ann");
    ftp.says("ABOR", 225);
    ftp.epsv();
    ftp.says("STOR b", 150);
    ftp.sends(b"ABOR\r\n");
    ftp.hears(426);
    ftp.hears(226);
    ftp.upload("STOR b", b"done");
    // With the transfer over, 225 or 226: there was nothing left to abort.
    ftp.says("ABOR", 225);
    assert_eq!(site.file("b").unwrap(), b"done");
}

#[test]
fn rfc959_4_2_a_reply_of_several_lines_begins_with_a_hyphen_and_ends_with_a_blank() {
    let site = site();
    let mut ftp = site.login("ann");
    for (line, code) in [("FEAT", 211), ("HELP", 214), ("STAT", 211), ("STAT d/..", 212)] {
        let reply = ftp.says(line, code);
        let lines: Vec<&str> = reply.split("\r\n").collect();
        assert!(lines.len() > 2, "{reply}");
        assert!(lines[0].starts_with(&format!("{code}-")), "{reply}");
        assert!(lines[lines.len() - 1].starts_with(&format!("{code} ")), "{reply}");
        // A line between that began with digits could be taken for the last.
        assert!(inner(&reply).iter().all(|line| line.starts_with(' ')), "{reply}");
    }
}

#[test]
fn rfc959_5_2_a_client_brings_two_servers_together() {
    let (a, b) = (site_at("127.0.0.2"), site_at("127.0.0.3"));
    b.put("out", b"hello");
    let (mut to_a, mut to_b) = (a.login("ann"), b.login("ann"));
    // The figure has PASV; under TLS one of the two must be the TLS client, which CPSV says.
    introduce(&mut to_a, "CPSV", &mut to_b);
    to_a.says("STOR in", 150);
    to_b.says("RETR out", 150);
    to_a.hears(226);
    to_b.hears(226);
    assert_eq!(a.file("in").unwrap(), b"hello");
}

#[test]
fn rfc959_7_the_typical_scenario() {
    let site = Site::start();
    site.put("test 1", b"line\n");
    let mut ftp = site.connect();
    ftp.secure();
    plays(&mut ftp, &[("USER ann", 331), ("PASS pw", 230), ("PBSZ 0", 200), ("PROT P", 200)]);
    assert_eq!(ftp.download("RETR test 1"), b"line\r\n", "TYPE A is the default");
    ftp.says("TYPE I", 200);
    ftp.epsv();
    ftp.says("STOR >udd>cn>fd", 150);
    ftp.sends(b"ABOR\r\n");
    ftp.hears(426);
    ftp.hears(226);
    plays(&mut ftp, &[("STOR /udd/cn/fd", 550), ("QUIT", 221)]);
    ftp.hears_the_end();
}

#[test]
fn rfc959_appendix_2_names_come_back_in_quotes_and_quotes_doubled() {
    let site = Site::start();
    fs::create_dir_all(site.path("usr/dm")).unwrap();
    let mut ftp = site.login("ann");
    // The appendix answers CWD with 200, §5.4 with 250.
    ftp.says("CWD /usr/dm", 250);
    for (line, shown) in [
        ("MKD pathname", "/usr/dm/pathname"),
        ("MKD /usr/dm/pathname/sub", "/usr/dm/pathname/sub"),
        ("MKD foo\"bar", "/usr/dm/foo\"\"bar"),
    ] {
        let told = ftp.says(line, 257);
        assert!(told.starts_with(&format!("257 \"{shown}\" ")), "{told}");
    }
    // The appendix has 521 for a directory that is there; we have 550, as clients await it.
    ftp.says("MKD foo\"bar", 550);
    ftp.says("CWD /usr/dm/foo\"bar", 250);
    assert!(ftp.says("PWD", 257).starts_with("257 \"/usr/dm/foo\"\"bar\" "));
    plays(&mut ftp, &[("CDUP", 250), ("RMD pathname/sub", 250), ("XRMD pathname", 250)]);
}

#[test]
fn rfc1123_4_1_2_13_the_minimum_is_there() {
    let site = site();
    let mut ftp = site.login("ann");
    // STRU R is asked for only where the host has records.
    plays(&mut ftp, &[("TYPE A N", 200), ("TYPE I", 200), ("TYPE L 8", 200), ("TYPE A", 200)]);
    plays(&mut ftp, &[("MODE S", 200), ("STRU F", 200), ("STRU R", 504), ("NOOP", 200)]);
    plays(&mut ftp, &[("SYST", 215), ("STAT", 211), ("HELP", 214), ("PASV", 227), ("CWD d", 250)]);
    plays(&mut ftp, &[("CDUP", 250), ("MKD e", 257), ("RMD e", 250), ("PWD", 257)]);
    drop(ftp.port());
    plays(&mut ftp, &[("RNFR a", 350), ("RNTO b", 250), ("DELE b", 250), ("QUIT", 221)]);
}

#[test]
fn rfc1123_4_1_2_6_each_pasv_opens_a_port_for_one_transfer() {
    let site = site();
    let mut ftp = site.login("ann");
    for _ in 0..2 {
        let address = ftp.pasv("PASV");
        ftp.says("RETR a", 150);
        assert_eq!(peer::read_to_close(ftp.data(address)).unwrap(), b"hello");
        ftp.hears(226);
        ftp.says("RETR a", 425);
    }
}

#[test]
fn rfc1123_4_1_2_7_what_nlst_gives_can_be_retrieved() {
    let site = site();
    site.put("d/b", b"hello");
    let mut ftp = site.login("ann");
    let names = String::from_utf8(ftp.download("NLST d")).unwrap();
    assert_eq!(names, "d/b\r\n");
    assert_eq!(ftp.download(&format!("RETR {}", names.trim_end())), b"hello");
}

#[test]
fn rfc1123_4_1_2_9_stou_tells_its_name_in_150() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    let address = ftp.epsv();
    let told = ftp.says("STOU", 150);
    let name = told.strip_prefix("150 FILE: ").expect("the RFC fixes the text").to_owned();
    let mut data = ftp.data(address);
    data.write_all(b"hello").unwrap();
    peer::finish(data);
    ftp.hears(226);
    assert_eq!(site.file(&name).unwrap(), b"hello");
}

#[test]
fn rfc959_4_1_3_telnet_before_a_command_is_passed_over() {
    let site = site();
    let mut ftp = site.login("ann");
    // IP and DM before ABOR, as a Synch has them; a DO that nobody asked for.
    ftp.sends(b"\xff\xf4\xff\xf2ABOR\r\n");
    ftp.hears(225);
    ftp.sends(b"\xff\xfd\x06NOOP\r\n");
    ftp.hears(200);
}

#[test]
fn rfc1123_4_1_3_2_the_idle_timeout_is_five_minutes_and_can_be_set() {
    let site = site();
    let mut ftp = site.login("ann");
    assert_eq!(ftp.says("SITE IDLE", 200), "200 Idle for 300 seconds.");
    assert_eq!(ftp.says("SITE IDLE 600", 200), "200 Idle for 600 seconds.");
}

#[test]
fn rfc1123_4_1_3_1_the_verbs_with_x_are_synonyms() {
    let site = site();
    let mut ftp = site.login("ann");
    plays(&mut ftp, &[("XMKD e", 257), ("XCWD e", 250), ("XPWD", 257), ("XCUP", 250)]);
    assert_eq!(ftp.says("XPWD", 257), ftp.says("PWD", 257));
    ftp.says("XRMD e", 250);
}

#[test]
fn rfc2389_3_2_feat_lists_one_feature_a_line_behind_one_blank() {
    let site = site();
    let mut ftp = site.connect();
    let feat = ftp.says("FEAT", 211);
    assert!(feat.starts_with("211-") && feat.ends_with("\r\n211 End"), "{feat}");
    for line in inner(&feat) {
        let feature = line.strip_prefix(' ').expect("a blank");
        assert!(feature.starts_with(|c: char| c.is_ascii_graphic()), "{line}");
    }
    // Neither FEAT nor OPTS is a feature.
    for verb in [" FEAT", " OPTS"] {
        assert!(!inner(&feat).contains(&verb), "{feat}");
    }
    // FEAT takes no argument, and may be said again with the same answer.
    ftp.says("FEAT all", 501);
    assert_eq!(ftp.says("feat", 211), feat);
}

#[test]
fn rfc2389_4_opts_is_200_for_what_has_options_and_501_for_the_rest() {
    let site = site();
    let mut ftp = site.login("ann");
    plays(&mut ftp, &[("OPTS", 501), ("OPTS FROB", 501), ("OPTS RETR binary", 501)]);
    plays(&mut ftp, &[("OPTS FEAT", 501), ("OPTS OPTS", 501)]);
    plays(&mut ftp, &[("OPTS MLST type;", 200), ("opts utf8 on", 200), ("OPTS UTF8 NLST", 501)]);
}

#[test]
fn rfc2428_2_eprt_takes_any_delimiter_and_refuses_other_families() {
    let site = site();
    let mut ftp = site.login("ann");
    for line in ["EPRT |1|127.0.0.1|50275|", "EPRT !1!127.0.0.1!50275!"] {
        ftp.says(line, 200);
    }
    let told = ftp.says("EPRT |3|host|6275|", 522);
    assert_eq!(told, "522 Network protocol not supported, use (1,2)", "the RFC fixes the form");
    for bad in ["EPRT", "EPRT |1|127.0.0.1|", "EPRT |1|::1|50275|", "EPRT |1|127.0.0.1|x|"] {
        ftp.says(bad, 501);
    }
    // The RFC's own examples name other hosts, with a port that would be taken.
    ftp.says("EPRT |1|132.235.1.2|6275|", 200);
    ftp.says("EPRT |2|1080::8:800:200C:417A|5282|", 200);
    let listener = ftp.port();
    ftp.says(&format!("EPRT |1|127.0.0.1|{}|", listener.local_addr().unwrap().port()), 200);
    ftp.says("RETR a", 150);
    let socket = peer::accept(&listener);
    let data = ftp.tls.connect(socket, ftp.tls.session().as_ref()).unwrap();
    assert_eq!(peer::read_to_close(data).unwrap(), b"hello");
    ftp.hears(226);
}

#[test]
fn rfc2428_3_epsv_tells_the_port_between_three_bars_and_one() {
    let site = site();
    let mut ftp = site.login("ann");
    for line in ["EPSV", "EPSV 1"] {
        let told = ftp.says(line, 229);
        let port = told.strip_prefix("229 Entering Extended Passive Mode (|||").unwrap();
        let port: u16 = port.strip_suffix("|)").unwrap().parse().unwrap();
        assert!(port >= 1024, "{told}");
    }
    assert_eq!(ftp.says("EPSV 2", 522), "522 Network protocol not supported, use (1)");
    ftp.says("EPSV 3", 522);
}

#[test]
fn rfc2428_3_after_epsv_all_every_other_port_is_refused() {
    let site = site();
    let mut ftp = site.login("ann");
    ftp.says("EPSV ALL", 200);
    for line in ["PASV", "CPSV", "PORT 127,0,0,1,200,1", "EPRT |1|127.0.0.1|50275|"] {
        ftp.says(line, 503);
    }
    assert_eq!(ftp.download("RETR a"), b"hello");
}

#[test]
fn rfc2640_3_1_blanks_behind_the_first_are_part_of_a_name() {
    let site = Site::start();
    let mut ftp = site.login("ann");
    ftp.upload("STOR   foo.bar", b"hello");
    assert_eq!(site.names(), ["  foo.bar"]);
    assert_eq!(ftp.download("RETR   foo.bar"), b"hello");
    plays(&mut ftp, &[("RETR foo.bar", 550), ("MKD  sub ", 257)]);
    assert_eq!(site.names(), ["  foo.bar", " sub "]);
    // The RFC has NUL behind a CR that belongs to a name. Names with CR or LF are refused whole: in
    // listings, logs and the commands of other clients they would end a line.
    ftp.sends(b"STOR foo\r\0\nboo.bar\r\n");
    ftp.hears(501);
    assert_eq!(site.names(), ["  foo.bar", " sub "]);
}

#[test]
fn rfc2640_4_lang_offers_english_and_feat_marks_it() {
    let site = site();
    let mut ftp = site.connect();
    let feat = ftp.says("FEAT", 211);
    assert!(inner(&feat).contains(&" LANG EN*"), "{feat}");
    assert!(inner(&feat).contains(&" UTF8"), "§3.2: {feat}");
    plays(&mut ftp, &[("LANG", 200), ("LANG en", 200), ("lAnG EN-us", 200), ("LANG fr", 504)]);
    // One English stands for another (§4.2); what is no tag of a language is 501.
    plays(
        &mut ftp,
        &[("LANG en-AU", 200), ("LANG fr-CA", 504), ("LANG e_n", 501), ("LANG -", 501)],
    );
    ftp.secure();
    ftp.log_in("ann");
    plays(&mut ftp, &[("MKD пример", 257), ("CWD пример", 250)]);
    assert!(ftp.says("PWD", 257).starts_with("257 \"/пример\" "));
}
