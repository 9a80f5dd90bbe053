//! A network that turns over one bit of what goes in clear text, where nothing on the way notices:
//! what `fxp` calls copied has been proved at its end, and what was spoilt is not left behind.

use crate::{
    fxp_pairs::fxp,
    program::{Outcome, Program, sample},
    unsteady::{Unsteady, Way, Weather},
};
use fxpd::{
    ClientError, Connection, Credentials, Demand, Existing, FxpGrant, FxpLevel, Judge, Location,
    Proof, Secret, Setup, Shown, Site, Unseen,
};
use std::{fs, path::Path, time::Duration};

const MISMATCH: i32 = 65;

/// A site without TLS behind such a network: that of its control connections, and that of data.
fn site(octet: u8) -> (Unsteady, Weather, Weather) {
    let (control, data) = (Weather::good(), Weather::good());
    let (inner, outer) = (format!("127.0.9.{octet}"), format!("127.0.9.{}", octet + 1));
    let unsteady = Unsteady::with(&inner, &outer, &control, &data, |plan| {
        plan.settings.tls = Demand::Optional;
        plan.fxp = FxpGrant::both(FxpLevel::Any);
    });
    (unsteady, control, data)
}

fn url(unsteady: &Unsteady, path: &str) -> String {
    unsteady.url(path).replace("ftps://", "ftp://")
}

fn copies(fxp: &Program, from: &str, to: &str) -> Outcome {
    let arguments = ["--trust-new", "--allow-clear", "--timeout", "5", from, to];
    fxp.runs_with(&arguments, &[("FXP_PASSWORD", "pw")])
}

/// The first byte, some within, and the last of [`BYTES`].
const WITHIN: [u64; 4] = [0, 4_097, 123_456, BYTES as u64 - 1];
const BYTES: u32 = 200_000;

#[test]
fn a_bit_of_an_upload_turned_over_is_found_and_the_file_removed() {
    let (unsteady, _, data) = site(1);
    let (fxp, bytes) = (fxp(), sample(BYTES));
    fxp.put("a", &bytes);
    for skip in WITHIN {
        data.flips(Way::ToServer, skip, (skip % 8) as u32);
        let refused = copies(&fxp, "a", &url(&unsteady, "b"));
        refused.fails(MISMATCH, "at the target").fails(MISMATCH, "it was removed there");
        // Nobody on the way has noticed, the server least of all.
        assert!(data.has_flipped() && unsteady.site.record().complete, "{skip}");
        assert_eq!(unsteady.site.file("b"), None, "{skip}");
    }
    copies(&fxp, "a", &url(&unsteady, "b")).succeeds().says("SHA-256 equal");
    assert!(unsteady.site.file("b").unwrap() == bytes);
}

#[test]
fn a_bit_of_a_download_turned_over_is_found_and_nothing_appears() {
    let (unsteady, _, data) = site(3);
    let (fxp, bytes) = (fxp(), sample(BYTES));
    unsteady.site.put("a", &bytes);
    for skip in WITHIN {
        data.flips(Way::ToClient, skip, (skip % 8) as u32);
        copies(&fxp, &url(&unsteady, "a"), "b").fails(MISMATCH, "at the target");
        assert!(data.has_flipped() && unsteady.site.record().complete, "{skip}");
        let left = fs::read_dir(fxp.path("")).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains('b')).collect();
        assert!(left.is_empty(), "{skip}: {left:?}");
    }
    copies(&fxp, &url(&unsteady, "a"), "b").succeeds().says("SHA-256 equal");
    assert!(fxp.file("b").unwrap() == bytes);
}

#[test]
fn a_bit_turned_over_between_two_servers_is_found_and_another_way_taken() {
    let ((source, _, source_data), (target, _, target_data)) = (site(5), site(7));
    let (fxp, bytes) = (fxp(), sample(BYTES));
    source.site.put("a", &bytes);
    let flip = || {
        // Whichever of them is passive: what goes to it or comes from it.
        source_data.flips(Way::ToClient, 123_456, 3);
        target_data.flips(Way::ToServer, 123_456, 3);
    };
    flip();
    // Each way meets one of the bits, and there are two.
    let refused = copies(&fxp, &url(&source, "a"), &url(&target, "b"));
    refused.fails(MISMATCH, "did not arrive whole").fails(MISMATCH, "it was removed there");
    assert!(source_data.has_flipped() && target_data.has_flipped());
    assert_eq!(target.site.file("b"), None);
    assert!(target.site.records_by_now().iter().all(|record| record.complete));

    flip();
    source_data.flips(Way::ToClient, u64::MAX / 2, 0); // never
    copies(&fxp, &url(&source, "a"), &url(&target, "b")).succeeds().says("SHA-256 equal");
    assert!(target_data.has_flipped() && target.site.file("b").unwrap() == bytes);
    assert_eq!(target.site.records_by_now().len(), 2, "the first did not arrive whole");
}

/// Trusts whoever answers, in whatever way.
struct Anyone;

impl Judge for Anyone {
    fn judge(&self, _: &Shown<'_>) -> Result<(), String> {
        Ok(())
    }

    fn allow_clear(&self, _: &Site) -> Result<(), String> {
        Ok(())
    }
}

fn uploads(unsteady: &Unsteady, file: &Path) -> Result<Proof, ClientError> {
    let location: Location = url(unsteady, "b").parse().unwrap();
    let ann = Credentials::new("ann", Secret::new("pw")).unwrap();
    let setup = Setup { timeout: Duration::from_millis(700), ..Setup::new(Anyone) };
    let mut target = Connection::open(location.site, ann, setup)?;
    let carried = fxpd::upload(file, &mut target, &location.path, Existing::Replace, &mut Unseen);
    target.close();
    carried.map(|carried| carried.proof)
}

#[test]
fn whatever_bit_of_a_command_or_a_reply_is_turned_over_what_is_called_proved_is_there() {
    let (unsteady, control, _) = site(9);
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("a");
    // Text, which a TYPE of another letter would change on its way.
    let bytes = b"some lines\r\nof text\r\n".repeat(50);
    fs::write(&file, &bytes).unwrap();
    let (mut proved, mut failed) = (0, 0);
    for (way, last) in [(Way::ToServer, 160), (Way::ToClient, 900)] {
        for skip in (0..last).step_by(if way == Way::ToServer { 1 } else { 7 }) {
            control.flips(way, skip, (skip % 7) as u32);
            match uploads(&unsteady, &file) {
                Ok(Proof::Hash(..)) => proved += 1,
                // A HASH that nobody has understood: what is claimed is a size, and no more.
                Ok(_) => assert!(unsteady.site.file("b").is_some(), "{way:?} {skip}"),
                Err(_) => {
                    failed += 1;
                    continue;
                }
            }
            assert!(unsteady.site.file("b").as_ref() == Some(&bytes), "{way:?} {skip}");
        }
    }
    assert!(proved > 20 && failed > 20, "{proved} {failed}");
}
