//! What a certificate says of itself, for people who decide whether to believe it.

use crate::{net::Validity, proto::Fingerprint};
use openssl::{
    error::ErrorStack,
    x509::{GeneralNameRef, X509NameRef, X509Ref},
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
    /// From when to when it is valid; `None` where a year is beyond any calendar.
    pub validity: Option<Validity>,
}

impl Certificate {
    pub(super) fn read(certificate: &X509Ref) -> Result<Certificate, ErrorStack> {
        Ok(Certificate {
            fingerprint: Fingerprint::computed(certificate)?,
            subject: entries(certificate.subject_name()),
            issuer: entries(certificate.issuer_name()),
            names: names(certificate).iter().map(|name| printable(name)).collect(),
            validity: Validity::of(certificate),
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
        assert_eq!(certificate.validity, Validity::of(&identity.certificate));
        assert!(certificate.validity.is_some());
    }
}
