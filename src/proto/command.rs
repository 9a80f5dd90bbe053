//! Request lines, understood: from bytes to a [`Command`], which is well formed if it exists.

use crate::proto::{
    Algorithm, ByteRange, Change, Fingerprint, HostName, ListOptions, PathArg, Secret, SiteArg,
    TlsRole,
    argument::{self, Argument},
    verb::{self, Row},
};
use jiff::Timestamp;
use std::net::{SocketAddr, SocketAddrV4};

/// A request line, understood: whatever parses is well formed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // each is the verb of its name; comments where that does not say enough
pub enum Command {
    User(String),
    Pass(Secret),
    Quit,
    Rein,
    /// Which host the client means to be at.
    Host(HostName),
    /// Which of the names of TLS was asked for (RFC 4217 §8, draft-murray-auth-ftp-ssl).
    Auth(AuthMechanism),
    Pbsz(u32),
    Prot(Protection),
    Ccc,
    /// `None` asks which TLS role is set; `Some` sets it.
    Sscn(Option<TlsRole>),
    /// Who must be at the other end when files are sent.
    Xpeer(XpeerArg),
    Cpsv,
    Pasv,
    Epsv(EpsvArg),
    Port(SocketAddrV4),
    Eprt(SocketAddr),
    Type(Representation),
    Mode(Mode),
    Stru,
    Allo(u64),
    Rest(u64),
    /// `None` takes a range back.
    Rang(Option<ByteRange>),
    Retr(PathArg),
    Stor(PathArg),
    Appe(PathArg),
    /// The name is a wish that is not followed (RFC 959 §5.3.1 has none).
    Stou,
    Abor,
    List(ListArg),
    Nlst(ListArg),
    Mlsd(Option<PathArg>),
    Mlst(Option<PathArg>),
    /// `None` asks about the server.
    Stat(Option<ListArg>),
    Cwd(PathArg),
    Cdup,
    Pwd,
    Mkd(PathArg),
    Rmd(PathArg),
    Dele(PathArg),
    Rnfr(PathArg),
    Rnto(PathArg),
    Size(PathArg),
    Hash(PathArg),
    /// By the function that the verb names; of the whole file, or of a range.
    HashBy(Algorithm, PathArg, Option<ByteRange>),
    Mdtm(PathArg),
    Mfmt(Timestamp, PathArg),
    /// Times of creation are nobody's to set.
    Mfct,
    /// What to change, in the order asked for.
    Mff(Vec<Change>, PathArg),
    Avbl(Option<PathArg>),
    Site(SiteArg),
    Feat,
    Help(Option<&'static Row>),
    Syst,
    Noop,
    Opts(OptsArg),
    /// The client tells its name, which changes nothing.
    Clnt,
    /// As `CLNT`; the server tells its own.
    Csid,
    Lang,
    Acct,
    /// Whether `EPSV` tells the address as well.
    Cepr(bool),
    /// Announces a transfer to servers that choose a node by it.
    Pret,
    /// `LPRT` and `LPSV`, which RFC 2428 replaced.
    LongAddress,
    Adat,
    /// `MIC`, `CONF` and `ENC`, which TLS makes superfluous.
    Protected,
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

/// What `XPEER` says of the peer of data connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XpeerArg {
    /// Asks who is expected.
    Show,
    /// Expects nobody in particular.
    Off,
    /// Expects the owner of the certificate with this SHA-256.
    Sha256(Fingerprint),
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

/// How a transfer's bytes become those of its connection (`MODE`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// `S`: they are the same.
    #[default]
    Stream,
    /// `Z`: compressed (draft-preston-ftpext-deflate-04).
    Deflate,
}

impl Mode {
    /// Whether `MODE Z` is built in.
    pub const HAS_DEFLATE: bool = cfg!(feature = "mode-z");
}

/// How hard `MODE Z` tries: 0 to 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeflateLevel(u8);

impl DeflateLevel {
    /// `None` above 9.
    pub fn new(level: u8) -> Option<DeflateLevel> {
        (level <= 9).then_some(DeflateLevel(level))
    }

