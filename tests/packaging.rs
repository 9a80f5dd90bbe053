//! What `make install`, `make dist` and `make deb` put where, against the manual; and the files
//! for systemd, logrotate and inetd against the programs that read them.

use crate::{
    ftp::Ftp,
    started::{Home, Running, example},
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The directory of the programs that this test was built with.
fn built() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_fxpd")).parent().unwrap()
}

/// Runs a program to its end and returns what it printed, standard error last.
#[track_caller]
fn run(program: &str, words: &[&str]) -> String {
    let mut command = Command::new(program);
    // A `make` that runs these tests says things to its children that are not for this one.
    command.args(words).current_dir(root()).env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
    command.env("DEB_COMPRESSION", "-Znone").env("LC_ALL", "C.UTF-8");
    command.env("DEBFULLNAME", "Ann & Bob").env("DEBEMAIL", "ann@example.org");
    let output = command.output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{program} {words:?}: {text}");
    text
}

/// `make TARGET` of the programs built here, into `stage`.
#[track_caller]
fn make(target: &str, stage: &Path, more: &[&str]) -> String {
    let (built, stage) =
        (format!("BUILT={}", built().display()), format!("DESTDIR={}", stage.display()));
    run("make", &[&["-s", target, &built, &stage], more].concat())
}

/// Every file below `stage`, as a path from there.
fn files(stage: &Path) -> BTreeSet<String> {
    let listing = run("find", &[stage.to_str().unwrap(), "!", "-type", "d", "-printf", "/%P\n"]);
    listing.lines().map(str::to_owned).collect()
}

/// The section FILES of fxpd(8), without what nobody installs.
fn files_of_manual() -> BTreeSet<String> {
    let page = fs::read_to_string(root().join("man/fxpd.8")).unwrap();
    let section = page.split(".Sh FILES").nth(1).unwrap().split(".Sh ").next().unwrap();
    let items = section.split(".It Pa ").skip(1);
    let is_made_later =
        |item: &&str| item.contains("yours to make") || item.contains("made by the server");
    let installed = items.filter(|item| !is_made_later(item));
    installed.map(|item| item.lines().next().unwrap().to_owned()).collect()
}

fn pages() -> BTreeSet<String> {
    let pages = fs::read_dir(root().join("man")).unwrap();
    let pages = pages.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    pages
        .map(|page| format!("/usr/local/share/man/man{}/{page}", &page[page.len() - 1..]))
        .collect()
}

fn stage() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn make_install_puts_what_the_manual_lists_and_uninstall_takes_it_away_but_for_settings() {
    let stage = stage();
    make("install", stage.path(), &[]);
    let promised: BTreeSet<String> = files_of_manual().union(&pages()).cloned().collect();
    assert_eq!(files(stage.path()), promised);

    let settings = ["etc/fxpd.conf", "etc/fxpd/passwd", "etc/logrotate.d/fxpd", "etc/pam.d/fxpd"];
    for name in settings {
        fs::write(stage.path().join(name), "# edited\n").unwrap();
    }
    make("install", stage.path(), &[]);
    for name in settings {
        assert_eq!(fs::read_to_string(stage.path().join(name)).unwrap(), "# edited\n", "{name}");
    }
    make("uninstall", stage.path(), &[]);
    assert_eq!(files(stage.path()), settings.map(|name| format!("/{name}")).into());
    // Nor are there directories that are its alone.
    let of_fxpd = run("find", &[stage.path().to_str().unwrap(), "-type", "d", "-name", "*fxpd*"]);
    assert_eq!(of_fxpd.trim(), stage.path().join("etc/fxpd").display().to_string());
}

#[test]
fn make_install_honours_where_it_is_told_to_put_things() {
    let stage = stage();
    let places = [
        "PREFIX=/p",
        "BINDIR=/b",
        "SBINDIR=/s",
        "MANDIR=/m",
        "SYSCONFDIR=/e",
        "COMPDIR=/c",
        "DOCDIR=/d",
        "SYSTEMDDIR=/y",
        "SYSUSERSDIR=/u",
        "TMPFILESDIR=/t",
    ];
    make("install", stage.path(), &places);
    let tops: BTreeSet<String> =
        files(stage.path()).iter().map(|file| file[..3].to_owned()).collect();
    let expected = ["/b/", "/s/", "/m/", "/e/", "/c/", "/d/", "/y/", "/u/", "/t/"];
    assert_eq!(tops, expected.map(str::to_owned).into());
    for (file, line) in [
        ("y/fxpd.service", "ExecStart=/s/fxpd\n"),
        ("y/fxpd@.service", "ExecStart=/s/fxpd\n"),
        ("y/fxpd-implicit@.service", "ExecStart=/s/fxpd -o listen_implicit=[::]:990\n"),
        ("d/inetd.conf", "nowait root /s/fxpd fxpd\n"),
    ] {
        let text = fs::read_to_string(stage.path().join(file)).unwrap();
        assert!(text.contains(line), "{file}: {text}");
    }
}

