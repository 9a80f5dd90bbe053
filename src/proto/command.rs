//! Request lines, understood: from bytes to a [`Command`], which is well formed if it exists.

use crate::proto::{
    EndpointFault, PathArg, Secret, TlsRole, endpoint,
    verb::{self, Row, Verb},
};
use std::net::{SocketAddr, SocketAddrV4};

/// A request line, understood: whatever parses is well formed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // each is the verb of its name; comments where that does not say enough
pub enum Command {
    User(String),
    Pass(Secret),
    Quit,
    Rein,
    /// Which of the names of TLS was asked for (RFC 4217 §4, draft-murray-auth-ftp-ssl).
    Auth(AuthMechanism),
    Pbsz(u32),
    Prot(Protection),
    Ccc,
    /// `None` asks which TLS role is set; `Some` sets it.
    Sscn(Option<TlsRole>),
    Cpsv,
    Pasv,
    Epsv(EpsvArg),
    Port(SocketAddrV4),
    Eprt(SocketAddr),
    Type(Representation),
    Mode,
    Stru,
    Allo(u64),
    Rest(u64),
    Retr(PathArg),
    Stor(PathArg),
    Appe(PathArg),
    /// The name is a wish that is not followed (RFC 1123 §4.1.2.9 asks for none).
    Stou,
    Abor,
    List(ListArg),
    Nlst(ListArg),
    Mlsd(Option<PathArg>),
    Mlst(Option<PathArg>),
    Stat(Option<PathArg>),
    Cwd(PathArg),
    Cdup,
    Pwd,
    Mkd(PathArg),
    Rmd(PathArg),
    Dele(PathArg),
    Rnfr(PathArg),
    Rnto(PathArg),
    Size(PathArg),
    Mdtm(PathArg),
    Feat,
    Help(Option<&'static Row>),
    Syst,
    Noop,
    Opts(OptsArg),
}

/// The names of TLS in `AUTH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMechanism {
    /// `TLS` or `TLS-C`: data stays clear until `PROT P`.
    Tls,
    /// `SSL` or `TLS-P`: the same with `PROT P` implied.
    TlsWithData,
}

/// The levels of `PROT` (RFC 2228 §3) that TLS can give.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Protection {
    /// `C`: data in clear text.
    #[default]
    Clear,
    /// `P`: data under TLS.
    Private,
}

/// What `EPSV` asks for (RFC 2428 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpsvArg {
    /// The family of the control connection.
    Same,
    /// Family 1.
    V4,
    /// Family 2.
    V6,
    /// From now on nothing but `EPSV`.
    All,
}

/// How a file's bytes stand on the wire (`TYPE`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Representation {
    /// `A`: text, lines ending in CRLF.
    #[default]
    Ascii,
    /// `I` and `L 8`: bytes as they are.
    Image,
}

/// The argument of `LIST` and `NLST`: options as `ls` has them, and a path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListArg {
    /// The letters of all leading words that begin with a dash.
    pub options: String,
    /// What is to be listed; the current directory if `None`.
    pub path: Option<PathArg>,
}

/// What `OPTS` sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptsArg {
    /// `UTF8 ON`, which is always so.
    Utf8,
    /// `MLST fact;fact;`: the facts wanted (RFC 3659 §7.9).
    Mlst(String),
}

/// Why a line is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandFault {
    /// 500: no such verb.
    Unknown,
    /// 502: known, and not built.
    NotBuilt,
    /// 501: the argument does not have the verb's form.
    Argument(&'static Row),
    /// 504: the form is right, and the value is one that we do not serve.
    Value(&'static Row),
    /// 522: RFC 2428 §2, a network protocol we do not speak.
    Family,
    /// 536: RFC 2228 §3, a protection that TLS cannot give.
    Protection,
}

impl PartialEq for Row {
    fn eq(&self, other: &Row) -> bool {
        self.name == other.name
    }
}

impl Eq for Row {}

impl Command {
    /// Understands one line, given without its line end. The row tells what the gate must ask.
    pub fn parse(line: &[u8]) -> Result<(&'static Row, Command), CommandFault> {
        let (name, argument) = split_at_blank(line);
        let row = verb::find(name).ok_or(CommandFault::Unknown)?;
        let argument = Argument { row, bytes: argument };
        argument.command().map(|command| (row, command))
    }
}

/// What stands behind the verb.
struct Argument<'a> {
    row: &'static Row,
    bytes: &'a [u8],
}

