//! What is said between the server and whoever knows accounts for it: one JSON object a line, each
//! way, see fxpd-auth(5). JSON escapes line ends, so that nothing that a client sends can be mistaken
//! for a line of its own.

use crate::{
    auth::{Account, AuthError, FxpGrant, FxpLevel, UserLine, Visitor},
    proto::Secret,
    sys::ids::Ids,
};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, io, net::IpAddr};
use zeroize::Zeroizing;

/// The number of this protocol, in every question.
const VERSION: u32 = 1;

/// What JSON makes of one byte at worst: `\u0000`.
const LONGEST_ESCAPE: usize = 6;

/// A question as it stands in its line.
#[derive(Deserialize, Serialize)]
struct Question<'a> {
    fxpd_auth: u32,
    id: u64,
    user: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<Cow<'a, str>>,
    /// Of a password that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    password_percent: Option<Cow<'a, str>>,
    address: IpAddr,
    tls: bool,
    host: Cow<'a, str>,
}

/// A question, understood.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    /// The number that the answer gives back.
    pub id: u64,
    pub user: String,
    pub password: Secret,
    /// Where the client is.
    pub address: IpAddr,
}

/// An answer.
#[derive(Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub id: u64,
    pub result: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<String>,
    /// The user of the system that the account is, and its groups: `uid` and `gid`, or neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What it comes to.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The account is open.
    Allow,
    /// The password is wrong, or the account locked.
    Deny,
    /// There is no such account.
    Unknown,
    /// Nobody can tell, for a `reason`.
    #[default]
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
        user: visitor.name.into(),
        password: text.map(Cow::Borrowed),
        password_percent: percent.as_deref().map(|text| Cow::Borrowed(text.as_str())),
        address: visitor.peer.to_canonical(),
        tls: visitor.under_tls,
        host: visitor.host.into(),
    };
    // Room for all of it at once: a vector that grows leaves copies behind.
    let texts = password.expose().len() + visitor.name.len() + visitor.host.len();
    let mut line = Zeroizing::new(Vec::with_capacity(256 + LONGEST_ESCAPE * texts));
    let _ = serde_json::to_writer(&mut *line, &question); // a vector takes everything
    line.push(b'\n');
    line
}

impl Asked {
    /// A question from its line.
    pub fn read(line: &[u8]) -> io::Result<Asked> {
        let question: Question<'_> = serde_json::from_slice(line)?;
        let own = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        let password = match (own(question.password), own(question.password_percent)) {
            (Some(text), None) => Secret::new(text), // takes the bytes themselves
            (None, Some(text)) => {
                let text = Zeroizing::new(text);
                Secret::new(percent_decode_str(&text).collect::<Vec<u8>>())
            }
            _ => return Err(io::Error::other("a question has one password")),
        };
        let (id, user, address) = (question.id, question.user.into_owned(), question.address);
        Ok(Asked { id, user, password, address })
    }
}

impl Answer {
    /// The answer to question `id` from its line.
    pub fn read(line: &[u8], id: u64) -> io::Result<Answer> {
        let answer: Answer = serde_json::from_slice(line)
            .map_err(|error| io::Error::other(format!("it gives no answer: {error}")))?;
        if answer.id == id {
            Ok(answer)
        } else {
            Err(io::Error::other(format!("it answers question {} of {id}", answer.id)))
        }
    }

    /// Its line, the end included.
    pub fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default(); // numbers and texts, all of it
        line.push(b'\n');
        line
    }

    /// What it means for the visitor. Accounts for which it names no level of FXP have
    /// `default_fxp`; `unavailable` says who has answered.
    pub fn admit(
        self,
        visitor: &Visitor<'_>,
        default_fxp: FxpLevel,
        unavailable: impl Fn(String) -> AuthError,
    ) -> Result<Account, AuthError> {
        match self.result {
            Verdict::Deny => Err(AuthError::Rejected),
            Verdict::Unknown => Err(AuthError::Unknown),
            Verdict::Error => Err(unavailable(self.reason.unwrap_or_default())),
            Verdict::Allow => {
                let useless = |what| unavailable(format!("its answer cannot be used: {what}"));
                let ids = self.ids().map_err(useless)?;
                let line = self.into_line(visitor.name).map_err(useless)?;
                let is_here = FxpGrant::reaches(&line.options.networks, visitor.peer);
                let account = line.account(default_fxp);
                let account = Account { ids: ids.or(account.ids.clone()), ..account };
                is_here.then_some(account).ok_or(AuthError::Rejected)
            }
        }
    }

    fn ids(&self) -> Result<Option<Ids>, String> {
        match (self.uid, self.gid, &self.groups) {
            (Some(uid), Some(gid), groups) => {
                Ok(Some(Ids { uid, gid, groups: groups.clone().unwrap_or_default() }))
            }
            (None, None, None) => Ok(None),
            _ => Err("uid and gid go together, and with groups".to_owned()),
        }
    }

    /// The account as a line of the users file would describe it.
    fn into_line(self, name: &str) -> Result<UserLine, String> {
        let home = self.home.filter(|home| home.starts_with('/')).ok_or("no absolute home")?;
        let options = self.options.unwrap_or_default().parse()?;
        Ok(UserLine { options, ..UserLine::new(name, "", home) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_one_line_whatever_the_client_has_sent() {
        let ask = |name: &str, password: &[u8]| {
            let peer = "::ffff:192.0.2.1".parse().unwrap();
            let visitor = Visitor { host: "h", ..Visitor::new(name, peer) };
            let password = Secret::new(password);
            let line = question(7, &visitor, &password);
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            let texts = name.len() + password.expose().len() + 1;
            assert!(line.capacity() <= 256 + LONGEST_ESCAPE * texts);
            let address = "192.0.2.1".parse().unwrap();
            let asked = Asked { id: 7, user: name.to_owned(), password, address };
            assert_eq!(Asked::read(&line).unwrap(), asked);
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
        ask("", b"");
    }

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        let allow = Answer {
            id: 3,
            result: Verdict::Allow,
            home: Some("/home/ä\"".to_owned()),
            uid: Some(1000),
            gid: Some(100),
            groups: Some(vec![100, 27]),
            ..Answer::default()
        };
        let line = allow.line();
        assert_eq!(Answer::read(&line, 3).unwrap(), allow);
        assert!(Answer::read(&line, 4).is_err());
        assert!(!String::from_utf8(line).unwrap().contains("null"));
    }

    #[test]
    fn ids_come_whole_or_not_at_all() {
        let admit = |ids: &str| {
            let line = format!("{{\"id\":1,\"result\":\"allow\",\"home\":\"/h\"{ids}}}");
            let visitor = Visitor::new("ann", "::1".parse().unwrap());
            let unavailable = |what: String| AuthError::Unavailable(what.into());
            let answer = Answer::read(line.as_bytes(), 1).unwrap();
            answer.admit(&visitor, FxpLevel::Off, unavailable).map(|it| it.ids.unwrap())
        };
        let nobody = Ids { uid: 65534, gid: 65534, groups: Vec::new() };
        assert_eq!(admit("").unwrap(), nobody);
        let ann = Ids { uid: 7, gid: 8, groups: vec![9] };
        assert_eq!(admit(r#","uid":7,"gid":8,"groups":[9]"#).unwrap(), ann);
        assert_eq!(admit(r#","uid":7,"gid":8"#).unwrap().groups, Vec::<u32>::new());
        for half in [r#","uid":7"#, r#","gid":7"#, r#","groups":[]"#] {
            let error = admit(half).unwrap_err().to_string();
            assert!(error.contains("cannot be used: uid and gid go together"), "{error}");
        }
    }
}
