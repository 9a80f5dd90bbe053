//! Which certificates open an account without a password: the option `cert` of the users file.

use crate::proto::{ClientCertificate, Fingerprint};
use std::{fmt, str::FromStr};

/// The word for [`ClientProof::Authority`].
const AUTHORITY: &str = "ca";

/// What proves that a client is the account's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientProof {
    /// `SHA256:…`: this certificate, whoever has signed it.
    Pin(Fingerprint),
    /// `ca`: one that a CA of the server's has signed, with the account's name as common name.
    Authority,
}

impl ClientProof {
    /// Whether `certificate` proves it for the account `name`.
    pub(super) fn is_given_by(&self, certificate: &ClientCertificate, name: &str) -> bool {
        match self {
            ClientProof::Pin(fingerprint) => certificate.fingerprint == *fingerprint,
            ClientProof::Authority => {
                certificate.is_signed && certificate.common_name.as_deref() == Some(name)
            }
        }
    }
}

impl FromStr for ClientProof {
    type Err = String;

    fn from_str(text: &str) -> Result<ClientProof, String> {
        match text {
            AUTHORITY => Ok(ClientProof::Authority),
            pin => pin.parse().map(ClientProof::Pin),
        }
    }
}

impl fmt::Display for ClientProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientProof::Pin(fingerprint) => fingerprint.fmt(f),
            ClientProof::Authority => f.write_str(AUTHORITY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_one_certificate_and_a_ca_speaks_for_a_name() {
        let print = |byte| Fingerprint::from_digest([byte; 32]);
        let shown = |byte, name: &str, is_signed| ClientCertificate {
            fingerprint: print(byte),
            common_name: Some(name.to_owned()),
            is_signed,
        };
        let (pin, ca) = (ClientProof::Pin(print(1)), ClientProof::Authority);
        for (certificate, by_pin, by_ca) in [
            (shown(1, "bob", false), true, false),
            (shown(2, "ann", false), false, false),
            (shown(2, "ann", true), false, true),
            (shown(2, "Ann", true), false, false),
            (shown(2, "bob", true), false, false),
            (ClientCertificate { common_name: None, ..shown(2, "", true) }, false, false),
        ] {
            assert_eq!(pin.is_given_by(&certificate, "ann"), by_pin, "{certificate:?}");
            assert_eq!(ca.is_given_by(&certificate, "ann"), by_ca, "{certificate:?}");
        }
        for text in [pin.to_string().as_str(), "ca"] {
            assert_eq!(text.parse::<ClientProof>().unwrap().to_string(), text);
        }
        assert!("CN=ann".parse::<ClientProof>().is_err());
    }
}
