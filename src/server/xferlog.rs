//! The form of xferlog(5), byte for byte.

use crate::{
    proto::Representation,
    transfer::{Direction, TransferRecord},
};
use jiff::tz::TimeZone;

/// One line of xferlog(5): 18 fields with a blank between them, the time being five.
pub fn line(record: &TransferRecord, zone: &TimeZone) -> Vec<u8> {
    let time = record.ended.to_zoned(zone.clone());
    let seconds = record.took.as_secs_f64().round().max(1.0);
    let head = format!(
        "{} {seconds} {} {} ",
        time.strftime("%a %b %d %H:%M:%S %Y"),
        record.client,
        record.bytes
    );
    let mut line = head.into_bytes();
    push_field(record.path.as_bytes(), &mut line);
    let kind = match record.representation {
        Representation::Ascii => 'a',
        Representation::Image => 'b',
    };
    let direction = match record.direction {
        Direction::Outgoing => 'o',
        Direction::Incoming => 'i',
    };
    // Whom an anonymous client says it is stands in the place of the name.
    let (access, name) = match record.anonymous.as_deref() {
        None => ('r', &record.account[..]),
        Some("") => ('a', &record.account[..]),
        Some(email) => ('a', email),
    };
    line.extend_from_slice(format!(" {kind} _ {direction} {access} ").as_bytes());
    push_field(name.as_bytes(), &mut line);
    let completion = if record.complete { 'c' } else { 'i' };
    line.extend_from_slice(format!(" ftp 0 * {completion}\n").as_bytes());
    line
}

/// Adds a name in which nothing can end a field or a line: what could becomes `_`.
fn push_field(name: &[u8], line: &mut Vec<u8>) {
    let plain = |byte: &u8| if byte.is_ascii_control() || *byte == b' ' { b'_' } else { *byte };
    line.extend(name.iter().map(plain));
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        proto::{PathArg, TlsRole, VirtualPath},
        transfer::PeerProof,
    };
    use std::time::Duration;

    pub fn record(path: &[u8]) -> TransferRecord {
        TransferRecord {
            ended: "2026-02-03T04:05:06Z".parse().unwrap(),
            took: Duration::from_millis(2600),
            client: "192.0.2.1".parse().unwrap(),
            account: "ann lee".into(),
            anonymous: None,
            host: None,
            home: "/srv/ann".into(),
            ids: None,
            path: VirtualPath::root().child(path),
            bytes: 1234,
            direction: Direction::Incoming,
            representation: Representation::Image,
            complete: true,
            peer: None,
            foreign: false,
            proof: PeerProof::Unasked,
            role: TlsRole::Accept,
            tls: None,
            hash: None,
        }
    }

    #[test]
    fn a_line_is_that_of_xferlog_byte_for_byte() {
        let line = |record| String::from_utf8(super::line(&record, &TimeZone::UTC)).unwrap();
        assert_eq!(
            line(record(b"a b")),
            "Tue Feb 03 04:05:06 2026 3 192.0.2.1 1234 /a_b b _ i r ann_lee ftp 0 * c\n"
        );
        let cut = TransferRecord {
            complete: false,
            direction: Direction::Outgoing,
            representation: Representation::Ascii,
            took: Duration::ZERO,
            ..record(b"x")
        };
        assert_eq!(
            line(cut),
            "Tue Feb 03 04:05:06 2026 1 192.0.2.1 1234 /x a _ o r ann_lee ftp 0 * i\n"
        );
        for (email, name) in [("me@example.org", "me@example.org"), ("", "ann_lee")] {
            let anonymous = TransferRecord {
                client: "2001:db8::1".parse().unwrap(),
                anonymous: Some(email.to_owned()),
                ..record(b"x")
            };
            assert_eq!(
                line(anonymous),
                format!(
                    "Tue Feb 03 04:05:06 2026 3 2001:db8::1 1234 /x b _ i a {name} ftp 0 * c\n"
                )
            );
        }
    }

    #[test]
    fn no_name_can_forge_a_line() {
        let forged = line(&record(b"a\nTue Feb\t03\r"), &TimeZone::UTC);
        assert_eq!(forged.iter().filter(|b| **b == b'\n').count(), 1);
        assert_eq!(forged.split(|b| *b == b' ').count(), 18);
        assert!(PathArg::new(&b"a\nb"[..]).is_none(), "nor can it be asked for");
    }
}
