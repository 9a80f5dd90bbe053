//! Users of the system who log in by PAM: real users and real modules. The processes behind it are in
//! `pam_processes.rs`.

use crate::{
    ftp::Ftp,
    other_server::connect_from,
    pam_processes::helper,
    peer::Client,
    privilege::{NO_CAPABILITIES, four, fxpd, inetd, is, thread as thread_of, threads},
    started::{Home, Orphan, Running, example, free_address, wait_for_listener},
    system_user::{PASSWORD, Service, User, script},
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::Path,
    process::Command,
    sync::atomic::{AtomicU8, Ordering},
    time::{Duration, Instant},
};

/// The least time that PAM has a wrong password wait for when pam_unix(8) asks for two seconds.
const LEAST_DELAY: Duration = Duration::from_secs(1);

/// A home whose server asks `service`, with these settings more.
pub fn home(service: &Service, more: &str) -> Home {
    let home = Home::new(&format!("{}{more}", service.settings()));
    // The accounts of the users file are nobody's, and may come in.
    home.opens_to(65_534);
    fs::set_permissions(home.path("passwd"), fs::Permissions::from_mode(0o600)).unwrap();
    home
}

pub fn serve(home: &Home) -> (Running, SocketAddr) {
    let server = Running::start(&mut fxpd(home));
    let address = home.address();
    home.hears("serving");
    (server, address)
}

/// A control connection under TLS that has said `USER`.
pub fn introduced(address: SocketAddr, name: &str) -> Ftp {
    let mut ftp = Ftp::connect(address);
    ftp.secure();
    ftp.says(&format!("USER {name}"), 331);
    ftp
}

pub fn log_in(address: SocketAddr, name: &str) -> Ftp {
    let mut ftp = introduced(address, name);
    prove(&mut ftp);
    ftp
}

pub fn prove(ftp: &mut Ftp) {
    ftp.says(&format!("PASS {PASSWORD}"), 230);
    ftp.says("PBSZ 0", 200);
    ftp.says("PROT P", 200);
}

/// What the client hears, and after which time. Each comes from an address of its own, where nobody
/// has guessed before: guessing is made slow by the server as well.
pub fn refused(address: SocketAddr, name: &str, password: &str) -> (String, Duration) {
    static LAST: AtomicU8 = AtomicU8::new(1);
    let source = format!("127.0.0.{}", LAST.fetch_add(1, Ordering::Relaxed) + 1);
    let mut ftp = Ftp::over(connect_from(&source, address), address, Client::any());
    ftp.hears(220);
    ftp.secure();
    ftp.says(&format!("USER {name}"), 331);
    let began = Instant::now();
    let reply = ftp.says(&format!("PASS {password}"), 530);
    (reply, began.elapsed())
}

