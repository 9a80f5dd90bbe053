//! Who plays which part in a TLS handshake on a data connection: the SSCN decision.
//!
//! Which side opens the TCP connection (PASV or PORT) and which side is the TLS client are two
//! separate facts. The first is a port's affair; this file holds the second.

/// The part this end plays in a TLS handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsRole {
    /// The TLS server: `SSL_accept`. What RFC 4217 §7 always asks of an FTP server.
    #[default]
    Accept,
    /// The TLS client: `SSL_connect`. What `SSCN ON` and `CPSV` ask for.
    Connect,
}

/// What a data connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A directory listing, which only ever goes to the client itself.
    Listing,
    /// A file, which may go to another server.
    File,
}

impl TlsRole {
    /// The whole rule: a listing always accepts (SSCN rule 6), a file honours the client's wish.
    pub fn for_data(payload: Payload, wish: TlsRole) -> TlsRole {
        match payload {
            Payload::Listing => TlsRole::Accept,
            Payload::File => wish,
        }
    }

    /// The argument of `SSCN` that asks a server for this role. In capitals: proftpd takes no
    /// others.
    pub fn wish(self) -> &'static str {
        match self {
            TlsRole::Accept => "OFF",
            TlsRole::Connect => "ON",
        }
    }

    /// How a reply to `SSCN` names this role, byte for byte (SSCN rule 2).
    pub fn method(self) -> &'static str {
        match self {
            TlsRole::Accept => "SSCN:SERVER METHOD",
            TlsRole::Connect => "SSCN:CLIENT METHOD",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Payload::*, TlsRole::*, *};

    #[test]
    fn listings_accept_and_files_honour_the_wish() {
        for (payload, wish, role) in [
            (Listing, Accept, Accept),
            (Listing, Connect, Accept),
            (File, Accept, Accept),
            (File, Connect, Connect),
        ] {
            assert_eq!(TlsRole::for_data(payload, wish), role, "{payload:?} {wish:?}");
        }
    }
}
