//! A certificate with its key, and how its fingerprint is computed.

use crate::{
    net::{Validity, certificate},
    proto::Fingerprint,
};
use openssl::{
    asn1::Asn1Time,
    bn::{BigNum, MsbOption},
    ec::{EcGroup, EcKey},
    error::ErrorStack,
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    sha,
    x509::{
        X509, X509NameBuilder, X509Ref,
        extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName},
    },
};
use std::{error, fmt, fs, io, net::IpAddr, path::Path};

/// What a server shows in TLS: its certificate, the chain above it, and the key.
#[derive(Clone, Debug)]
pub struct Identity {
    pub(crate) certificate: X509,
    pub(crate) chain: Vec<X509>,
    pub(crate) key: PKey<Private>,
    fingerprint: Fingerprint,
}

/// A self-signed certificate is good for this long.
const SELF_SIGNED_DAYS: u32 = 825;

impl Identity {
    /// Reads a PEM chain, leaf first, and its key. An error when either cannot be read or the two
    /// do not belong together.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Identity, TlsError> {
        let read = |path: &Path| fs::read(path).map_err(|error| TlsError::Read(name(path), error));
        let mut chain = X509::stack_from_pem(&read(certificate)?)
            .map_err(|error| TlsError::Parse(name(certificate), error))?;
        let key_pem = zeroize::Zeroizing::new(read(key)?);
        let key_parsed = PKey::private_key_from_pem(&key_pem)
            .map_err(|error| TlsError::Parse(name(key), error))?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate(name(certificate)));
        }
        let leaf = chain.remove(0);
        if !leaf.public_key()?.public_eq(&key_parsed) {
            return Err(TlsError::Mismatch(name(certificate), name(key)));
        }
        let fingerprint = Fingerprint::computed(&leaf)?;
        Ok(Identity { certificate: leaf, chain, key: key_parsed, fingerprint })
    }

    /// Makes a self-signed ECDSA P-256 certificate for `names`, which are host names or addresses.
    pub fn self_signed(names: &[&str]) -> Result<Identity, TlsError> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
        let mut subject = X509NameBuilder::new()?;
        subject.append_entry_by_text("CN", names.first().unwrap_or(&"fxpd"))?;
        let subject = subject.build();
        let mut serial = BigNum::new()?;
        serial.rand(127, MsbOption::MAYBE_ZERO, false)?;

        let mut builder = X509::builder()?;
        builder.set_version(2)?;
        builder.set_serial_number(&*serial.to_asn1_integer()?)?;
        builder.set_subject_name(&subject)?;
        builder.set_issuer_name(&subject)?;
        builder.set_pubkey(&key)?;
        builder.set_not_before(&*Asn1Time::days_from_now(0)?)?;
        builder.set_not_after(&*Asn1Time::days_from_now(SELF_SIGNED_DAYS)?)?;
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
        // Both: with SSCN this server is a TLS client on some data connections.
        builder.append_extension(ExtendedKeyUsage::new().server_auth().client_auth().build()?)?;
        let mut alternative = SubjectAlternativeName::new();
        for name in names {
            match name.parse::<IpAddr>() {
                Ok(_) => alternative.ip(name),
                Err(_) => alternative.dns(name),
            };
        }
        if !names.is_empty() {
            let alternative = alternative.build(&builder.x509v3_context(None, None))?;
            builder.append_extension(alternative)?;
        }
        builder.sign(&key, MessageDigest::sha256())?;
        let certificate = builder.build();
        let fingerprint = Fingerprint::computed(&certificate)?;
        Ok(Identity { certificate, chain: Vec::new(), key, fingerprint })
    }

    /// The fingerprint of the leaf certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// From when to when the certificate is valid; `None` where a year is beyond any calendar.
    pub fn validity(&self) -> Option<Validity> {
        Validity::of(&self.certificate)
    }

    /// The names and addresses for which the certificate was made.
    pub(crate) fn names(&self) -> Vec<String> {
        certificate::names(&self.certificate)
    }

    /// The certificate and its chain in PEM, leaf first.
    pub fn certificate_pem(&self) -> Result<Vec<u8>, TlsError> {
        let mut pem = self.certificate.to_pem()?;
        for certificate in &self.chain {
            pem.extend(certificate.to_pem()?);
        }
        Ok(pem)
    }

    /// The key in PEM (PKCS #8), not encrypted.
    pub fn key_pem(&self) -> Result<Vec<u8>, TlsError> {
        Ok(self.key.private_key_to_pem_pkcs8()?)
    }
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

impl Fingerprint {
    /// The fingerprint of `certificate`.
    pub(crate) fn of(certificate: &X509Ref) -> Option<Fingerprint> {
        Fingerprint::computed(certificate).ok()
    }

    pub(super) fn computed(certificate: &X509Ref) -> Result<Fingerprint, ErrorStack> {
        certificate.to_der().map(|der| Fingerprint::from_digest(sha::sha256(&der)))
    }
}

/// Why a certificate or key cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    Read(String, io::Error),
    /// A file is not PEM of the right kind.
    Parse(String, ErrorStack),
    /// A file holds no certificate.
    NoCertificate(String),
    /// The key is not that of the certificate.
    Mismatch(String, String),
    /// OpenSSL refused.
    OpenSsl(ErrorStack),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::Read(file, error) => write!(f, "cannot read {file}: {error}"),
            TlsError::Parse(file, error) => {
                write!(f, "cannot understand {file}: {}", super::error::reason(error))
            }
            TlsError::NoCertificate(file) => write!(f, "no certificate in {file}"),
            TlsError::Mismatch(certificate, key) => {
                write!(f, "the key in {key} is not that of the certificate in {certificate}")
            }
            TlsError::OpenSsl(error) => write!(f, "OpenSSL: {}", super::error::reason(error)),
        }
    }
}

impl error::Error for TlsError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            TlsError::Read(_, error) => Some(error),
            TlsError::Parse(_, error) | TlsError::OpenSsl(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ErrorStack> for TlsError {
    fn from(error: ErrorStack) -> TlsError {
        TlsError::OpenSsl(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let (a, b) = (Identity::self_signed(&[]).unwrap(), Identity::self_signed(&["x"]).unwrap());
        let (cert, key) = (home.path().join("cert.pem"), home.path().join("key.pem"));
        fs::write(&cert, a.certificate_pem().unwrap()).unwrap();
        fs::write(&key, a.key_pem().unwrap()).unwrap();
        let read = Identity::from_files(&cert, &key).unwrap();
        assert_eq!(read.fingerprint(), a.fingerprint());
        fs::write(&key, b.key_pem().unwrap()).unwrap();
        let refused = Identity::from_files(&cert, &key).unwrap_err();
        assert!(matches!(refused, TlsError::Mismatch(..)), "{refused}");
        fs::write(&cert, "").unwrap();
        assert!(Identity::from_files(&cert, &key).is_err());
    }
}
