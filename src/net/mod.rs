//! Sockets and TLS: connections that can be read, written and waited for, with nobody's meaning
//! in their bytes. The only floor that calls OpenSSL's accept and connect.

mod address;
mod arrivals;
mod certificate;
mod channel;
mod client_certificates;
mod connector;
mod contest;
mod error;
mod expected;
mod identity;
mod names;
mod peer_rule;
mod port;
mod proxy;
mod range;
mod server_name;
mod stream;
mod tls;
mod validity;
mod wait;

pub use address::{in_zone_of, is_same_host};
pub use arrivals::Arrivals;
pub use certificate::Certificate;
pub use channel::{Channel, Next};
pub use client_certificates::{Asked, ClientCertificates};
pub use connector::{Connector, Newest};
pub use contest::{Contest, Rules, Standing};
pub use error::NetError;
pub use expected::Expected;
pub use identity::{Identity, TlsError};
pub use names::{HostId, Names};
pub use peer_rule::PeerRule;
pub use port::{Opening, Port};
pub use proxy::{Behalf, Preface};
pub use range::PortRange;
pub use stream::{Stream, TlsFacts};
pub use tls::{Pending, Tls, TlsFloor, TlsScope};
pub use validity::{Term, Validity};
pub use wait::{Until, Wait};
