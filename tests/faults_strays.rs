//! A server that is killed while a name is hidden, and the next one: the name is gone though nobody
//! lists its directory, and nothing else is.

use crate::{
    faults::{begin, ends_well, half},
    ftp::Ftp,
    mounts::Mount,
    peer,
    privilege::{self, ANN},
    started::{Home, Running, wait_until},
};
use rustix::{
    fs::{CWD, Mode, mkfifoat},
    process::Signal,
};
use std::{
    fs::{self, File, Permissions},
    io::Write,
    net::Shutdown,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, chown, symlink},
    },
    path::Path,
    process::Command,
};

const HIDDEN: &str = ".fxpd.0123456789abcdef.part";

fn home() -> Home {
    let home = Home::new("log = 'syslog'");
    fs::write(home.path("ann/old"), "the old file").unwrap();
    home
}

/// A server, and ann who has logged in, so many times. What syslog heard by then is out of the way
/// of what follows.
fn serve<const N: usize>(command: &mut Command, home: &Home) -> (Running, [Ftp; N]) {
    let server = Running::start(command);
    let address = home.address();
    let log_in = |()| {
        let ftp = privilege::log_in(address);
        home.hears("logged in as ann");
        ftp
    };
    (server, [(); N].map(log_in))
}

fn kill(server: &mut Running) {
    server.0.kill().unwrap();
    server.0.wait().unwrap();
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn hidden(directory: &Path) -> Vec<String> {
    let mut names = names(directory);
    names.retain(|name| name.starts_with(".fxpd."));
    names
}

fn books(home: &Home) -> usize {
    names(&home.path("state")).len()
}

/// Bytes in all books.
fn written(home: &Home) -> u64 {
    let books = fs::read_dir(home.path("state")).unwrap();
    books.map(|book| book.unwrap().metadata().unwrap().len()).sum()
}

/// The next server, of this command: once it has started, nothing hidden is in `directory`.
fn next_one_clears_away(command: &mut Command, home: &Home, directory: &Path) -> Running {
    let server = Running::start(command);
    home.hears("removed .fxpd.");
    assert_eq!(hidden(directory), [""; 0]);
    wait_until("no book but its own is left", || books(home) == 1);
    server
}

/// Replaces a file of ann's, and has the server killed when the new one takes the name.
fn kill_in_the_moment_of_replacing(home: &Home) {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat,renameat2"]);
    strace.args(["-e", "inject=renameat,renameat2:signal=KILL"]);
    strace.arg(env!("CARGO_BIN_EXE_fxpd")).arg("-c").arg(home.path("fxpd.conf"));
    let (mut server, [mut ftp]) = serve(&mut strace, home);
    let mut data = begin(&mut ftp, "STOR old");
    data.write_all(b"the new file").unwrap();
    peer::finish(data);
    server.0.wait().unwrap();
    assert_eq!(home.file("old"), b"the old file");
    let left = hidden(&home.path("ann"));
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(home.file(&left[0]), b"the new file");
}

#[test]
fn a_name_of_the_moment_in_which_a_file_is_replaced_goes_with_the_next_start() {
    let home = home();
    kill_in_the_moment_of_replacing(&home);
    let _server = next_one_clears_away(&mut home.fxpd(), &home, &home.path("ann"));
    assert_eq!(home.file("old"), b"the old file");
}

#[test]
fn where_uploads_have_names_those_of_a_killed_server_go_with_the_next_start() {
    let home = Home::new("log = 'syslog'");
    let _shared = Mount::shared(&home.path("ann"));
    fs::create_dir_all(home.path("ann/d/e")).unwrap();
    symlink("d/e", home.path("ann/link")).unwrap();
    symlink("link/behind", home.path("ann/file")).unwrap();
    let (mut server, mut clients) = serve::<4>(&mut home.fxpd(), &home);
    let commands = ["STOR new", "STOR /link/new", "STOR file", "APPE d/appended"];
    let begun = clients.iter_mut().zip(commands).map(|(ftp, command)| half(ftp, command, b"half"));
    let _halves: Vec<_> = begun.collect();
    kill(&mut server);
    let left = |directory: &str| hidden(&home.path(directory)).len();
    assert_eq!(["ann", "ann/d", "ann/d/e"].map(left), [1, 1, 2]);
    let _server = Running::start(&mut home.fxpd());
    wait_until("nothing is left", || ["ann", "ann/d", "ann/d/e"].map(left) == [0; 3]);
    wait_until("no book but its own is left", || books(&home) == 1);
}

#[test]
fn the_names_of_accounts_are_removed_as_the_account() {
    let home = privilege::home("account_ids = true");
    let tree = home.path("ann");
    fs::write(tree.join("old"), "the old file").unwrap();
    chown(tree.join("old"), Some(ANN), Some(ANN)).unwrap();
    // The server is root, without what lets root in here.
    fs::set_permissions(&tree, Permissions::from_mode(0o700)).unwrap();
    kill_in_the_moment_of_replacing(&home);
    let _server = next_one_clears_away(&mut home.fxpd(), &home, &tree);
}

#[test]
fn processes_of_one_client_clear_away_after_each_other() {
    for settings in ["account_ids = false", "account_ids = true"] {
        let (home, _shared) = shared_home(settings);
        let tree = home.path("ann");
        let (mut server, mut ftp) = privilege::inetd(&home);
        ftp.log_in("ann");
        home.hears("logged in as ann");
        let _half = half(&mut ftp, "STOR new", b"half");
        kill(&mut server);
        assert_eq!(hidden(&tree).len(), 1);
        let (mut server, mut ftp) = privilege::inetd(&home);
        home.hears("removed .fxpd.");
        assert_eq!(hidden(&tree), [""; 0], "{settings}, and nobody has logged in");
        ftp.log_in("ann");
        ftp.upload("STOR new", b"whole");
        ftp.says("QUIT", 221);
        assert!(server.0.wait().unwrap().success());
        // Who has become the account cannot remove its book, and leaves it empty.
        assert_eq!(written(&home), 0);
        let (_server, _ftp) = privilege::inetd(&home);
        assert_eq!(books(&home), 1);
    }
}

/// A home whose `ann` is a user of the system, on a file system where uploads have names.
fn shared_home(settings: &str) -> (Home, Mount) {
    let home = privilege::home(settings);
    let shared = Mount::shared(&home.path("ann"));
    chown(home.path("ann"), Some(ANN), Some(ANN)).unwrap();
    (home, shared)
}

#[test]
fn what_a_session_could_not_remove_is_removed_when_the_next_server_starts() {
    let (home, shared) = shared_home("account_ids = true\nkeep_partial = false");
    let (mut server, [mut ftp]) = serve(&mut home.fxpd(), &home);
    let data = half(&mut ftp, "STOR new", b"half");
    let mode = |mode: u32| {
        fs::set_permissions(home.path("ann"), Permissions::from_mode(mode)).unwrap();
    };
    mode(0o500);
    data.get_ref().shutdown(Shutdown::Write).unwrap();
    ftp.hears(426);
    ftp.says("QUIT", 221);
    server.signal(Signal::TERM);
    assert!(server.0.wait().unwrap().success());
    // Nor can the next one, as long as that is so.
    let mut second = Running::start(&mut home.fxpd());
    home.hears("stays, somewhere in ");
    kill(&mut second);
    assert_eq!(shared.hidden_names().len(), 1);
    mode(0o700);
    let _third = next_one_clears_away(&mut home.fxpd(), &home, &home.path("ann"));
}

#[test]
fn a_file_system_that_does_not_answer_keeps_no_client_waiting() {
    let (home, shared) = shared_home("account_ids = true");
    let (mut server, [mut ftp]) = serve(&mut home.fxpd(), &home);
    let _half = half(&mut ftp, "STOR new", b"half");
    kill(&mut server);
    let hanging = shared.hangs();
    let _server = Running::start(&mut home.fxpd());
    let mut ftp = Ftp::connect(home.address());
    ftp.says("NOOP", 200);
    // It is at it, meanwhile.
    privilege::thread(home.pid(), "clearing");
    drop(hanging);
    home.hears("removed .fxpd.");
    assert!(shared.hidden_names().is_empty());
}

#[test]
fn a_process_that_will_be_its_account_has_cleared_away_by_then() {
    let (home, shared) = shared_home("account_ids = true");
    let (mut server, mut ftp) = privilege::inetd(&home);
    ftp.log_in("ann");
    home.hears("logged in as ann");
    let _half = half(&mut ftp, "STOR new", b"half");
    kill(&mut server);
    let hanging = shared.hangs();
    let (server, mut ftp) = privilege::silent_inetd(&home);
    let pid = server.0.id() as i32;
    privilege::thread(pid, "trial");
    // Another one has it to do: who comes is served.
    let (_other, mut guest) = privilege::inetd(&home);
    guest.says("NOOP", 200);
    let threads: Vec<_> = privilege::threads(pid).into_iter().map(|(name, _)| name).collect();
    assert!(!threads.contains(&"session".to_owned()), "{threads:?}");
    drop(hanging);
    ftp.hears(220);
    assert!(shared.hidden_names().is_empty());
    ftp.secure();
    ftp.log_in("ann");
}

/// Writes a book as a server that was killed leaves it, with one entry.
fn leave_book(home: &Home, number: usize, directory: &str, name: &str) {
    let top = home.path("ann");
    let fields = [b"0:0:", top.as_os_str().as_bytes(), directory.as_bytes(), name.as_bytes()];
    let page = fields.map(|field| [field, b"\0"].concat()).concat();
    let book = home.path(&format!("state/uploads-{number:016x}.book"));
    fs::write(book, page).unwrap();
}

#[test]
fn a_book_that_says_anything_harms_nothing() {
    let home = home();
    let state = home.path("state");
    fs::create_dir(&state).unwrap();
    fs::write(home.path("precious"), "precious").unwrap();
    for (number, directory, name) in [
        (1, "/", "old"),
        (2, "/", "../precious"),
        (3, "/..", "precious"),
        (4, "/", &format!("d/{HIDDEN}")),
        (5, "/", "."),
        (6, "/", ""),
    ] {
        leave_book(&home, number, directory, name);
    }
    let book = |name: &str| state.join(format!("uploads-{name}.book"));
    fs::write(book("00000000000000aa"), vec![b'x'; 100_000]).unwrap();
    let endless = File::create(book("00000000000000bb")).unwrap();
    endless.set_len(1 << 40).unwrap();
    // What a server never makes stays, and is not even opened for long.
    mkfifoat(CWD, book("00000000000000cc"), Mode::from_raw_mode(0o600)).unwrap();
    symlink(home.path("precious"), book("00000000000000dd")).unwrap();
    fs::hard_link(home.path("precious"), book("00000000000000ee")).unwrap();
    fs::write(state.join("other.book"), "of another program").unwrap();
    let _server = Running::start(&mut home.fxpd());
    let address = home.address();
    home.hears("pages are no entries");
    wait_until("what is a book is gone", || books(&home) == 5);
    let kept = ["00000000000000cc", "00000000000000dd", "00000000000000ee"];
    assert!(kept.iter().all(|name| book(name).symlink_metadata().is_ok()));
    assert_eq!(home.file("old"), b"the old file");
    assert_eq!(fs::read(home.path("precious")).unwrap(), b"precious");
    drop(privilege::log_in(address));
}

#[test]
fn a_directory_that_became_a_link_leads_to_no_removal_outside() {
    let home = home();
    fs::create_dir(home.path("state")).unwrap();
    fs::create_dir(home.path("outside")).unwrap();
    let outside = home.path("outside").join(HIDDEN);
    fs::write(&outside, "of somebody else").unwrap();
    symlink(home.path("outside"), home.path("ann/absolute")).unwrap();
    symlink("../outside", home.path("ann/relative")).unwrap();
    // And a name that is a link, whose target is no name of ours.
    symlink("old", home.path("ann").join(HIDDEN)).unwrap();
    for (number, directory) in ["/absolute", "/relative", "/../outside", "/"].iter().enumerate() {
        leave_book(&home, number, directory, HIDDEN);
    }
    // One more, which shows that they all were read.
    let seen = HIDDEN.replace("0123", "ffff");
    fs::write(home.path("ann").join(&seen), "left").unwrap();
    leave_book(&home, 9, "/", &seen);
    let _server = Running::start(&mut home.fxpd());
    wait_until("the books are gone", || books(&home) == 1);
    assert!(!home.path("ann").join(&seen).exists());
    assert_eq!(fs::read(&outside).unwrap(), b"of somebody else");
    assert_eq!(home.file("old"), b"the old file");
}

#[test]
fn an_upload_of_a_server_that_lives_is_left_alone() {
    let home = Home::new("log = 'syslog'");
    let shared = Mount::shared(&home.path("ann"));
    let (_server, [mut ftp]) = serve(&mut home.fxpd(), &home);
    let data = half(&mut ftp, "STOR new", b"half");
    let name = shared.hidden_names().remove(0);
    // Its own book is locked. One that is not, and names the same, is of no avail either.
    leave_book(&home, 1, "/", &name);
    let mut second = Running::start(&mut home.fxpd());
    home.address();
    wait_until("the other book is gone", || books(&home) == 2);
    assert_eq!(shared.hidden_names(), [name]);
    second.signal(Signal::TERM);
    second.0.wait().unwrap();
    ends_well(&mut ftp, data, b" and half");
    assert_eq!(home.file("new"), b"half and half");
    assert_eq!(written(&home), 0);
}

#[test]
fn a_server_that_ends_leaves_nothing_in_its_book() {
    let home = home();
    let (mut server, [mut ftp]) = serve(&mut home.fxpd(), &home);
    ftp.upload("STOR old", b"new");
    let book = home.path("state").join(&names(&home.path("state"))[0]);
    let about = fs::metadata(book).unwrap();
    assert_eq!((about.len(), about.permissions().mode() & 0o777), (0, 0o600));
    server.signal(Signal::TERM);
    assert!(server.0.wait().unwrap().success());
    assert_eq!(written(&home), 0);
    let _next = Running::start(&mut home.fxpd());
    home.address();
    assert_eq!(books(&home), 1);
}

#[test]
fn no_upload_fails_for_want_of_a_book() {
    let home = home();
    let nowhere = format!("state_directory={}/no/state", home.word("ann"));
    let mut server = Running::start(home.fxpd().args(["-o", &nowhere]));
    home.hears("no book of uploads is kept in");
    let mut ftp = privilege::log_in(home.address());
    ftp.upload("STOR old", b"new");
    kill(&mut server);

    fs::create_dir(home.path("state")).unwrap();
    let _disk = Mount::in_memory(&home.path("state"), "size=64k");
    let (_server, [mut ftp]) = serve(&mut home.fxpd(), &home);
    fs::write(home.path("state/full"), vec![0; 1 << 16]).unwrap();
    for _ in 0..3 {
        ftp.upload("STOR old", b"newer");
    }
    ftp.says("QUIT", 221);
    home.hears("cannot write the book of uploads");
    let next = home.hears("");
    assert!(next.contains("the client said QUIT"), "it is said once: {next}");
    assert_eq!(hidden(&home.path("ann")), [""; 0]);
}
