//! What single clients do, by our own blocking client: well behaved ones, and those who break off.

use super::{
    book::{Transfer, Way},
    dice::Dice,
    scene::{Ghost, Scene, opens_data, source},
    shelf::Item,
};
use crate::{
    ftp::Ftp,
    other_server::connect_from,
    peer::{self, Client},
};
use openssl::ssl::{ErrorCode, SslStream};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
};

/// Stores one file, and now and then some more with the same login.
pub fn uploads(scene: &Scene, dice: &mut Dice) {
    let server = dice.below(2) as usize;
    let mut ftp = scene.logs_in(server, "ann", dice);
    for _ in 0..=dice.below(4) {
        let item = scene.shelf.plans(server, dice);
        let transfer = scene.book.opens(server, Way::In, &item.name, item.size.into());
        let mut data = opens_data(&mut ftp, &format!("STOR {}", item.name));
        data.write_all(&item.bytes()).unwrap();
        peer::finish(data);
        ftp.hears(226);
        transfer.acknowledged();
        scene.is_there(&item);
        scene.shelf.puts(item);
    }
    if dice.one_in(2) {
        ftp.says("QUIT", 221);
    }
}

/// Fetches files, and removes some where there are many.
pub fn downloads(scene: &Scene, dice: &mut Dice) {
    let server = dice.below(2) as usize;
    let mut ftp = scene.logs_in(server, "ann", dice);
    for _ in 0..=dice.below(4) {
        let Some(item) = scene.shelf.takes(server, dice) else { return };
        let transfer = scene.book.opens(server, Way::Out, &item.name, item.size.into());
        let data = opens_data(&mut ftp, &format!("RETR {}", item.name));
        let bytes =
            if dice.one_in(5) { reads_slowly(data) } else { peer::read_to_close(data).unwrap() };
        ftp.hears(226);
        assert!(bytes == item.bytes(), "{item:?} arrived as something else");
        transfer.acknowledged();
        if scene.shelf.is_full() {
            scene.is_there(&item);
            ftp.says(&format!("DELE {}", item.name), 250);
        } else {
            scene.shelf.puts(item);
        }
    }
    ftp.says("QUIT", 221);
}

/// In small pieces, with something else done in between.
fn reads_slowly(mut data: SslStream<TcpStream>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut block = [0; 4096];
    loop {
        match data.ssl_read(&mut block) {
            Ok(count) => bytes.extend_from_slice(&block[..count]),
            Err(error) if error.code() == ErrorCode::ZERO_RETURN => return bytes,
            Err(error) => panic!("{error} after {} bytes", bytes.len()),
        }
        std::hint::black_box(openssl::sha::sha256(&bytes[bytes.len().saturating_sub(65536)..]));
    }
}

/// Lists, renames, makes and removes directories.
pub fn tidies(scene: &Scene, dice: &mut Dice) {
    let server = dice.below(2) as usize;
    let mut ftp = scene.logs_in(server, "ann", dice);
    let directory = scene.shelf.name();
    ftp.says(&format!("MKD {directory}"), 257);
    for command in ["MLSD", "LIST", "NLST"] {
        let data = opens_data(&mut ftp, command);
        let names = peer::read_to_close(data).unwrap();
        ftp.hears(226);
        let names = String::from_utf8(names).unwrap();
        assert!(names.contains(&directory), "{command}: {names}");
    }
    if let Some(item) = scene.shelf.takes(server, dice) {
        let name = scene.shelf.name();
        ftp.says(&format!("RNFR {}", item.name), 350);
        ftp.says(&format!("RNTO {directory}/{name}"), 250);
        ftp.says(&format!("RNFR {directory}/{name}"), 350);
        ftp.says(&format!("RNTO {name}"), 250);
        let item = Item { name, ..item };
        scene.is_there(&item);
        scene.shelf.puts(item);
    }
    ftp.says(&format!("RMD {directory}"), 250);
}

/// Begins to store a file and lets it be, in one way or another.
pub fn abandons_uploads(scene: &Scene, dice: &mut Dice) {
    let server = dice.below(2) as usize;
    let mut ftp = scene.logs_in(server, "ann", dice);
    let item = scene.shelf.plans(server, dice);
    scene.cut.lock().unwrap().push((server, item.name.clone()));
    let transfer = scene.book.opens(server, Way::In, &item.name, item.size.into());
    let mut data = opens_data(&mut ftp, &format!("STOR {}", item.name));
    let part = dice.below(u64::from(item.size) + 1) as usize;
    data.write_all(&item.bytes()[..part]).unwrap();
    match dice.below(5) {
        // By its own word.
        0 => {
            ftp.says("ABOR", 426);
            ftp.hears(226);
            transfer.failed();
        }
        // Without close_notify.
        1 => {
            data.get_ref().shutdown(Shutdown::Write).unwrap();
            ftp.hears(426);
            transfer.failed();
            ftp.says("NOOP", 200);
        }
        // Both connections are gone.
        2 => drop(data),
        // The control connection is gone, and the file goes on.
        3 => {
            drop(ftp);
            let _ = data.write_all(&item.bytes()[part..]); // it may be refused by now
            peer::finish(data);
        }
        _ => scene.haunts(Ghost::Transfer(ftp, data)),
    }
}

