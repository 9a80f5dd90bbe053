//! From when to when a certificate is valid.

use jiff::{SignedDuration, Timestamp};
use openssl::{
    asn1::{Asn1Time, Asn1TimeRef},
    x509::X509Ref,
};

/// From when to when a certificate is valid (RFC 5280 §4.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Not before this.
    pub begins: Timestamp,
    /// Not after this.
    pub ends: Timestamp,
}

/// Whether a certificate's time has come, or gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// Not yet.
    Early,
    /// It is valid.
    Current,
    /// No more.
    Expired,
}

impl Validity {
    /// What is so at `now`.
    pub fn term(&self, now: Timestamp) -> Term {
        match () {
            () if now < self.begins => Term::Early,
            () if now > self.ends => Term::Expired,
            () => Term::Current,
        }
    }

    /// What stands in `certificate`; `None` where a year is beyond any calendar.
    pub(super) fn of(certificate: &X509Ref) -> Option<Validity> {
        let begins = timestamp(certificate.not_before())?;
        Some(Validity { begins, ends: timestamp(certificate.not_after())? })
    }
}

fn timestamp(time: &Asn1TimeRef) -> Option<Timestamp> {
    let since = Asn1Time::from_unix(0).ok()?.diff(time).ok()?;
    let days = SignedDuration::from_secs(i64::from(since.days) * 24 * 3600);
    let seconds = SignedDuration::from_secs(i64::from(since.secs));
    Timestamp::UNIX_EPOCH.checked_add(days.checked_add(seconds)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Identity;

    #[test]
    fn a_new_certificate_is_valid_from_now_on() {
        let identity = Identity::self_signed(&["localhost"]).unwrap();
        let validity = Validity::of(&identity.certificate).unwrap();
        let now = Timestamp::now();
        assert_eq!(validity.term(now), Term::Current);
        let second = SignedDuration::from_secs(1);
        assert_eq!(validity.term(validity.begins), Term::Current);
        assert_eq!(validity.term(validity.begins - second), Term::Early);
        assert_eq!(validity.term(validity.ends + second), Term::Expired);
        let days = validity.ends.duration_since(validity.begins).as_hours() / 24;
        assert_eq!(days, 825);
    }
}
