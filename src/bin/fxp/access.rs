//! How servers are reached: the options that the command line and a site of `sites.toml` share.

use crate::exit::Failure;
use fxpd::{Fingerprint, Newest};
use getopts::{Matches, Options as Getopts};
use std::{path::PathBuf, time::Duration};

/// How to reach a server, as far as somebody said so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The CAs to trust.
    pub authorities: Option<PathBuf>,
    pub pins: Vec<Fingerprint>,
    pub identity: Option<KeyPair>,
    pub newest: Option<Newest>,
    pub timeout: Option<Duration>,
    pub clear_text: ClearText,
}

/// Where the client's own certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    pub certificate: PathBuf,
    /// May be the same file.
    pub key: PathBuf,
}

/// What to do with a server that is named by `ftp://`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClearText {
    #[default]
    Refuse,
    /// Speak to it without TLS (`--allow-clear`).
    Allow,
}

/// The most patience that may be asked for.
pub const MAX_TIMEOUT_S: usize = 3600;

/// Tells the command line of these options.
pub fn declare(options: &mut Getopts) {
    options.optopt("", "cacert", "trust servers that a CA in this PEM file signed", "FILE");
    options.optmulti("", "pin", "trust these certificates only (repeatable)", "SHA256:HEX");
    options.optopt("", "cert", "show this certificate (PEM) to servers that ask", "FILE");
    options.optopt("", "key", "its key, where --cert does not hold it", "FILE");
    options.optflag("", "allow-clear", "speak to ftp:// servers, without any TLS");
    options.optflag("", "tls12", "speak TLS 1.2 at most");
    options.optopt("", "timeout", "patience for a connection, a reply, a stall (60)", "SECONDS");
}

impl Access {
    /// What the command line says.
    pub fn read(matches: &Matches) -> Result<Access, Failure> {
        let file = |option| matches.opt_str(option).map(PathBuf::from);
        let pins = matches.opt_strs("pin");
        let pins = pins.iter().map(|pin| pin.parse().map_err(Failure::Usage));
        Ok(Access {
            authorities: file("cacert"),
            pins: pins.collect::<Result<_, _>>()?,
            identity: KeyPair::new(file("cert"), file("key"))
                .ok_or_else(|| Failure::Usage("--key needs --cert".to_owned()))?,
            newest: matches.opt_present("tls12").then_some(Newest::Tls12),
            timeout: match matches.opt_str("timeout") {
                Some(text) => Some(seconds(&text).ok_or_else(|| {
                    Failure::Usage(format!("--timeout is from 1 to {MAX_TIMEOUT_S} seconds"))
                })?),
                None => None,
            },
            clear_text: match matches.opt_present("allow-clear") {
                true => ClearText::Allow,
                false => ClearText::Refuse,
            },
        })
    }

    /// This, and where it says nothing, what `other` says.
    pub fn or(self, other: &Access) -> Access {
        Access {
            authorities: self.authorities.or_else(|| other.authorities.clone()),
            pins: if self.pins.is_empty() { other.pins.clone() } else { self.pins },
            identity: self.identity.or_else(|| other.identity.clone()),
            newest: self.newest.or(other.newest),
            timeout: self.timeout.or(other.timeout),
            clear_text: match self.clear_text {
                ClearText::Allow => ClearText::Allow,
                ClearText::Refuse => other.clear_text,
            },
        }
    }
}

impl KeyPair {
    /// `None` for a key without its certificate.
    pub fn new(certificate: Option<PathBuf>, key: Option<PathBuf>) -> Option<Option<KeyPair>> {
        match (certificate, key) {
            (None, None) => Some(None),
            (None, Some(_)) => None,
            (Some(certificate), key) => {
                let key = key.unwrap_or_else(|| certificate.clone());
                Some(Some(KeyPair { certificate, key }))
            }
        }
    }
}

/// A time as `--timeout` and `FXP_TIMEOUT` have it.
pub fn seconds(text: &str) -> Option<Duration> {
    let seconds = text.parse().ok().filter(|seconds| (1..=MAX_TIMEOUT_S as u64).contains(seconds));
    seconds.map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_first_counts() {
        let pin: Fingerprint = format!("SHA256:{}", "ab".repeat(32)).parse().unwrap();
        let said = Access { timeout: seconds("5"), ..Access::default() };
        let below = Access {
            pins: vec![pin],
            timeout: seconds("9"),
            clear_text: ClearText::Allow,
            ..Access::default()
        };
        let both = said.clone().or(&below);
        assert_eq!((both.timeout, &both.pins), (seconds("5"), &below.pins));
        assert_eq!(both.clear_text, ClearText::Allow);
        assert_eq!(below.clone().or(&said), below);
        for text in ["0", "3601", "1s", ""] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn a_key_needs_a_certificate_and_may_be_in_its_file() {
        let pair = |key: Option<&str>| KeyPair::new(Some("c".into()), key.map(PathBuf::from));
        assert_eq!(pair(None).unwrap().unwrap().key, PathBuf::from("c"));
        assert_eq!(pair(Some("k")).unwrap().unwrap().key, PathBuf::from("k"));
        assert_eq!(KeyPair::new(None, Some("k".into())), None);
    }
}
