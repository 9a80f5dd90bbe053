//! What the service manager hears of this server, by the protocol of sd_notify(3).

use rustix::time::{ClockId, clock_gettime};
use std::{
    ffi::OsString,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    time::Duration,
};

/// A service manager that does not listen must not hold the server up for longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// The service manager's ear; deaf when there is none.
pub struct ServiceManager {
    socket: Option<UnixDatagram>,
    status: String,
}

impl ServiceManager {
    /// The one behind `NOTIFY_SOCKET`, which is a path, or an abstract name behind `@`.
    pub fn new(notify_socket: Option<OsString>) -> ServiceManager {
        let socket = notify_socket.and_then(|name| {
            connected(&name).map_err(|error| log::warn!("NOTIFY_SOCKET: {error}")).ok()
        });
        ServiceManager { socket, status: String::new() }
    }

    /// The server serves, for the first time or with new settings.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// New settings are being read; [`ServiceManager::ready`] follows in any case.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// The server ends, and may take this long about it without a sign of life.
    pub fn stopping(&self, within: Duration) {
        let micros = within.as_micros();
        self.tell(&format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={micros}\nWATCHDOG_USEC={micros}"));
    }

    /// How many sessions there are; said once for each number.
    pub fn sessions(&mut self, count: usize) {
        let status = match count {
            1 => "STATUS=1 session".to_owned(),
            _ => format!("STATUS={count} sessions"),
        };
        if status != self.status {
            self.tell(&status);
            self.status = status;
        }
    }

    /// A sign of life.
    pub fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, what: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(what.as_bytes())
        {
            log::warn!("the service manager does not hear {what:?}: {error}");
        }
    }
}

fn connected(name: &OsString) -> io::Result<UnixDatagram> {
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.connect_addr(&address)?;
    Ok(socket)
}