#[test]
fn the_services_are_confined() {
    let confinement = |unit: &str| {
        let text = fs::read_to_string(root().join("etc/systemd").join(unit)).unwrap();
        let tail = text.split_once("# From here on as in ").unwrap().1;
        let tail = tail.split_once('\n').unwrap().1.split("\n[").next().unwrap();
        tail.trim().to_owned()
    };
    let services = ["fxpd.service", "fxpd@.service", "fxpd-implicit@.service"];
    for unit in services {
        assert_eq!(confinement(unit), confinement(services[0]), "{unit}");
        // It denies openat2(2), without which no server starts.
        assert!(!confinement(unit).contains("\nRestrictSUIDSGID="), "{unit}");
        let unit = format!("etc/systemd/{unit}");
        let report = run("systemd-analyze", &["security", "--offline=true", &unit]);
        let verdict = report.split("Overall exposure level").nth(1).expect(&report);
        let level = verdict.split(": ").nth(1).unwrap().split(' ').next().unwrap();
        assert!(level.parse::<f64>().unwrap() <= 2.0, "{unit}: {verdict}");
    }
}

#[test]
fn systemd_understands_its_files() {
    let stage = stage();
    make("install", stage.path(), &[]);
    let at = format!("--root={}", stage.path().display());
    let units = ["fxpd.service", "fxpd@.service", "fxpd-implicit@.service"];
    let units = [&units[..], &["fxpd.socket", "fxpd-implicit.socket"]].concat();
    let verify = Command::new("systemd-analyze")
        .args([&["verify", "--man=no", &at][..], &units].concat())
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&verify.stderr);
    // All that the stage lacks is the rest of a system.
    let of_stage = ["Unit sysinit.target not found.", "Command /bin/kill is not executable"];
    let others = complaints.lines().filter(|line| !of_stage.iter().any(|it| line.contains(it)));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&str>::new());

    run("systemd-sysusers", &[&at, "fxpd.conf"]);
    let users = fs::read_to_string(stage.path().join("etc/passwd")).unwrap();
    assert!(users.starts_with("fxpd:") && users.contains(":/srv/ftp:/usr/sbin/nologin"), "{users}");
    run("systemd-tmpfiles", &[&at, "--create", "fxpd.conf"]);
    for directory in ["etc/fxpd", "srv/ftp", "var/log/fxpd", "var/lib/fxpd"] {
        assert!(stage.path().join(directory).is_dir(), "{directory}");
    }
}

#[test]
fn inetd_s_sample_is_that_of_the_manual() {
    let sample = fs::read_to_string(root().join("etc/inetd.conf")).unwrap();
    let lines: Vec<&str> = sample.lines().filter_map(|line| line.strip_prefix("#ftp ")).collect();
    let shown = ["ftp stream tcp nowait ", "ftp stream tcp wait "].map(example);
    assert_eq!(lines, shown.map(|words| words[1..].join(" ")));
}

#[test]
fn logrotate_moves_the_transfer_log_and_the_server_goes_on_in_a_new_one() {
    let home = Home::new("log = 'syslog'");
    let place = home.path("").display().to_string();
    let log = format!("transfer_log={place}xferlog");
    let pid = home.path("pid");
    let _server = Running::start(home.fxpd().args(["-o", &log, "--pid-file"]).arg(&pid));
    let mut ftp = Ftp::connect(home.address());
    ftp.secure();
    ftp.log_in("ann");
    ftp.upload("STOR one", b"1");
    let names = |name: &str| {
        let text = fs::read_to_string(home.path(name)).unwrap();
        text.lines().map(|line| line.split(' ').nth(8).unwrap().to_owned()).collect::<Vec<_>>()
    };
    // An empty log is not moved, and nobody told.
    crate::started::wait_until("the first record", || !names("xferlog").is_empty());
    // The file as it is, but for places, and for a user that need not exist here.
    let rules = fs::read_to_string(root().join("etc/fxpd.logrotate")).unwrap();
    let mut changed = rules.clone();
    for (theirs, ours) in [
        ("/var/log/fxpd/", place.as_str()),
        ("/run/fxpd.pid", pid.to_str().unwrap()),
        ("    su fxpd fxpd\n", ""),
        ("create 0640 fxpd fxpd", "create 0640"),
    ] {
        assert!(changed.contains(theirs), "{theirs}");
        changed = changed.replace(theirs, ours);
    }
    fs::write(home.path("rules"), changed).unwrap();
    let (state, rules) = (home.word("rotated"), home.word("rules"));
    run("/usr/sbin/logrotate", &["--force", "--state", &state, &rules]);
    home.hears(": reloaded");
    ftp.upload("STOR two", b"2");
    ftp.says("QUIT", 221);
    crate::started::wait_until("the second record", || !names("xferlog").is_empty());
    assert_eq!((names("xferlog.1"), names("xferlog")), (vec!["/one".into()], vec!["/two".into()]));
}

