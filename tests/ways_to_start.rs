//! The ways to start `fxpd` that fxpd(8) shows in its EXAMPLES, each as it stands there.

use crate::{
    ftp::Ftp,
    peer::Client,
    site::PATIENCE,
    started::{Home, Running, all_of, example, free_address, wait_for_listener},
};
use rustix::process::Signal;
use std::{
    fs,
    net::{SocketAddr, TcpStream},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const FXPD: &str = env!("CARGO_BIN_EXE_fxpd");

/// Logs in, leaves a file, and goes.
fn visit(home: &Home, mut ftp: Ftp, name: &str) {
    ftp.log_in("ann");
    ftp.upload(&format!("STOR {name}"), name.as_bytes());
    assert_eq!(home.file(name), name.as_bytes());
    ftp.says("QUIT", 221);
    ftp.hears_the_end();
}

fn explicit(address: SocketAddr) -> Ftp {
    let mut ftp = Ftp::silent(address, Client::any());
    // To the byte: what is written to standard error must not stand before or behind it.
    assert_eq!(ftp.hears(220), "220 fxpd ready");
    ftp.secure();
    ftp
}

/// Debian's openbsd-inetd with one line of the manual in its configuration.
fn inetd(home: &Home, beginning: &str, address: SocketAddr, more: &str) -> Running {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/inetd");
    let program = unpacked.join("usr/sbin/inetd");
    assert!(program.exists(), "no inetd: run tests/inetd.sh");
    let mut line = example(beginning);
    assert_eq!((line[0].as_str(), line[6].as_str()), ("ftp", "fxpd"), "{line:?}");
    line[0] = format!("{}:{}", address.ip(), address.port());
    assert!(line[5].ends_with("/sbin/fxpd"), "{line:?}");
    line[5] = FXPD.to_owned();
    let line = format!("{} -c {} {more}\n", line.join(" "), home.word("fxpd.conf"));
    fs::write(home.path("inetd.conf"), line).unwrap();
    let libraries: Vec<PathBuf> =
        ["usr/lib", "lib"].map(|part| unpacked.join(part).join("x86_64-linux-gnu")).to_vec();
    let inetd = Running::start(
        Command::new(program)
            .arg("-d")
            .arg(home.path("inetd.conf"))
            .env("LD_LIBRARY_PATH", std::env::join_paths(libraries).unwrap())
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    );
    wait_for_listener(address);
    inetd
}

#[test]
fn inetd_nowait_starts_a_process_for_each_client() {
    let (home, address) = (Home::new(""), free_address());
    let _inetd = inetd(&home, "ftp stream tcp nowait ", address, "");
    let mut pids = Vec::new();
    for name in ["one", "two"] {
        visit(&home, explicit(address), name);
        home.hears(": stopped");
        pids.push(home.pid());
    }
    assert_ne!(pids[0], pids[1]);
}

#[test]
fn a_client_of_inetd_hears_nothing_of_what_is_wrong_with_the_server() {
    let (home, address) = (Home::new(""), free_address());
    fs::remove_file(home.path("passwd")).unwrap();
    let _inetd = inetd(&home, "ftp stream tcp nowait ", address, "-v");
    assert_eq!(all_of(TcpStream::connect(address).unwrap()).escape_ascii().to_string(), "");
    let message = home.hears("cannot read ");
    assert!(message.starts_with("<91>"), "an error of the facility ftp: {message}");
}

#[test]
fn inetd_wait_starts_a_process_for_all_and_it_ends_when_idle() {
    let (home, address) = (Home::new("idle_exit_s = 1"), free_address());
    let _inetd = inetd(&home, "ftp stream tcp wait ", address, "");
    let mut pids = Vec::new();
    for name in ["one", "two"] {
        let (first, second) = (explicit(address), explicit(address));
        visit(&home, first, name);
        visit(&home, second, name);
        home.hears("stopping, 0 sessions");
        pids.push(home.pid());
    }
    assert_ne!(pids[0], pids[1]);
}

/// `systemd-socket-activate` as the manual shows it, with these ports in place of those there.
fn activate(home: &Home, beginning: &str, ports: &[(&str, SocketAddr)]) -> Running {
    let mut words = example(beginning);
    assert_eq!(words.remove(0), "$");
    for (shown, address) in ports {
        let mut count = 0;
        for word in &mut words {
            if word == shown {
                (*word, count) = (address.to_string(), count + 1);
            } else if word.ends_with(&format!(":{shown}")) {
                *word = word.replace(shown, &address.port().to_string());
            }
        }
        assert_eq!(count, 1, "{shown} in {words:?}");
    }
    let program = words.iter().position(|word| word == "fxpd").unwrap();
    words[program] = FXPD.to_owned();
    let child = Running::start(
        Command::new(&words[0])
            .args(&words[1..])
            .arg("-c")
            .arg(home.path("fxpd.conf"))
            .args(["-o", "log=syslog"])
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    );
    ports.iter().for_each(|(_, address)| wait_for_listener(*address));
    child
}

#[test]
fn systemd_hands_over_sockets_and_their_names_tell_when_tls_begins() {
    let (home, ftp, ftps) = (Home::new(""), free_address(), free_address());
    let ports = [("2121", ftp), ("2990", ftps)];
    let mut server = activate(&home, "$ systemd-socket-activate -l 2121 -l 2990", &ports);
    visit(&home, explicit(ftp), "one");
    visit(&home, Ftp::implicit(ftps), "two");
    let mut stays = explicit(ftp);
    // It became the server, which holds no descriptor that a program it starts would inherit.
    let pid = server.0.id();
    let mut sockets = 0;
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{name}")).unwrap_or_default();
        let Some(flags) = info.lines().find_map(|line| line.strip_prefix("flags:")) else {
            continue;
        };
        let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
        if name.parse::<u32>().unwrap() > 2 {
            assert_ne!(flags & 0o2_000_000, 0, "descriptor {name} stays open on exec");
            sockets += 1;
        }
    }
    assert!(sockets > 2);
    server.signal(Signal::TERM);
    stays.hears(421);
    assert!(server.0.wait().unwrap().success());
}

