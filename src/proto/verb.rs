//! The verbs, one row each: what a verb needs before it may run, what it changes, how `FEAT` and
//! `HELP` show it. To add a verb, add a row here, a form in `command.rs`, and a handler.

use crate::proto::Mode;

/// What a request line begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each is the verb of its name
pub enum Verb {
    User,
    Pass,
    Quit,
    Rein,
    Host,
    Auth,
    Pbsz,
    Prot,
    Ccc,
    Sscn,
    Xpeer,
    Cpsv,
    Pasv,
    Epsv,
    Port,
    Eprt,
    Type,
    Mode,
    Stru,
    Allo,
    Rest,
    Rang,
    Retr,
    Stor,
    Appe,
    Stou,
    Abor,
    List,
    Nlst,
    Mlsd,
    Mlst,
    Stat,
    Cwd,
    Cdup,
    Pwd,
    Mkd,
    Rmd,
    Dele,
    Rnfr,
    Rnto,
    Size,
    Hash,
    /// `XCRC` and its kin: a verb for each hash function.
    HashBy,
    Mdtm,
    Mfmt,
    Mfct,
    Mff,
    Avbl,
    Site,
    Feat,
    Help,
    Syst,
    Noop,
    Opts,
    Clnt,
    Csid,
    Lang,
    Acct,
    Cepr,
    Pret,
    /// `LPRT` and `LPSV`.
    LongAddress,
    Adat,
    /// `MIC`, `CONF` and `ENC`.
    Protected,
    /// `SMNT`, refused with 502: there is nothing to mount.
    Mount,
}

/// Whether a verb makes sense on a control connection in clear text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsNeed {
    /// It may come at any time.
    Never,
    /// The server's settings may insist on TLS: 534.
    AsSet,
    /// It speaks about TLS and means nothing before AUTH: 503.
    Always,
}

/// Whether a verb waits for a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginNeed {
    /// It may come before.
    No,
    /// 530 before.
    Yes,
}

/// What a verb may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing in the tree.
    Reads,
    /// Something in the tree: refused to a read-only account.
    Writes,
}

/// When a verb that comes during a transfer is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuringTransfer {
    /// When the transfer has ended.
    Waits,
    /// At once.
    Answered,
}

/// One verb's row.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// As it stands in a request line, in capitals.
    pub name: &'static str,
    /// What it is; two names may be one verb (`CWD`, `XCWD`).
    pub verb: Verb,
    /// Its argument as `HELP` shows it.
    pub usage: &'static str,
    /// Whether it needs TLS.
    pub tls: TlsNeed,
    /// Whether it needs a login.
    pub login: LoginNeed,
    /// Whether it changes anything.
    pub effect: Effect,
    /// Whether it is answered during a transfer.
    pub during: DuringTransfer,
    /// Its line in the reply to `FEAT`.
    pub feat: Option<&'static str>,
}

impl Row {
    const fn feat(self, feat: &'static str) -> Row {
        Row { feat: Some(feat), ..self }
    }

    const fn at_once(self) -> Row {
        Row { during: DuringTransfer::Answered, ..self }
    }
}

/// A verb that may come at any time.
const fn open(name: &'static str, verb: Verb, usage: &'static str) -> Row {
    Row {
        name,
        verb,
        usage,
        tls: TlsNeed::Never,
        login: LoginNeed::No,
        effect: Effect::Reads,
        during: DuringTransfer::Waits,
        feat: None,
    }
}

/// A verb that carries a name or a password.
const fn login(name: &'static str, verb: Verb, usage: &'static str) -> Row {
    Row { tls: TlsNeed::AsSet, ..open(name, verb, usage) }
}

/// A verb about TLS, before or after login.
const fn secure(name: &'static str, verb: Verb, usage: &'static str) -> Row {
    Row { tls: TlsNeed::Always, ..open(name, verb, usage) }
}

/// A verb about TLS for those who have logged in.
const fn secure_inside(name: &'static str, verb: Verb, usage: &'static str) -> Row {
    Row { login: LoginNeed::Yes, ..secure(name, verb, usage) }
}

