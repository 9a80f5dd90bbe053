//! The client library's eyes and hands on servers: directories listed, looked at, walked and
//! changed, with names that are awkward to say. On a site of ours and on a real proftpd, with and
//! without `MLSD`.

use crate::{
    proftpd::{Proftpd, Resumption},
    program::sample,
    real_server::PASSWORD,
    site::{PATIENCE, Site},
};
use fxpd::{
    ClientError, Connection, Credentials, Existing, Filter, Found, Judge, ListedKind, LocalEnd,
    Location, Precision, RemoteEnd, RemotePath, Run, Secret, Setup, Shown, Stumble, TreePath,
    Unseen, Verdict, Walk,
};
use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

/// Takes every server for the one meant.
struct Anyone;

impl Judge for Anyone {
    fn judge(&self, _: &Shown<'_>) -> Result<(), String> {
        Ok(())
    }
}

/// What was said on a control connection.
#[derive(Clone, Default)]
pub struct Dialogue(Arc<Mutex<Vec<String>>>);

impl Dialogue {
    /// The commands from the client so far, which are forgotten.
    pub fn said(&self) -> Vec<String> {
        let lines = std::mem::take(&mut *self.0.lock().unwrap());
        let said = lines.iter().filter_map(|line| line.split_once(" > "));
        said.map(|(_, command)| command.to_owned()).collect()
    }
}

/// Logs in as the one of the URL.
pub fn connect(url: &str, password: &str) -> (Connection, Dialogue) {
    let location: Location = url.parse().unwrap();
    let dialogue = Dialogue::default();
    let lines = dialogue.clone();
    let mut setup = Setup::new(Anyone);
    setup.timeout = PATIENCE;
    setup.log = Some(Arc::new(move |line| lines.0.lock().unwrap().push(line.to_owned())));
    let credentials = Credentials::new("ann", Secret::new(password)).unwrap();
    (Connection::open(location.site, credentials, setup).unwrap(), dialogue)
}

pub fn remote(path: impl AsRef<[u8]>) -> RemotePath {
    RemotePath::new(path.as_ref()).unwrap()
}

/// A server with its directory on this host.
struct Host {
    site: Option<Site>,
    proftpd: Option<Proftpd>,
}

impl Host {
    /// A site of ours, and proftpd with `MLSD` and without.
    fn all() -> [Host; 3] {
        let proftpd = |more| Some(Proftpd::with(Resumption::Demanded, more));
        [
            Host { site: Some(Site::start()), proftpd: None },
            Host { site: None, proftpd: proftpd("") },
            Host { site: None, proftpd: proftpd("FactsAdvertise off") },
        ]
    }

    fn root(&self) -> PathBuf {
        let site = self.site.as_ref().map(|site| site.path(""));
        site.unwrap_or_else(|| self.proftpd.as_ref().unwrap().path(""))
    }

    fn connect(&self) -> (Connection, Dialogue) {
        match (&self.site, &self.proftpd) {
            (Some(site), _) => connect(&format!("ftps://ann@{}", site.address), "pw"),
            (_, proftpd) => connect(&proftpd.as_ref().unwrap().url(""), PASSWORD),
        }
    }
}

/// Names that somebody takes for options, patterns, the end of something, or another encoding.
const AWKWARD: [&[u8]; 19] = [
    b"plain",
    b"two words",
    b" before",
    b"behind ",
    b"-la",
    b"--",
    b"q\"uo\"\"te'",
    b"st*r?",
    b"[x]",
    b"{a,b}",
    b"a;size=7; b",
    b"x -> y",
    b"back\\slash",
    b".hidden",
    b"...",
    "\u{fc} \u{65e5}\u{672c}".as_bytes(),
    b"caf\xe9\xff",
    b"\xff\xf4\xff\xff",
    b"#%&;1 Jan  1 2020 7",
];

