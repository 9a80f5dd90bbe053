//! A CA of a test's own.

use fxpd::Identity;
use openssl::{
    asn1::Asn1Time,
    hash::MessageDigest,
    pkey::{PKey, Private},
    x509::{
        X509, X509Builder, X509NameBuilder,
        extension::{BasicConstraints, ExtendedKeyUsage, SubjectAlternativeName},
    },
};
use std::{fs, path::PathBuf};
use tempfile::TempDir;

/// When certificates end that are to be good, in seconds of Unix.
const END: i64 = 2_000_000_000;

/// A CA and certificates that it has signed.
pub struct Authority {
    home: TempDir,
    key: PKey<Private>,
    certificate: X509,
}

impl Authority {
    /// A new one.
    pub fn new() -> Authority {
        let key = key();
        let mut builder = builder(&key, "authority", END);
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        builder.set_issuer_name(&name("authority")).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        let (certificate, home) = (builder.build(), tempfile::tempdir().unwrap());
        fs::write(home.path().join("ca.pem"), certificate.to_pem().unwrap()).unwrap();
        Authority { home, key, certificate }
    }

    /// Where its own certificate is.
    pub fn file(&self) -> PathBuf {
        self.home.path().join("ca.pem")
    }

    /// A certificate for TLS servers, as most authorities make them, good until `end`.
    pub fn signs(&self, end: i64) -> Identity {
        let (chain, key) = self.issues(end, |_| {});
        let path = |name: &str| self.home.path().join(name);
        fs::write(path("leaf.pem"), chain).unwrap();
        fs::write(path("key.pem"), key).unwrap();
        Identity::from_files(&path("leaf.pem"), &path("key.pem")).unwrap()
    }

    /// A new certificate for the server at `host` and its key, in one PEM file.
    pub fn signs_for(&self, host: &str) -> Vec<u8> {
        let (chain, key) = self.issues(END, |builder| {
            let host = SubjectAlternativeName::new()
                .ip(host)
                .build(&builder.x509v3_context(Some(&self.certificate), None))
                .unwrap();
            builder.append_extension(host).unwrap();
        });
        [chain, key].concat()
    }

    /// A certificate and its key.
    fn issues(&self, end: i64, more: impl FnOnce(&mut X509Builder)) -> (Vec<u8>, Vec<u8>) {
        let key = key();
        let mut builder = builder(&key, "leaf", end);
        builder.append_extension(ExtendedKeyUsage::new().server_auth().build().unwrap()).unwrap();
        more(&mut builder);
        builder.set_issuer_name(self.certificate.subject_name()).unwrap();
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        (builder.build().to_pem().unwrap(), key.private_key_to_pem_pkcs8().unwrap())
    }
}

fn key() -> PKey<Private> {
    let made = Identity::self_signed(&["any"]).unwrap();
    PKey::private_key_from_pem(&made.key_pem().unwrap()).unwrap()
}

fn name(text: &str) -> openssl::x509::X509Name {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", text).unwrap();
    name.build()
}

fn builder(key: &PKey<Private>, subject: &str, end: i64) -> X509Builder {
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name(subject)).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(1_000_000_000).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(end).unwrap()).unwrap();
    builder
}
