//! What the server says of itself: `FEAT`, `HELP`, `OPTS`, and `STAT` without a path. All of it
//! comes from the verb table.

use crate::{
    proto::{
        Algorithm, Code, Facts, Mode, OptsArg, Protection, Reply, Representation,
        verb::{Row, VERBS, Verb},
    },
    session::{Session, refusal::Handled, state::Login},
};
use std::time::Duration;

/// `SITE IDLE` may ask for this much, even where the settings give less.
const MAX_IDLE: Duration = Duration::from_secs(7200);

/// Features that no verb stands for: the form of `SITE` that programs ask for by name, and file
/// names in a tree, as RFC 3659 §6 describes them.
const OTHER_FEATURES: [&str; 2] = ["SITE RATE", "TVFS"];

impl Session {
    /// `FEAT` (RFC 2389 §3).
    pub(super) fn feat(&mut self) -> Handled {
        let facts = self.negotiated.facts.feature();
        let hash = self.negotiated.hash;
        let rows = VERBS.iter().filter_map(|row| match (row.verb, row.feat) {
            (Verb::Mlst, Some(name)) => Some(format!("{name} {facts}")),
            (Verb::Hash, Some(name)) => Some(format!("{name} {}", Algorithm::feature(hash))),
            (_, feat) => feat.map(str::to_owned),
        });
        let others = OTHER_FEATURES.iter().map(|feature| (*feature).to_owned());
        let lines = rows.chain(others).map(String::into_bytes);
        Ok(Reply::lines(Code::SYSTEM_STATUS, "Features:", lines, "End"))
    }

    /// `HELP`: all verbs, or one verb's form.
    pub(super) fn help(&mut self, row: Option<&'static Row>) -> Handled {
        if let Some(row) = row {
            let text = format!("Usage: {} {}", row.name, row.usage);
            return Ok(Reply::new(Code::HELP, text.trim_end()));
        }
        let built: Vec<&str> =
            VERBS.iter().filter(|row| row.verb != Verb::Mount).map(|row| row.name).collect();
        let lines = built.chunks(8).map(|names| names.join(" ").into_bytes());
        Ok(Reply::lines(Code::HELP, "Commands:", lines, "HELP <verb> says more."))
    }

    /// `CSID`: the server's name for the client's.
    pub(super) fn csid(&mut self) -> Handled {
        let text =
            concat!("Name=fxpd;Version=", env!("CARGO_PKG_VERSION"), ";CaseSensitive=1;DirSep=/;");
        Ok(Reply::new(Code::OK, text))
    }

    /// `SITE IDLE`: how long this session may be idle.
    pub(super) fn site_idle(&mut self, seconds: Option<u64>) -> Handled {
        if let Some(seconds) = seconds {
            let most = MAX_IDLE.max(self.services.settings.idle_timeout);
            let wish = Duration::from_secs(seconds);
            if wish.is_zero() || wish > most {
                let text = format!("From 1 to {} seconds.", most.as_secs());
                return Err(Reply::new(Code::BAD_ARGUMENT, text).into());
            }
            self.idle_timeout = wish;
        }
        Ok(Reply::new(Code::OK, format!("Idle for {} seconds.", self.idle_timeout.as_secs())))
    }

    /// `OPTS`.
    pub(super) fn opts(&mut self, option: OptsArg) -> Handled {
        match option {
            OptsArg::Utf8 => Ok(Reply::new(Code::OK, "Names are UTF-8, always.")),
            OptsArg::Hash(wish) => self.opts_hash(wish),
            OptsArg::Deflate(level) => {
                self.negotiated.deflate_level = level;
                let text = format!("MODE Z LEVEL set to {}.", level.number());
                Ok(Reply::new(Code::OK, text))
            }
            OptsArg::Mlst(names) => {
                self.negotiated.facts = Facts::named(&names);
                let mut chosen = String::from("MLST OPTS ");
                for name in self.negotiated.facts.names() {
                    chosen.push_str(name);
                    chosen.push(';');
                }
                Ok(Reply::new(Code::OK, chosen.trim_end()))
            }
        }
    }

    /// `STAT` without a path, between transfers.
    pub(super) fn status(&mut self) -> Handled {
        let kept = self.kept()?;
        let who = match &self.login {
            Login::Member(member) => format!("Logged in as {}", member.account.name),
            _ => "Not logged in".to_owned(),
        };
        let control = match self.channel.stream().tls() {
            Some(facts) => format!("Control connection: {} {}", facts.version, facts.cipher),
            None => "Control connection: clear text".to_owned(),
        };
        let protection = match self.negotiated.protection {
            Protection::Clear => "Data connections: clear text",
            Protection::Private => "Data connections: TLS",
        };
        let representation = match self.negotiated.representation {
            Representation::Ascii => "ASCII",
            Representation::Image => "image",
        };
        let mode = match self.negotiated.mode {
            Mode::Stream => "stream",
            Mode::Deflate => "deflate",
        };
        let lines = [
            format!("Connected from {}", self.client),
            who,
            control,
            protection.to_owned(),
            self.negotiated.role_wish.method().to_owned(),
            format!("Type: {representation}; mode: {mode}; structure: file"),
        ];
        let lines = lines.into_iter().chain(kept).map(String::into_bytes);
        Ok(Reply::lines(Code::SYSTEM_STATUS, "Status of this session:", lines, "End"))
    }
}
