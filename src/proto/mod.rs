//! The language of FTP, in both directions: bytes to values and values to bytes. No I/O.

mod algorithm;
mod amount;
mod argument;
mod client_certificate;
mod command;
pub mod endpoint;
mod entry;
mod facts;
mod facts_line;
mod fingerprint;
mod glob;
mod host;
pub mod line;
mod list_options;
mod listed;
mod long_line;
mod ls_line;
mod path;
mod range;
mod reply;
mod role;
mod secret;
mod site;
pub mod stamp;
pub mod verb;

pub use algorithm::Algorithm;
pub use amount::Amount;
pub use client_certificate::ClientCertificate;
pub use command::{
    AuthMechanism, Command, CommandFault, DeflateLevel, EpsvArg, ListArg, Mode, OptsArg,
    Protection, Representation, XpeerArg,
};
pub use endpoint::EndpointFault;
pub use entry::{Access, Change, Entry, Kind, Link, Permits};
pub use facts::Facts;
pub use facts_line::{FactLine, Place};
pub use fingerprint::Fingerprint;
pub use glob::{Component, Glob, PathPattern};
pub use host::HostName;
pub use line::{Line, LineAssembler, LineFault};
pub use list_options::{Form, Hidden, ListOptions, Marks, Order, Reach};
pub use listed::{Listed, ListedKind, Moment, Precision};
pub use ls_line::{LongForm, header_line};
pub use path::{PathArg, VirtualPath};
pub use range::ByteRange;
pub use reply::{Code, Reply, ReplyAssembler};
pub use role::{Payload, TlsRole};
pub use secret::Secret;
pub use site::{SiteArg, SiteFault};
