//! The server around the sessions: it listens, counts, logs transfers and shuts down.
//!
//! [`Builder`] → [`Bound`] (sockets exist, no thread does: the moment to drop privilege) →
//! [`Handle`] (shut down, reload, who is on).

mod accept;
mod accounts;
mod bans;
mod builder;
mod entrance;
mod guesses;
mod handle;
mod json_log;
mod log_file;
mod pulse;
mod registry;
mod strangers;
mod threads;
mod transfer_log;
mod virtual_host;
mod xferlog;

pub use builder::{Bound, Builder, ServerError};
pub use entrance::Entrance;
pub use handle::Handle;
pub use virtual_host::VirtualHost;
