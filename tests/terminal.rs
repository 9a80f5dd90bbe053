//! Questions on a terminal: a password is not shown, and whatever ends the program at its prompt,
//! the terminal has its echo again.

use crate::{
    fxp_pairs::url,
    program::{Outcome, Program},
    site::Site,
};
use std::fs;

const FXP: &str = env!("CARGO_BIN_EXE_fxp");
const FXPD: &str = env!("CARGO_BIN_EXE_fxpd");

/// Runs a program on a terminal of its own, in a session whose leader outlives it, as a shell does;
/// answers each question in turn; prints how the program ended, whether the terminal echoes, and
/// what it has shown. An answer `signal:N` is a signal.
const SESSION: &str = r#"
import os, pty, signal, sys, termios
answers, program = sys.argv[1].split('|'), sys.argv[2:]
told, tell = os.pipe()
leader, terminal = pty.fork()
if leader == 0:
    keys = [signal.SIGINT, signal.SIGQUIT]
    for key in keys:
        signal.signal(key, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        for key in keys:
            signal.signal(key, signal.SIG_DFL)
        os.execv(program[0], program)
    os.write(tell, b'%d\n' % child)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    echo = termios.tcgetattr(0)[3] & termios.ECHO
    os.write(tell, b'ended %d %s\n' % (ended, b'echo' if echo else b'mute'))
    os._exit(0)
os.close(tell)
told = os.fdopen(told)
child = int(told.readline())
shown, answered = b'', 0
while True:
    try:
        more = os.read(terminal, 4096)
    except OSError:
        break
    if not more:
        break
    shown += more
    if shown[answered:].endswith(b': ') and answers:
        if b'assword' in shown[answered:] or b'Once more' in shown[answered:]:
            assert not termios.tcgetattr(terminal)[3] & termios.ECHO, 'it echoes'
        answered, answer = len(shown), answers.pop(0)
        if answer.startswith('signal:'):
            os.kill(child, int(answer[7:]))
        else:
            os.write(terminal, answer.encode().decode('unicode_escape').encode())
print(told.read().strip())
print(shown.decode())
"#;

/// Runs a program, whose questions get `answers` (separated by `|`).
#[track_caller]
fn on_terminal(python: &Program, answers: &str, program: &[&str]) -> Outcome {
    python.put("session.py", SESSION.as_bytes());
    python.runs(&[&["session.py", answers], program].concat()).succeeds()
}

fn python() -> Program {
    Program::new("python3", "python3")
}

#[test]
fn a_password_is_asked_for_without_echo_and_a_certificate_with_it() {
    let (site, python) = (Site::start(), python());
    site.put("a", b"hello\n");
    let a = url(&site, "a");
    let address = site.address.to_string();
    let known = || fs::read_to_string(python.path(".config/fxp/known_hosts"));
    let no = on_terminal(&python, r"no\n", &[FXP, "trust", &address]);
    no.says("ended 77 echo").says("(yes/no): no").says("it was not recorded");
    assert!(known().is_err());
    let yes = on_terminal(&python, r"yes\n", &[FXP, "trust", &address]);
    yes.says("ended 0 echo").says("recorded in ");
    assert!(known().unwrap().starts_with(&address));

    let right = on_terminal(&python, r"oops\x15pw\n", &[FXP, &a, "b"]);
    let right = right.says("ended 0 echo").says("Password of ann at ");
    assert!(!right.out.contains("pw") && !right.out.contains("oops"), "{}", right.out);
    assert_eq!(python.file("b").unwrap(), b"hello\n");
    on_terminal(&python, r"\x04", &[FXP, &a, "c"]).says("ended 78 echo").says("no password of ann");
}

#[test]
fn whatever_ends_a_password_prompt_leaves_a_terminal_that_echoes() {
    let (site, python) = (Site::start(), python());
    let a = url(&site, "a");
    let users = python.word("passwd");
    let fxp: &[&str] = &[FXP, "--trust-new", &a, "b"];
    let passwd: &[&str] = &[FXPD, "passwd", "add", "ann", "-f", &users, "--home", "/srv"];
    for (answers, ended) in [
        (r"\x03", "ended -2 echo"),
        (r"typed\x03", "ended -2 echo"),
        (r"\x1c", "ended -3 echo"),
        ("signal:15", "ended -15 echo"),
        ("signal:1", "ended -1 echo"),
    ] {
        for program in [fxp, passwd] {
            on_terminal(&python, answers, program).says(ended);
        }
    }
    on_terminal(&python, r"sesame\n|\x03", passwd).says("ended -2 echo");
    let differ = on_terminal(&python, r"sesame\n|Sesame\n", passwd);
    differ.says("ended 65 echo").says("the passwords differ");
    assert!(python.file("passwd").is_none());
    on_terminal(&python, r"sesame\n|sesame\n", passwd).says("ended 0 echo");
    assert!(python.file("passwd").unwrap().starts_with(b"ann:$argon2id$"));
    // Another kind of hash takes the password, whatever else is changed.
    let set =
        [FXPD, "passwd", "set", "ann", "-f", &users, "--hash", "sha512", "--option", "fxp=off"];
    on_terminal(&python, r"sesame\n|sesame\n", &set).says("ended 0 echo");
    assert!(python.file("passwd").unwrap().starts_with(b"ann:$6$"));
}
