//! The client matrix: clients that others wrote, as their users call them and with no odd options,
//! each through the same course. What a client cannot do is not asked of it; what it needs to be
//! told is in fxpd(8), under COMPATIBILITY. What else curl, lftp and ftplib are asked is a floor up.
//!
//! The course, for every name `N` of [`NAMES`]: put `up/N` as `N` and `up/one` as `N.old`; list,
//! and write the names, one a line, to `listed`; get `N` into `back/N`; rename `N` to `N.new` and
//! delete `N.old`. Then go on with the upload of `broken` where it broke off, and with its download
//! into `back/broken`.

mod aioftp;
mod basic_ftp;
mod commons_net;
mod curl;
mod ftplib;
mod lftp;
mod ncftp;
mod net_ftp;
mod rclone;
mod suppaftp;
mod tnftp;
mod wget;

use crate::{
    program::{Outcome, Program, sample},
    site::{Plan, Site},
};
use fxpd::{Demand, Direction, TransferRecord};
use openssl::sha::sha256;
use std::{collections::BTreeSet, fs, path::Path, sync::LazyLock};

/// The names, and how long each file is.
const NAMES: [(&str, usize); 7] = [
    ("grüße я", 1000),
    ("two  blanks", 70_001),
    ("-dash", 33),
    ("it's \"so\"", 4096),
    ("empty", 0),
    ("one", 1),
    ("big", BIG),
];

/// 100 MiB.
const BIG: usize = 100 << 20;

/// How long `broken` is, and how much of it came through before.
const BROKEN: usize = 500_009;
const CAME: usize = 200_003;

/// What every file begins with. Made once: it takes its time.
static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| sample(BIG as u32));

/// A site, and a client with the course before it.
struct Course {
    site: Site,
    client: Program,
}

impl Course {
    fn new(name: &'static str, package: &'static str) -> Course {
        Course::with(name, package, |_| {})
    }

    /// For a client that knows no TLS.
    fn plain(name: &'static str, package: &'static str) -> Course {
        Course::with(name, package, |plan| plan.settings.tls = Demand::Optional)
    }

    /// For a client that resumes the control connection's session by itself.
    fn resuming(name: &'static str, package: &'static str) -> Course {
        Course::with(name, package, |plan| plan.settings.data_tls_reuse = Demand::Required)
    }

    fn with(name: &'static str, package: &'static str, change: impl FnOnce(&mut Plan)) -> Course {
        let (site, client) = (Site::with(change), Program::new(name, package));
        client.put("ca.pem", &site.identity.certificate_pem().unwrap());
        for folder in ["up", "back"] {
            fs::create_dir(client.path(folder)).unwrap();
        }
        for (name, length) in NAMES {
            client.put(&format!("up/{name}"), &BYTES[..length]);
        }
        client.put("broken", &BYTES[..BROKEN]);
        client.put("back/broken", &BYTES[..CAME]);
        site.put("broken", &BYTES[..CAME]);
        Course { site, client }
    }

    /// Runs `script`, kept as `name`, with `arguments` before its name and the port behind.
    #[track_caller]
    fn runs_script(&self, arguments: &[&str], name: &str, script: &str) -> Outcome {
        self.client.put(name, script.as_bytes());
        let port = self.site.address.port().to_string();
        self.client.runs(&[arguments, &[name, &port]].concat())
    }

    /// The course is run to its end.
    #[track_caller]
    fn is_run(&self) {
        let listed = String::from_utf8(self.client.file("listed").unwrap()).unwrap();
        self.was_listed(listed.lines());
        self.is_renamed();
        self.is_got();
        self.went_on();
    }

    /// These were the names, in the middle of the course.
    #[track_caller]
    fn was_listed<'a>(&self, names: impl Iterator<Item = &'a str>) {
        let mut all = BTreeSet::from(["broken".to_owned()]);
        for (name, _) in NAMES {
            all.extend([name.to_owned(), format!("{name}.old")]);
        }
        assert_eq!(names.map(str::to_owned).collect::<BTreeSet<_>>(), all);
    }

    /// At the site is what shall be at the end.
    #[track_caller]
    fn is_renamed(&self) {
        let mut all = BTreeSet::from(["broken".to_owned()]);
        for (name, length) in NAMES {
            is_whole(&self.site.path(&format!("{name}.new")), length);
            all.insert(format!("{name}.new"));
        }
        assert_eq!(self.site.names().into_iter().collect::<BTreeSet<_>>(), all);
    }

    /// In `back` is all that was got.
    #[track_caller]
    fn is_got(&self) {
        for (name, length) in NAMES {
            is_whole(&self.client.path(&format!("back/{name}")), length);
        }
    }

    /// `broken` is whole at both ends, and only what was missing was sent for it.
    #[track_caller]
    fn went_on(&self) {
        self.goes_on(Direction::Incoming);
        is_whole(&self.site.path("broken"), BROKEN);
        self.goes_on(Direction::Outgoing);
        is_whole(&self.client.path("back/broken"), BROKEN);
    }

    /// The next transfer of `broken` is this one.
    #[track_caller]
    fn goes_on(&self, direction: Direction) {
        let record = self.next_of("/broken");
        assert_eq!(record.direction, direction);
        assert_eq!((record.bytes, record.complete), ((BROKEN - CAME) as u64, true));
    }

    /// The next record of this file; all before it are of whole transfers.
    #[track_caller]
    fn next_of(&self, path: &str) -> TransferRecord {
        loop {
            let record = self.site.record();
            assert!(record.complete, "{record:?}");
            if record.path.to_string() == path {
                return record;
            }
        }
    }
}

/// This file holds so many of the bytes.
#[track_caller]
fn is_whole(path: &Path, length: usize) {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(bytes.len(), length, "{}", path.display());
    assert_eq!(sha256(&bytes), sha256(&BYTES[..length]), "{}", path.display());
}

/// Something that is neither on the path nor an error of its own when it is missing.
#[track_caller]
fn needs(path: &str, how: &str) {
    assert!(Path::new(path).exists(), "no {path}: {how}");
}

/// A word as the prompts of ncftp and tnftp read it: within quotes, neither can say a quote.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric();
    word.chars().flat_map(|c| (!is_plain(c)).then_some('\\').into_iter().chain([c])).collect()
}
