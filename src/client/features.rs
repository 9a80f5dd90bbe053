//! What a server says it can do (`FEAT`, RFC 2389), and which program it seems to be.

use crate::proto::{Algorithm, Reply};
use std::fmt;

/// What a line of `FEAT` promises, as far as this client uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each is the verb of its name
pub enum Extension {
    Sscn,
    Cpsv,
    Epsv,
    Pret,
    Xpeer,
    Size,
    Mlst,
    Mdtm,
    Mfmt,
    Mff,
    Rest,
    Rang,
    /// `SITE RATE`, of fxpd.
    SiteRate,
}

const EXTENSIONS: [(&str, Extension); 13] = [
    ("SSCN", Extension::Sscn),
    ("CPSV", Extension::Cpsv),
    ("EPSV", Extension::Epsv),
    ("PRET", Extension::Pret),
    ("XPEER", Extension::Xpeer),
    ("SIZE", Extension::Size),
    ("MLST", Extension::Mlst),
    // RFC 3659 §7.8 has no such line; some servers do.
    ("MLSD", Extension::Mlst),
    ("MDTM", Extension::Mdtm),
    ("MFMT", Extension::Mfmt),
    ("MFF", Extension::Mff),
    ("REST", Extension::Rest),
    ("RANG", Extension::Rang),
];

/// The program that a server seems to be. It only ever changes the order in which ways are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)] // each is the program of its name
pub enum ServerKind {
    Fxpd,
    Proftpd,
    Vsftpd,
    PureFtpd,
    FileZilla,
    Glftpd,
    Drftpd,
    Wzdftpd,
    Pyftpdlib,
    #[default]
    Unknown,
}

/// What gives a program away: a word of its greeting or of `SYST`, in lower case.
const SIGNS: [(&str, ServerKind); 9] = [
    ("fxpd", ServerKind::Fxpd),
    ("proftpd", ServerKind::Proftpd),
    ("vsftpd", ServerKind::Vsftpd),
    ("pure-ftpd", ServerKind::PureFtpd),
    ("filezilla", ServerKind::FileZilla),
    ("glftpd", ServerKind::Glftpd),
    ("drftpd", ServerKind::Drftpd),
    ("wzdftpd", ServerKind::Wzdftpd),
    ("pyftpdlib", ServerKind::Pyftpdlib),
];

impl fmt::Display for ServerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = SIGNS.iter().find(|(_, kind)| kind == self);
        f.write_str(sign.map_or("an unknown server", |(sign, _)| sign))
    }
}

/// A line of `FEAT` that only proftpd writes, whatever its greeting was set to.
const PROFTPD_LINE: &str = "MFF modify;UNIX.group;UNIX.mode;";

/// What a server can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    kind: ServerKind,
    extensions: Vec<Extension>,
    /// How each hash can be asked for, surest first.
    hashes: Vec<(Algorithm, HashVerb)>,
}

/// A command that answers with the hash of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HashVerb {
    /// `OPTS HASH name`, then `HASH path` (draft-bryan-ftpext-hash).
    Hash,
    /// `XSHA256 path` and its kin.
    Named(&'static str),
}

impl Features {
    /// Reads the reply to `FEAT`; `texts` are the greeting and what else may name the program. A
    /// server that refuses `FEAT` promises nothing.
    pub fn parse(feat: &Reply, texts: &[&Reply]) -> Features {
        let mut features = Features { kind: recognise(texts), ..Features::default() };
        if !feat.code().is_success() {
            return features;
        }
        let lines = feat.text_lines().map(|line| String::from_utf8_lossy(line).into_owned());
        for line in lines {
            features.add(line.trim());
        }
        features.hashes.sort_by_key(|(algorithm, _)| *algorithm);
        features
    }

    /// Whether the server promises this.
    pub fn has(&self, extension: Extension) -> bool {
        self.extensions.contains(&extension)
    }

    /// The program that the server seems to be.
    pub fn kind(&self) -> ServerKind {
        self.kind
    }

    /// Whether, as the accepting TLS end, it by default refuses a data connection that does not
    /// resume its own control connection's session, which another server never can.
    pub fn demands_resumption(&self) -> bool {
        matches!(self.kind, ServerKind::Proftpd | ServerKind::Vsftpd)
    }