/// A file and a directory of each name, and of each in each; the times are far apart.
fn fill(root: &Path) {
    for (number, name) in (1..).zip(AWKWARD) {
        let directory = root.join(OsStr::from_bytes(&[name, b".d"].concat()));
        let named = root.join(OsStr::from_bytes(name));
        fs::write(&named, sample(number)).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(40_000_000 * u64::from(number) + 7);
        File::options().write(true).open(&named).unwrap().set_modified(time).unwrap();
        fs::set_permissions(&named, fs::Permissions::from_mode(0o600 + number % 0o100)).unwrap();
        fs::create_dir(&directory).unwrap();
        let inner = directory.join(OsStr::from_bytes(name));
        fs::create_dir(&inner).unwrap();
        for name in AWKWARD {
            fs::write(inner.join(OsStr::from_bytes(name)), b"inside").unwrap();
        }
    }
}

fn walked(connection: &mut Connection, root: &RemotePath) -> Vec<Found> {
    let mut end = RemoteEnd { connection, root };
    Walk::new(Filter::default()).over(&mut end).map(|step| step.unwrap()).collect()
}

fn walked_here(root: &Path) -> Vec<Found> {
    let mut end = LocalEnd { root };
    Walk::new(Filter::default()).over(&mut end).map(|step| step.unwrap()).collect()
}

/// Both ends show the same things, as far as the server tells.
#[track_caller]
fn agree(there: &[Found], here: &[Found]) {
    let paths = |found: &[Found]| -> Vec<String> {
        found.iter().map(|one| one.path.as_bytes().escape_ascii().to_string()).collect()
    };
    assert_eq!(paths(there), paths(here));
    for (there, here) in there.iter().zip(here) {
        assert_eq!((there.kind, there.size), (here.kind, here.size), "{}", here.path);
        let (time, true_time) = (there.modified.unwrap(), here.modified.unwrap());
        assert!(time.agrees(&true_time), "{}: {time:?} {true_time:?}", here.path);
        assert_eq!(there.mode, here.mode, "{}", here.path);
    }
}

#[test]
fn a_tree_of_awkward_names_is_the_same_from_afar() {
    for host in Host::all() {
        fill(&host.root());
        let here = walked_here(&host.root());
        assert!(here.len() > 300, "{}", here.len());
        let (mut connection, dialogue) = host.connect();
        let there = walked(&mut connection, &remote(""));
        agree(&there, &here);
        let facts = there.iter().all(|one| one.modified.unwrap().precision == Precision::Second);
        let said = dialogue.said();
        assert_eq!(facts, said.iter().any(|said| said.starts_with("MLSD")), "{said:?}");
        assert_ne!(facts, said.iter().any(|said| said.starts_with("LIST")), "{said:?}");
        // From any root, and the connection is where it was.
        agree(&walked(&mut connection, &remote("two words.d/")), &here_below(&host, "two words.d"));
        agree(&walked(&mut connection, &remote("")), &here);
        for found in here.iter().filter(|one| one.path.components().count() < 3) {
            let looked = connection.look(&found.path.below(&remote(""))).unwrap();
            let looked = looked.unwrap_or_else(|| panic!("{}", found.path));
            assert_eq!((looked.kind, looked.size), (found.kind, found.size), "{}", found.path);
            assert_eq!(Some(&looked.name[..]), found.path.name());
            let time = looked.modified.map(|time| time.agrees(&found.modified.unwrap()));
            assert_ne!(time, Some(false), "{}", found.path);
            assert!(time.is_some() || found.kind == ListedKind::Directory, "{}", found.path);
        }
    }
}

fn here_below(host: &Host, directory: &str) -> Vec<Found> {
    walked_here(&host.root().join(directory))
}

#[test]
fn what_is_looked_at_is_there_or_not() {
    for host in Host::all() {
        let (mut connection, _) = host.connect();
        fs::create_dir(host.root().join("d")).unwrap();
        for (path, kind) in [("", true), ("/", true), ("d", true), ("d/", true), ("no", false)] {
            let looked = connection.look(&remote(path)).unwrap();
            let kind = kind.then_some(ListedKind::Directory);
            assert_eq!(looked.map(|one| one.kind), kind, "{path}");
        }
        assert_eq!(connection.look(&remote("no/no")).unwrap(), None);
        assert!(matches!(connection.list(&remote("no")), Err(ClientError::Refused(..))));
        assert_eq!(connection.list(&remote("d")).unwrap(), []);
        assert_eq!(connection.list(&remote("")).unwrap().len(), 1);
    }
}

