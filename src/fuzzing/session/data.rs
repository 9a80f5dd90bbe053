//! The client's end of data connections.

use super::{house::connect, wire::Wire};
use crate::proto::{Command, TlsRole};
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use socket2::SockRef;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

/// A server that says that it opens a connection does so within this time.
const SOON: Duration = Duration::from_secs(2);

/// The data connection to come, and what was agreed about all of them.
#[derive(Default)]
pub struct Data {
    way: Way,
    /// `PROT P`.
    pub is_private: bool,
    /// `MODE Z`.
    pub is_deflated: bool,
    /// What `SSCN` asked the server to be in the handshake for a file.
    pub role: TlsRole,
    /// The port was prepared by `CPSV`, which asks for more than `SSCN`.
    pub is_cpsv: bool,
}

#[derive(Default)]
enum Way {
    #[default]
    None,
    Connected(TcpStream),
    Listening(TcpListener),
}

impl Data {
    /// The next one goes to the server; a port that a later command has closed is none.
    pub fn connects(&mut self, port: SocketAddr) {
        self.way = connect(port).map_or(Way::None, Way::Connected);
        self.is_cpsv = false;
    }

    /// The next one comes from the server.
    pub fn listens(&mut self, listener: TcpListener) {
        SockRef::from(&listener).set_read_timeout(Some(SOON)).unwrap();
        (self.way, self.is_cpsv) = (Way::Listening(listener), false);
    }

    /// Does what a command needs of the connection, and returns what has come through it.
    pub fn transfer(&mut self, command: &Command, payload: &[u8]) -> Vec<u8> {
        let socket = match std::mem::take(&mut self.way) {
            Way::None => return Vec::new(),
            Way::Connected(socket) => socket,
            Way::Listening(listener) => match listener.accept() {
                Ok((socket, _)) => socket,
                Err(_) => return Vec::new(),
            },
        };
        let is_upload = matches!(command, Command::Stor(_) | Command::Appe(_) | Command::Stou);
        let is_file = is_upload || matches!(command, Command::Retr(_));
        let mut wire = Wire::new(socket);
        if self.is_private {
            let server_connects = is_file && (self.is_cpsv || self.role == TlsRole::Connect);
            wire = if server_connects { wire.into_server() } else { wire.into_client() };
        }
        if is_upload {
            wire.send(&self.packed(payload));
        }
        wire.finish();
        let mut seen = Vec::new();
        let mut block = vec![0; 16 * 1024];
        loop {
            match wire.receive(&mut block) {
                None | Some(0) => return self.unpacked(seen),
                Some(count) => seen.extend_from_slice(&block[..count]),
            }
        }
    }

    /// What is sent for a file: with `!` at its beginning it is sent as it is, well packed or not.
    fn packed(&self, file: &[u8]) -> Vec<u8> {
        if !self.is_deflated || file.starts_with(b"!") {
            return file.to_vec();
        }
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(file).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(&self, seen: Vec<u8>) -> Vec<u8> {
        if !self.is_deflated {
            return seen;
        }
        let mut file = Vec::new();
        let _ = ZlibDecoder::new(&seen[..]).read_to_end(&mut file); // one that is cut is seen in part
        file
    }
}
