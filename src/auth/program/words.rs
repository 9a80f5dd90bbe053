//! What is said: one JSON object a line, each way. JSON escapes line ends, so that nothing that a
//! client sends can be mistaken for a line of its own.

use crate::{auth::Visitor, proto::Secret};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use zeroize::Zeroizing;

/// The number of this protocol, in every question.
const VERSION: u32 = 1;

/// What JSON makes of one byte at worst: `\u0000`.
const LONGEST_ESCAPE: usize = 6;

#[derive(Serialize)]
struct Question<'a> {
    fxpd_auth: u32,
    id: u64,
    user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
    /// Of a password that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    password_percent: Option<&'a str>,
    address: IpAddr,
    tls: bool,
    host: &'a str,
}

/// A program's answer.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub id: u64,
    pub result: Verdict,
    pub home: Option<String>,
    pub options: Option<String>,
    pub reason: Option<String>,
}

/// What it comes to.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The account is open.
    Allow,
    /// The password is wrong, or the account locked.
    Deny,
    /// There is no such account.
    Unknown,
    /// The program cannot tell, for a `reason`.
    Error,
}

/// The line of a question, its end included. It is wiped when it is dropped.
pub fn question(id: u64, visitor: &Visitor<'_>, password: &Secret) -> Zeroizing<Vec<u8>> {
    let text = std::str::from_utf8(password.expose()).ok();
    let percent = match text {
        Some(_) => None,
        None => {
            Some(Zeroizing::new(percent_encode(password.expose(), NON_ALPHANUMERIC).to_string()))
        }
    };
    let question = Question {
        fxpd_auth: VERSION,
        id,
        user: visitor.name,
        password: text,
        password_percent: percent.as_deref().map(String::as_str),
        address: visitor.peer.to_canonical(),
        tls: visitor.under_tls,
        host: visitor.host,
    };
    // Room for all of it at once: a vector that grows leaves copies behind.
    let texts = password.expose().len() + visitor.name.len() + visitor.host.len();
    let mut line = Zeroizing::new(Vec::with_capacity(256 + LONGEST_ESCAPE * texts));
    let _ = serde_json::to_writer(&mut *line, &question); // a vector takes everything
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_one_line_whatever_the_client_has_sent() {
        let ask = |name: &str, password: &[u8]| {
            let peer = "::ffff:192.0.2.1".parse().unwrap();
            let visitor = Visitor { name, peer, host: "h", under_tls: true, certificate: None };
            let line = question(7, &visitor, &Secret::new(password));
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            assert!(line.capacity() <= 256 + LONGEST_ESCAPE * (name.len() + password.len() + 1));
            String::from_utf8(line.to_vec()).unwrap()
        };
        let sent = ask("ann", b"se\"same");
        assert_eq!(
            sent,
            "{\"fxpd_auth\":1,\"id\":7,\"user\":\"ann\",\"password\":\"se\\\"same\",\
             \"address\":\"192.0.2.1\",\"tls\":true,\"host\":\"h\"}\n"
        );
        assert!(ask("a\n\",\"b", b"x\r\n{}\n").contains(r#""user":"a\n\",\"b""#));
        let latin = ask("ann", b"caf\xe9 %");
        assert!(latin.contains(r#""password_percent":"caf%E9%20%25""#), "{latin}");
        assert!(!latin.contains(r#""password":"#), "{latin}");
        ask(&"\u{1}".repeat(4000), &[1; 512]);
    }
}