#[test]
fn names_are_made_changed_and_removed() {
    for host in Host::all() {
        let root = host.root();
        let (mut connection, _) = host.connect();
        // proftpd makes no directory with a star in its name.
        let hard = |name: &&[u8]| host.proftpd.is_none() || !name.contains(&b'*');
        for name in AWKWARD.into_iter().filter(hard) {
            let (path, mut here) = (remote(name), root.join(OsStr::from_bytes(name)));
            let shown = path.to_string();
            connection.make_directory(&path).unwrap();
            connection.make_directory(&path).unwrap();
            assert!(here.is_dir(), "{shown}");
            let other = remote([name, b"2"].concat());
            connection.rename(&path, &other).unwrap();
            assert!(!here.exists(), "{shown}");
            connection.remove_directory(&other).unwrap();
            assert_eq!(fs::read_dir(&root).unwrap().count(), 0, "{shown}");

            fs::write(&here, "x").unwrap();
            let refused = connection.make_directory(&path);
            assert!(matches!(refused, Err(ClientError::Refused(..))), "{shown}: {refused:?}");
            let time = "2001-02-03T04:05:06.789Z".parse().unwrap();
            let set = connection.set_modified(&path, time).unwrap();
            let set_to = here.metadata().unwrap().modified().unwrap();
            assert_eq!(set, set_to == UNIX_EPOCH + Duration::from_secs(981_173_106), "{shown}");
            assert!(set || host.proftpd.is_some(), "{shown}");
            let path = if host.proftpd.is_some() && name.ends_with(b" ") {
                // In SITE, proftpd forgets the blank.
                connection.rename(&path, &remote("x")).unwrap();
                here = root.join("x");
                remote("x")
            } else {
                path
            };
            assert!(connection.set_mode(&path, 0o604).unwrap());
            assert_eq!(here.metadata().unwrap().permissions().mode() & 0o777, 0o604, "{shown}");
            connection.remove_file(&path).unwrap();
            assert!(!here.exists(), "{shown}");
            assert!(matches!(connection.remove_file(&path), Err(ClientError::Refused(..))));
        }
    }
}

#[test]
fn links_are_shown_and_not_followed_or_what_they_lead_to() {
    use ListedKind::{Directory, Link};
    // We follow them, proftpd does not; and in MLSD it hides the one that leads nowhere.
    let shown: [&[_]; 3] =
        [&[Directory, Directory, Link], &[Directory, Link], &[Directory, Link, Link]];
    for (host, kinds) in Host::all().into_iter().zip(shown) {
        fs::create_dir(host.root().join("d")).unwrap();
        symlink("d", host.root().join("link")).unwrap();
        symlink("nowhere", host.root().join("lost")).unwrap();
        let (mut connection, _) = host.connect();
        let listed = connection.list(&remote("")).unwrap();
        assert_eq!(listed.into_iter().map(|one| one.kind).collect::<Vec<_>>(), kinds);
    }
}

#[test]
fn a_pattern_stands_for_names() {
    for host in Host::all() {
        fs::create_dir(host.root().join("d e")).unwrap();
        for name in ["a.txt", "b.txt", ".c.txt", "-d.txt", "*.o", "x.o"] {
            fs::write(host.root().join("d e").join(name), "").unwrap();
        }
        let (mut connection, _) = host.connect();
        for (pattern, names) in [
            ("d e/*.txt", &["-d.txt", "a.txt", "b.txt"][..]),
            ("d e/[ab].*", &["a.txt", "b.txt"]),
            ("d e/.*", &[".c.txt"]),
            ("d e/\\*.o", &["*.o"]),
            ("d e/none*", &[]),
            ("d*", &["d e"]),
        ] {
            let found = connection.expand(&remote(pattern)).unwrap();
            let found: Vec<_> =
                found.iter().map(|one| String::from_utf8_lossy(&one.name)).collect();
            assert_eq!(found, names, "{pattern}");
        }
        assert!(connection.expand(&remote("no/*")).is_err());
        let long = remote(format!("d e/{}*", "x".repeat(256)));
        assert!(matches!(connection.expand(&long), Err(ClientError::TooMuch(..))));
    }
}