/// Begins to fetch a file and lets it be.
pub fn abandons_downloads(scene: &Scene, dice: &mut Dice) {
    let server = dice.below(2) as usize;
    let Some(item) = scene.shelf.takes(server, dice) else { return };
    let mut ftp = scene.logs_in(server, "ann", dice);
    let transfer = scene.book.opens(server, Way::Out, &item.name, item.size.into());
    if dice.one_in(2) {
        breaks_off_early(&mut ftp, &item.name, transfer, dice);
        scene.shelf.puts(item);
        return;
    }
    let mut data = opens_data(&mut ftp, &format!("RETR {}", item.name));
    let part = dice.below(u64::from(item.size) + 1);
    let read = (&mut data).take(part).read_to_end(&mut Vec::new());
    assert_eq!(read.unwrap() as u64, part, "of {item:?}");
    match dice.below(3) {
        0 => {
            ftp.sends(b"ABOR\r\n");
            // All of it may have been sent before.
            match &ftp.reply().unwrap()[..3] {
                "426" => transfer.failed(),
                "226" => transfer.acknowledged(),
                other => panic!("{other} to ABOR"),
            }
            ftp.hears(226);
            ftp.says("NOOP", 200);
        }
        1 => drop(data),
        _ => scene.haunts(Ghost::Transfer(ftp, data)),
    }
    scene.shelf.puts(item);
}

/// Before the first byte has come.
fn breaks_off_early(ftp: &mut Ftp, name: &str, transfer: Transfer<'_>, dice: &mut Dice) {
    let address = ftp.epsv();
    match dice.below(3) {
        // Before a word of it was heard.
        0 => ftp.sends(format!("RETR {name}\r\n").as_bytes()),
        // By a word that comes together with its own.
        1 => {
            ftp.sends(format!("RETR {name}\r\nABOR\r\n").as_bytes());
            ftp.hears(150);
            ftp.hears(426);
            ftp.hears(226);
            transfer.failed();
        }
        // In the handshake of the data connection.
        _ => {
            ftp.says(&format!("RETR {name}"), 150);
            let mut socket = connect_from(&ftp.own_ip().to_string(), address);
            let hello = Client::any().hello();
            let part = dice.below(hello.len() as u64 + 1) as usize;
            socket.write_all(&hello[..part]).unwrap();
            drop(socket);
            ftp.hears(421);
            transfer.failed();
            ftp.says("NOOP", 200);
        }
    }
}

/// Logs in and falls silent.
pub fn falls_silent(scene: &Scene, dice: &mut Dice) {
    let server = dice.below(2) as usize;
    scene.haunts(Ghost::Idle(scene.logs_in(server, "ann", dice)));
}

/// Uses up the quota of `quinn`, is refused, and makes room; the count is right in between.
pub fn fills_a_quota(scene: &Scene, dice: &mut Dice) {
    let Ok(_alone) = scene.quinn.try_lock() else { return };
    let server = dice.below(2) as usize;
    let mut ftp = scene.logs_in(server, "quinn", dice);
    let mut names = Vec::new();
    for _ in 0..4 {
        let item = Item { size: dice.below(500_000) as u32, ..scene.shelf.plans(server, dice) };
        let transfer = scene.book.opens(server, Way::In, &item.name, item.size.into());
        let mut data = opens_data(&mut ftp, &format!("STOR {}", item.name));
        // Who is refused in the middle reads no more.
        let _ = data.write_all(&item.bytes()).is_ok() && data.shutdown().is_ok();
        match &ftp.reply().unwrap()[..3] {
            "226" => transfer.acknowledged(),
            "552" => transfer.failed(),
            other => panic!("{other} to STOR"),
        }
        scene.keeps_count(&mut ftp, server, "quinn");
        names.push(item.name);
    }
    for name in names {
        ftp.sends(format!("DELE {name}\r\n").as_bytes());
        // What did not fit at all is not there.
        assert!(matches!(&ftp.reply().unwrap()[..3], "250" | "550"));
    }
    scene.keeps_count(&mut ftp, server, "quinn");
}

/// Says things that are no FTP.
pub fn talks_nonsense(scene: &Scene, dice: &mut Dice) {
    let server = dice.below(2) as usize;
    let mut ftp = scene.knocks(server, &source(dice), dice);
    if dice.one_in(2) {
        ftp.secure();
    }
    let noise: Vec<u8> = (0..dice.below(3000)).map(|_| dice.throw() as u8).collect();
    ftp.sends(&[&noise[..], b"\r\nNOOP\r\n"].concat());
    let _ = ftp.reply(); // whatever it says, and whether it does
}
