//! Those who never log in: half handshakes, wrong passwords, floods of connections.

use super::{
    dice::Dice,
    scene::{Ghost, Scene, source},
};
use crate::{other_server::try_connect_from, peer::Client};
use std::io::Write;

/// Leaves the handshake half-way: at once, or never.
pub fn leaves_the_handshake(scene: &Scene, dice: &mut Dice) {
    let server = dice.below(2) as usize;
    let mut ftp = scene.knocks(server, &source(dice), dice);
    ftp.says("AUTH TLS", 234);
    let mut socket = ftp.into_socket();
    let hello = Client::any().hello();
    let part = dice.below(hello.len() as u64 + 1) as usize;
    socket.write_all(&hello[..part]).unwrap();
    if dice.one_in(2) {
        scene.haunts(Ghost::Clear(socket));
    }
}

/// Says a wrong password, stays for the answer or not. The answer comes later and later, and then
/// the address is banned.
pub fn guesses(scene: &Scene, dice: &mut Dice) {
    let server = dice.below(2) as usize;
    let source = format!("127.0.41.{}", 1 + dice.below(100));
    let address = scene.servers[server].daemon.address;
    let Ok(socket) = try_connect_from(&source, address) else { return };
    let mut ftp = crate::ftp::Ftp::over(socket, address, Client::any());
    // Banned by now, perhaps.
    if !ftp.reply().is_ok_and(|reply| reply.starts_with("220")) {
        return;
    }
    ftp.secure();
    let name: &&str = dice.pick(&["USER ann", "USER nobody"]);
    ftp.says(name, 331);
    ftp.sends(b"PASS wrong\r\n");
    if dice.one_in(3) {
        let answer = ftp.reply().unwrap();
        assert!(["530", "421"].contains(&&answer[..3]), "{answer}");
    }
}

/// Comes a hundred times at once from one address, which may come fifty times, and says nothing.
pub fn floods(scene: &Scene, dice: &mut Dice) {
    let server = dice.below(2) as usize;
    let source = format!("127.0.42.{}", 1 + dice.below(20));
    let address = scene.servers[server].daemon.address;
    let flood: Vec<_> = (0..100).filter_map(|_| try_connect_from(&source, address).ok()).collect();
    if let Some(one) = flood.into_iter().next() {
        scene.haunts(Ghost::Clear(one));
    }
}
