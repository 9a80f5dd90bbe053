//! The transfer log as JSON: one object a line, for programs to read. fxpd.conf(5) tells the names.

use crate::{
    proto::{Representation, TlsRole},
    transfer::{Direction, PeerProof, TransferRecord},
};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde::Serialize;
use std::{borrow::Cow, net::SocketAddr};

/// A record as it is written; the order is that of the line.
#[derive(Serialize)]
struct Line<'a> {
    ended: String,
    seconds: f64,
    client: String,
    account: &'a str,
    direction: &'static str,
    path: Cow<'a, str>,
    /// Of a path that is not UTF-8, for which JSON has no letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_percent: Option<String>,
    bytes: u64,
    r#type: &'static str,
    result: &'static str,
    peer: Option<SocketAddr>,
    foreign: bool,
    /// Whether the peer has proved to be the one that the client or a rule named.
    verified: bool,
    tls: Option<Tls>,
    hash: Option<Hash<'a>>,
}

#[derive(Serialize)]
struct Tls {
    version: &'static str,
    cipher: &'static str,
    role: &'static str,
    resumed: bool,
    peer_certificate: Option<String>,
}

#[derive(Serialize)]
struct Hash<'a> {
    algorithm: String,
    value: &'a str,
}

/// One line, its end included.
pub fn line(record: &TransferRecord) -> Vec<u8> {
    let path = String::from_utf8_lossy(record.path.as_bytes());
    let percent = || percent_encode(record.path.as_bytes(), NON_ALPHANUMERIC).to_string();
    let line = Line {
        ended: format!("{:.3}", record.ended),
        seconds: (record.took.as_secs_f64() * 1000.0).round() / 1000.0,
        client: record.client.to_string(),
        account: &record.account,
        direction: match record.direction {
            Direction::Outgoing => "out",
            Direction::Incoming => "in",
        },
        path_percent: matches!(path, Cow::Owned(_)).then(percent),
        path,
        bytes: record.bytes,
        r#type: match record.representation {
            Representation::Ascii => "ascii",
            Representation::Image => "image",
        },
        result: if record.complete { "complete" } else { "incomplete" },
        peer: record.peer,
        foreign: record.foreign,
        verified: record.proof == PeerProof::Proved,
        tls: tls(record),
        hash: record
            .hash
            .as_ref()
            .map(|(algorithm, value)| Hash { algorithm: algorithm.to_string(), value }),
    };
    // Text, numbers and what holds them: nothing here can fail to be JSON.
    let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn tls(record: &TransferRecord) -> Option<Tls> {
    let facts = record.tls.as_ref()?;
    Some(Tls {
        version: facts.version,
        cipher: facts.cipher,
        role: match record.role {
            TlsRole::Accept => "accept",
            TlsRole::Connect => "connect",
        },
        resumed: facts.resumed,
        peer_certificate: facts.peer.map(|fingerprint| fingerprint.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{net::TlsFacts, proto::Algorithm, server::xferlog::tests::record};

    fn text(record: &TransferRecord) -> String {
        String::from_utf8(line(record)).unwrap()
    }

    #[test]
    fn a_line_is_one_object_of_what_is_known() {
        assert_eq!(
            text(&record(b"a \"b\"\n")),
            "{\"ended\":\"2026-02-03T04:05:06.000Z\",\"seconds\":2.6,\"client\":\"192.0.2.1\",\
             \"account\":\"ann lee\",\"direction\":\"in\",\"path\":\"/a \\\"b\\\"\\n\",\
             \"bytes\":1234,\"type\":\"image\",\"result\":\"complete\",\"peer\":null,\
             \"foreign\":false,\"verified\":false,\"tls\":null,\"hash\":null}\n"
        );
        let tls = TlsFacts {
            version: "TLSv1.3",
            cipher: "TLS_AES_256_GCM_SHA384",
            resumed: true,
            peer: None,
        };
        let more = TransferRecord {
            peer: Some("[2001:db8::1]:20".parse().unwrap()),
            foreign: true,
            proof: PeerProof::Proved,
            role: TlsRole::Connect,
            tls: Some(tls),
            hash: Some((Algorithm::Sha256, "00ff".to_owned())),
            ..record(b"x")
        };
        assert!(text(&more).ends_with(
            "\"peer\":\"[2001:db8::1]:20\",\"foreign\":true,\"verified\":true,\"tls\":{\"version\":\"TLSv1.3\",\
             \"cipher\":\"TLS_AES_256_GCM_SHA384\",\"role\":\"connect\",\"resumed\":true,\
             \"peer_certificate\":null},\"hash\":{\"algorithm\":\"SHA-256\",\"value\":\"00ff\"}}\n"
        ));
    }

    #[test]
    fn a_path_that_is_no_text_is_there_byte_for_byte() {
        let line = text(&record(b"a\xff"));
        assert!(line.contains("\"path\":\"/a\u{fffd}\",\"path_percent\":\"%2Fa%FF\","), "{line}");
    }
}
