//! What the user reads: of each file, at the end, and the notes on the way there.

use crate::{bytes::Bytes, exit::Failure, options::Talk};
use fxpd::{Act, ManifestEntry, ProofKind, Prospect, Step, Summary, TreePath, Why};
use std::{
    io::{self, Write},
    time::Duration,
};

/// Writes to standard output.
pub fn say(text: &str) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{text}") {
        // `fxp --help | head -1`
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::Config(format!("cannot write to standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Sends the library's notes to standard error.
pub fn start_log(talk: Talk) {
    let level = match talk {
        Talk::Quiet => log::LevelFilter::Error,
        Talk::Normal => log::LevelFilter::Warn,
        Talk::Verbose => log::LevelFilter::Info,
    };
    env_logger::Builder::new()
        .filter_level(level)
        .format(|out, record| writeln!(out, "fxp: {}", record.args()))
        .init();
}

/// The only file of a job, with the way that it took.
pub fn one_file(path: &TreePath, entry: &ManifestEntry, moved: u64, elapsed: Duration) -> String {
    let way = entry.route.as_deref().unwrap_or_default();
    let tls = entry.tls.as_deref().unwrap_or("no TLS");
    let size = entry.size.map_or("unknown size".to_owned(), |size| format!("{size} bytes"));
    let rest = match entry.size {
        Some(size) if moved < size => format!(", {moved} of them new,"),
        _ => String::new(),
    };
    let (time, proof) = (pace(moved, elapsed), proof(entry));
    format!("{path}: {size}{rest} {time}; {proof}\n{way}{} ({tls})", verified(entry))
}

/// Which of the two servers made sure of the other; nothing where this host was one end.
fn verified(entry: &ManifestEntry) -> &'static str {
    match entry.verified.as_deref() {
        Some("both") => ", verified on both ends",
        Some("source") => ", verified on the source only",
        Some("target") => ", verified on the target only",
        Some(_) => ", verified on no end",
        None => "",
    }
}

/// One of the files of a job.
pub fn one_of_many(
    path: &TreePath,
    entry: &ManifestEntry,
    moved: u64,
    elapsed: Duration,
) -> String {
    let (time, proof) = (pace(moved, elapsed), short_proof(entry));
    format!("copied {path}: {moved} bytes {time}; {proof}{}", verified(entry))
}

/// A directory made, a file deleted.
pub fn change(step: &Step) -> String {
    format!("{} {}", verb(step.act), step.path)
}

/// How a job ended, in one line or two.
pub fn summary(summary: &Summary) -> String {
    let Summary { copied, skipped, deleted, untried, failed, bytes, elapsed, .. } = summary;
    let mut text =
        format!("{copied} copied, {skipped} left alone, {deleted} deleted, {failed} failed");
    if *untried > 0 {
        text += &format!(", {untried} not tried");
    }
    text += &format!("; {} {}", Bytes(*bytes), pace(*bytes, *elapsed));
    if let Some(plan) = summary.plan {
        text += &format!("\n{plan}");
    }
    text
}

/// What a job would do, a line for each step.
pub fn steps(prospect: &Prospect, talk: Talk) -> Result<(), Failure> {
    let (mut files, mut bytes) = (0_u64, 0_u64);
    for step in &prospect.steps {
        if step.is_copy() {
            files += 1;
            bytes += step.size.unwrap_or_default();
        }
        match step.act {
            Act::Skip(why) if talk != Talk::Quiet => {
                say(&format!("skip   {} ({})", step.path, reason(why)))?;
            }
            Act::Skip(_) => {}
            act => say(&format!("{:6} {}{}", verb(act), step.path, size_of(step)))?,
        }
    }
    for stumble in &prospect.stumbles {
        say(&format!("fail   {}: {}", path(&stumble.path), stumble.error))?;
    }
    say(&format!("{files} files, {} to copy", Bytes(bytes)))
}

fn size_of(step: &Step) -> String {
    match step.size {
        Some(size) if step.is_copy() => format!(" ({size} bytes)"),
        _ => String::new(),
    }
}

/// What is done, in a word.
pub fn verb(act: Act) -> &'static str {
    match act {
        Act::MakeDirectory => "mkdir",
        Act::Copy(fxpd::Existing::Continue) => "resume",
        Act::Copy(fxpd::Existing::Replace) => "copy",
        Act::CopyUnlessHashEqual => "check",
        Act::Skip(_) => "skip",
        Act::DeleteFile => "delete",
        Act::DeleteDirectory => "rmdir",
    }
}

/// Why something is left alone.
pub fn reason(why: Why) -> &'static str {
    match why {
        Why::Same => "same size and time",
        Why::SameHash => "same hash",
        Why::Exists => "exists",
        Why::NotNewer => "not newer",
        Why::DoneEarlier => "done earlier",
        Why::Link => "a link",
        Why::Special => "no file",
    }
}

/// Bytes that may be no text, for people.
pub fn path(bytes: &[u8]) -> String {
    fxpd::RemotePath::new(bytes)
        .map_or_else(|| bytes.escape_ascii().to_string(), |path| path.to_string())
}

fn proof(entry: &ManifestEntry) -> String {
    match (entry.proof, entry.hash.as_deref().and_then(|hash| hash.split_once(':'))) {
        (ProofKind::Hash, Some((name, hash))) => format!("size and {name} equal ({hash})"),
        _ => short_proof(entry),
    }
}

fn short_proof(entry: &ManifestEntry) -> String {
    let name = entry.hash.as_deref().and_then(|hash| hash.split(':').next());
    match (entry.proof, name) {
        (ProofKind::Hash, name) => format!("size and {} equal", name.unwrap_or("hash")),
        (ProofKind::Size, _) => "size equal, no hash in common".to_owned(),
        (ProofKind::Replies, _) => "not compared, the servers cannot tell a size".to_owned(),
        (ProofKind::SizeAndTime, _) => "size and time equal".to_owned(),
    }
}

fn pace(bytes: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    let rate = Bytes((bytes as f64 / seconds.max(0.001)) as u64);
    format!("in {seconds:.2} s ({rate}/s)")
}