#[test]
fn a_user_of_the_system_logs_in_and_is_itself() {
    let service = Service::unix("");
    // Landlock would not look at owners, and must not be what denies.
    let home = home(&service, "landlock = 'off'\n");
    let user = User::new(&home);
    let put = |name: &str, gid: u32| {
        let path = user.file(&home, name);
        fs::write(&path, "shared").unwrap();
        chown(&path, Some(0), Some(gid)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    };
    put("of_its_group", user.group);
    put("of_group_0", 0);
    let (_server, address) = serve(&home);
    let mut ftp = log_in(address, &user.name);
    ftp.upload("STOR file", b"hello");
    ftp.says("MKD dir", 257);
    for name in ["file", "dir"] {
        let about = fs::metadata(user.file(&home, name)).unwrap();
        assert_eq!((about.uid(), about.gid()), (user.uid, user.gid), "{name}");
    }
    assert_eq!(ftp.download("RETR of_its_group"), b"shared");
    ftp.epsv();
    ftp.says("RETR of_group_0", 550);
    ftp.says("CWD ..", 250);
    assert!(ftp.says("PWD", 257).contains("\"/\""), "its home is the root");
    let mut groups = [user.gid, user.group];
    groups.sort_unstable();
    let groups = groups.map(|gid| gid.to_string()).join(" ");
    let (uid, gid) = (format!("0 0 0 {}", user.uid), format!("0 0 0 {}", user.gid));
    let session = [
        ("Uid", uid.as_str()),
        ("Gid", &gid),
        ("Groups", &groups),
        ("CapEff", NO_CAPABILITIES),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ];
    is(&thread_of(home.pid(), "session"), &session);
    // The users file has its accounts as before, and after a reload all of them are there.
    crate::privilege::log_in(address);
    kill_process(Pid::from_raw(home.pid()).unwrap(), Signal::HUP).unwrap();
    home.hears(": reloaded");
    log_in(address, &user.name);
}

#[test]
fn whoever_may_not_enter_hears_the_same() {
    let service = Service::unix("nodelay nullok");
    let home = home(&service, "");
    let [good, expired, aged, locked, empty] = [(); 5].map(|()| User::new(&home));
    expired.is(&["-e", "1990-01-01"]);
    let chage = Command::new("chage").args(["-d", "0", &aged.name]).status().unwrap();
    assert!(chage.success());
    locked.is(&["-L"]);
    empty.is(&["-p", ""]);
    let system = User::with(&home, &["--system"]);
    let of_root = User::new(&home);
    of_root.is(&["-G", "0"]);
    let (_server, address) = serve(&home);
    log_in(address, &good.name);
    let (wrong, _) = refused(address, &good.name, "wrong");
    for (name, password, reason) in [
        ("no-such-user", PASSWORD, "there is no such user"),
        (&expired.name, PASSWORD, "with the right password: User account has expired"),
        (&aged.name, PASSWORD, "with the right password: Authentication token is no longer"),
        (&locked.name, PASSWORD, "Authentication failure"),
        (&empty.name, "", "Authentication failure"),
        (&system.name, PASSWORD, "is below pam_min_uid, 1000"),
        (&of_root.name, PASSWORD, "it is root, or of root's group"),
        ("root", PASSWORD, "it is root, or of root's group"),
        (&good.name.to_uppercase(), PASSWORD, "there is no such user"),
        (&good.name, &format!("{PASSWORD}x"), "Authentication failure"),
    ] {
        let (reply, _) = refused(address, name, password);
        assert_eq!(reply, wrong, "{name}");
        let logged = home.hears(&format!("PAM refuses {name} at 127.0.0."));
        assert!(logged.contains(reason), "{logged}");
    }
}

#[test]
fn the_operator_says_from_which_uid_on_users_enter_and_with_whom_they_copy() {
    let service = Service::unix("nodelay");
    let home = home(&service, "fxp = 'off'\n");
    let mut users = [(); 2].map(|()| User::with(&home, &["--system"]));
    users.sort_by_key(|user| user.uid);
    let [below, least] = users;
    let setting = format!("pam_min_uid={}", least.uid);
    let _server = Running::start(fxpd(&home).args(["-o", &setting]));
    let address = home.address();
    home.hears("serving");
    refused(address, &below.name, PASSWORD);
    home.hears(&format!("is below pam_min_uid, {}", least.uid));
    let mut ftp = log_in(address, &least.name);
    assert!(ftp.says("PORT 127,0,0,2,200,1", 550).contains("may not copy"));
}

#[test]
fn whoever_may_not_enter_hears_it_as_late() {
    let service = Service::unix("");
    let home = home(&service, "");
    let (good, expired) = (User::new(&home), User::new(&home));
    expired.is(&["-e", "1990-01-01"]);
    let system = User::with(&home, &["--system"]);
    let (_server, address) = serve(&home);
    log_in(address, &good.name);
    // Its own password is what would give it away.
    for (name, password) in [
        (&good.name, "wrong"),
        (&expired.name, PASSWORD),
        (&system.name, PASSWORD),
        (&"ann".to_owned(), "wrong"),
        (&"no-such-user".to_owned(), PASSWORD),
    ] {
        let (_, late) = refused(address, name, password);
        assert!(late >= LEAST_DELAY, "{name}: {late:?}");
    }
}

#[test]
fn modules_see_no_password_that_must_not_open() {
    let seen = tempfile::tempdir().unwrap();
    let place = seen.path().join("seen");
    let service = Service::new(&format!(
        "auth optional pam_exec.so expose_authtok quiet {0}/note\n\
         auth required pam_permit.so\naccount required pam_permit.so",
        seen.path().display()
    ));
    let home = home(&service, "");
    let note = script(&home, "note", &format!("echo \"$PAM_USER=$(cat)\" >> {}", place.display()));
    fs::copy(note, seen.path().join("note")).unwrap();
    let system = User::with(&home, &["--system"]);
    let user = User::new(&home);
    let (_server, address) = serve(&home);
    // PAM would let in all of them.
    refused(address, "root", "of-root");
    refused(address, &system.name, "of-system");
    refused(address, "no-such-user", "of-nobody");
    refused(address, "ann", "of-ann");
    crate::privilege::log_in(address);
    introduced(address, &user.name).says("PASS of-user", 230);
    let notes = fs::read(place).unwrap();
    let notes = String::from_utf8_lossy(&notes);
    for who in ["root=", &format!("{}=", system.name), "no-such-user=", "ann="] {
        assert_eq!(notes.matches(who).count(), 1, "{who} in {notes}");
    }
    for password in ["of-root", "of-system", "of-nobody", "of-ann", "=pw"] {
        assert!(!notes.contains(password), "{notes}");
    }
    assert!(notes.contains(&format!("{}=of-user\n", user.name)), "{notes}");
}

#[test]
fn a_process_of_one_client_becomes_the_user_for_good() {
    let service = Service::unix("");
    let home = home(&service, "");
    let user = User::new(&home);
    let (mut server, mut ftp) = inetd(&home);
    home.hears("serving");
    let (pid, helper) = (home.pid(), Orphan(helper(home.pid())));
    ftp.says(&format!("USER {}", user.name), 331);
    prove(&mut ftp);
    for (_, status) in threads(pid) {
        let (uid, gid) = (four(user.uid), four(user.gid));
        let expected = [("Uid", uid.as_str()), ("Gid", gid.as_str()), ("CapPrm", NO_CAPABILITIES)];
        is(&status, &expected);
        let groups: BTreeSet<&str> = status["Groups"].split(' ').collect();
        assert_eq!(
            groups,
            [user.gid.to_string(), user.group.to_string()].iter().map(|gid| &**gid).collect()
        );
    }
    ftp.upload("STOR file", b"hello");
    assert_eq!(fs::metadata(user.file(&home, "file")).unwrap().uid(), user.uid);
    ftp.says("QUIT", 221);
    assert_eq!(server.0.wait().unwrap().code(), Some(0));
    helper.ends();
}

#[test]
fn a_server_with_sockets_of_systemd_asks_pam_as_well() {
    let service = Service::unix("");
    let home = home(&service, "");
    let user = User::new(&home);
    let address = free_address();
    let mut command = Command::new("systemd-socket-activate");
    command.args(["-l", &address.to_string(), env!("CARGO_BIN_EXE_fxpd"), "-c"]);
    let _server = Running::start(command.arg(home.path("fxpd.conf")).env_remove("RUST_LOG"));
    wait_for_listener(address);
    let mut ftp = log_in(address, &user.name);
    home.hears("serving");
    let helper = helper(home.pid());
    let inode = fs::read_link(format!("/proc/{}/fd/3", home.pid())).unwrap();
    assert!(inode.to_string_lossy().starts_with("socket:"), "{inode:?}");
    for entry in fs::read_dir(format!("/proc/{helper}/fd")).unwrap() {
        let link = fs::read_link(entry.unwrap().path());
        assert!(link.is_ok_and(|link| link != inode), "the socket that listens is the server's");
    }
    ftp.upload("STOR file", b"hello");
}

#[test]
fn the_service_that_is_installed_keeps_out_whom_the_administrator_lists() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/fxpd.pam");
    let lines = fs::read_to_string(file).unwrap();
    let list = tempfile::NamedTempFile::new().unwrap();
    let ours = lines.replace("/etc/ftpusers", list.path().to_str().unwrap());
    assert_ne!(lines, ours);
    let service = Service::new(&ours);
    let home = home(&service, "");
    let [good, listed, shell] = [(); 3].map(|()| User::new(&home));
    fs::write(list.path(), format!("root\n{}\n", listed.name)).unwrap();
    shell.is(&["-s", "/usr/sbin/nologin"]);
    let (_server, address) = serve(&home);
    log_in(address, &good.name);
    for user in [&listed, &shell] {
        refused(address, &user.name, PASSWORD);
    }
}

