//! The server around the sessions: it listens, counts, logs transfers and shuts down.
//!
//! [`Builder`] → [`Bound`] (sockets exist, no thread does: the moment to drop privilege) →
//! [`Handle`] (shut down, reload, who is on).

mod accept;
mod builder;
mod guesses;
mod handle;
mod pulse;
mod registry;
mod virtual_host;
mod xferlog;

pub use builder::{Bound, Builder, ServerError};
pub use handle::Handle;
pub use virtual_host::VirtualHost;
