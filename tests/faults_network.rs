//! A network that turns over one bit, anywhere: of the control connection and of data, in either
//! direction, before TLS, in its handshake and behind. Nobody takes the result for what was sent.

use crate::{
    ftp::{Ftp, port_command},
    fxp_pairs::fxp,
    peer,
    program::sample,
    site::Site,
    unsteady::{Unsteady, Way, Weather},
};
use std::{
    io::{self, Write},
    time::Duration,
};

/// What `fxp` ends with when trying again may help.
const TRY_AGAIN: i32 = 75;

const OLD: &[u8] = b"the old file";

/// A site behind such a network, with little patience for records that have become longer.
fn site(octet: u8) -> (Unsteady, Weather, Weather) {
    let (control, data) = (Weather::good(), Weather::good());
    let (inner, outer) = (format!("127.0.8.{octet}"), format!("127.0.8.{}", octet + 1));
    let unsteady = Unsteady::with(&inner, &outer, &control, &data, |plan| {
        plan.settings.handshake_timeout = Duration::from_millis(500);
        plan.settings.stall_timeout = Duration::from_millis(500);
        plan.settings.idle_timeout = Duration::from_millis(1500);
    });
    unsteady.site.put("old", OLD);
    (unsteady, control, data)
}

fn login(unsteady: &Unsteady) -> Ftp {
    let mut ftp = Ftp::connect(unsteady.control);
    ftp.secure();
    ftp.log_in("ann");
    ftp
}

/// Bytes of a TLS record's header, of its body and of its end, and of later records.
const WITHIN_RECORDS: [u64; 9] = [0, 1, 3, 4, 5, 40, 5_000, 16_000, 40_000];

/// Where a handshake goes on: type, length, random bytes, extensions.
const WITHIN_HANDSHAKES: [u64; 7] = [0, 4, 5, 9, 30, 60, 120];

#[test]
fn a_bit_of_an_upload_turned_over_is_never_acknowledged() {
    let (unsteady, _, data) = site(1);
    let bytes = sample(60_000);
    let mut ftp = login(&unsteady);
    for skip in WITHIN_RECORDS {
        for name in ["old", "new"] {
            let address = ftp.epsv();
            ftp.says(&format!("STOR {name}"), 150);
            let mut stream = ftp.data(address);
            data.flips(Way::ToServer, skip, (skip % 8) as u32);
            if stream.write_all(&bytes).is_ok() {
                peer::finish(stream);
            }
            // What the client ends its handshake with may still be on its way.
            let reply = ftp.reply().unwrap();
            assert!(reply.starts_with("421 ") || reply.starts_with("426 "), "{skip}: {reply}");
            assert!(data.has_flipped() && !unsteady.site.record().complete, "{skip}");
        }
        assert_eq!(unsteady.site.file("old").unwrap(), OLD, "{skip}");
        // What is kept to be resumed is what was sent.
        let kept = unsteady.site.file("new").unwrap_or_default();
        assert!(kept.len() < bytes.len() && bytes.starts_with(&kept), "{skip}");
        let _ = std::fs::remove_file(unsteady.site.path("new"));
    }
    ftp.upload("STOR old", &bytes);
    assert!(unsteady.site.file("old").unwrap() == bytes);
}

#[test]
fn a_bit_of_a_download_turned_over_is_met_by_both_ends() {
    let (unsteady, _, data) = site(3);
    unsteady.site.put("big", &sample(300_000));
    let mut ftp = login(&unsteady);
    for skip in WITHIN_RECORDS {
        let address = ftp.epsv();
        data.flips(Way::ToClient, 4_000 + skip, (skip % 8) as u32);
        ftp.says("RETR big", 150);
        let stream = ftp.data(address);
        peer::read_to_close(stream).expect_err("a file that is not the one");
        ftp.hears(426);
        assert!(data.has_flipped() && !unsteady.site.record().complete, "{skip}");
    }
    assert!(ftp.download("RETR big") == sample(300_000));
}