#[test]
fn settings_that_make_no_sense_are_told() {
    let service = Service::unix("");
    let check = |settings: &str| {
        let output = Home::new(settings).fxpd().arg("-t").output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let lonely = service.settings().replace("account_ids = true\n", "");
    let (code, words) = check(&lonely);
    assert!(code == Some(78) && words.contains("'pam_service' needs 'account_ids'"), "{words}");
    let (code, words) = check(&format!("{}user = 'nobody'\n", service.settings()));
    assert!(code == Some(78) && words.contains("only root can take on accounts' ids"), "{words}");
    let (code, words) = check(&service.settings());
    assert!(code == Some(0) && !words.contains("pam_service"), "{words}");
    let gone = service.settings();
    drop(service);
    let (code, words) = check(&gone);
    let warning = "warning: pam_service: there is no /etc/pam.d/";
    assert!(code == Some(0) && words.contains(warning), "{words}");
}

#[test]
fn the_manual_shows_how_to_start_it() {
    let words = example("# fxpd -o account_ids=true ");
    let service = Service::unix("");
    let home = home(&service, "");
    let user = User::new(&home);
    let settings: Vec<String> = words[2..]
        .iter()
        .map(|word| word.replace("=fxpd", &format!("={}", service.name)))
        .collect();
    assert_eq!(settings[3], format!("pam_service={}", service.name));
    let file = home.path("fxpd.conf");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("account_ids", "#").replace("pam_service", "#")).unwrap();
    let _server = Running::start(fxpd(&home).args(&settings));
    log_in(home.address(), &user.name);
}