/// A verb for those who have logged in.
const fn inside(name: &'static str, verb: Verb, usage: &'static str) -> Row {
    Row { login: LoginNeed::Yes, ..login(name, verb, usage) }
}

/// A verb that changes the tree.
const fn writes(name: &'static str, verb: Verb, usage: &'static str) -> Row {
    Row { effect: Effect::Writes, ..inside(name, verb, usage) }
}

const HASH_BY: &str = "<file>, or \"<file>\" <start> <end>";

/// The two that tell whether `MODE Z` is built in.
const MODE: Row = match Mode::HAS_DEFLATE {
    true => inside("MODE", Verb::Mode, "S|Z").feat("MODE Z"),
    false => inside("MODE", Verb::Mode, "S"),
};
const OPTS: Row = match Mode::HAS_DEFLATE {
    true => open("OPTS", Verb::Opts, "UTF8 ON|MLST|HASH|MODE Z LEVEL <0-9>").feat("UTF8"),
    false => open("OPTS", Verb::Opts, "UTF8 ON|MLST|HASH").feat("UTF8"),
};

/// Every verb, in the order in which `FEAT` and `HELP` show them.
pub const VERBS: &[Row] = &[
    login("USER", Verb::User, "<name>"),
    login("PASS", Verb::Pass, "<password>"),
    open("QUIT", Verb::Quit, ""),
    open("REIN", Verb::Rein, ""),
    open("HOST", Verb::Host, "<name>").feat("HOST"),
    open("AUTH", Verb::Auth, "TLS|TLS-C|SSL|TLS-P").feat("AUTH TLS;TLS-C;SSL;TLS-P"),
    secure("PBSZ", Verb::Pbsz, "0").feat("PBSZ"),
    secure("PROT", Verb::Prot, "C|P").feat("PROT"),
    secure_inside("CCC", Verb::Ccc, ""),
    secure_inside("SSCN", Verb::Sscn, "[ON|OFF]").feat("SSCN"),
    secure_inside("XPEER", Verb::Xpeer, "[OFF|SHA-256 <64 hex digits>]").feat("XPEER SHA-256"),
    secure_inside("CPSV", Verb::Cpsv, "").feat("CPSV"),
    inside("PASV", Verb::Pasv, ""),
    inside("EPSV", Verb::Epsv, "[1|2|ALL]").feat("EPSV"),
    inside("PORT", Verb::Port, "h1,h2,h3,h4,p1,p2"),
    inside("EPRT", Verb::Eprt, "|family|address|port|").feat("EPRT"),
    inside("TYPE", Verb::Type, "A|I|L 8"),
    MODE,
    inside("STRU", Verb::Stru, "F"),
    inside("ALLO", Verb::Allo, "<bytes>"),
    inside("REST", Verb::Rest, "<offset>").feat("REST STREAM"),
    inside("RANG", Verb::Rang, "<first> <last>").feat("RANG STREAM"),
    inside("RETR", Verb::Retr, "<file>"),
    writes("STOR", Verb::Stor, "<file>"),
    writes("APPE", Verb::Appe, "<file>"),
    writes("STOU", Verb::Stou, "[<file>]"),
    inside("ABOR", Verb::Abor, "").at_once(),
    inside("LIST", Verb::List, "[-aAdFlrRSt1] [<path>|<pattern>]"),
    inside("NLST", Verb::Nlst, "[-aAdFlrRSt1] [<path>|<pattern>]"),
    inside("MLSD", Verb::Mlsd, "[<directory>]"),
    inside("MLST", Verb::Mlst, "[<path>]").feat("MLST"),
    inside("STAT", Verb::Stat, "[-aAdFlrRSt1] [<path>|<pattern>]").at_once(),
    inside("CWD", Verb::Cwd, "<directory>"),
    inside("XCWD", Verb::Cwd, "<directory>"),
    inside("CDUP", Verb::Cdup, ""),
    inside("XCUP", Verb::Cdup, ""),
    inside("PWD", Verb::Pwd, ""),
    inside("XPWD", Verb::Pwd, ""),
    writes("MKD", Verb::Mkd, "<directory>"),
    writes("XMKD", Verb::Mkd, "<directory>"),
    writes("RMD", Verb::Rmd, "<directory>"),
    writes("XRMD", Verb::Rmd, "<directory>"),
    writes("DELE", Verb::Dele, "<file>"),
    writes("RNFR", Verb::Rnfr, "<path>"),
    writes("RNTO", Verb::Rnto, "<path>"),
    inside("SIZE", Verb::Size, "<file>").feat("SIZE"),
    inside("HASH", Verb::Hash, "<file>").feat("HASH"),
    inside("XCRC", Verb::HashBy, HASH_BY).feat("XCRC"),
    inside("XMD5", Verb::HashBy, HASH_BY).feat("XMD5"),
    inside("XSHA", Verb::HashBy, HASH_BY).feat("XSHA"),
    inside("XSHA1", Verb::HashBy, HASH_BY).feat("XSHA1"),
    inside("XSHA256", Verb::HashBy, HASH_BY).feat("XSHA256"),
    inside("XSHA512", Verb::HashBy, HASH_BY).feat("XSHA512"),
    inside("MDTM", Verb::Mdtm, "<path>").feat("MDTM"),
    writes("MFMT", Verb::Mfmt, "<time> <path>").feat("MFMT"),
    writes("MFCT", Verb::Mfct, "<time> <path>"),
    writes("MFF", Verb::Mff, "Modify=<time>;UNIX.mode=<mode>; <path>")
        .feat("MFF Modify;UNIX.mode;"),
    inside("AVBL", Verb::Avbl, "[<directory>]").feat("AVBL"),
    inside("SITE", Verb::Site, "CHMOD|HELP|IDLE|QUOTA|RATE|SYMLINK|UTIME|WHO ...")
        .feat("SITE CHMOD;HELP;IDLE;QUOTA;SYMLINK;UTIME;WHO"),
    open("FEAT", Verb::Feat, ""),
    open("HELP", Verb::Help, "[<verb>]"),
    open("SYST", Verb::Syst, ""),
    open("NOOP", Verb::Noop, ""),
    OPTS,
    open("CLNT", Verb::Clnt, "<name>").feat("CLNT"),
    open("CSID", Verb::Csid, "<name>=<value>;...").feat("CSID"),
    open("LANG", Verb::Lang, "[EN]").feat("LANG EN*"),
    login("ACCT", Verb::Acct, "<account>"),
    // Clients say it before they log in, with their other wishes.
    open("CEPR", Verb::Cepr, "ON|OFF").feat("CEPR"),
    inside("PRET", Verb::Pret, "<command>").feat("PRET"),
    inside("LPRT", Verb::LongAddress, "(use EPRT)"),
    inside("LPSV", Verb::LongAddress, "(use EPSV)"),
    secure("ADAT", Verb::Adat, "(not for TLS)"),
    secure("MIC", Verb::Protected, "(not for TLS)"),
    secure("CONF", Verb::Protected, "(not for TLS)"),
    secure("ENC", Verb::Protected, "(not for TLS)"),
    open("SMNT", Verb::Mount, "(not implemented)"),
];

/// The row of a verb as written in a request, in any case.
pub fn find(name: &[u8]) -> Option<&'static Row> {
    VERBS.iter().find(|row| row.name.as_bytes().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_name_has_one_row() {
        let names: HashSet<_> = VERBS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), VERBS.len());
        assert_eq!(find(b"sscn").map(|row| row.verb), Some(Verb::Sscn));
        assert!(find(b"SSC").is_none() && find(b"").is_none());
    }

    #[test]
    fn before_login_only_harmless_verbs_are_heard() {
        let heard: Vec<_> = VERBS
            .iter()
            .filter(|row| row.login == LoginNeed::No && row.verb != Verb::Mount)
            .map(|row| row.name)
            .collect();
        let harmless = [
            "USER", "PASS", "QUIT", "REIN", "HOST", "AUTH", "PBSZ", "PROT", "FEAT", "HELP", "SYST",
            "NOOP", "OPTS", "CLNT", "CSID", "LANG", "ACCT", "CEPR", "ADAT", "MIC", "CONF", "ENC",
        ];
        assert_eq!(heard, harmless);
    }
}
