//! `fxp` and servers that lie, fall silent, or have no room left.

use crate::{
    daemon::Daemon,
    emulator::{Emulator, Manners, PLAIN},
    fxp_pairs::{fxp, url},
    program::{Outcome, Program, sample},
    scripted_server::{SILENCE, Script, ScriptedServer},
    site::Site,
};
use std::{
    fs, thread,
    time::{Duration, Instant},
};

const MISMATCH: i32 = 65;
const UNREACHABLE: i32 = 69;
const CANNOT_CREATE: i32 = 73;
const TRY_AGAIN: i32 = 75;

fn copies(fxp: &Program, arguments: &[&str]) -> Outcome {
    let arguments = [&["--trust-new", "--timeout", "2", "--retries", "0"], arguments].concat();
    fxp.runs_with(&arguments, &[("FXP_PASSWORD", "pw")])
}

#[test]
fn one_file_that_a_server_has_not_kept_as_it_was_does_not_keep_the_others_from_arriving() {
    for keeps in [
        (|bytes| if is_marked(&bytes) { Vec::new() } else { bytes }) as fn(Vec<u8>) -> Vec<u8>,
        |bytes| if is_marked(&bytes) { bytes[1..].to_vec() } else { bytes },
        |mut bytes| {
            let mark = u8::from(is_marked(&bytes));
            bytes[0] ^= mark;
            bytes
        },
    ] {
        let (site, fxp) = (Site::with(|plan| plan.host = "127.0.6.17".parse().unwrap()), fxp());
        let liar = Emulator::start("127.0.6.18", Manners { keeps, ..PLAIN });
        for name in ["f1", "f2", "f3", "f4"] {
            site.put(name, format!("{name} is well known\n").as_bytes());
        }
        site.put("f2", b"marked\n");
        let refused = copies(&fxp, &[&url(&site, "f*"), &liar.url("")]);
        let refused = refused.fails(MISMATCH, "f2: ").says("3 copied");
        assert!(refused.err.contains("did not arrive whole"), "{}", refused.err);
        assert_eq!(liar.names(), ["f1", "f3", "f4"], "what is wrong is removed");
        assert_eq!(liar.file("f4").unwrap(), b"f4 is well known\n");
    }
}

fn is_marked(bytes: &[u8]) -> bool {
    bytes.starts_with(b"marked")
}

#[test]
fn a_server_that_falls_silent_is_given_up_in_each_phase() {
    let facts =
        "211-Features:\r\n SIZE\r\n SSCN\r\n HASH SHA-256*\r\n MLST type*;size*;\r\n211 End";
    let a_file = "250-\r\n type=file;size=6; a\r\n250 End";
    const AFTER_150: Script = &[("RETR", "150 here it comes")];
    const IN_HASH: Script = &[("HASH", SILENCE)];
    const IN_MLSD: Script = &[("MLSD", SILENCE), ("MLST", "250-\r\n type=dir; x\r\n250 End")];
    const BEFORE_230: Script = &[("PASS", SILENCE)];
    const IN_SIZE: Script = &[("SIZE", SILENCE)];
    const IN_PASV: Script = &[("PASV", SILENCE)];
    const IN_STOR: Script = &[("STOR", SILENCE)];
    let site = Site::start();
    site.put("a", b"hello\n");
    let from = url(&site, "a");
    let cases: [(Script, [&str; 2]); 8] = [
        (BEFORE_230, ["URL", "here"]),
        (IN_SIZE, ["URL", "here"]),
        (IN_PASV, ["URL", "here"]),
        (AFTER_150, ["URL", "here"]),
        (IN_HASH, ["URL", "here"]),
        (IN_STOR, [&from, "URL"]),
        (IN_PASV, [&from, "URL"]),
        (IN_MLSD, ["URL", "here"]),
    ];
    // Side by side: each but waits.
    thread::scope(|scope| {
        for (script, arguments) in cases {
            let more = [script, &[("FEAT", facts), ("MLST", a_file)]].concat().leak();
            scope.spawn(move || is_given_up(more, arguments));
        }
    });
}