    /// The hashes it can compute, best first, once for each verb that asks for one.
    pub(super) fn hashes(&self) -> impl Iterator<Item = (Algorithm, HashVerb)> {
        self.hashes.iter().copied()
    }

    fn add(&mut self, line: &str) {
        let (word, argument) = line.split_once(' ').unwrap_or((line, ""));
        let word = word.to_ascii_uppercase();
        if line == PROFTPD_LINE {
            self.kind = ServerKind::Proftpd;
        }
        // An XPEER by another hash function is one that we cannot speak.
        let ours = word != "XPEER"
            || argument.split(';').any(|name| name.trim().eq_ignore_ascii_case("SHA-256"));
        if line.eq_ignore_ascii_case("SITE RATE") {
            self.extensions.push(Extension::SiteRate);
        }
        let known = EXTENSIONS.iter().find(|(name, _)| ours && *name == word);
        self.extensions.extend(known.map(|(_, extension)| *extension));
        if word == "HASH" {
            let names = argument.split(';').map(|name| name.trim_end_matches('*'));
            let known = names.filter_map(Algorithm::by_name);
            self.hashes.extend(known.map(|algorithm| (algorithm, HashVerb::Hash)));
        }
        let named = Algorithm::by_verb(&word);
        self.hashes.extend(named.map(|(algorithm, verb)| (algorithm, HashVerb::Named(verb))));
    }
}

fn recognise(texts: &[&Reply]) -> ServerKind {
    let mut words = String::new();
    for line in texts.iter().flat_map(|reply| reply.text_lines()) {
        words.push_str(&String::from_utf8_lossy(line).to_lowercase());
        words.push('\n');
    }
    let sign = SIGNS.iter().find(|(sign, _)| words.contains(sign));
    sign.map_or(ServerKind::Unknown, |(_, kind)| *kind)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::proto::Code;

    /// The features of a server with this greeting and these lines of `FEAT`.
    pub fn features(greeting: &str, lines: &[&str]) -> Features {
        let lines = lines.iter().map(|line| line.as_bytes().to_vec());
        let feat = Reply::lines(Code::SYSTEM_STATUS, "Features:", lines, "End");
        Features::parse(&feat, &[&Reply::new(Code::READY, greeting)])
    }

    #[test]
    fn feat_is_understood() {
        let seen = features("ready", &["SSCN", "cpsv", " EPSV ", "SIZE", "REST STREAM", "XYZZY"]);
        for extension in [Extension::Sscn, Extension::Cpsv, Extension::Epsv, Extension::Rest] {
            assert!(seen.has(extension), "{extension:?}");
        }
        assert!(!seen.has(Extension::Mlst));
        let refused = Reply::new(Code::UNKNOWN_COMMAND, "SSCN");
        assert_eq!(Features::parse(&refused, &[]), Features::default());
    }

    #[test]
    fn hashes_are_listed_best_first() {
        let seen = features("", &["XCRC", "HASH CRC32;MD5;SHA-1*;SHA-256", "XSHA256"]);
        let hashes: Vec<_> = seen.hashes().collect();
        assert_eq!(hashes[0], (Algorithm::Sha256, HashVerb::Hash));
        assert_eq!(hashes[1], (Algorithm::Sha256, HashVerb::Named("XSHA256")));
        assert_eq!(hashes.last(), Some(&(Algorithm::Crc32, HashVerb::Hash)));
    }

    #[test]
    fn programs_are_recognised() {
        for (greeting, kind) in [
            ("ProFTPD Server (x) [::1]", ServerKind::Proftpd),
            ("(vsFTPd 3.0.3)", ServerKind::Vsftpd),
            ("--- Welcome to Pure-FTPd [TLS] ---", ServerKind::PureFtpd),
            ("fxpd ready", ServerKind::Fxpd),
            ("hello", ServerKind::Unknown),
        ] {
            assert_eq!(features(greeting, &["SSCN"]).kind(), kind, "{greeting}");
        }
        let quiet = features("hello", &["SSCN", PROFTPD_LINE]);
        assert_eq!(quiet.kind(), ServerKind::Proftpd, "by its FEAT");
    }
}
