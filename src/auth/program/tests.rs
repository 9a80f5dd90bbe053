//! The program as shell scripts that misbehave in one way each.

use super::*;
use crate::auth::lines;
use std::{fs, process::Command, thread};
use tempfile::TempDir;

/// Says `$1` to question `$id`, in shell.
const ANSWER: &str = r#"
answer() { printf '{"id":%s,%s}\n' "$id" "$1"; }
next() { read -r line || exit 0; id=${line#*\"id\":}; id=${id%%,*}; }
"#;

fn program(script: &str, processes: usize, timeout: Duration) -> (TempDir, Program) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth");
    let place = directory.path().display();
    let text = directory.path().join("text");
    fs::write(&text, format!("#!/bin/sh\ncd '{place}'\n{ANSWER}\n{script}\n")).unwrap();
    // Written by another process: a fork of ours that still holds it open would keep it from
    // being executed.
    let install = Command::new("install").args(["-m", "755"]).args([&text, &path]).status();
    assert!(install.unwrap().success());
    let default_fxp = FxpLevel::Off;
    (directory, Program::new(ProgramSettings { path, processes, timeout, default_fxp }))
}

fn ask(program: &Program, name: &str) -> Result<Account, AuthError> {
    let visitor = Visitor::new(name, "192.0.2.1".parse().unwrap());
    program.authenticate(&visitor, &Secret::new("pw"))
}

fn trouble(program: &Program) -> String {
    match ask(program, "ann") {
        Err(AuthError::Unavailable(cause)) => cause.to_string(),
        other => panic!("{other:?}"),
    }
}

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

#[test]
fn one_process_answers_one_question_after_the_other() {
    let script = r#"echo started >> starts
        while next; do case $line in
        *'"user":"ann","password":"pw"'*) answer '"result":"allow","home":"/srv/ann","options":"access=ro fxp=tls"';;
        *'"user":"bob"'*) answer '"result":"deny"';;
        *'"user":"eve"'*) answer '"result":"allow","home":"/","options":"networks=198.51.100.0/24"';;
        *'"user":"cid"'*) answer '"result":"error","reason":"no database"';;
        *) answer '"result":"unknown"';;
        esac; done"#;
    let (directory, program) = program(script, 1, LONG);
    for _ in 0..3 {
        let ann = ask(&program, "ann").unwrap();
        assert_eq!((ann.name.as_str(), ann.home.to_str()), ("ann", Some("/srv/ann")));
        assert_eq!(ann.fxp.incoming, FxpLevel::Tls);
        assert!(matches!(ask(&program, "bob"), Err(AuthError::Rejected)));
        assert!(matches!(ask(&program, "eve"), Err(AuthError::Rejected)), "elsewhere");
        assert!(matches!(ask(&program, "dan"), Err(AuthError::Unknown)));
        let Err(AuthError::Unavailable(cause)) = ask(&program, "cid") else { panic!("cid") };
        assert!(cause.to_string().ends_with("auth: no database"), "{cause}");
    }
    assert_eq!(fs::read_to_string(directory.path().join("starts")).unwrap(), "started\n");
}

#[test]
fn whatever_is_no_answer_is_nobodys_wrong_password() {
    for (script, what) in [
        ("next; exit 1", "ended without an answer"),
        ("next; echo yes", "gives no answer"),
        ("next; answer '\"result\":\"perhaps\"'", "gives no answer"),
        ("next; answer '\"result\":\"deny\",\"hoem\":\"/\"'", "gives no answer"),
        ("next; id=7; answer '\"result\":\"deny\"'", "answers question 7 of 1"),
        ("next; answer '\"result\":\"allow\"'", "no absolute home"),
        ("next; answer '\"result\":\"allow\",\"home\":\"srv\"'", "no absolute home"),
        (
            "next; answer '\"result\":\"allow\",\"home\":\"/\",\"options\":\"fly=yes\"'",
            "unknown option 'fly'",
        ),
        ("next; printf '{}\\n{}\\n'", "more than an answer"),
        ("next; head -c 70000 /dev/zero; read -r line", "too long"),
    ] {
        let (_directory, program) = program(script, 1, LONG);
        let found = trouble(&program);
        assert!(found.contains(what), "{script}: {found}");
    }
    let path = "/nonexistent/auth".into();
    let settings =
        ProgramSettings { path, processes: 1, timeout: LONG, default_fxp: FxpLevel::Off };
    assert!(trouble(&Program::new(settings)).contains("No such file"));
}

#[test]
fn silence_ends_at_the_deadline_and_what_comes_late_answers_nothing() {
    let (_directory, silent) = program("sleep 60", 1, SHORT);
    assert!(trouble(&silent).contains("not answered in time"));
    // Its place rests; no second one is started meanwhile.
    assert!(trouble(&silent).contains("not started again yet"));
}

#[test]
fn sessions_wait_for_a_free_process_no_longer_than_for_an_answer() {
    let (_directory, program) = program("sleep 60", 1, SHORT);
    let first = program.place(Instant::now() + LONG).unwrap();
    thread::scope(|scope| {
        let asks: Vec<_> = (0..4).map(|_| scope.spawn(|| trouble(&program))).collect();
        for ask in asks {
            assert!(ask.join().unwrap().contains("all of its processes are busy"));
        }
    });
    drop(first);
}

#[test]
fn a_process_that_ends_between_questions_is_replaced_and_one_that_fails_rests_ever_longer() {
    let script = "echo started >> starts; next; answer '\"result\":\"deny\"'";
    let (directory, program) = program(script, 1, LONG);
    for _ in 0..3 {
        assert!(matches!(ask(&program, "ann"), Err(AuthError::Rejected)));
        // It has ended when its output has.
        let mut place = program.place(Instant::now() + LONG).unwrap();
        let process = place.process.as_mut().unwrap();
        lines::hear(&mut process.output, Instant::now() + LONG).expect_err("its end");
        program.give.send(place).unwrap();
    }
    let starts = fs::read_to_string(directory.path().join("starts")).unwrap();
    assert_eq!(starts.lines().count(), 3);
    let mut place = Place::default();
    let visitor = Visitor::new("ann", "::1".parse().unwrap());
    let nowhere = Starter::new("/nonexistent".into());
    for rest in [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
        let before = Instant::now();
        let asked = place.ask(&nowhere, &visitor, &Secret::new("x"), before);
        assert!(asked.is_err() && place.rests());
        let rests = place.rests_until.unwrap() - before;
        let expected = Duration::from_millis(rest);
        assert!(rests >= expected && rests < expected + SHORT * 10, "{rests:?} for {expected:?}");
    }
}
