//! The language of FTP, in both directions: bytes to values and values to bytes. No I/O.

mod algorithm;
mod argument;
mod command;
pub mod endpoint;
mod entry;
mod line;
mod path;
mod range;
mod reply;
mod role;
mod secret;
mod site;
pub mod stamp;
pub mod verb;

pub use algorithm::Algorithm;
pub use command::{
    AuthMechanism, Command, CommandFault, EpsvArg, ListArg, OptsArg, Protection, Representation,
};
pub use endpoint::EndpointFault;
pub use entry::{Access, Change, Entry, Facts, Kind};
pub use line::{Line, LineAssembler, LineFault};
pub use path::{PathArg, VirtualPath};
pub use range::ByteRange;
pub use reply::{Code, Reply, ReplyAssembler};
pub use role::{Payload, TlsRole};
pub use secret::Secret;
pub use site::{SiteArg, SiteFault};
