//! A whole session of the server, driven by a script: its lines are a client's command lines.
//!
//! The session is the server's own, in a thread as always, over a socket of the loopback; behind it
//! are accounts and files in memory. A line that begins with `<` is no command: what stands behind
//! is sent in the next uploads. One that begins with `&` is sent without waiting for its reply.
//! `PORT` and `EPRT` that name the client get the client's own listener.

mod client;
mod data;
mod house;
mod wire;

use super::first_line;
use client::Client;
use house::House;

/// A session of more lines, or with longer ones, finds nothing that a short one does not.
const MAX_SCRIPT_BYTES: usize = 4096;

/// Whatever the script says: every command gets one final reply, no line of which holds a control
/// byte; before a login nothing is transferred, and after it nothing is seen that is another
/// account's; what an account may not change stays as it was; and the session ends by `QUIT`, or by a
/// reply that says why, and never by a fault.
pub fn session(script: &[u8]) {
    let script = &script[..script.len().min(MAX_SCRIPT_BYTES)];
    // A script that knows what nobody may see would see it in its own uploads.
    if House::knows_a_secret(script) {
        return;
    }
    let mut house = House::new();
    let (socket, serving) = house.serve();
    let mut client = Client::new(socket, &house);
    let mut rest = script;
    while !rest.is_empty() && client.is_served() {
        let (line, behind) = first_line(rest);
        rest = behind;
        match line {
            [b'<', payload @ ..] => client.payload = payload.to_vec(),
            [b'&', line @ ..] => client.send(line),
            line => {
                client.send(line);
                client.hear_all();
            }
        }
    }
    client.leave();
    serving.join().expect("the session ended without a fault");
    house.check();
}
