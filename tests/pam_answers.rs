//! What PAM is asked, and what its answers come to: asked as the server asks, without one.

use crate::{
    site::PATIENCE,
    started::Home,
    system_user::{PASSWORD, Service, User, module, script},
};
use fxpd::{Account, AuthError, Authenticator, FxpGrant, FxpLevel, Pam, Secret, Visitor};
use std::{fs, process::Command};

/// Asks `service`.
fn asked(service: &Service) -> Pam {
    let mut helper = Command::new(env!("CARGO_BIN_EXE_fxpd"));
    let seconds = PATIENCE.as_secs().to_string();
    helper.args(["pam-helper", &service.name, "1000", &seconds]);
    Pam::start(helper, PATIENCE, FxpLevel::Tls).unwrap()
}

fn ask(pam: &Pam, name: &str, password: impl AsRef<[u8]>) -> Result<Account, AuthError> {
    let visitor = Visitor::new(name, [192, 0, 2, 1].into());
    pam.authenticate(&visitor, &Secret::new(password.as_ref()))
}

#[test]
fn only_a_no_is_a_wrong_password() {
    let home = Home::new("");
    let user = User::new(&home);
    let service = Service::new("");
    let pam = asked(&service);
    let answers = |auth: &str, account: &str| {
        service.becomes(&format!("auth required {auth}\naccount required {account}"));
        ask(&pam, &user.name, "any")
    };
    let good = "pam_permit.so";
    assert_eq!(answers(good, good).unwrap().ids.unwrap().uid, user.uid);
    for no in ["auth_err", "perm_denied", "user_unknown", "maxtries", "cred_insufficient"] {
        let answer = answers(&format!("pam_debug.so auth={no}"), good);
        assert!(matches!(answer, Err(AuthError::Rejected)), "{no}: {answer:?}");
    }
    for no in ["acct_expired", "new_authtok_reqd", "perm_denied", "auth_err", "user_unknown"] {
        let answer = answers(good, &format!("pam_debug.so acct={no}"));
        assert!(matches!(answer, Err(AuthError::Rejected)), "{no}: {answer:?}");
    }
    for trouble in [
        "open_err",
        "symbol_err",
        "service_err",
        "system_err",
        "buf_err",
        "conv_err",
        "abort",
        "authinfo_unavail",
        "module_unknown",
    ] {
        for answer in [
            answers(&format!("pam_debug.so auth={trouble}"), good),
            answers(good, &format!("pam_debug.so acct={trouble}")),
        ] {
            let Err(AuthError::Unavailable(cause)) = answer else {
                panic!("{trouble}: {answer:?}")
            };
            assert!(cause.to_string().starts_with("PAM: "), "{cause}");
        }
    }
    let answer = answers("pam_that_is_not_there.so", good);
    assert!(matches!(answer, Err(AuthError::Unavailable(_))), "{answer:?}");
}

#[test]
fn an_account_is_the_user_that_the_system_knows() {
    let home = Home::new("");
    let user = User::new(&home);
    let service = Service::unix("nodelay");
    let pam = asked(&service);
    let account = ask(&pam, &user.name, PASSWORD).unwrap();
    assert_eq!((account.name, account.home), (user.name.clone(), home.word(&user.name).into()));
    assert_eq!(account.fxp, FxpGrant::both(FxpLevel::Tls));
    // C would see the half of it.
    let answer = ask(&pam, &user.name, format!("{PASSWORD}\0x"));
    assert!(matches!(answer, Err(AuthError::Rejected)), "{answer:?}");
    // Another source may know it.
    let answer = ask(&pam, "no-such-user", PASSWORD);
    assert!(matches!(answer, Err(AuthError::Unknown)), "{answer:?}");
}

#[test]
fn a_module_that_makes_another_user_of_it_lets_in_nobody() {
    let home = Home::new("");
    let [ann, bob] = [(); 2].map(|()| User::new(&home));
    let becomes = module(&format!("becomes {}", ann.name));
    let service = Service::new(&format!("{becomes}\naccount required pam_permit.so"));
    let pam = asked(&service);
    assert_eq!(ask(&pam, &ann.name, "any").unwrap().ids.unwrap().uid, ann.uid);
    let answer = ask(&pam, &bob.name, "any");
    assert!(matches!(answer, Err(AuthError::Rejected)), "{answer:?}");
}

#[test]
fn a_question_that_shows_its_answer_is_not_answered_with_the_password() {
    let home = Home::new("");
    let user = User::new(&home);
    let service = Service::new(&format!("{}\naccount required pam_permit.so", module("asks")));
    let answer = ask(&asked(&service), &user.name, "any");
    assert!(matches!(answer, Err(AuthError::Unavailable(_))), "{answer:?}");
}

#[test]
fn a_password_that_must_not_open_is_replaced_by_one_as_long() {
    let home = Home::new("");
    let user = User::new(&home);
    let lengths = home.path("lengths");
    let count = script(&home, "count", &format!("wc -c >> {}", lengths.display()));
    let service = Service::new(&format!(
        "auth required pam_exec.so expose_authtok quiet {count}\naccount required pam_permit.so"
    ));
    let pam = asked(&service);
    for password in ["x", &"x".repeat(100)] {
        assert!(ask(&pam, &user.name, password).is_ok());
        assert!(ask(&pam, "root", password).is_err());
        let both = fs::read_to_string(&lengths).unwrap();
        let both: Vec<&str> = both.lines().collect();
        assert_eq!((both.len(), both[0]), (2, both[1]));
        fs::remove_file(&lengths).unwrap();
    }
}

#[test]
fn no_debugger_and_no_core_file_gets_what_a_worker_knows() {
    let home = Home::new("");
    let user = User::new(&home);
    let told = home.path("told");
    let tells = module(&format!("tells_dumpable {}", told.display()));
    let service = Service::new(&format!("{tells}\naccount required pam_permit.so"));
    assert!(ask(&asked(&service), &user.name, "any").is_ok());
    assert_eq!(fs::read_to_string(told).unwrap(), "0\n");
}
