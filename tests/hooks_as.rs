//! As whom `fxpd` runs programs behind uploads, where each session is its account: as the kernel
//! tells the programs themselves.

use crate::{
    ftp::Ftp,
    hooks::{fifo, is_running},
    privilege::{ANN, BOB, NO_CAPABILITIES, TO_CHANGE_IDS, four, fxpd, home, inetd, log_in, serve},
    started::{Home, Running, wait_until},
};
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    process::Command,
};

/// Says all that the kernel knows of it in one line.
const TELLS: &str = "tr -s '\\t\\n' '  ' < /proc/self/status; echo";

/// A home whose sessions are their accounts, with this shell script behind uploads of both kinds.
fn home_with(script: &str, settings: &str) -> Home {
    let home = home("account_ids = true");
    put_program(&home, "hook", script);
    let hook = home.word("hook");
    let mut config = fs::read_to_string(home.path("fxpd.conf")).unwrap();
    config += &format!("on_upload = '{hook}'\non_upload_failed = '{hook}'\n{settings}\n");
    fs::write(home.path("fxpd.conf"), config).unwrap();
    home
}

fn put_program(home: &Home, name: &str, script: &str) {
    fs::write(home.path(name), format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(home.path(name), fs::Permissions::from_mode(0o755)).unwrap();
}

/// What `hook` says of itself is what the kernel says of a process with this uid, gid and
/// capabilities, and with these groups.
#[track_caller]
fn runs_as(home: &Home, hook: &str, id: u32, groups: &str, capabilities: &str) {
    let told = home.hears(&format!("{hook}["));
    for expected in [
        format!(" Uid: {0} Gid: {0} FDSize:", four(id)),
        format!(" Groups: {groups}NStgid:"),
        format!(" CapInh: {NO_CAPABILITIES} CapPrm: {capabilities} CapEff: {capabilities} "),
        format!(" CapAmb: {NO_CAPABILITIES} NoNewPrivs: 1 "),
    ] {
        assert!(told.contains(&expected), "no '{expected}': {told}");
    }
}

#[test]
fn a_program_is_the_account_altogether() {
    let home = home_with(TELLS, "");
    let (_server, address) = serve(&home);
    let mut ftp = log_in(address);
    ftp.upload("STOR file", b"hello");
    runs_as(&home, "on_upload", ANN, "", NO_CAPABILITIES);
    ftp.breaks_off("STOR cut", b"half");
    runs_as(&home, "on_upload_failed", ANN, "", NO_CAPABILITIES);
}

#[test]
fn a_program_is_in_the_groups_of_the_account() {
    let home = home_with(TELLS, "");
    let groups = [BOB, BOB + 1];
    let answer = format!(
        r#"\"result\":\"allow\",\"home\":\"{}\",\"uid\":{ANN},\"gid\":{ANN},\"groups\":{groups:?}"#,
        home.word("ann")
    );
    let script = format!(
        "while read -r line; do id=${{line#*\\\"id\\\":}}; \
         echo \"{{\\\"id\\\":${{id%%,*}},{answer}}}\"; done"
    );
    put_program(&home, "knows", &script);
    let mut command = fxpd(&home);
    command.args(["-o", &format!("auth_program={}", home.word("knows"))]);
    let _server = Running::start(&mut command);
    let mut ftp = Ftp::connect(home.address());
    ftp.secure();
    ftp.log_in("dora");
    ftp.upload("STOR file", b"hello");
    runs_as(&home, "on_upload", ANN, &format!("{} {} ", groups[0], groups[1]), NO_CAPABILITIES);
}

#[test]
fn a_program_is_the_server_where_the_operator_wants_it() {
    let home = home_with(TELLS, "hooks_as = 'server'");
    let (_server, address) = serve(&home);
    log_in(address).upload("STOR file", b"hello");
    runs_as(&home, "on_upload", 0, &format!("0 {BOB} "), TO_CHANGE_IDS);
}

#[test]
fn a_program_is_the_account_in_a_process_of_one_client() {
    for settings in ["", "hooks_as = 'server'"] {
        let home = home_with(TELLS, settings);
        let (mut server, mut ftp) = inetd(&home);
        ftp.log_in("ann");
        ftp.upload("STOR file", b"hello");
        runs_as(&home, "on_upload", ANN, "", NO_CAPABILITIES);
        ftp.says("QUIT", 221);
        assert_eq!(server.0.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_program_follows_no_link_to_what_is_not_the_accounts() {
    let script = "echo begun; read line < \"${0%/*}/go\"; cat \"$FXPD_FILE\" 2>&1; echo over";
    let home = home_with(script, "");
    fifo(&home.path("go"));
    fs::set_permissions(home.path("go"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(home.path("secret"), "of root's\n").unwrap();
    fs::set_permissions(home.path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    let (_server, address) = serve(&home);
    log_in(address).upload("STOR file", b"hello");
    home.hears("]: begun");
    // As a program of the account may while the hook is on its way.
    fs::remove_file(home.path("ann/file")).unwrap();
    symlink(home.path("secret"), home.path("ann/file")).unwrap();
    fs::write(home.path("go"), "\n").unwrap();
    let read = home.hears("on_upload[");
    assert!(read.contains("Permission denied") && !read.contains("of root's"), "{read}");
    home.hears("]: over");
}

#[test]
fn what_a_program_makes_is_the_accounts() {
    let script = "cp \"$FXPD_FILE\" \"$FXPD_FILE.new\"; mv \"$FXPD_FILE.new\" \"$FXPD_FILE.copy\"; echo over";
    let home = home_with(script, "");
    let (_server, address) = serve(&home);
    log_in(address).upload("STOR file", b"hello");
    home.hears("]: over");
    assert_eq!(home.file("file.copy"), b"hello");
    let about = fs::metadata(home.path("ann/file.copy")).unwrap();
    assert_eq!((about.uid(), about.gid()), (ANN, ANN));
}

#[test]
fn a_program_that_the_account_may_not_execute_is_told_of() {
    let home = home_with("echo begun", "");
    fs::set_permissions(home.path("hook"), fs::Permissions::from_mode(0o700)).unwrap();
    let (_server, address) = serve(&home);
    let mut ftp = log_in(address);
    ftp.upload("STOR file", b"hello");
    let told = home.hears("on_upload");
    let why = format!("cannot be run for /file by ann, who is uid {ANN}: Permission denied");
    assert!(told.contains(&why), "{told}");
    ftp.says("NOOP", 200);
}

/// Root without further capabilities cannot signal others' processes.
#[test]
fn a_program_of_the_account_that_hangs_is_ended_with_all_of_its_group() {
    let script = "(trap '' TERM; exec sleep 1000) & echo \"child $!\"; wait";
    let home = home_with(script, "hook_timeout_s = 1");
    let (_server, address) = serve(&home);
    log_in(address).upload("STOR file", b"hello");
    let line = home.hears("]: child ");
    let child = line.rsplit(' ').next().unwrap().to_owned();
    assert!(is_running(&child), "{line}");
    home.hears("takes too long: SIGTERM");
    home.hears("signal: 15");
    wait_until("all have ended", || !is_running(&child));
}

#[test]
fn a_server_that_could_leave_capabilities_to_accounts_does_not_start() {
    let home = home("account_ids = true");
    let mut command = Command::new("setpriv"); // of util-linux
    command.args(["--securebits=+no_setuid_fixup", env!("CARGO_BIN_EXE_fxpd"), "-c"]);
    let mut server = Running::start(command.arg(home.path("fxpd.conf")));
    home.hears("securebits(7) keep capabilities with a change of uid");
    assert_eq!(server.0.wait().unwrap().code(), Some(71));
}
