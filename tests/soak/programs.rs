//! What other programs do: curl, lftp, and our own `fxp` between the disk and a server.

use super::{book::Way, dice::Dice, scene::Scene, shelf::Item};
use crate::{
    fxp_pairs,
    lftp::{self, SETTINGS},
    program::{Outcome, Program},
};
use std::{fs, thread, time::Duration};

/// The URL of a file of `ann` at `server`, for `fxp`.
pub fn url(scene: &Scene, server: usize, name: &str) -> String {
    format!("ftps://ann@{}/{name}", scene.servers[server].daemon.address)
}

/// Runs `fxp` as one who trusts the CA and tries once.
#[track_caller]
pub fn fxp(scene: &Scene, words: &[&str], variables: &[(&str, &str)]) -> Outcome {
    fxp_at(scene, &fxp_pairs::fxp(), words, variables)
}

#[track_caller]
fn fxp_at(scene: &Scene, fxp: &Program, words: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let ca = scene.authority.file().display().to_string();
    let words = [&["--cacert", &ca, "--retries", "0"], words].concat();
    fxp.runs_with(&words, &[&[("FXP_PASSWORD", "pw")], variables].concat())
}

fn curl_words(scene: &Scene, server: usize, name: &str) -> Vec<String> {
    let ca = scene.authority.file().display().to_string();
    let url = format!("ftp://{}/{name}", scene.servers[server].daemon.address);
    let usual = ["-q", "-sS", "--ssl-reqd", "--cacert", &ca, "-u", "ann:pw", "-m", "90", &url];
    usual.map(str::to_owned).to_vec()
}

/// curl stores a file and fetches it again.
pub fn curl_moves(scene: &Scene, dice: &mut Dice) {
    let server = dice.below(2) as usize;
    let (curl, item) = (Program::new("curl", "curl"), scene.shelf.plans(server, dice));
    curl.put("file", &item.bytes());
    let words = curl_words(scene, server, &item.name);
    let word = |text: &str| text.to_owned();
    let transfer = scene.book.opens(server, Way::In, &item.name, item.size.into());
    let up = [&words[..], &[word("-T"), word("file")]].concat();
    curl.runs_with(&up, &[("no_proxy", "*")]).succeeds();
    transfer.acknowledged();
    scene.is_there(&item);
    let transfer = scene.book.opens(server, Way::Out, &item.name, item.size.into());
    let down = [&words[..], &[word("-o"), word("back")]].concat();
    curl.runs_with(&down, &[("no_proxy", "*")]).succeeds();
    // curl makes no file of nothing.
    assert!(curl.file("back").unwrap_or_default() == item.bytes(), "{item:?}");
    transfer.acknowledged();
    scene.shelf.puts(item);
}

/// curl is killed while it stores a file.
pub fn curl_is_killed(scene: &Scene, dice: &mut Dice) {
    let server = dice.below(2) as usize;
    let (curl, item) = (Program::new("curl", "curl"), scene.shelf.plans(server, dice));
    curl.put("file", &item.bytes());
    scene.cut.lock().unwrap().push((server, item.name.clone()));
    let _left = scene.book.opens(server, Way::In, &item.name, item.size.into());
    let mut words = curl_words(scene, server, &item.name);
    words.extend(["-T", "file"].map(str::to_owned));
    let mut child = curl.starts(&words, &[("no_proxy", "*")]);
    thread::sleep(Duration::from_millis(dice.below(300))); // any moment of its work
    child.kill().unwrap();
    child.wait().unwrap();
}

/// lftp stores a few files and fetches them again, on several connections.
pub fn lftp_moves(scene: &Scene, dice: &mut Dice) {
    let server = dice.below(2) as usize;
    let lftp = lftp::lftp();
    let items: Vec<Item> = (0..3).map(|_| scene.shelf.plans(server, dice)).collect();
    let opens = |way| -> Vec<_> {
        let each = items.iter();
        each.map(|item| scene.book.opens(server, way, &item.name, item.size.into())).collect()
    };
    fs::create_dir(lftp.path("back")).unwrap();
    let mut names = String::new();
    for item in &items {
        lftp.put(&item.name, &item.bytes());
        names += &format!(" {}", item.name);
    }
    let (stored, sent) = (opens(Way::In), opens(Way::Out));
    let ca = scene.authority.file().display().to_string();
    let address = scene.servers[server].daemon.address;
    let script = format!(
        "{SETTINGS}set net:timeout 60\nset ssl:ca-file {ca}\n\
         open -u ann,pw ftp://{address}\nmput{names}\nlcd back\nmget -P 3{names}\n"
    );
    lftp.put("script", script.as_bytes());
    lftp.runs(&["--norc", "-f", "script"]).succeeds();
    stored.into_iter().chain(sent).for_each(|transfer| transfer.acknowledged());
    for item in items {
        let back = lftp.file(&format!("back/{}", item.name)).unwrap();
        assert!(back == item.bytes(), "{item:?}");
        scene.is_there(&item);
        scene.shelf.puts(item);
    }
}

/// `fxp` stores a tree, fetches it again, and the tree is removed.
pub fn fxp_moves_a_tree(scene: &Scene, dice: &mut Dice) {
    let server = dice.below(2) as usize;
    let (fxp, tree) = (fxp_pairs::fxp(), scene.shelf.name());
    fs::create_dir(fxp.path("tree")).unwrap();
    let items: Vec<Item> = (0..1 + dice.below(8))
        .map(|_| {
            let item = scene.shelf.plans(server, dice);
            fxp.put(&format!("tree/{}", item.name), &item.bytes());
            Item { name: format!("{tree}/{}", item.name), ..item }
        })
        .collect();
    let theirs = url(scene, server, &tree);
    for (way, from, to) in [(Way::In, "tree", &theirs[..]), (Way::Out, &theirs[..], "back")] {
        let each = items.iter();
        let transfers: Vec<_> =
            each.map(|item| scene.book.opens(server, way, &item.name, item.size.into())).collect();
        fxp_at(scene, &fxp, &["--mirror", "-j", "2", from, to], &[]).succeeds();
        transfers.into_iter().for_each(|transfer| transfer.acknowledged());
    }
    let mut ftp = scene.logs_in(server, "ann", dice);
    for item in items {
        scene.is_there(&item);
        let name = item.name.split('/').next_back().unwrap();
        assert!(fxp.file(&format!("back/{name}")).unwrap() == item.bytes(), "{item:?}");
        ftp.says(&format!("DELE {}", item.name), 250);
    }
    ftp.says(&format!("RMD {tree}"), 250);
}