    /// The level as zlib counts.
    pub fn number(self) -> u8 {
        self.0
    }
}

/// What zlib itself takes where nobody says otherwise.
impl Default for DeflateLevel {
    fn default() -> DeflateLevel {
        DeflateLevel(6)
    }
}

/// The argument of `LIST`, `NLST` and `STAT`: options as `ls` has them, and a path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListArg {
    /// The letters of all leading words that begin with a dash, up to a word `--`.
    pub options: ListOptions,
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
    /// `HASH` asks for the hash function, `HASH name` chooses it.
    Hash(Option<Algorithm>),
    /// `MODE Z LEVEL n`; without a level, the one of the beginning.
    Deflate(DeflateLevel),
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
        let (name, argument) = argument::split_at_blank(line);
        let row = verb::find(name).ok_or(CommandFault::Unknown)?;
        Argument::new(row, argument).command().map(|command| (row, command))
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
    fn xpeer_takes_a_fingerprint_off_or_nothing() {
        let (lower, upper) = ("0a".repeat(32), "0A".repeat(32));
        let print = XpeerArg::Sha256(Fingerprint::from_hex(&lower).unwrap());
        for (line, argument) in [
            ("XPEER".to_owned(), XpeerArg::Show),
            ("xpeer  ".to_owned(), XpeerArg::Show),
            ("XPEER OFF".to_owned(), XpeerArg::Off),
            ("xpeer off ".to_owned(), XpeerArg::Off),
            (format!("XPEER SHA-256 {lower}"), print),
            (format!("xpeer sha-256 {upper} "), print),
        ] {
            assert_eq!(parse(&line), Ok(Command::Xpeer(argument)), "{line}");
        }
        for bad in [
            "XPEER ON".to_owned(),
            "XPEER OFF OFF".to_owned(),
            "XPEER SHA-256".to_owned(),
            format!("XPEER {lower}"),
            format!("XPEER SHA-256  {lower}"),
            format!("XPEER SHA-256 {lower}0"),
            format!("XPEER SHA-256 {}", &lower[1..]),
            format!("XPEER SHA-256 +{}", &lower[1..]),
            format!("XPEER SHA-256 {lower} {lower}"),
        ] {
            assert!(matches!(parse(&bad), Err(CommandFault::Argument(_))), "{bad}");
        }
        let other = parse(&format!("XPEER SHA-512 {lower}{lower}"));
        assert!(matches!(other, Err(CommandFault::Value(_))), "{other:?}");
    }

