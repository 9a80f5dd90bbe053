//! The ports on which passive data connections are awaited.

use crate::sys::socket;
use std::{
    io,
    net::{SocketAddr, TcpListener},
    ops::RangeInclusive,
};

/// A range of ports, taken at random, so that a stranger cannot guess the next one.
#[derive(Clone, Debug)]
pub struct PortRange {
    ports: RangeInclusive<u16>,
}

impl PortRange {
    /// A range; port 0 alone lets the system choose.
    pub fn new(ports: RangeInclusive<u16>) -> PortRange {
        PortRange { ports }
    }

    /// Listens on a free port of the range at `host`, whose port does not count. The kernel knows
    /// which are free; an error when none is.
    pub fn listen(&self, mut host: SocketAddr) -> io::Result<TcpListener> {
        let (first, last) = (u32::from(*self.ports.start()), u32::from(*self.ports.end()));
        let count = last.saturating_sub(first) + 1;
        let start = getrandom::u32().map_err(io::Error::other)? % count;
        let mut refused = io::Error::from(io::ErrorKind::AddrInUse);
        for step in 0..count {
            let port = (first + (start + step) % count) as u16;
            host.set_port(port);
            match socket::listen_for_data(host) {
                Ok(listener) => return Ok(listener),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => refused = error,
                Err(error) => return Err(error),
            }
        }
        Err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_range_is_used_up_and_not_exceeded() {
        let host = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let probe = PortRange::new(0..=0).listen(host).unwrap();
        let port = probe.local_addr().unwrap().port();
        let range = PortRange::new(port..=port);
        assert_eq!(range.listen(host).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(probe);
        assert_eq!(range.listen(host).unwrap().local_addr().unwrap().port(), port);
    }
}
