//! What the user reads at the end, and the notes on the way there.

use crate::{exit::Failure, options::Talk};
use fxpd::{Carried, Copied};
use indicatif::BinaryBytes;
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

/// A copy between servers, in two lines. `versions` are those of the control connections: the data
/// connection is the servers' own.
pub fn copied(name: &str, copied: &Copied, versions: [&str; 2]) -> String {
    let size =
        copied.bytes.map_or("unknown size".to_owned(), |bytes| amount(bytes, copied.elapsed));
    let [source, target] = versions;
    format!("{name}: {size}; {}\n{} (control {source}, {target})", copied.proof, copied.plan)
}

/// A copy through our hands, in one line.
pub fn carried(name: &str, carried: &Carried) -> String {
    let size = amount(carried.bytes, carried.elapsed);
    format!("{name}: {size}, {}; {}", carried.tls_version, carried.proof)
}

fn amount(bytes: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    let rate = BinaryBytes((bytes as f64 / seconds.max(0.001)) as u64);
    format!("{bytes} bytes in {seconds:.2} s ({rate}/s)")
}
