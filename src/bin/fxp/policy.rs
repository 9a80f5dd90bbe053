//! Which servers are trusted: those pinned, signed by a CA, or met before. Each refusal says what
//! would change it.

use crate::{
    access::{Access, ClearText},
    known_hosts::KnownHosts,
    options::FirstMeeting,
};
use fxpd::{Fingerprint, Judge, Shown, Site};
use std::sync::{Arc, Mutex, PoisonError};

/// The user's rules of trust for one server.
pub struct Policy {
    pins: Vec<Fingerprint>,
    authority: Authority,
    first_meeting: FirstMeeting,
    clear_text: ClearText,
    known: Arc<Mutex<KnownHosts>>,
}

/// Whether the user named CAs.
enum Authority {
    Unasked,
    Asked,
}

impl Policy {
    pub fn new(
        access: &Access,
        first_meeting: FirstMeeting,
        known: &Arc<Mutex<KnownHosts>>,
    ) -> Policy {
        Policy {
            pins: access.pins.clone(),
            authority: match access.authorities {
                Some(_) => Authority::Asked,
                None => Authority::Unasked,
            },
            first_meeting,
            clear_text: access.clear_text,
            known: Arc::clone(known),
        }
    }
}

impl Judge for Policy {
    fn judge(&self, shown: &Shown<'_>) -> Result<(), String> {
        let certificate = shown.fingerprint;
        // Who pins wants this certificate, whatever a CA or the past says.
        if !self.pins.is_empty() {
            return match self.pins.contains(&certificate) {
                true => Ok(()),
                false => Err(format!("its certificate is {certificate}, which no pin names")),
            };
        }
        let by_authority = match self.authority {
            Authority::Asked => &shown.authority,
            Authority::Unasked => &Err(String::new()),
        };
        let Err(why_not) = by_authority else { return Ok(()) };

        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let server = shown.site.to_string();
        let before = known.of(&server);
        if before.contains(&certificate) {
            Ok(())
        } else if let Some(before) = before.last() {
            Err(changed(&server, *before, certificate, &known))
        } else if self.first_meeting == FirstMeeting::Trust {
            log::warn!("{server} is new: {certificate} is recorded in {}", known.path().display());
            known.record(&server, certificate)
        } else {
            Err(unknown(certificate, why_not))
        }
    }

    fn allow_clear(&self, _: &Site) -> Result<(), String> {
        match self.clear_text {
            ClearText::Allow => Ok(()),
            ClearText::Refuse => Err("if that may be, use --allow-clear".to_owned()),
        }
    }
}

fn changed(server: &str, before: Fingerprint, now: Fingerprint, known: &KnownHosts) -> String {
    format!(
        "ITS CERTIFICATE HAS CHANGED. Someone may stand between you and the server.\n  \
         it was {before}\n  it is  {now}\n\
         If the server's owner confirms the new one, run 'fxp trust --replace {server}' to put it into\n\
         {}, or use --pin {now}",
        known.path().display()
    )
}

fn unknown(now: Fingerprint, why_not: &str) -> String {
    let by_authority = match why_not {
        "" => String::new(),
        why_not => format!(" (by --cacert: {why_not})"),
    };
    format!(
        "its certificate was never seen before{by_authority}\n  it is {now}\n\
         If that is what the server's owner tells you, use --pin {now}, or record it by 'fxp trust' or --trust-new"
    )
}
