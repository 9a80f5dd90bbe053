//! How a command is written plainly: the reverse of [`Command::parse`], which no program needs.

use crate::proto::{
    Algorithm, AuthMechanism, ByteRange, Change, Command, EpsvArg, Form, Hidden, ListArg,
    ListOptions, Marks, Mode, OptsArg, Order, PathArg, Protection, Reach, Representation, SiteArg,
    TlsRole, XpeerArg, endpoint, stamp,
};

/// The line of a command; `None` for the few values that no line has, or that lose a fraction of a
/// millisecond.
pub fn spelling(command: &Command) -> Option<Vec<u8>> {
    let (verb, argument) = transfer(command).or_else(|| setting(command))?;
    let mut line = verb.as_bytes().to_vec();
    if !argument.is_empty() {
        line.push(b' ');
        line.extend_from_slice(&argument);
    }
    Some(line)
}

type Spelt = Option<(&'static str, Vec<u8>)>;

/// What files and directories are meant.
fn transfer(command: &Command) -> Spelt {
    let named = |verb, path: &PathArg| (verb, path.as_bytes().to_vec());
    let maybe = |verb, path: &Option<PathArg>| (verb, bytes(path.as_ref()));
    Some(match command {
        Command::Retr(path) => named("RETR", path),
        Command::Stor(path) => named("STOR", path),
        Command::Appe(path) => named("APPE", path),
        Command::Cwd(path) => named("CWD", path),
        Command::Mkd(path) => named("MKD", path),
        Command::Rmd(path) => named("RMD", path),
        Command::Dele(path) => named("DELE", path),
        Command::Rnfr(path) => named("RNFR", path),
        Command::Rnto(path) => named("RNTO", path),
        Command::Size(path) => named("SIZE", path),
        Command::Mdtm(path) => named("MDTM", path),
        Command::Hash(path) => named("HASH", path),
        Command::Mlsd(path) => maybe("MLSD", path),
        Command::Mlst(path) => maybe("MLST", path),
        Command::Avbl(path) => maybe("AVBL", path),
        Command::List(argument) => ("LIST", list(argument)?),
        Command::Nlst(argument) => ("NLST", list(argument)?),
        Command::Stat(None) => ("STAT", Vec::new()),
        Command::Stat(Some(argument)) => {
            ("STAT", Some(list(argument)?).filter(|it| !it.is_empty())?)
        }
        Command::HashBy(algorithm, path, range) => (hash_verb(*algorithm), hashed(path, *range)),
        Command::Mfmt(time, path) => ("MFMT", words(&[exact(*time)?.as_bytes(), path.as_bytes()])),
        Command::Mff(changes, path) => {
            let facts: Option<String> = changes.iter().map(fact).collect();
            ("MFF", words(&[facts?.as_bytes(), path.as_bytes()]))
        }
        Command::Site(argument) => ("SITE", site(argument)?),
        _ => return None,
    })
}

/// What is set, and what is asked of the session.
fn setting(command: &Command) -> Spelt {
    let (verb, text) = match command {
        Command::User(name) => ("USER", name.clone()),
        Command::Pass(secret) => return Some(("PASS", secret.expose().to_vec())),
        Command::Host(name) => ("HOST", name.to_string()),
        Command::Auth(AuthMechanism::Tls) => ("AUTH", "TLS".to_owned()),
        Command::Auth(AuthMechanism::TlsWithData) => ("AUTH", "SSL".to_owned()),
        Command::Pbsz(size) => ("PBSZ", size.to_string()),
        Command::Prot(Protection::Clear) => ("PROT", "C".to_owned()),
        Command::Prot(Protection::Private) => ("PROT", "P".to_owned()),
        Command::Sscn(None) => ("SSCN", String::new()),
        Command::Sscn(Some(TlsRole::Connect)) => ("SSCN", "ON".to_owned()),
        Command::Sscn(Some(TlsRole::Accept)) => ("SSCN", "OFF".to_owned()),
        Command::Xpeer(XpeerArg::Show) => ("XPEER", String::new()),
        Command::Xpeer(XpeerArg::Off) => ("XPEER", "OFF".to_owned()),
        Command::Xpeer(XpeerArg::Sha256(print)) => ("XPEER", format!("SHA-256 {}", print.hex())),
        Command::Epsv(EpsvArg::Same) => ("EPSV", String::new()),
        Command::Epsv(EpsvArg::V4) => ("EPSV", "1".to_owned()),
        Command::Epsv(EpsvArg::V6) => ("EPSV", "2".to_owned()),
        Command::Epsv(EpsvArg::All) => ("EPSV", "ALL".to_owned()),
        Command::Port(address) => ("PORT", endpoint::print_port(*address)),
        Command::Eprt(address) => ("EPRT", endpoint::print_eprt(*address)),
        Command::Type(Representation::Ascii) => ("TYPE", "A".to_owned()),
        Command::Type(Representation::Image) => ("TYPE", "I".to_owned()),
        Command::Mode(Mode::Stream) => ("MODE", "S".to_owned()),
        Command::Mode(Mode::Deflate) => ("MODE", "Z".to_owned()),
        Command::Allo(bytes) => ("ALLO", bytes.to_string()),
        Command::Rest(offset) => ("REST", offset.to_string()),
        Command::Rang(None) => ("RANG", "1 0".to_owned()),
        Command::Rang(Some(range)) => ("RANG", format!("{} {}", range.start, range.end - 1)),
        Command::Help(row) => ("HELP", row.map_or_else(String::new, |row| row.name.to_owned())),
        Command::Opts(OptsArg::Utf8) => ("OPTS", "UTF8 ON".to_owned()),
        Command::Opts(OptsArg::Mlst(facts)) => ("OPTS", format!("MLST {facts}")),
        Command::Opts(OptsArg::Hash(None)) => ("OPTS", "HASH".to_owned()),
        Command::Opts(OptsArg::Hash(Some(algorithm))) => ("OPTS", format!("HASH {algorithm}")),
        Command::Opts(OptsArg::Deflate(level)) => {
            ("OPTS", format!("MODE Z LEVEL {}", level.number()))
        }
        Command::Cepr(true) => ("CEPR", "ON".to_owned()),
        Command::Cepr(false) => ("CEPR", "OFF".to_owned()),
        _ => return None, // a verb alone, or one whose argument is dropped
    };
    Some((verb, text.into_bytes()))
}

fn bytes(path: Option<&PathArg>) -> Vec<u8> {
    path.map_or_else(Vec::new, |path| path.as_bytes().to_vec())
}

fn words(words: &[&[u8]]) -> Vec<u8> {
    words.join(&b' ')
}

/// `-al name`, or `-- -name`.
fn list(argument: &ListArg) -> Option<Vec<u8>> {
    let letters = letters(&argument.options);
    let path = bytes(argument.path.as_ref());
    let begins_with = |byte: u8| path.trim_ascii_start().first() == Some(&byte);
    if letters.is_empty() && !begins_with(b'-') {
        return Some(path);
    }
    if path.first().is_some_and(u8::is_ascii_whitespace) {
        return None; // behind options a blank is none of the name
    }
    let mut words = Vec::new();
    words.extend((!letters.is_empty()).then(|| [b"-", &letters[..]].concat()));
    words.extend(begins_with(b'-').then(|| b"--".to_vec()));
    words.push(path);
    Some(words.join(&b' '))
}

fn letters(options: &ListOptions) -> Vec<u8> {
    let letters = [
        match options.hidden {
            Hidden::Left => None,
            Hidden::Shown => Some(b'A'),
            Hidden::WithDots => Some(b'a'),
        },
        options.form.map(|form| if form == Form::Long { b'l' } else { b'1' }),
        (options.marks == Marks::Kinds).then_some(b'F'),
        match options.reach {
            Reach::Inside => None,
            Reach::Itself => Some(b'd'),
            Reach::Below => Some(b'R'),
        },
        match options.order {
            Order::Storage | Order::Name => None,
            Order::Newest => Some(b't'),
            Order::Largest => Some(b'S'),
        },
        (options.direction != Default::default()).then_some(b'r'),
    ];
    letters.into_iter().flatten().collect()
}

fn hash_verb(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Sha256 => "XSHA256",
        Algorithm::Sha512 => "XSHA512",
        Algorithm::Sha1 => "XSHA1",
        Algorithm::Md5 => "XMD5",
        Algorithm::Crc32 => "XCRC",
    }
}