#[test]
fn a_directory_that_goes_away_is_a_step_and_not_the_end() {
    for host in Host::all() {
        for directory in ["a", "b", "c"] {
            fs::create_dir(host.root().join(directory)).unwrap();
            fs::write(host.root().join(directory).join("x"), "").unwrap();
        }
        let (mut connection, _) = host.connect();
        let root = remote("");
        let mut walk = Walk::new(Filter::default());
        let mut seen = Vec::new();
        while let Some(step) =
            walk.next(&mut RemoteEnd { connection: &mut connection, root: &root })
        {
            match step {
                Ok(found) => {
                    // Between its steps a walk does not hold the connection.
                    assert!(connection.look(&found.path.below(&root)).unwrap().is_some());
                    if found.path == TreePath::new(b"b").unwrap() {
                        fs::remove_dir_all(host.root().join("b")).unwrap();
                    }
                    seen.push(found.path.to_string());
                }
                Err(Stumble { path, error }) => {
                    assert!(matches!(error, ClientError::Refused(..)), "{error}");
                    seen.push(format!("{}!", String::from_utf8(path).unwrap()));
                }
            }
        }
        assert_eq!(seen, ["a", "a/x", "b", "b!", "c", "c/x"]);
    }
}

#[test]
fn a_deep_tree_and_a_wide_one_are_walked() {
    let site = Site::start();
    let deep = "d/".repeat(70);
    fs::create_dir_all(site.path(&deep)).unwrap();
    let (mut connection, dialogue) = connect(&format!("ftps://ann@{}", site.address), "pw");
    let root = remote("");
    let mut end = RemoteEnd { connection: &mut connection, root: &root };
    let steps: Vec<_> = Walk::new(Filter::default()).over(&mut end).collect();
    assert_eq!(steps.len(), fxpd::DEFAULT_DEPTH + 2);
    assert!(matches!(steps.last(), Some(Err(Stumble { error: ClientError::TooMuch(..), .. }))));
    let all: Vec<_> = Walk::new(Filter::default()).max_depth(70).over(&mut end).collect();
    assert!(all.len() == 70 && all.iter().all(Result::is_ok));

    const MANY: usize = 20_000;
    for number in 0..MANY {
        File::create(site.path(&format!("file {number}"))).unwrap();
    }
    let mut filter = Filter::default();
    filter.add(Verdict::Exclude, b"d").unwrap();
    let mut end = RemoteEnd { connection: &mut connection, root: &root };
    dialogue.said();
    let names: Vec<_> = Walk::new(filter).over(&mut end).map(|step| step.unwrap().path).collect();
    assert!(names.len() == MANY && names.is_sorted());
    let lists = dialogue.said().iter().filter(|said| said.starts_with("MLSD")).count();
    assert_eq!(lists, 1, "the excluded directory is not listed");
}

#[test]
fn a_listing_leaves_sscn_as_it_is() {
    let (source, target) = (Site::start(), Site::start());
    source.put("a", b"hello\n");
    let url = |site: &Site| format!("ftps://ann@{}", site.address);
    let (mut from, source_dialogue) = connect(&url(&source), "pw");
    let (mut to, target_dialogue) = connect(&url(&target), "pw");
    let (a, b) = (remote("a"), remote("b"));
    let mut run = Run::begin(&mut from, &mut to).unwrap();
    run.file(&a, &b, Existing::Replace, &mut Unseen).unwrap();
    drop(run); // not ended: SSCN stays on
    assert!(target_dialogue.said().contains(&"SSCN ON".to_owned()));

    assert_eq!(from.list(&remote("")).unwrap().len(), 1);
    assert_eq!(to.list(&remote("")).unwrap().len(), 1);
    assert_eq!(target_dialogue.said(), ["PRET MLSD", "EPSV", "MLSD"]);
    let mut run = Run::begin(&mut from, &mut to).unwrap();
    run.file(&a, &remote("c"), Existing::Replace, &mut Unseen).unwrap();
    assert!(!target_dialogue.said().iter().any(|said| said.starts_with("SSCN")));
    run.end();
    assert_eq!(target_dialogue.said(), ["SSCN OFF", "XPEER OFF"]);
    assert!(!source_dialogue.said().iter().any(|said| said.starts_with("SSCN")));
}