type Parsed<T> = Result<T, CommandFault>;

impl Argument<'_> {
    /// One arm a verb, in the order of the table.
    fn command(&self) -> Parsed<Command> {
        Ok(match self.row.verb {
            Verb::User => Command::User(self.user_name()?),
            Verb::Pass => Command::Pass(Secret::new(self.bytes)),
            Verb::Quit => self.none(Command::Quit)?,
            Verb::Rein => self.none(Command::Rein)?,
            Verb::Auth => Command::Auth(self.mechanism()?),
            Verb::Pbsz => Command::Pbsz(self.number()?),
            Verb::Prot => Command::Prot(self.protection()?),
            Verb::Ccc => self.none(Command::Ccc)?,
            Verb::Sscn => Command::Sscn(self.role()?),
            Verb::Cpsv => self.none(Command::Cpsv)?,
            Verb::Pasv => self.none(Command::Pasv)?,
            Verb::Epsv => Command::Epsv(self.epsv()?),
            Verb::Port => Command::Port(endpoint::parse_port(&self.word()?).ok_or(self.bad())?),
            Verb::Eprt => Command::Eprt(self.eprt()?),
            Verb::Type => Command::Type(self.representation()?),
            Verb::Mode => self.only("S", Command::Mode)?,
            Verb::Stru => self.only("F", Command::Stru)?,
            Verb::Allo => Command::Allo(self.allo()?),
            Verb::Rest => Command::Rest(self.offset()?),
            Verb::Retr => Command::Retr(self.path()?),
            Verb::Stor => Command::Stor(self.path()?),
            Verb::Appe => Command::Appe(self.path()?),
            Verb::Stou => Command::Stou,
            Verb::Abor => self.none(Command::Abor)?,
            Verb::List => Command::List(self.list()?),
            Verb::Nlst => Command::Nlst(self.list()?),
            Verb::Mlsd => Command::Mlsd(self.optional_path()?),
            Verb::Mlst => Command::Mlst(self.optional_path()?),
            Verb::Stat => Command::Stat(self.optional_path()?),
            Verb::Cwd => Command::Cwd(self.path()?),
            Verb::Cdup => self.none(Command::Cdup)?,
            Verb::Pwd => self.none(Command::Pwd)?,
            Verb::Mkd => Command::Mkd(self.path()?),
            Verb::Rmd => Command::Rmd(self.path()?),
            Verb::Dele => Command::Dele(self.path()?),
            Verb::Rnfr => Command::Rnfr(self.path()?),
            Verb::Rnto => Command::Rnto(self.path()?),
            Verb::Size => Command::Size(self.path()?),
            Verb::Mdtm => Command::Mdtm(self.path()?),
            Verb::Feat => self.none(Command::Feat)?,
            Verb::Help => Command::Help(self.help()?),
            Verb::Syst => self.none(Command::Syst)?,
            // Some clients keep alive with `NOOP` and a word.
            Verb::Noop => Command::Noop,
            Verb::Opts => Command::Opts(self.opts()?),
            Verb::Planned => return Err(CommandFault::NotBuilt),
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
        match self.word()?.as_str() {
            "ON" => Ok(Some(TlsRole::Connect)),
            "OFF" => Ok(Some(TlsRole::Accept)),
            _ => Err(self.bad()),
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

    /// A word that begins with a dash holds options; a name that does is written `./-name`.
    fn list(&self) -> Parsed<ListArg> {
        let mut options = String::new();
        let mut rest = self.bytes;
        while let Some(behind) = rest.strip_prefix(b"-") {
            let (letters, after) = split_at_blank(behind);
            options.extend(letters.iter().copied().map(char::from));
            rest = after.trim_ascii_start();
        }
        let path = if rest.is_empty() { None } else { Some(PathArg::new(rest).ok_or(self.bad())?) };
        Ok(ListArg { options, path })
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
            _ => Err(self.bad()),
        }
    }
}

fn split_at_blank(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|b| *b == b' ') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, b""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, CommandFault> {
        Command::parse(line.as_bytes()).map(|(_, command)| command)
    }

    #[test]
    fn sscn_takes_on_off_or_nothing() {
        for (line, role) in [
            ("SSCN", None),
            ("sscn  ", None),
            ("SSCN ON", Some(TlsRole::Connect)),
            ("sscn on", Some(TlsRole::Connect)),
            ("SSCN On  ", Some(TlsRole::Connect)),
            ("SSCN off", Some(TlsRole::Accept)),
        ] {
            assert_eq!(parse(line), Ok(Command::Sscn(role)), "{line}");
        }
        for bad in ["SSCN MAYBE", "SSCN ON OFF", "SSCN ONOFF"] {
            assert!(matches!(parse(bad), Err(CommandFault::Argument(_))), "{bad}");
        }
    }

    #[test]
    fn good_lines_are_understood() {
        let path = |text: &str| PathArg::new(text).unwrap();
        for (line, command) in [
            ("noop", Command::Noop),
            ("NOOP keep alive", Command::Noop),
            ("USER ann", Command::User("ann".into())),
            ("PASS  a b ", Command::Pass(Secret::new(&b" a b "[..]))),
            ("PASS", Command::Pass(Secret::new(&b""[..]))),
            ("AUTH tls-p", Command::Auth(AuthMechanism::TlsWithData)),
            ("TYPE a n", Command::Type(Representation::Ascii)),
            ("TYPE L 8", Command::Type(Representation::Image)),
            ("REST 9223372036854775807", Command::Rest(i64::MAX as u64)),
            ("ALLO 10 R 5", Command::Allo(10)),
            ("STOR  a b ", Command::Stor(path(" a b "))),
            ("XPWD", Command::Pwd),
            ("EPSV all", Command::Epsv(EpsvArg::All)),
            ("OPTS utf8 on", Command::Opts(OptsArg::Utf8)),
            ("LIST", Command::List(ListArg::default())),
            ("NLST -CF", Command::Nlst(ListArg { options: "CF".into(), path: None })),
            (
                "LIST -a -l x y",
                Command::List(ListArg { options: "al".into(), path: Some(path("x y")) }),
            ),
        ] {
            assert_eq!(parse(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn bad_lines_have_their_fault() {
        use CommandFault::*;
        let row = |name: &str| verb::find(name.as_bytes()).unwrap();
        for (line, fault) in [
            ("", Unknown),
            ("FROB x", Unknown),
            (" NOOP", Unknown),
            ("SITE CHMOD 1 x", NotBuilt),
            ("RETR", Argument(row("RETR"))),
            ("RETR ", Argument(row("RETR"))),
            ("USER", Argument(row("USER"))),
            ("QUIT now", Argument(row("QUIT"))),
            ("REST -1", Argument(row("REST"))),
            ("REST +1", Argument(row("REST"))),
            ("REST 9223372036854775808", Argument(row("REST"))),
            ("REST 99999999999999999999999", Argument(row("REST"))),
            ("PORT 1,2,3", Argument(row("PORT"))),
            ("PROT X", Value(row("PROT"))),
            ("PROT S", Protection),
            ("AUTH KERBEROS_V4", Value(row("AUTH"))),
            ("AUTH", Argument(row("AUTH"))),
            ("MODE B", Value(row("MODE"))),
            ("STRU R", Value(row("STRU"))),
            ("TYPE E", Value(row("TYPE"))),
            ("TYPE L 7", Value(row("TYPE"))),
            ("TYPE X", Argument(row("TYPE"))),
            ("EPRT |3|x|1|", Family),
            ("EPSV 3", Family),
            ("OPTS UTF8 OFF", Argument(row("OPTS"))),
        ] {
            assert_eq!(parse(line), Err(fault), "{line}");
        }
    }

    #[test]
    fn a_password_is_never_printed() {
        let shown = format!("{:?}", parse("PASS hunter2"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