fn is_given_up(script: Script, arguments: [&str; 2]) {
    let (server, fxp, begun) = (ScriptedServer::start(script), fxp(), Instant::now());
    let its = server.url("a");
    let [from, to] = arguments.map(|word| if word == "URL" { its.as_str() } else { word });
    let outcome = copies(&fxp, &["-r", from, to]);
    let name = its.split(['@', '/']).nth(3).unwrap();
    assert!([UNREACHABLE, TRY_AGAIN].contains(&outcome.status), "{script:?}: {outcome:?}");
    assert!(outcome.err.contains(name), "{script:?}: {outcome:?}");
    assert!(begun.elapsed() < Duration::from_secs(25), "{script:?}: {:?}", begun.elapsed());
    assert_eq!(fxp.file("here"), None, "{script:?}");
    server.heard();
}

#[test]
fn a_server_that_does_not_say_goodbye_changes_nothing_and_is_not_waited_for() {
    let (server, fxp) = (ScriptedServer::start(&[("QUIT", SILENCE)]), fxp());
    let begun = Instant::now();
    let arguments = ["--trust-new", "--timeout", "60", &server.url("a"), "here"];
    fxp.runs_with(&arguments, &[("FXP_PASSWORD", "pw")]).succeeds();
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(fxp.file("here").unwrap(), b"hello\n");
    server.heard();
}

/// Runs a shell's words where `full` is a file system of 1 MiB, which nobody else sees.
#[track_caller]
fn with_little_room(shell: &Program, words: &str) -> Outcome {
    let words = format!("mkdir -p full && mount -t tmpfs -o size=1m none full && {words}");
    let outcome = shell.runs_with(&["-rm", "sh", "-c", &words], &[("FXP_PASSWORD", "pw")]);
    assert!(!outcome.err.contains("mount"), "no file system may be mounted: {}", outcome.err);
    outcome
}

#[test]
fn a_full_disk_here_is_told_and_what_fits_arrives() {
    let site = Site::start();
    let shell = Program::new("unshare", "util-linux");
    site.put("f1", &sample(200_000));
    site.put("f2", &sample(3_000_000));
    site.put("f3", &sample(200_001));
    let fxp = env!("CARGO_BIN_EXE_fxp");
    let copy = |from: &str| format!("{fxp} --trust-new {} full/", url(&site, from));

    let one = format!("echo old > full/f2; {}; echo $?; ls -A full; cat full/f2", copy("f2"));
    let outcome = with_little_room(&shell, &one).succeeds();
    assert!(outcome.err.contains("cannot create full/f2: No space left"), "{}", outcome.err);
    // The beginning of it is kept, to be continued when there is room.
    assert_eq!(outcome.out, format!("{CANNOT_CREATE}\n.f2.fxp-part\nf2\nold\n"));

    let tree = format!("{}; echo $?; ls -A full", copy("f*"));
    let outcome = with_little_room(&shell, &tree).succeeds();
    assert!(outcome.err.contains("f2: cannot create full/f2: No space left"), "{}", outcome.err);
    let outcome = outcome.says("2 copied").says("1 failed");
    assert!(outcome.out.ends_with(&format!("{CANNOT_CREATE}\nf1\nf3\n")), "{}", outcome.out);
}

#[test]
fn a_full_disk_at_the_target_is_told_and_what_fits_arrives() {
    let (source, target) = (Site::start(), Daemon::start_on_a_disk_of(2 << 20));
    let fxp = fxp();
    fs::create_dir(source.path("t")).unwrap();
    for (name, size) in [("t/f1", 200_000), ("t/f2", 5_000_000), ("t/f3", 200_001)] {
        source.put(name, &sample(size));
    }
    let there = |path: &str| format!("ftps://ann@{}/{path}", target.address);
    let run = |arguments: &[&str]| {
        let words = [&["--trust-new", "--retries", "1"], arguments].concat();
        fxp.runs_with(&words, &[("FXP_PASSWORD", "pw")])
    };
    // What stands there already stays as it was.
    fxp.put("old", b"old\n");
    run(&["old", &there("t2")]).succeeds();
    run(&[&url(&source, "t/f2"), &there("t2")]).fails(CANNOT_CREATE, "452");
    run(&[&there("t2"), "back"]).succeeds();
    assert_eq!(fxp.file("back").unwrap(), b"old\n");

    let tree = run(&["-r", &url(&source, "t"), &there("t")]);
    let tree = tree.fails(CANNOT_CREATE, "f2: ").says("2 copied").says("1 failed");
    assert!(tree.err.contains("452"), "{}", tree.err);
    run(&["-r", "--exclude", "f2", &there("t"), "t"]).succeeds().says("2 copied");
    for name in ["t/f1", "t/f3"] {
        assert_eq!(fxp.file(name), source.file(name), "{name}");
    }
}