/// `"na""me" 0 9`
fn hashed(path: &PathArg, range: Option<ByteRange>) -> Vec<u8> {
    let mut argument = vec![b'"'];
    for byte in path.as_bytes() {
        argument.extend((*byte == b'"').then_some(b'"'));
        argument.push(*byte);
    }
    argument.push(b'"');
    if let Some(range) = range {
        argument.extend_from_slice(format!(" {} {}", range.start, range.end).as_bytes());
    }
    argument
}

/// A stamp that loses nothing.
fn exact(time: jiff::Timestamp) -> Option<String> {
    Some(stamp::print(time)).filter(|text| stamp::parse(text) == Some(time))
}

fn fact(change: &Change) -> Option<String> {
    match change {
        Change::Modified(time) => exact(*time).map(|stamp| format!("Modify={stamp};")),
        Change::Mode(mode) => Some(format!("UNIX.mode={mode:04o};")),
    }
}

fn site(argument: &SiteArg) -> Option<Vec<u8>> {
    let number = |word: &str, number: &Option<u64>| match number {
        Some(number) => format!("{word} {number}").into_bytes(),
        None => word.as_bytes().to_vec(),
    };
    Some(match argument {
        SiteArg::Help => b"HELP".to_vec(),
        SiteArg::Quota => b"QUOTA".to_vec(),
        SiteArg::Who => b"WHO".to_vec(),
        SiteArg::Idle(seconds) => number("IDLE", seconds),
        SiteArg::Rate(rate) => number("RATE", rate),
        SiteArg::Chmod(mode, path) => {
            words(&[b"CHMOD", format!("{mode:03o}").as_bytes(), path.as_bytes()])
        }
        SiteArg::Symlink(target, path) => {
            let one_word = !target.as_bytes().contains(&b' ');
            one_word.then(|| words(&[b"SYMLINK", target.as_bytes(), path.as_bytes()]))?
        }
        // A path may look like the times of the other form.
        SiteArg::Utime(time, path) => {
            let other = path.as_bytes().to_ascii_uppercase().ends_with(b" UTC");
            let time = exact(*time).filter(|_| !other)?;
            words(&[b"UTIME", time.as_bytes(), path.as_bytes()])
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{DeflateLevel, Fingerprint, HostName, Secret};
    use jiff::Timestamp;
    use proptest::{collection::vec, option::of, prelude::*, sample::select};
    use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

    fn path() -> impl Strategy<Value = PathArg> {
        let text = "[ -~ü]{1,40}".prop_map(String::into_bytes);
        prop_oneof![text, vec(14..=0xff_u8, 1..20)].prop_map(|bytes| PathArg::new(bytes).unwrap())
    }

    fn range() -> impl Strategy<Value = ByteRange> {
        let offset = || 0..i64::MAX.cast_unsigned();
        (offset(), offset()).prop_map(|(a, b)| ByteRange { start: a.min(b), end: a.max(b) + 1 })
    }

    fn time() -> impl Strategy<Value = Timestamp> {
        let milliseconds = 0..253_402_207_200_000_i64;
        milliseconds.prop_map(|it| Timestamp::from_millisecond(it).unwrap())
    }

    fn listed() -> impl Strategy<Value = ListArg> {
        let path = of(path().prop_filter("no blank before it", |it| it.as_bytes()[0] != b' '));
        ("[aAl1FdRtSr]{0,9}", path).prop_map(|(letters, path)| {
            let mut options = ListOptions::default();
            letters.bytes().for_each(|letter| options.take(letter));
            ListArg { options, path }
        })
    }

    /// With a path, of every form that there is.
    fn of_files() -> impl Strategy<Value = Command> {
        let verbs: Vec<fn(PathArg) -> Command> = vec![
            Command::Retr,
            Command::Stor,
            Command::Appe,
            Command::Cwd,
            Command::Mkd,
            Command::Rmd,
            Command::Dele,
            Command::Rnfr,
            Command::Rnto,
            Command::Size,
            Command::Mdtm,
            Command::Hash,
        ];
        let algorithms = [
            Algorithm::Sha256,
            Algorithm::Sha512,
            Algorithm::Sha1,
            Algorithm::Md5,
            Algorithm::Crc32,
        ];
        let change =
            prop_oneof![time().prop_map(Change::Modified), (0..=0o777_u32).prop_map(Change::Mode),];
        prop_oneof![
            (select(verbs), path()).prop_map(|(verb, path)| verb(path)),
            of(path()).prop_map(Command::Mlsd),
            of(path()).prop_map(Command::Mlst),
            of(path()).prop_map(Command::Avbl),
            listed().prop_map(Command::List),
            listed().prop_map(Command::Nlst),
            (select(algorithms.to_vec()), path(), of(range()))
                .prop_map(|(algorithm, path, range)| Command::HashBy(algorithm, path, range)),
            (time(), path()).prop_map(|(time, path)| Command::Mfmt(time, path)),
            (vec(change, 1..4), path()).prop_map(|(changes, path)| Command::Mff(changes, path)),
            (0..=0o777_u32, path())
                .prop_map(|(mode, path)| Command::Site(SiteArg::Chmod(mode, path))),
        ]
    }

    /// With anything else.
    fn of_sessions() -> impl Strategy<Value = Command> {
        let v4 =
            (any::<Ipv4Addr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddrV4::new(ip, port));
        let any_end =
            (any::<IpAddr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port));
        let print = any::<[u8; 32]>().prop_map(Fingerprint::from_digest);
        let offset = 0..=i64::MAX.cast_unsigned();
        prop_oneof![
            "[ -~ü]{1,40}".prop_map(Command::User),
            vec(1..=0xff_u8, 0..40).prop_map(|bytes| Command::Pass(Secret::new(bytes))),
            any::<IpAddr>().prop_map(|ip| Command::Host(HostName::Address(ip.to_canonical()))),
            any::<u32>().prop_map(Command::Pbsz),
            print.prop_map(|print| Command::Xpeer(XpeerArg::Sha256(print))),
            v4.prop_map(Command::Port),
            any_end.prop_map(Command::Eprt),
            any::<u64>().prop_map(Command::Allo),
            offset.prop_map(Command::Rest),
            of(range()).prop_map(Command::Rang),
            (0..=9_u8)
                .prop_map(|it| Command::Opts(OptsArg::Deflate(DeflateLevel::new(it).unwrap()))),
            of(any::<u64>()).prop_map(|it| Command::Site(SiteArg::Idle(it))),
            of(any::<u64>()).prop_map(|it| Command::Site(SiteArg::Rate(it))),
            select(vec![
                Command::Sscn(None),
                Command::Sscn(Some(TlsRole::Connect)),
                Command::Cepr(true),
                Command::Xpeer(XpeerArg::Off),
                Command::Xpeer(XpeerArg::Show),
                Command::Stat(None),
                Command::Epsv(EpsvArg::All),
                Command::Prot(Protection::Private),
                Command::Help(None),
            ]),
        ]
    }

    proptest! {
        #[test]
        fn every_command_is_read_as_written(command in prop_oneof![of_files(), of_sessions()]) {
            let line = spelling(&command).unwrap();
            let read = Command::parse(&line).map(|(_, command)| command);
            prop_assert_eq!(read, Ok(command), "{}", line.escape_ascii());
        }
    }
}
