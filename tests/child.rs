//! The program `fxpd` itself as a child, for what a server in this process cannot show: its memory,
//! its time zone, its user.

use crate::{ftp::Ftp, site::PATIENCE};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::channel,
    thread,
};
use tempfile::TempDir;

/// A running `fxpd` whose account `ann` has the password `pw` and the directory `tree`.
pub struct Daemon {
    child: Child,
    pub address: SocketAddr,
    directory: TempDir,
}

impl Daemon {
    /// With the settings `key=value` and these environment variables.
    pub fn start(settings: &[&str], environment: &[(&str, &str)]) -> Daemon {
        let directory = tempfile::tempdir().unwrap();
        // Whatever user it becomes may come in.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("tree")).unwrap();
        run(fxpd().arg("cert").arg("--cert").arg(path("cert")).arg("--key").arg(path("key")), "");
        run(
            fxpd()
                .args(["passwd", "--stdin", "add", "ann", "-f"])
                .arg(path("passwd"))
                .arg("--home")
                .arg(path("tree")),
            "pw\n",
        );
        fs::set_permissions(path("passwd"), fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(path("conf"), configuration(directory.path())).unwrap();
        let mut command = fxpd();
        command.arg("-c").arg(path("conf")).envs(environment.iter().copied());
        for setting in settings {
            command.args(["-o", setting]);
        }
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (sender, addresses) = channel();
        // Reads on to the end, so that the log never fills its pipe.
        let _ = thread::Builder::new().spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("listening on ") {
                    let _ = sender.send(address.parse().unwrap());
                }
            }
        });
        let address = addresses.recv_timeout(PATIENCE).expect("fxpd listens");
        Daemon { child, address, directory }
    }

    /// A control connection under TLS, logged in as `ann`.
    pub fn login(&self) -> Ftp {
        let mut ftp = Ftp::connect(self.address);
        ftp.secure();
        ftp.log_in("ann");
        ftp
    }

    /// Where a file of `ann`'s is on this host.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("tree").join(name)
    }

    /// The most memory that it has had since the last [`Daemon::forget_peak_kib`], in KiB.
    pub fn peak_kib(&self) -> u64 {
        self.memory_kib("VmHWM:")
    }

    /// Begins to measure anew: checking a password takes more memory than much else. Returns what
    /// it has now.
    pub fn forget_peak_kib(&self) -> u64 {
        fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
        self.memory_kib("VmRSS:")
    }

    fn memory_kib(&self, key: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives a file to the user that has no rights, if we may.
pub fn give_to_nobody(path: &Path) {
    chown(path, Some(65534), Some(65534)).unwrap();
}

fn fxpd() -> Command {
    Command::new(env!("CARGO_BIN_EXE_fxpd"))
}

fn configuration(directory: &Path) -> String {
    let path = |name: &str| directory.join(name).display().to_string();
    format!(
        "listen = ['127.0.0.1:0']\ncertificate = '{}'\nkey = '{}'\nusers = '{}'\nstate_directory = '{}'\n",
        path("cert"),
        path("key"),
        path("passwd"),
        path("state"),
    )
}

fn run(command: &mut Command, input: &str) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{command:?}");
}