#[test]
fn make_deb_packs_programs_that_run_and_what_debian_asks_for() {
    let out = make("deb", Path::new("/nonexistent"), &[]);
    let deb = root().join(out.trim().lines().last().unwrap());
    let deb = deb.to_str().unwrap();
    assert!(deb.contains(concat!("fxpd_", env!("CARGO_PKG_VERSION"), "_")), "{deb}");
    let listing = run("dpkg-deb", &["-c", deb]);
    for file in [
        "./usr/sbin/fxpd",
        "./usr/bin/fxp",
        "./etc/fxpd.conf",
        "./etc/logrotate.d/fxpd",
        "./etc/pam.d/fxpd",
        "./lib/systemd/system/fxpd.service",
        "./lib/systemd/system/fxpd@.service",
        "./lib/systemd/system/fxpd-implicit@.service",
        "./lib/systemd/system/fxpd.socket",
        "./lib/systemd/system/fxpd-implicit.socket",
        "./usr/lib/sysusers.d/fxpd.conf",
        "./usr/lib/tmpfiles.d/fxpd.conf",
        "./usr/share/man/man8/fxpd.8.gz",
        "./usr/share/doc/fxpd/copyright",
        "./usr/share/doc/fxpd/CHANGELOG.md.gz",
    ] {
        assert!(listing.lines().any(|line| line.ends_with(&format!(" {file}"))), "{file}");
    }
    assert!(listing.lines().all(|line| line.contains(" root/root ")), "{listing}");
    assert!(!listing.contains("etc/fxpd/"), "accounts are not packaged");

    let (unpacked, control) = (stage(), stage());
    run("dpkg", &["-x", deb, unpacked.path().to_str().unwrap()]);
    run("dpkg-deb", &["-e", deb, control.path().to_str().unwrap()]);
    let of_control = |name: &str| fs::read_to_string(control.path().join(name)).unwrap();
    assert_eq!(of_control("conffiles"), "/etc/fxpd.conf\n/etc/logrotate.d/fxpd\n/etc/pam.d/fxpd\n");
    let control_file = of_control("control");
    assert!(control_file.contains("\nMaintainer: Ann & Bob <ann@example.org>\n"), "{control_file}");
    let needs_pam = control_file.contains("libssl3t64, libpam0g, libpam-runtime\n");
    assert_eq!(needs_pam, cfg!(feature = "pam"), "{control_file}");
    assert!(of_control("postinst").contains("systemd-sysusers fxpd.conf"));
    for script in ["postinst", "prerm", "postrm"] {
        run("sh", &["-n", control.path().join(script).to_str().unwrap()]);
    }
    run(
        "sh",
        &[
            "-c",
            &format!(
                "cd {} && md5sum --quiet -c {}",
                unpacked.path().display(),
                control.path().join("md5sums").display()
            ),
        ],
    );
    let changelog = unpacked.path().join("usr/share/doc/fxpd/changelog.gz");
    let told = run("dpkg-parsechangelog", &["-l", changelog.to_str().unwrap()]);
    assert!(told.contains("\nMaintainer: Ann & Bob <ann@example.org>\n"), "{told}");
    programs_run(unpacked.path());
}

fn programs_run(unpacked: &Path) {
    let program = |name: &str| unpacked.join(name).into_os_string().into_string().unwrap();
    let (fxpd, fxp) = (program("usr/sbin/fxpd"), program("usr/bin/fxp"));
    assert_eq!(run(&fxpd, &["--version"]), concat!("fxpd ", env!("CARGO_PKG_VERSION"), "\n"));
    assert!(run(&fxp, &["--help"]).starts_with("usage: fxp"));
    let home = Home::new("");
    // Warnings may follow: the key of a test is not as closed as one should be.
    let checked = run(&fxpd, &["-t", "-c", &home.word("fxpd.conf")]);
    assert!(checked.lines().any(|line| line == "fxpd: configuration is good"), "{checked}");
    let service = fs::read_to_string(unpacked.join("lib/systemd/system/fxpd.service")).unwrap();
    assert!(service.contains("ExecStart=/usr/sbin/fxpd\n"));
}

#[test]
fn make_dist_packs_the_source_with_its_version() {
    let tarball: PathBuf = root().join(run("make", &["-s", "dist"]).trim());
    let name = concat!("fxpd-", env!("CARGO_PKG_VERSION"));
    assert_eq!(tarball.file_name().unwrap().to_str().unwrap(), format!("{name}.tar.gz"));
    let listing = run("tar", &["-tzf", tarball.to_str().unwrap()]);
    let packed: BTreeSet<&str> = listing.lines().filter(|line| !line.ends_with('/')).collect();
    let tracked = run("git", &["ls-tree", "-r", "--name-only", "HEAD"]);
    let tracked: Vec<String> = tracked.lines().map(|file| format!("{name}/{file}")).collect();
    assert_eq!(packed, tracked.iter().map(String::as_str).collect());
}