#[test]
fn a_bit_of_a_data_handshake_turned_over_costs_the_transfer_and_no_more() {
    let (unsteady, _, data) = site(5);
    let mut ftp = login(&unsteady);
    for way in [Way::ToServer, Way::ToClient] {
        for skip in WITHIN_HANDSHAKES {
            let address = ftp.epsv();
            data.flips(way, skip, (skip % 8) as u32);
            ftp.says("STOR old", 150);
            // What the client makes of it is its own affair; it does not send the file.
            drop(ftp.tls.connect(peer::connect(address), None));
            let reply = ftp.reply().unwrap();
            assert!(reply.starts_with("421 ") || reply.starts_with("426 "), "{skip}: {reply}");
            assert!(data.has_flipped(), "{way:?} {skip}");
            assert_eq!(unsteady.site.file("old").unwrap(), OLD, "{way:?} {skip}");
        }
    }
    ftp.upload("STOR old", b"new");
}

#[test]
fn a_bit_of_a_command_turned_over_under_tls_ends_the_session_without_obedience() {
    let (unsteady, control, _) = site(7);
    for skip in [0, 1, 3, 4, 5, 9, 20, 30] {
        let mut ftp = login(&unsteady);
        control.flips(Way::ToServer, skip, (skip % 8) as u32);
        ftp.sends(b"MKD never\r\n");
        // A record may have become longer: the session ends when the rest does not come.
        let end = loop {
            match ftp.reply() {
                Ok(reply) => assert!(reply.starts_with("421 "), "{skip}: {reply}"),
                Err(error) => break error,
            }
        };
        assert_ne!(end.kind(), io::ErrorKind::WouldBlock, "{skip}");
        assert_eq!(unsteady.site.names(), ["old"], "{skip}");
        let mut ftp = login(&unsteady);
        control.flips(Way::ToClient, skip, (skip % 8) as u32);
        ftp.sends(b"NOOP\r\n");
        assert!(ftp.reply().is_err(), "{skip}: no reply is forged");
    }
    login(&unsteady).says("MKD at_last", 257);
}

#[test]
fn every_bit_of_a_command_in_clear_text_may_be_turned_over() {
    let (unsteady, control, _) = site(9);
    let mut understood = 0;
    for skip in 0..10 {
        for bit in 0..8 {
            let mut ftp = Ftp::connect(unsteady.control);
            control.flips(Way::ToServer, skip, bit);
            ftp.sends(b"AUTH TLS\r\nNOOP\r\nNOOP\r\n");
            // Refused and forgotten; or understood, and then what came behind it in clear text
            // ends the session.
            let mut replies = Vec::new();
            let end = loop {
                match ftp.reply() {
                    Ok(reply) => replies.push(reply[..3].to_owned()),
                    Err(error) => break error.kind(),
                }
                if replies.last().unwrap() == "200" {
                    break io::ErrorKind::Other;
                }
            };
            let is_known = |code: &String| ["200", "234", "500", "501", "504"].contains(&&**code);
            let context = format!("byte {skip}, bit {bit}: {replies:?}, {end}");
            assert!(end != io::ErrorKind::WouldBlock && replies.iter().all(is_known), "{context}");
            // 234 where the network has torn the lines apart, and then no handshake came.
            understood += usize::from(replies.is_empty() || replies == ["234"]);
            assert!(control.has_flipped(), "{context}");
        }
    }
    // Letters of another case.
    assert_eq!(understood, 7);
    drop(login(&unsteady));
}

