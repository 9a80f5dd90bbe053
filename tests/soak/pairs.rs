//! Copies straight from server to server: brokered by hand in both SSCN roles and both directions
//! of the connection, and by the program `fxp`, with proftpd too.

use super::{
    book::Way,
    dice::Dice,
    programs::{fxp, url},
    scene::Scene,
    shelf::Item,
};
use crate::{ftp::Ftp, other_server::introduce, real_server::PASSWORD, xpeer::expects};
use std::fs;

/// A copy that the two servers have agreed on.
struct Copy {
    source: Ftp,
    target: Ftp,
    item: Item,
    copy: Item,
}

/// Both are told whom to expect; one is TLS client by SSCN, and one is passive.
fn brokers(scene: &Scene, dice: &mut Dice) -> Option<Copy> {
    let from = dice.below(2) as usize;
    let item = scene.shelf.takes(from, dice)?;
    let copy = item.copied_to(1 - from, scene.shelf.name());
    let mut source = scene.logs_in(from, "ann", dice);
    let mut target = scene.logs_in(1 - from, "ann", dice);
    let (of_source, of_target) = (source.shown(), target.shown());
    expects(&mut source, of_target.parse().unwrap());
    expects(&mut target, of_source.parse().unwrap());
    let client = if dice.one_in(2) { &mut source } else { &mut target };
    client.says("SSCN ON", 200);
    match dice.one_in(2) {
        true => introduce(&mut source, "PASV", &mut target),
        false => introduce(&mut target, "PASV", &mut source),
    }
    Some(Copy { source, target, item, copy })
}

/// A copy as it should be.
pub fn copies_by_hand(scene: &Scene, dice: &mut Dice) {
    let Some(Copy { mut source, mut target, item, copy }) = brokers(scene, dice) else { return };
    let size = u64::from(item.size);
    let sent = scene.book.opens(item.server, Way::Out, &item.name, size);
    let stored = scene.book.opens(copy.server, Way::In, &copy.name, size);
    target.says(&format!("STOR {}", copy.name), 150);
    source.says(&format!("RETR {}", item.name), 150);
    source.hears(226);
    sent.acknowledged();
    target.hears(226);
    stored.acknowledged();
    scene.is_there(&copy);
    scene.shelf.puts(item);
    scene.shelf.puts(copy);
}

/// A copy whose client loses one of its servers: the other answers all the same.
pub fn breaks_off_copies(scene: &Scene, dice: &mut Dice) {
    let Some(Copy { mut source, mut target, item, copy }) = brokers(scene, dice) else { return };
    scene.cut.lock().unwrap().push((copy.server, copy.name.clone()));
    let size = u64::from(item.size);
    let sent = scene.book.opens(item.server, Way::Out, &item.name, size);
    let stored = scene.book.opens(copy.server, Way::In, &copy.name, size);
    target.says(&format!("STOR {}", copy.name), 150);
    source.says(&format!("RETR {}", item.name), 150);
    let (lost, mut left, transfer) = match dice.one_in(2) {
        true => (source, target, stored),
        false => (target, source, sent),
    };
    drop(lost);
    match &left.reply().unwrap()[..3] {
        "226" => transfer.acknowledged(),
        "421" | "425" | "426" => transfer.failed(),
        other => panic!("{other} to a copy that was broken off"),
    }
    left.says("NOOP", 200);
    scene.shelf.puts(item);
}

/// A copy by `fxp`, which proves it.
pub fn copies_by_fxp(scene: &Scene, dice: &mut Dice) {
    let from = dice.below(2) as usize;
    let Some(item) = scene.shelf.takes(from, dice) else { return };
    let copy = item.copied_to(1 - from, scene.shelf.name());
    let size = u64::from(item.size);
    let sent = scene.book.opens(from, Way::Out, &item.name, size);
    let stored = scene.book.opens(copy.server, Way::In, &copy.name, size);
    let (source, target) = (url(scene, from, &item.name), url(scene, copy.server, &copy.name));
    let copied = fxp(scene, &["--require-verified", &source, &target], &[]);
    copied.succeeds().says("verified on both ends");
    sent.acknowledged();
    stored.acknowledged();
    scene.is_there(&copy);
    scene.shelf.puts(item);
    scene.shelf.puts(copy);
}

/// A file goes to proftpd and comes back to the other server.
pub fn copies_with_proftpd(scene: &Scene, dice: &mut Dice) {
    let from = dice.below(2) as usize;
    let Some(item) = scene.shelf.takes(from, dice) else { return };
    let copy = item.copied_to(1 - from, scene.shelf.name());
    let size = u64::from(item.size);
    let theirs = scene.proftpd.url(&copy.name);
    let its = format!("FXP_PASSWORD_127_0_0_1_{}", scene.proftpd.address().port());
    let known = [(its.as_str(), PASSWORD)];

    let sent = scene.book.opens(from, Way::Out, &item.name, size);
    let there = [&url(scene, from, &item.name), "--trust-new", &theirs];
    fxp(scene, &there, &known).succeeds();
    sent.acknowledged();
    assert!(fs::read(scene.proftpd.path(&copy.name)).unwrap() == item.bytes(), "{item:?}");

    let stored = scene.book.opens(copy.server, Way::In, &copy.name, size);
    let back = [&theirs, "--trust-new", &url(scene, copy.server, &copy.name)];
    fxp(scene, &back, &known).succeeds();
    stored.acknowledged();
    scene.is_there(&copy);
    fs::remove_file(scene.proftpd.path(&copy.name)).unwrap();
    scene.shelf.puts(item);
    scene.shelf.puts(copy);
}