#[test]
fn systemd_starts_a_process_for_each_client_and_their_port_tells_when_tls_begins() {
    for (beginning, shown) in [
        ("$ systemd-socket-activate -l 2121 -a", "2121"),
        ("$ systemd-socket-activate -l 2990 -a", "2990"),
    ] {
        let (home, address) = (Home::new(""), free_address());
        let _activator = activate(&home, beginning, &[(shown, address)]);
        let mut pids = Vec::new();
        for name in ["one", "two"] {
            match shown {
                "2121" => visit(&home, explicit(address), name),
                _ => visit(&home, Ftp::implicit(address), name),
            }
            home.hears(": stopped");
            pids.push(home.pid());
        }
        assert_ne!(pids[0], pids[1]);
    }
}

#[test]
fn descriptors_that_were_not_handed_over_are_an_error() {
    let home = Home::new("");
    let script = |fds: &str| {
        let program = format!("LISTEN_PID=$$ LISTEN_FDS={fds} exec {FXPD} -c \"$0\"");
        let mut shell = Command::new("timeout");
        shell.args([&PATIENCE.as_secs().to_string(), "sh", "-c", &program]);
        shell.arg(home.path("fxpd.conf")).stdin(Stdio::null()).output().unwrap()
    };
    for (fds, what) in [
        ("1", "descriptor 3 was not handed over"),
        ("-1", "LISTEN_FDS: '-1' is no number of sockets"),
        ("x", "LISTEN_FDS: 'x' is no number of sockets"),
        ("1 3</dev/null", "descriptor 3 is no TCP socket"),
    ] {
        let fds = fds.split_once(' ').map_or(fds.to_owned(), |(fds, more)| {
            // Opened by the shell, and so there when fxpd starts.
            format!("{fds}; exec {more}; LISTEN_PID=$$ LISTEN_FDS={fds}")
        });
        let run = script(&fds);
        let errors = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(71), "{errors}");
        assert!(errors.contains(what), "{what}: {errors}");
    }
}

#[test]
fn in_the_foreground_it_is_who_the_manual_says() {
    let home = Home::new("log = 'syslog'");
    let words = example("# fxpd -o user=");
    assert_eq!(words, ["#", "fxpd", "-o", "user=fxpd"]);
    // Only root can become another; whoever else runs this test stays who they are.
    let root = rustix::process::getuid().is_root();
    let id = |option: &str| {
        let of = root.then_some("nobody");
        let output = Command::new("id").arg(option).args(of).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let user = id("-un");
    if root {
        home.opens_to(id("-u").parse().unwrap());
    }
    let mut server = Running::start(
        home.fxpd().arg(&words[2]).arg(words[3].replace("fxpd", &user)).stdin(Stdio::null()),
    );
    visit(&home, explicit(home.address()), "one");
    let status = fs::read_to_string(format!("/proc/{}/status", server.0.id())).unwrap();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    assert!(uids.split_ascii_whitespace().all(|uid| uid == id("-u")), "{uids}");
    server.signal(Signal::INT);
    assert!(server.0.wait().unwrap().success());
}

#[test]
fn a_standard_input_that_is_no_client_changes_nothing() {
    let home = Home::new("log = 'syslog'");
    let (theirs, _ours) = UnixStream::pair().unwrap();
    let _server = Running::start(home.fxpd().stdin(OwnedFd::from(theirs)));
    visit(&home, explicit(home.address()), "one");
}
