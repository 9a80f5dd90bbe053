//! What a certificate says of itself, for people who decide whether to believe it.

use crate::proto::Fingerprint;
use openssl::{
    asn1::{Asn1Time, Asn1TimeRef},
    error::ErrorStack,
    x509::{GeneralNameRef, X509NameRef, X509Ref},
};
use std::{
    cmp::Ordering,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// What a certificate says of itself. Its texts hold no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The SHA-256 of the whole.
    pub fingerprint: Fingerprint,
    /// Whose it is: `CN=one.example.org, O=Example`.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The names and addresses for which it was made.
    pub names: Vec<String>,
    /// From when on it is valid: `Nov 22 10:00:00 2026 GMT`.
    pub not_before: String,
    /// Until when.
    pub not_after: String,
    /// Whether now is between the two.
    pub validity: Validity,
}

/// Whether a certificate's time has come, or gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Not yet.
    Early,
    /// It is valid.
    Current,
    /// No more.
    Expired,
}

impl Certificate {
    pub(super) fn read(certificate: &X509Ref) -> Result<Certificate, ErrorStack> {
        let (not_before, not_after) = (certificate.not_before(), certificate.not_after());
        Ok(Certificate {
            fingerprint: Fingerprint::computed(certificate)?,
            subject: entries(certificate.subject_name()),
            issuer: entries(certificate.issuer_name()),
            names: names(certificate).iter().map(|name| printable(name)).collect(),
            not_before: not_before.to_string(),
            not_after: not_after.to_string(),
            validity: validity(not_before, not_after)?,
        })
    }
}

/// The names and addresses for which a certificate was made.
pub(super) fn names(certificate: &X509Ref) -> Vec<String> {
    let names = certificate.subject_alt_names();
    let text = |name: &GeneralNameRef| {
        let dns = name.dnsname().map(str::to_owned);
        dns.or_else(|| name.ipaddress().and_then(address).map(|address| address.to_string()))
    };
    names.iter().flatten().filter_map(text).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).into())).ok()
}

fn entries(name: &X509NameRef) -> String {
    let entries = name.entries().map(|entry| {
        let key = entry.object().nid().short_name().unwrap_or("?");
        // A text that is no text is shown as far as it is one.
        let value = String::from_utf8_lossy(entry.data().as_slice()).into_owned();
        format!("{key}={}", printable(&value))
    });
    entries.collect::<Vec<_>>().join(", ")
}

/// A stranger's certificate must not write to the user's terminal what moves its cursor.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn validity(not_before: &Asn1TimeRef, not_after: &Asn1TimeRef) -> Result<Validity, ErrorStack> {
    let now = Asn1Time::days_from_now(0)?;
    Ok(match (not_before.compare(&now)?, not_after.compare(&now)?) {
        (Ordering::Greater, _) => Validity::Early,
        (_, Ordering::Less) => Validity::Expired,
        _ => Validity::Current,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Identity;

    #[test]
    fn a_certificate_says_whose_it_is_and_until_when() {
        let identity = Identity::self_signed(&["one.\x1b[2J", "a.example", "::1"]).unwrap();
        let certificate = Certificate::read(&identity.certificate).unwrap();
        assert_eq!(certificate.fingerprint, identity.fingerprint());
        assert_eq!(certificate.subject, "CN=one.?[2J");
        assert_eq!(certificate.issuer, certificate.subject);
        assert_eq!(certificate.names[1..], ["a.example", "::1"]);
        assert_eq!(certificate.validity, Validity::Current);
        assert!(certificate.not_after.ends_with("GMT"), "{}", certificate.not_after);
    }

    #[test]
    fn a_time_is_early_current_or_over() {
        let day = |number: i64| Asn1Time::from_unix(number * 86_400).unwrap();
        let (past, long_past, far) = (day(20), day(10), day(40_000));
        assert_eq!(validity(&past, &far).unwrap(), Validity::Current);
        assert_eq!(validity(&long_past, &past).unwrap(), Validity::Expired);
        assert_eq!(validity(&far, &far).unwrap(), Validity::Early);
    }
}