    fn listed(letters: &str, path: Option<&str>) -> ListArg {
        let mut options = ListOptions::default();
        letters.bytes().for_each(|letter| options.take(letter));
        ListArg { options, path: path.map(|path| PathArg::new(path).unwrap()) }
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
            ("host A.example", Command::Host(HostName::Domain("a.example".into()))),
            ("HOST [::1] ", Command::Host("[::1]".parse().unwrap())),
            ("LANG en-AU", Command::Lang),
            ("TYPE a n", Command::Type(Representation::Ascii)),
            ("TYPE L 8", Command::Type(Representation::Image)),
            ("REST 9223372036854775807", Command::Rest(i64::MAX as u64)),
            ("RANG 0 9", Command::Rang(ByteRange::before(0, 10))),
            ("RANG 7 7", Command::Rang(ByteRange::before(7, 8))),
            ("RANG 1 0", Command::Rang(None)),
            ("HASH a \"b\" 1 2", Command::Hash(path("a \"b\" 1 2"))),
            ("XCRC a b 1 2", Command::HashBy(Algorithm::Crc32, path("a b 1 2"), None)),
            ("xsha \"a b\"", Command::HashBy(Algorithm::Sha1, path("a b"), None)),
            (
                "XMD5 \"a \"\"b\" 1  9",
                Command::HashBy(Algorithm::Md5, path("a \"b"), ByteRange::before(1, 9)),
            ),
            ("XMD5 \"a", Command::HashBy(Algorithm::Md5, path("\"a"), None)),
            ("OPTS HASH", Command::Opts(OptsArg::Hash(None))),
            ("opts hash sha-1", Command::Opts(OptsArg::Hash(Some(Algorithm::Sha1)))),
            ("ALLO 10 R 5", Command::Allo(10)),
            ("STOR  a b ", Command::Stor(path(" a b "))),
            ("XPWD", Command::Pwd),
            ("EPSV all", Command::Epsv(EpsvArg::All)),
            ("OPTS utf8 on", Command::Opts(OptsArg::Utf8)),
            ("OPTS mode z level 9", Command::Opts(OptsArg::Deflate(DeflateLevel(9)))),
            ("OPTS MODE Z", Command::Opts(OptsArg::Deflate(DeflateLevel(6)))),
            ("MODE s", Command::Mode(Mode::Stream)),
            ("MODE Z", Command::Mode(Mode::Deflate)),
            ("LIST", Command::List(ListArg::default())),
            ("NLST -CF", Command::Nlst(listed("CF", None))),
            ("LIST -a -l x y", Command::List(listed("al", Some("x y")))),
            ("LIST  -la  x ", Command::List(listed("la", Some("x ")))),
            ("LIST -- -l", Command::List(listed("", Some("-l")))),
            ("LIST ./-l", Command::List(listed("", Some("./-l")))),
            ("LIST -", Command::List(listed("", None))),
            ("STAT", Command::Stat(None)),
            ("STAT -la", Command::Stat(Some(listed("la", None)))),
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
            ("SITE CHMOD 1 x", Argument(row("SITE"))),
            ("SITE EXEC x", Value(row("SITE"))),
            ("SMNT x", NotBuilt),
            ("HOST", Argument(row("HOST"))),
            ("HOST a b", Argument(row("HOST"))),
            ("HOST a.example:21", Argument(row("HOST"))),
            ("MFMT 2026 x", Argument(row("MFMT"))),
            ("MFF Modify=20260203040506 x", Argument(row("MFF"))),
            ("MFF Create=20260203040506; x", Value(row("MFF"))),
            ("MFF UNIX.mode=4755; x", Argument(row("MFF"))),
            ("LANG fr", Value(row("LANG"))),
            ("LANG e_n", Argument(row("LANG"))),
            ("LANG en-", Argument(row("LANG"))),
            ("LANG internationa", Argument(row("LANG"))),
            ("CEPR", Argument(row("CEPR"))),
            ("RETR", Argument(row("RETR"))),
            ("RETR ", Argument(row("RETR"))),
            ("USER", Argument(row("USER"))),
            ("QUIT now", Argument(row("QUIT"))),
            ("REST -1", Argument(row("REST"))),
            ("REST +1", Argument(row("REST"))),
            ("REST 9223372036854775808", Argument(row("REST"))),
            ("REST 99999999999999999999999", Argument(row("REST"))),
            ("RANG 2 0", Argument(row("RANG"))),
            ("RANG 2", Argument(row("RANG"))),
            ("RANG 0 +2", Argument(row("RANG"))),
            ("RANG 0 2 3", Argument(row("RANG"))),
            ("RANG 0 9223372036854775808", Argument(row("RANG"))),
            ("HASH", Argument(row("HASH"))),
            ("XCRC", Argument(row("XCRC"))),
            ("XCRC \"\"", Argument(row("XCRC"))),
            ("XCRC \"a\" 5", Argument(row("XCRC"))),
            ("XCRC \"a\" 5 5", Argument(row("XCRC"))),
            ("XCRC \"a\" 0 1 2", Argument(row("XCRC"))),
            ("XCRC \"a\"b", Argument(row("XCRC"))),
            ("OPTS HASH CRC-37", Argument(row("OPTS"))),
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
            ("OPTS MODE Z LEVEL 10", Argument(row("OPTS"))),
            ("OPTS MODE Z LEVEL +1", Argument(row("OPTS"))),
            ("OPTS MODE Z LEVEL", Argument(row("OPTS"))),
            ("OPTS MODE Z ENGINE ZLIB", Argument(row("OPTS"))),
            ("OPTS MODE S", Argument(row("OPTS"))),
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
