//! Bytes from a file to a data connection and back, their hashes, and the record of it.

mod ascii;
mod deflate;
mod hashed;
mod hasher;
mod hashes;
mod pace;
mod pump;
mod record;
mod turns;
mod ways;

pub use deflate::DeflateFault;
pub use hashed::{Hashed, Part};
pub use hasher::Hasher;
pub use hashes::{Hashes, Known};
pub use pace::{Bucket, Meter, Pace};
pub use pump::{Coding, TransferError, hash, receive, send};
pub use record::{Direction, PeerProof, TransferRecord};
pub use turns::Turns;
pub use ways::Outlet;
