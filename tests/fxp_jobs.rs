//! Whole jobs of `fxp`: trees, mirrors and filters, what is left alone and what is deleted, and the
//! manifest that is compared later. Between sites of ours, and between a site and the disk.

use crate::{
    fxp_pairs::{copies, fxp, url},
    proftpd::{Proftpd, Resumption},
    program::{Outcome, Program, sample},
    real_server::PASSWORD,
    site::Site,
};
use std::{
    collections::BTreeMap,
    fs::{self, File, FileTimes},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

const MISMATCH: i32 = 65;
const USAGE: i32 = 64;
const REFUSED: i32 = 77;

/// The files below a directory, by their paths, and the directories with a slash.
fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                found.insert(name + "/", Vec::new());
                directories.push(path);
            } else {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn write(path: impl AsRef<Path>, bytes: &[u8]) {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn set_time(path: impl AsRef<Path>, seconds: u64) {
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    File::open(path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
}

fn time(path: impl AsRef<Path>) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

/// A tree with what trees have: awkward names, empty files and directories, depth.
fn plant(root: &Path) {
    write(root.join("a.txt"), b"one\n");
    write(root.join("b c/-d e.txt"), &sample(70_001));
    write(root.join("b c/\u{e4}/empty"), b"");
    write(root.join("b c/\u{e4}/deep/x.o"), b"object");
    fs::create_dir_all(root.join("nothing/here")).unwrap();
}

fn said(outcome: &Outcome, verb: &str) -> usize {
    outcome.err.lines().filter(|line| line.contains(&format!(" > {verb} "))).count()
}

/// Both servers and the user.
struct Scene {
    source: Site,
    target: Site,
    fxp: Program,
}

impl Scene {
    fn new() -> Scene {
        Scene { source: Site::start(), target: Site::start(), fxp: fxp() }
    }

    /// Runs `fxp`, from the tree `t` of the source to the tree `t` of the target.
    #[track_caller]
    fn run(&self, options: &[&str]) -> Outcome {
        let (from, to) = (url(&self.source, "t"), url(&self.target, "t"));
        copies(&self.fxp, &[options, &[&from, &to]].concat())
    }

    #[track_caller]
    fn is_mirrored(&self) {
        assert_eq!(tree(&self.source.path("t")), tree(&self.target.path("t")));
    }

    fn source(&self, name: &str) -> std::path::PathBuf {
        self.source.path("t").join(name)
    }

    fn target(&self, name: &str) -> std::path::PathBuf {
        self.target.path("t").join(name)
    }
}

#[test]
fn a_tree_is_copied_and_a_second_mirror_moves_nothing() {
    let scene = Scene::new();
    plant(&scene.source.path("t"));
    set_time(scene.source("a.txt"), 1_000_000_000);
    fs::set_permissions(scene.source("a.txt"), PermissionsExt::from_mode(0o640)).unwrap();

    scene.run(&[]).fails(USAGE, "is a directory, which is copied with -r");
    assert!(scene.target.names().is_empty());

    scene.run(&["-r"]).succeeds().says("4 copied");
    scene.is_mirrored();
    assert_ne!(time(scene.target("a.txt")), time(scene.source("a.txt")), "nobody asked for that");

    let mirrored = scene.run(&["--mirror"]).succeeds();
    assert_eq!(said(&mirrored, "STOR"), 0, "what is not older is the same: {}", mirrored.err);
    fs::remove_file(scene.target("a.txt")).unwrap();
    scene.run(&["--mirror"]).succeeds().says("1 copied, 3 left alone");
    assert_eq!(time(scene.target("a.txt")), time(scene.source("a.txt")));
    let mode = fs::metadata(scene.target("a.txt")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    scene.is_mirrored();
}

#[test]
fn what_differs_is_copied_and_what_is_surplus_is_deleted() {
    let scene = Scene::new();
    plant(&scene.source.path("t"));
    scene.run(&["--mirror", "-j", "3"]).succeeds().says("4 copied, 0 left alone, 0 deleted");
    // The same size and time, other bytes: only a hash tells.
    write(scene.target("a.txt"), b"two\n");
    File::open(scene.target("a.txt"))
        .unwrap()
        .set_times(FileTimes::new().set_modified(time(scene.source("a.txt"))))
        .unwrap();
    write(scene.target("surplus/x"), b"x");
    write(scene.target("y"), b"y");

    let rehearsed = scene.run(&["--mirror", "--delete", "-n"]).succeeds();
    for line in
        ["delete surplus/x", "rmdir  surplus", "delete y", "skip   a.txt (same size and time)"]
    {
        assert!(rehearsed.out.lines().any(|said| said == line), "{line}: {}", rehearsed.out);
    }
    assert!(scene.target("y").exists(), "a rehearsal changes nothing");

    scene.run(&["--mirror"]).succeeds().says("0 copied, 4 left alone, 0 deleted");
    scene
        .run(&["--mirror", "--checksum", "--delete", "--exclude", "surplus/"])
        .succeeds()
        .says("1 copied, 3 left alone, 1 deleted");
    assert_eq!(fs::read(scene.target("a.txt")).unwrap(), b"one\n");
    assert!(scene.target("surplus/x").exists(), "what is excluded is not deleted");
    scene.run(&["--mirror", "--delete"]).succeeds().says("0 copied, 4 left alone, 2 deleted");
    scene.is_mirrored();
}

#[test]
fn nothing_is_deleted_when_anything_failed() {
    let scene = Scene::new();
    plant(&scene.source.path("t"));
    write(scene.target("y"), b"y");
    // A directory stands where a file has to go.
    fs::create_dir_all(scene.target("a.txt/sub")).unwrap();
    let failed = scene.run(&["--mirror", "--delete"]);
    let failed = failed.fails(73, "a.txt: the target has a directory of that name");
    failed.says("3 copied, 0 left alone, 0 deleted, 1 failed");
    assert!(scene.target("y").exists() && scene.target("a.txt/sub").exists());
}

#[test]
fn nothing_is_deleted_when_a_directory_could_not_be_made() {
    let scene = Scene::new();
    write(scene.source("d/x"), b"x");
    write(scene.source("z"), b"z");
    write(scene.target("d"), b"a file stands where a directory has to be made");
    write(scene.target("y"), b"y");
    let failed = scene.run(&["--mirror", "--delete"]);
    assert_ne!(failed.status, 0, "{}{}", failed.out, failed.err);
    failed.says("1 copied, 0 left alone, 0 deleted");
    assert!(scene.target("y").exists() && scene.target("d").is_file());
}

#[test]
fn the_rule_for_what_is_there_is_the_users() {
    for (rule, newer, older) in [
        ("--overwrite", "source", "source"),
        ("--skip-existing", "target", "target"),
        ("--newer-only", "source", "target"),
        ("--resume", "source", "source"),
        ("--checksum", "source", "source"),
    ] {
        let scene = Scene::new();
        for (name, ours, theirs) in [("newer", 2_000, 1_000), ("older", 1_000, 2_000)] {
            write(scene.source(name), b"source");
            write(scene.target(name), b"target");
            set_time(scene.source(name), ours);
            set_time(scene.target(name), theirs);
        }
        scene.run(&["-r", rule]).succeeds();
        let read = |name| String::from_utf8(fs::read(scene.target(name)).unwrap()).unwrap();
        assert_eq!((&*read("newer"), &*read("older")), (newer, older), "{rule}");
    }
}

#[test]
fn filters_and_depth_choose() {
    let scene = Scene::new();
    plant(&scene.source.path("t"));
    let filtered = |options: &[&str]| {
        let _ = fs::remove_dir_all(scene.target.path("t"));
        scene.run(&[&["-r"], options].concat()).succeeds();
        let found = tree(&scene.target.path("t"));
        let files = found.into_keys().filter(|name| !name.ends_with('/'));
        files.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(filtered(&["--exclude", "*.o"]), "a.txt b c/-d e.txt b c/\u{e4}/empty");
    assert_eq!(
        filtered(&["--include", "*/", "--include", "*.txt", "--exclude", "*"]),
        "a.txt b c/-d e.txt"
    );
    assert_eq!(filtered(&["--exclude", "*", "--include", "*.txt"]), "", "the first that matches");
    assert_eq!(filtered(&["--exclude", "/b c/\u{e4}"]), "a.txt b c/-d e.txt");
    assert_eq!(filtered(&["--max-depth", "1"]), "a.txt");
    assert_eq!(filtered(&["--max-depth", "2"]), "a.txt b c/-d e.txt");
}

#[test]
fn patterns_and_several_sources_go_into_a_directory() {
    let scene = Scene::new();
    for name in ["x1.log", "x2.log", "y.log", "x.txt", "d.log/in"] {
        write(scene.source(name), name.as_bytes());
    }
    let (source, target) = (&scene.source, &scene.target);
    let names = || tree(&target.path("")).into_keys().collect::<Vec<_>>().join(" ");
    copies(&scene.fxp, &[&url(source, "t/x*.log"), &url(target, "p")]).succeeds();
    assert_eq!(names(), "p/ p/x1.log p/x2.log");
    // With --delete, what the pattern does not mean is not surplus.
    write(target.path("p/other"), b"");
    write(target.path("p/x3.log"), b"");
    let options = ["-r", "--delete", &url(source, "t/*.log"), &url(target, "p")];
    copies(&scene.fxp, &options).succeeds();
    assert_eq!(names(), "p/ p/d.log/ p/d.log/in p/other p/x1.log p/x2.log p/y.log");
    fs::remove_dir_all(target.path("p")).unwrap();

    let (one, other) = (url(source, "t/y.log"), url(source, "t/x.txt"));
    fs::create_dir(target.path("q")).unwrap();
    copies(&scene.fxp, &[&one, &other, &url(target, "q")]).succeeds();
    assert_eq!(names(), "q/ q/x.txt q/y.log");
    // A directory without a slash is one all the same.
    copies(&scene.fxp, &[&url(source, "t/x1.log"), &url(target, "q")]).succeeds();
    assert_eq!(names(), "q/ q/x.txt q/x1.log q/y.log");
    // A failure does not keep the others from being copied.
    let missing = url(source, "t/no");
    copies(&scene.fxp, &[&missing, &url(source, "t/x2.log"), &url(target, "q")])
        .fails(REFUSED, "does not exist");
    assert!(target.path("q/x2.log").exists());
    // Where the target ends in a slash and the source does not, the tree keeps its name.
    copies(&scene.fxp, &["-r", &url(source, "t"), &url(target, "r/")]).succeeds();
    copies(&scene.fxp, &["-r", &url(source, "t/"), &url(target, "s/")]).succeeds();
    assert!(target.path("r/t/x.txt").exists() && target.path("s/x.txt").exists());
}

#[test]
fn trees_go_to_the_disk_and_back() {
    let (site, fxp) = (Site::start(), fxp());
    plant(&site.path("t"));
    set_time(site.path("t/a.txt"), 1_000_000_000);
    let down = ["--mirror", "-j", "2", &url(&site, "t"), "here"];
    copies(&fxp, &down).succeeds().says("4 copied");
    assert_eq!(tree(&fxp.path("here")), tree(&site.path("t")));
    assert_eq!(time(fxp.path("here/a.txt")), time(site.path("t/a.txt")));
    copies(&fxp, &down).succeeds().says("0 copied, 4 left alone");
    write(fxp.path("here/new"), b"new");
    symlink("new", fxp.path("here/link")).unwrap();
    fs::remove_file(fxp.path("here/a.txt")).unwrap();
    let up = ["--mirror", "--delete", "here", &url(&site, "t")];
    copies(&fxp, &up).succeeds().says("1 copied, 4 left alone, 1 deleted");
    fs::remove_file(fxp.path("here/link")).unwrap(); // which was left alone
    assert_eq!(tree(&fxp.path("here")), tree(&site.path("t")));
}

#[test]
fn a_manifest_tells_what_arrived_and_is_compared_later() {
    let scene = Scene::new();
    plant(&scene.source.path("t"));
    write(scene.source("b c/\u{e4}/deep/bytes"), b"x");
    scene.run(&["--mirror", "--manifest", "m"]).succeeds();
    // A second run moves nothing, and its manifest has everything all the same.
    scene.run(&["--mirror", "--checksum", "--manifest", "again"]).succeeds().says("0 copied");
    let lines = |name: &str| String::from_utf8(scene.fxp.file(name).unwrap()).unwrap();
    assert_eq!(lines("again").lines().count(), 5);
    for line in lines("m").lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        let path = scene.source(entry["path"].as_str().unwrap());
        assert_eq!(entry["size"].as_u64().unwrap(), fs::metadata(&path).unwrap().len());
        let hash = openssl::sha::sha256(&fs::read(&path).unwrap());
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(entry["hash"], format!("SHA-256:{hash}"));
        assert_eq!(entry["proof"], "hash");
        assert_eq!(entry["route"], "target passive, target TLS client by SSCN");
        assert_eq!(entry["tls"], "control TLSv1.3, TLSv1.3");
        assert_eq!(entry["verified"], "both");
    }

    let verify = || copies(&scene.fxp, &["verify", "m", &url(&scene.target, "t")]);
    verify().succeeds().says("5 equal, 0 of equal size without a hash, 0 wrong");
    let local = scene.target.path("t").into_os_string().into_string().unwrap();
    copies(&scene.fxp, &["verify", "m", &local]).succeeds().says("5 equal");
    write(scene.target("a.txt"), b"eno\n");
    write(scene.target("b c/-d e.txt"), b"short");
    fs::remove_file(scene.target("b c/\u{e4}/empty")).unwrap();
    let wrong = verify().fails(MISMATCH, "3 of 5 files are not what m tells");
    let wrong = wrong.says("missing b c/\u{e4}/empty").says("differs a.txt: ");
    wrong.says("differs b c/-d e.txt: 5 bytes, not 70001 bytes");
    copies(&scene.fxp, &["verify", "no", &local]).fails(78, "no:0: ");
}

#[test]
fn an_interrupted_job_goes_on_and_touches_nothing_that_is_done() {
    let scene = Scene::new();
    plant(&scene.source.path("t"));
    // One file cannot be copied: the job is not done, and its journal stays.
    write(scene.source("hard"), b"hard");
    fs::create_dir_all(scene.target("hard/sub")).unwrap();
    scene.run(&["-r"]).fails(73, "hard: cannot create t/hard on");
    let journals = || fs::read_dir(scene.fxp.path(".local/state/fxp/jobs")).unwrap().count();
    assert_eq!(journals(), 1);
    fs::remove_dir_all(scene.target("hard")).unwrap();
    // What changed since is copied again, whatever the journal has.
    write(scene.source("a.txt"), b"three\n");
    let resumed = scene.run(&["-r"]).succeeds().says("2 copied, 3 left alone");
    assert_eq!(said(&resumed, "STOR"), 2, "{}", resumed.err);
    assert_eq!(journals(), 0, "the job is done");
    scene.is_mirrored();
    scene.run(&["-r", "--no-journal"]).succeeds().says("5 copied");
}

#[test]
fn half_a_file_is_continued_only_behind_an_equal_beginning() {
    let bytes = sample(3_000_001);
    let half = &bytes[..1_234_567];
    let mut other = half.to_vec();
    other[7] ^= 1;
    for (what, there, moved) in [
        ("equal", half, 3_000_001 - 1_234_567),
        ("other", &other[..], 3_000_001),
        ("longer", &[&bytes[..], b"x"].concat()[..], 3_000_001),
        ("whole", &bytes[..], 0),
    ] {
        let scene = Scene::new();
        write(scene.source("f"), &bytes);
        write(scene.target("f"), there);
        scene.run(&["-r", "--resume"]).succeeds();
        assert_eq!(fs::read(scene.target("f")).unwrap(), bytes, "{what}");
        if moved > 0 {
            assert_eq!(scene.target.record().bytes, moved, "{what}, between servers");
        }

        // Up from the disk, and down to it.
        write(scene.target("f"), there);
        write(scene.fxp.path("here/f"), &bytes);
        let to = url(&scene.target, "t");
        copies(&scene.fxp, &["-r", "--resume", "here", &to]).succeeds();
        assert_eq!(fs::read(scene.target("f")).unwrap(), bytes, "{what}");
        if moved > 0 {
            assert_eq!(scene.target.record().bytes, moved, "{what}, up");
        }
        fs::remove_dir_all(scene.fxp.path("here")).unwrap();
        write(scene.fxp.path("here/.f.fxp-part"), there);
        copies(&scene.fxp, &["-r", &to, "here"]).succeeds();
        assert_eq!(fs::read(scene.fxp.path("here/f")).unwrap(), bytes, "{what}");
        if moved > 0 {
            assert_eq!(scene.target.record().bytes, moved, "{what}, down");
        }
        assert_eq!(tree(&scene.fxp.path("here")).len(), 1, "the partial file took its name");
    }
}

#[test]
fn a_plan_is_shown_before_anything_moves() {
    let scene = Scene::new();
    plant(&scene.source.path("t"));
    write(scene.target("a.txt"), b"one\n");
    let (from, to) = (url(&scene.source, "t"), url(&scene.target, "t"));
    let plan = copies(&scene.fxp, &["plan", "-r", "--skip-existing", &from, &to]).succeeds();
    let (source, target) = (scene.source.address, scene.target.address);
    for words in [
        format!("source: {source}, Fxpd, TLSv1.3"),
        "can SSCN CPSV XPEER EPSV REST MLSD MFMT RANG".to_owned(),
        format!("way:    {target} listens, {source} connects,"),
        format!("{target} is the TLS client by SSCN ON"),
        "proof:  size and SHA-256 of each file".to_owned(),
        "mkdir  b c".to_owned(),
        "copy   b c/-d e.txt (70001 bytes)".to_owned(),
        "skip   a.txt (exists)".to_owned(),
    ] {
        assert!(plan.out.contains(&words), "{words}: {}", plan.out);
    }
    assert!(plan.out.lines().all(|line| line.chars().count() <= 80), "{}", plan.out);
    let json = copies(&scene.fxp, &["plan", "--json", "-r", &from, &to]).succeeds();
    let object: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(object["routes"][0], "target passive, target TLS client by SSCN");
    assert_eq!(object["steps"].as_array().unwrap().len(), 9);
    assert_eq!(tree(&scene.target.path("t")).len(), 1, "nothing moved");
}

#[test]
fn json_tells_every_event_on_a_line() {
    let scene = Scene::new();
    plant(&scene.source.path("t"));
    let events = scene.run(&["-r", "--json"]).succeeds();
    let events: Vec<serde_json::Value> =
        events.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!((count("surveyed"), count("begun"), count("done"), count("summary")), (1, 4, 4, 1));
    assert_eq!(count("mkdir"), 5);
    assert_eq!(events[0]["files"], 4);
    let done = events.iter().find(|event| event["file"]["path"] == "a.txt").unwrap();
    assert_eq!(done["file"]["proof"], "hash");
    assert_eq!(events.last().unwrap()["copied"], 4);
}

#[test]
fn the_way_that_worked_is_tried_first_the_next_time() {
    let scene = Scene::new();
    write(scene.source("a"), b"a");
    let other = "source passive, source TLS client by CPSV";
    let routes = format!("{} {}\t{other}\n", scene.source.address, scene.target.address);
    write(scene.fxp.path(".local/state/fxp/routes"), routes.as_bytes());
    scene.run(&["-r"]).succeeds().says(other);
    fs::remove_file(scene.fxp.path(".local/state/fxp/routes")).unwrap();
    let usual = "target passive, target TLS client by SSCN";
    scene.run(&["-r"]).succeeds().says(usual);
    let remembered = scene.fxp.file(".local/state/fxp/routes").unwrap();
    assert!(String::from_utf8(remembered).unwrap().ends_with(&format!("\t{usual}\n")));
}

#[test]
fn a_rate_is_kept_by_us_or_by_a_server_and_its_progress_is_told() {
    let scene = Scene::new();
    write(scene.source("f"), &sample(600_000));
    let (remote, local) = (url(&scene.target, "t/f"), scene.fxp.path("here/f"));
    let local = local.into_os_string().into_string().unwrap();
    let at_least = Duration::from_millis(2_000);
    for (what, source, target) in [
        ("between servers", url(&scene.source, "t/f"), remote.clone()),
        ("down", remote.clone(), local.clone()),
        ("up", local.clone(), remote.clone()),
    ] {
        for directory in [scene.target.path("t"), scene.fxp.path("here")] {
            fs::create_dir_all(directory).unwrap();
        }
        let begun = Instant::now();
        let options = ["--json", "--limit-rate", "200k", &source, &target];
        let limited = copies(&scene.fxp, &options).succeeds();
        // 600,000 bytes at 204,800 a second.
        assert!(begun.elapsed() > at_least, "{what}: {:?}", begun.elapsed());
        let told = limited.out.lines().filter(|line| line.contains("\"event\":\"progress\""));
        let told: Vec<u64> = told
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["bytes"].as_u64().unwrap()
            })
            .collect();
        assert!(
            told.is_sorted() && told.iter().any(|bytes| (1..600_000).contains(bytes)),
            "{what}: {told:?}"
        );
    }
}

#[test]
fn a_rate_that_neither_server_can_keep_is_refused() {
    let (site, proftpd) = (Proftpd::start(Resumption::Waived), Proftpd::start(Resumption::Waived));
    write(site.path("a"), b"a");
    let options = ["--trust-new", "--limit-rate", "1M", &site.url("a"), &proftpd.url("a")];
    let refused = fxp().runs_with(&options, &[("FXP_PASSWORD", PASSWORD)]);
    refused.fails(REFUSED, "can limit its rate");
    assert!(!proftpd.path("a").exists());
}