#[test]
fn a_copy_between_servers_arrives_though_bits_are_turned_over_in_it() {
    let (source_data, target_data) = (Weather::good(), Weather::good());
    let good = Weather::good();
    let source = Unsteady::start("127.0.8.21", "127.0.8.22", &good, &source_data);
    let target = Unsteady::start("127.0.8.23", "127.0.8.24", &good, &target_data);
    let bytes = sample(3_000_000);
    source.site.put("a", &bytes);
    target.site.put("a", OLD);
    // Whichever of them is passive: what goes to it or comes from it.
    source_data.flips(Way::ToClient, 1_000_000, 3);
    target_data.flips(Way::ToServer, 1_000_000, 3);
    let arguments = ["--trust-new", "--timeout", "5", &source.url("a"), &target.url("a")];
    let outcome = fxp().runs_with(&arguments, &[("FXP_PASSWORD", "pw")]);
    outcome.succeeds();
    assert!(source_data.has_flipped() || target_data.has_flipped());
    assert!(target.site.file("a").unwrap() == bytes);
    let ends: Vec<bool> =
        target.site.records_by_now().iter().map(|record| record.complete).collect();
    assert_eq!((ends.first(), ends.last()), (Some(&false), Some(&true)), "{ends:?}");
}

/// Which of two servers is the TLS client, and its peer the TLS server.
#[derive(Clone, Copy, Debug)]
enum Shakes {
    Source,
    Target,
}

#[test]
fn a_bit_between_two_servers_turned_over_is_met_by_whichever_is_the_tls_client() {
    let source = Site::with(|plan| {
        plan.settings.stall_timeout = Duration::from_millis(500);
        plan.settings.handshake_timeout = Duration::from_millis(500);
    });
    let (target, _, data) = self::site(31);
    let bytes = sample(60_000);
    source.put("a", &bytes);
    for client in [Shakes::Source, Shakes::Target] {
        let (mut from, mut to) = (source.login("ann"), login(&target));
        match client {
            Shakes::Source => from.says("SSCN ON", 200),
            Shakes::Target => to.says("SSCN ON", 200),
        };
        for skip in WITHIN_RECORDS {
            let address = to.pasv("PASV");
            from.says(&port_command(address), 200);
            // Behind the handshake, whose flights are larger from the end that shows a certificate.
            data.flips(Way::ToServer, 3_000 + skip, (skip % 8) as u32);
            from.says("RETR a", 150);
            to.says("STOR old", 150);
            let reply = to.reply().unwrap();
            assert!(reply.starts_with("426 "), "{client:?} {skip}: {reply}");
            assert!(data.has_flipped() && !target.site.record().complete, "{client:?} {skip}");
            assert_eq!(target.site.file("old").unwrap(), OLD, "{client:?} {skip}");
            // The source may have said all by then, and hear of no refusal but a reset.
            from.reply().unwrap();
        }
    }
}

#[test]
fn fxp_under_tls_goes_on_behind_a_bit_that_was_turned_over() {
    let (unsteady, control, data) = site(41);
    let (fxp, bytes) = (fxp(), sample(60_000));
    fxp.put("a", &bytes);
    for weather in [&data, &control] {
        for way in [Way::ToServer, Way::ToClient] {
            // Of a control connection it is in the second run: what comes from there is more.
            weather.flips(way, if way == Way::ToServer { 1_500 } else { 4_000 }, 3);
            for (from, to) in [("a", unsteady.url("b")), (&*unsteady.url("b"), "c".to_owned())] {
                let arguments = ["--trust-new", "--timeout", "2", from, &to];
                let run = || fxp.runs_with(&arguments, &[("FXP_PASSWORD", "pw")]);
                // A server that is lost before it was met is not waited for.
                let outcome = run();
                if outcome.status != 0 {
                    outcome.fails(TRY_AGAIN, "lost ");
                    run().succeeds();
                }
            }
            assert!(unsteady.site.file("b").unwrap() == bytes && fxp.file("c").unwrap() == bytes);
            for path in [unsteady.site.path("b"), fxp.path("c")] {
                std::fs::remove_file(path).unwrap();
            }
        }
        assert!(weather.has_flipped());
    }
}
