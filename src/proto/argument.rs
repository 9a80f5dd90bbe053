//! What stands behind a verb, taken apart by the form that the verb's row in the table has.

use crate::proto::{
    Algorithm, AuthMechanism, ByteRange, Change, Command, CommandFault, DeflateLevel,
    EndpointFault, EpsvArg, Fingerprint, ListArg, ListOptions, Mode, OptsArg, PathArg, Protection,
    Representation, Secret, SiteArg, SiteFault, TlsRole, XpeerArg, endpoint, site, stamp,
    verb::{self, Row, Verb},
};
use jiff::Timestamp;
use std::net::SocketAddr;

/// What stands behind the verb.
pub(super) struct Argument<'a> {
    row: &'static Row,
    bytes: &'a [u8],
}

type Parsed<T> = Result<T, CommandFault>;

impl<'a> Argument<'a> {
    /// The bytes behind the verb of `row` and one blank.
    pub(super) fn new(row: &'static Row, bytes: &'a [u8]) -> Argument<'a> {
        Argument { row, bytes }
    }

    /// One arm a verb, in the order of the table.
    pub(super) fn command(&self) -> Parsed<Command> {
        Ok(match self.row.verb {
            Verb::User => Command::User(self.user_name()?),
            Verb::Pass => Command::Pass(Secret::new(self.bytes)),
            Verb::Quit => self.none(Command::Quit)?,
            Verb::Rein => self.none(Command::Rein)?,
            Verb::Host => Command::Host(self.word()?.parse().map_err(|_| self.bad())?),
            Verb::Auth => Command::Auth(self.mechanism()?),
            Verb::Pbsz => Command::Pbsz(self.number()?),
            Verb::Prot => Command::Prot(self.protection()?),
            Verb::Ccc => self.none(Command::Ccc)?,
            Verb::Sscn => Command::Sscn(self.role()?),
            Verb::Xpeer => Command::Xpeer(self.xpeer()?),
            Verb::Cpsv => self.none(Command::Cpsv)?,
            Verb::Pasv => self.none(Command::Pasv)?,
            Verb::Epsv => Command::Epsv(self.epsv()?),
            Verb::Port => Command::Port(endpoint::parse_port(&self.word()?).ok_or(self.bad())?),
            Verb::Eprt => Command::Eprt(self.eprt()?),
            Verb::Type => Command::Type(self.representation()?),
            Verb::Mode => Command::Mode(self.mode()?),
            Verb::Stru => self.only("F", Command::Stru)?,
            Verb::Allo => Command::Allo(self.allo()?),
            Verb::Rest => Command::Rest(self.offset()?),
            Verb::Rang => Command::Rang(self.range()?),
            Verb::Retr => Command::Retr(self.path()?),
            Verb::Stor => Command::Stor(self.path()?),
            Verb::Appe => Command::Appe(self.path()?),
            Verb::Stou => Command::Stou,
            Verb::Abor => self.none(Command::Abor)?,
            Verb::List => Command::List(self.list()?),
            Verb::Nlst => Command::Nlst(self.list()?),
            Verb::Mlsd => Command::Mlsd(self.optional_path()?),
            Verb::Mlst => Command::Mlst(self.optional_path()?),
            Verb::Stat => Command::Stat(self.stat()?),
            Verb::Cwd => Command::Cwd(self.path()?),
            Verb::Cdup => self.none(Command::Cdup)?,
            Verb::Pwd => self.none(Command::Pwd)?,
            Verb::Mkd => Command::Mkd(self.path()?),
            Verb::Rmd => Command::Rmd(self.path()?),
            Verb::Dele => Command::Dele(self.path()?),
            Verb::Rnfr => Command::Rnfr(self.path()?),
            Verb::Rnto => Command::Rnto(self.path()?),
            Verb::Size => Command::Size(self.path()?),
            Verb::Hash => Command::Hash(self.path()?),
            Verb::HashBy => self.hash_by()?,
            Verb::Mdtm => Command::Mdtm(self.path()?),
            Verb::Mfmt => self.stamped().map(|(time, path)| Command::Mfmt(time, path))?,
            Verb::Mfct => self.stamped().map(|_| Command::Mfct)?,
            Verb::Mff => self.changes()?,
            Verb::Avbl => Command::Avbl(self.optional_path()?),
            Verb::Site => Command::Site(self.site()?),
            Verb::Feat => self.none(Command::Feat)?,
            Verb::Help => Command::Help(self.help()?),
            Verb::Syst => self.none(Command::Syst)?,
            // Some clients keep alive with `NOOP` and a word.
            Verb::Noop => Command::Noop,
            Verb::Opts => Command::Opts(self.opts()?),
            Verb::Clnt => Command::Clnt,
            Verb::Csid => Command::Csid,
            Verb::Lang => self.language()?,
            Verb::Acct => Command::Acct,
            Verb::Cepr => Command::Cepr(self.switch()?),
            Verb::Pret => Command::Pret,
            Verb::LongAddress => Command::LongAddress,
            Verb::Adat => Command::Adat,
            Verb::Protected => Command::Protected,
            Verb::Mount => return Err(CommandFault::NotBuilt),
        })
    }

    fn bad(&self) -> CommandFault {
        CommandFault::Argument(self.row)
    }

    fn value(&self) -> CommandFault {
        CommandFault::Value(self.row)
    }

    /// The argument as one word in capitals, blanks around it dropped.
    fn word(&self) -> Parsed<String> {
        let text = std::str::from_utf8(self.bytes).map_err(|_| self.bad())?.trim();
        if text.is_empty() || text.contains(' ') {
            return Err(self.bad());
        }
        Ok(text.to_ascii_uppercase())
    }

    fn none(&self, command: Command) -> Parsed<Command> {
        if self.bytes.trim_ascii().is_empty() { Ok(command) } else { Err(self.bad()) }
    }

    fn only(&self, word: &str, command: Command) -> Parsed<Command> {
        if self.word()? == word { Ok(command) } else { Err(self.value()) }
    }

    fn user_name(&self) -> Parsed<String> {
        let name = std::str::from_utf8(self.bytes).map_err(|_| self.bad())?;
        let ok = !name.is_empty() && !name.chars().any(char::is_control);
        if ok { Ok(name.to_owned()) } else { Err(self.bad()) }
    }

    fn path(&self) -> Parsed<PathArg> {
        PathArg::new(self.bytes).ok_or(self.bad())
    }

    fn optional_path(&self) -> Parsed<Option<PathArg>> {
        if self.bytes.is_empty() { Ok(None) } else { self.path().map(Some) }
    }

    fn number<N: std::str::FromStr>(&self) -> Parsed<N> {
        let word = self.word()?;
        // `parse` would take a sign.
        let digits = word.bytes().all(|b| b.is_ascii_digit());
        word.parse().ok().filter(|_| digits).ok_or(self.bad())
    }

    /// File offsets are `off_t`: what does not fit would wrap somewhere below us.
    fn offset(&self) -> Parsed<u64> {
        self.number().ok().filter(|offset| i64::try_from(*offset).is_ok()).ok_or(self.bad())
    }

    /// Two offsets, and nothing else in `text`.
    fn two_offsets(&self, text: &[u8]) -> Parsed<(u64, u64)> {
        let text = std::str::from_utf8(text).map_err(|_| self.bad())?;
        let offset = |word: &str| Argument::new(self.row, word.as_bytes()).offset();
        match text.split_ascii_whitespace().collect::<Vec<_>>()[..] {
            [first, second] => Ok((offset(first)?, offset(second)?)),
            _ => Err(self.bad()),
        }
    }

    /// `RANG 1 0` means no range.
    fn range(&self) -> Parsed<Option<ByteRange>> {
        match self.two_offsets(self.bytes)? {
            (1, 0) => Ok(None),
            (first, last) => ByteRange::including(first, last).map(Some).ok_or(self.bad()),
        }
    }

    /// `XCRC path`, `XCRC "path"` or `XCRC "path" start end`. A quote within quotes is doubled.
    fn hash_by(&self) -> Parsed<Command> {
        let (algorithm, _) = Algorithm::by_verb(self.row.name).ok_or(self.bad())?;
        let Some((path, rest)) = quoted(self.bytes) else {
            return Ok(Command::HashBy(algorithm, self.path()?, None));
        };
        let path = PathArg::new(path).ok_or(self.bad())?;
        if rest.trim_ascii().is_empty() {
            return Ok(Command::HashBy(algorithm, path, None));
        }
        if !rest.starts_with(b" ") {
            return Err(self.bad());
        }
        let (start, end) = self.two_offsets(rest)?;
        let range = ByteRange::before(start, end).ok_or(self.bad())?;
        Ok(Command::HashBy(algorithm, path, Some(range)))
    }

    /// `ALLO 1000` or `ALLO 1000 R 512` (RFC 959 §5.3.1).
    fn allo(&self) -> Parsed<u64> {
        let text = std::str::from_utf8(self.bytes).map_err(|_| self.bad())?;
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let numbers = match words[..] {
            [size] => [size, "0"],
            [size, r, record] if r.eq_ignore_ascii_case("R") => [size, record],
            _ => return Err(self.bad()),
        };
        if numbers.iter().any(|number| !number.bytes().all(|b| b.is_ascii_digit())) {
            return Err(self.bad());
        }
        numbers[0].parse().map_err(|_| self.bad())
    }

    fn mechanism(&self) -> Parsed<AuthMechanism> {
        match self.word()?.as_str() {
            "TLS" | "TLS-C" => Ok(AuthMechanism::Tls),
            "SSL" | "TLS-P" => Ok(AuthMechanism::TlsWithData),
            _ => Err(self.value()),
        }
    }

    fn protection(&self) -> Parsed<Protection> {
        match self.word()?.as_str() {
            "C" => Ok(Protection::Clear),
            "P" => Ok(Protection::Private),
            "S" | "E" => Err(CommandFault::Protection),
            _ => Err(self.value()),
        }
    }

    /// Without a word it asks; `ON` makes us the TLS client, `OFF` the TLS server.
    fn role(&self) -> Parsed<Option<TlsRole>> {
        if self.bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        Ok(Some(if self.switch()? { TlsRole::Connect } else { TlsRole::Accept }))
    }

    fn switch(&self) -> Parsed<bool> {
        match self.word()?.as_str() {
            "ON" => Ok(true),
            "OFF" => Ok(false),
            _ => Err(self.bad()),
        }
    }

    /// Nothing asks; `OFF`, or a hash function and a fingerprint made by it.
    fn xpeer(&self) -> Parsed<XpeerArg> {
        let text = std::str::from_utf8(self.bytes).map_err(|_| self.bad())?.trim_end();
        match text.to_ascii_uppercase().split(' ').collect::<Vec<_>>()[..] {
            [""] => Ok(XpeerArg::Show),
            ["OFF"] => Ok(XpeerArg::Off),
            ["SHA-256", digits] => {
                Fingerprint::from_hex(digits).map(XpeerArg::Sha256).ok_or(self.bad())
            }
            // A digest of another function's.
            [_, digits] if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => Err(self.value()),
            _ => Err(self.bad()),
        }
    }

    /// `20260203040506 name` (draft-somers-ftp-mfxx §3).
    fn stamped(&self) -> Parsed<(Timestamp, PathArg)> {
        let (time, name) = split_at_blank(self.bytes);
        let time = std::str::from_utf8(time).ok().and_then(stamp::parse).ok_or(self.bad())?;
        Ok((time, PathArg::new(name).ok_or(self.bad())?))
    }

    /// `Modify=20260203040506;UNIX.mode=0644; name` (draft-somers-ftp-mfxx §5).
    fn changes(&self) -> Parsed<Command> {
        let (facts, name) = split_at_blank(self.bytes);
        let facts = std::str::from_utf8(facts).ok().and_then(|facts| facts.strip_suffix(';'));
        let mut changes = Vec::new();
        for fact in facts.ok_or(self.bad())?.split(';') {
            let (key, value) = fact.split_once('=').ok_or(self.bad())?;
            changes.push(match key.to_ascii_lowercase().as_str() {
                "modify" => Change::Modified(stamp::parse(value).ok_or(self.bad())?),
                "unix.mode" => Change::Mode(site::parse_mode(value).ok_or(self.bad())?),
                _ => return Err(self.value()),
            });
        }
        Ok(Command::Mff(changes, PathArg::new(name).ok_or(self.bad())?))
    }

    fn site(&self) -> Parsed<SiteArg> {
        SiteArg::parse(self.bytes).map_err(|fault| match fault {
            SiteFault::Unknown => self.value(),
            SiteFault::Argument => self.bad(),
        })
    }

    /// `LANG` goes back to the default, which is the only one (RFC 2640 §4.1) and stands for the
    /// English of every country (§4.2).
    fn language(&self) -> Parsed<Command> {
        if self.bytes.trim_ascii().is_empty() {
            return Ok(Command::Lang);
        }
        let wish = self.word()?;
        let tags: Vec<&str> = wish.split('-').collect();
        let is_tag = |tag: &&str| {
            (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphabetic())
        };
        match tags[..] {
            _ if !tags.iter().all(is_tag) => Err(self.bad()),
            ["EN", ..] | ["I", "DEFAULT"] => Ok(Command::Lang),
            _ => Err(self.value()),
        }
    }

    fn epsv(&self) -> Parsed<EpsvArg> {
        if self.bytes.trim_ascii().is_empty() {
            return Ok(EpsvArg::Same);
        }
        match self.word()?.as_str() {
            "1" => Ok(EpsvArg::V4),
            "2" => Ok(EpsvArg::V6),
            "ALL" => Ok(EpsvArg::All),
            other if other.parse::<u16>().is_ok() => Err(CommandFault::Family),
            _ => Err(self.bad()),
        }
    }

    fn eprt(&self) -> Parsed<SocketAddr> {
        endpoint::parse_eprt(&self.word()?).map_err(|fault| match fault {
            EndpointFault::Syntax => self.bad(),
            EndpointFault::Family => CommandFault::Family,
        })
    }

    fn representation(&self) -> Parsed<Representation> {
        let text = String::from_utf8_lossy(self.bytes).to_ascii_uppercase();
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        match words[..] {
            ["A"] | ["A", "N"] => Ok(Representation::Ascii),
            ["I"] | ["L", "8"] => Ok(Representation::Image),
            ["A" | "E" | "L", _] | ["E" | "L"] => Err(self.value()),
            _ => Err(self.bad()),
        }
    }

    fn mode(&self) -> Parsed<Mode> {
        match self.word()?.as_str() {
            "S" => Ok(Mode::Stream),
            "Z" if Mode::HAS_DEFLATE => Ok(Mode::Deflate),
            _ => Err(self.value()),
        }
    }

    /// A word that begins with a dash holds options; a name that does is written `./-name`, or
    /// comes behind `--`.
    fn list(&self) -> Parsed<ListArg> {
        let mut options = ListOptions::default();
        // Before an option more than one blank separates; before a name the second is its own.
        let blanks = self.bytes.trim_ascii_start();
        let mut rest = if blanks.starts_with(b"-") { blanks } else { self.bytes };
        while let Some(behind) = rest.strip_prefix(b"-") {
            let (letters, after) = split_at_blank(behind);
            letters.iter().for_each(|letter| options.take(*letter));
            rest = after.trim_ascii_start();
            if letters == b"-" {
                break;
            }
        }
        let path = if rest.is_empty() { None } else { Some(PathArg::new(rest).ok_or(self.bad())?) };
        Ok(ListArg { options, path })
    }

    /// Without an argument it is about the server.
    fn stat(&self) -> Parsed<Option<ListArg>> {
        if self.bytes.trim_ascii().is_empty() { Ok(None) } else { self.list().map(Some) }
    }

    fn help(&self) -> Parsed<Option<&'static Row>> {
        if self.bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        verb::find(self.bytes.trim_ascii()).map(Some).ok_or(self.value())
    }

    fn opts(&self) -> Parsed<OptsArg> {
        let text = String::from_utf8_lossy(self.bytes).into_owned();
        let (name, value) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        match name.to_ascii_uppercase().as_str() {
            "UTF8" | "UTF-8" if matches!(value.to_ascii_uppercase().as_str(), "" | "ON") => {
                Ok(OptsArg::Utf8)
            }
            "MLST" => Ok(OptsArg::Mlst(value.trim().to_owned())),
            "HASH" if value.is_empty() => Ok(OptsArg::Hash(None)),
            // 501, as draft-bryan-ftpext-hash §3.2 wants it.
            "HASH" => {
                Algorithm::by_name(value.trim()).map(|it| OptsArg::Hash(Some(it))).ok_or(self.bad())
            }
            "MODE" => self.deflate_options(value).map(OptsArg::Deflate),
            _ => Err(self.bad()),
        }
    }

    /// `Z LEVEL 6`: of what the draft lets be chosen, the level alone (§4).
    fn deflate_options(&self, value: &str) -> Parsed<DeflateLevel> {
        let value = value.to_ascii_uppercase();
        let words: Vec<&str> = value.split_ascii_whitespace().collect();
        let level = match words[..] {
            ["Z", ..] if !Mode::HAS_DEFLATE => return Err(self.value()),
            ["Z"] => return Ok(DeflateLevel::default()),
            ["Z", "LEVEL", level] if level.len() == 1 => level.parse().ok(),
            _ => None,
        };
        level.and_then(DeflateLevel::new).ok_or(self.bad())
    }
}

/// What stands between the first quote and the one that closes it, and what stands behind; `None`
/// when the text has no quotes around its beginning.
fn quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut inner = Vec::new();
    loop {
        let quote = rest.iter().position(|b| *b == b'"')?;
        inner.extend_from_slice(&rest[..quote]);
        rest = &rest[quote + 1..];
        match rest.strip_prefix(b"\"") {
            Some(behind) => {
                inner.push(b'"');
                rest = behind;
            }
            None => return Some((inner, rest)),
        }
    }
}

pub(super) fn split_at_blank(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|b| *b == b' ') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, b""),
    }
}
