//! Bytes from a file to a data connection and back, and the record of it.

mod ascii;
mod pump;
mod record;

pub use pump::{TransferError, receive, send};
pub use record::{Direction, TransferRecord};
