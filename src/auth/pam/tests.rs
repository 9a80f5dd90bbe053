//! The server's side, against helpers that misbehave: shell scripts that cannot take what they are
//! handed. What PAM answers is asked in `tests/pam.rs`.

use super::*;

const SHORT: Duration = Duration::from_millis(300);

fn pam(script: &str) -> Pam {
    let mut helper = Command::new("/bin/sh");
    helper.args(["-c", script]);
    Pam::start(helper, SHORT, FxpLevel::Off).unwrap()
}

fn ask(pam: &Pam, name: &str) -> AuthError {
    let visitor = Visitor::new(name, "192.0.2.1".parse().unwrap());
    pam.authenticate(&visitor, &Secret::new("pw")).unwrap_err()
}

#[test]
fn a_helper_that_is_gone_refuses_and_says_what_helps() {
    let pam = pam("exit 1");
    pam.unwatched.recv().unwrap().wait().unwrap();
    let error = ask(&pam, "ann");
    assert!(matches!(error, AuthError::Unavailable(_)));
    assert!(error.to_string().contains("only a restart brings another"), "{error}");
    pam.refuse(&Visitor::new("ann", "::1".parse().unwrap()));
}

#[test]
fn a_helper_that_takes_nothing_is_waited_for_until_the_deadline() {
    let pam = pam("exec sleep 60");
    let began = Instant::now();
    assert!(ask(&pam, "ann").to_string().contains("not answered in time"));
    assert!(began.elapsed() >= SHORT);
    let _ = pam.unwatched.recv().unwrap().kill();
}

#[test]
fn what_nobody_is_called_is_not_asked() {
    let pam = pam("exit 1");
    for name in ["", "a\0b", "a\nb", &"a".repeat(MAX_NAME_BYTES + 1)] {
        assert!(matches!(ask(&pam, name), AuthError::Unknown), "{name}");
    }
}

#[test]
fn a_helper_starts_with_nothing_of_the_server_but_its_socket() {
    let place = tempfile::tempdir().unwrap();
    let told = place.path().join("told");
    let script = format!("(ls -l /proc/$$/fd; env; pwd) > {0}.new; mv {0}.new {0}", told.display());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let pam = pam(&script);
    pam.unwatched.recv().unwrap().wait().unwrap();
    let told = std::fs::read_to_string(told).unwrap();
    drop(listener);
    assert_eq!(told.matches("socket:").count(), 1, "{told}");
    for stream in [" 0 -> socket:", " 1 -> /dev/null\n", " 2 -> /dev/null\n"] {
        assert!(told.contains(stream), "{told}");
    }
    assert!(told.ends_with("\n/\n"), "{told}");
    assert!(!told.contains("CARGO"), "{told}");
}
