//! An FTP-over-TLS server and client for one thing above all: copying files **straight from one
//! server to another**, encrypted and proved (FXP over TLS with `SSCN`).
//!
//! This library is what the programs `fxpd` and `fxp` are made of. It is synchronous: a thread a
//! client, OpenSSL called directly, no async runtime anywhere in the dependency tree.
//!
//! # The floors
//! ```text
//!  6  bin/fxpd   bin/fxp            front ends: options, files, signals, exit codes
//!  5  lib.rs                        the facade: what an embedder may name
//!  4  server                        listen, count, shut down, write the transfer log
//!  3  session         client        two conversations; they never meet
//!  2  transfer                      bytes from here to there, and the record of it
//!  1  net     auth     storage      sockets and TLS     who may enter     what they find
//!  0  proto   sys                   the language (pure, no I/O)     the operating system (thin)
//! ```
//! An import goes down, never up or sideways; `tests/layers.rs` holds this table.
//!
//! `fuzzing` stands beside them, in tests and fuzzers alone: what holds of every parser, whatever bytes
//! come.
//!
//! Where to look:
//! - **Who is TLS client on a data connection** is decided in `session/data.rs`, by the rule in
//!   `proto/role.rs`, and carried out by the one `match` in `net/tls.rs`.
//! - **A byte of a `STOR`** comes through `net/stream.rs` to `transfer/pump.rs` and into a
//!   [`Upload`], which takes its name when `session/transfers.rs` commits it.
//! - **How fast** bytes may move is counted in `transfer/pace.rs`, said in `session/rates.rs` and shared by
//!   `server/accounts.rs`.
//! - **What an account keeps** is counted in `storage/ledger.rs`, and held to its quota by
//!   `storage/metered.rs`.
//! - **A hash** is asked for in `session/hashing.rs`, computed in `transfer/hasher.rs`, and remembered
//!   in `transfer/hashes.rs` for the [`Version`] of a file that storage told.
//! - **At which host a client is** is decided in `session/host.rs` for `HOST` and in
//!   `net/server_name.rs` for TLS; `net/names.rs` knows who answers to a name.
//! - **A name that a server lists** is read in `proto/facts_line.rs` or `proto/long_line.rs`, judged
//!   in `client/tree/remote.rs`, and becomes part of a [`TreePath`] in `client/tree/walk.rs`.
//! - **A new verb** is a row in `proto/verb.rs`, a form in `proto/command.rs`, an arm in
//!   `session/mod.rs`, and a handler in the file of its kin.
//!
//! - **A job of `fxp`** is a [`Request`]: `client/job/survey.rs` looks, `client/job/decide.rs` decides,
//!   `client/job/lane.rs` does it; one file between two servers is `client/copy.rs`.
//! - **Why two servers do not copy** is found out in `client/doctor/`.
//! - **Who may be the peer of a data connection** is decided in `net/expected.rs` for `XPEER` and in
//!   `session/foreign.rs` for the account's grant.
//!
//! - **A program behind an upload** is run by `bin/fxpd/hook_run.rs`, as who the account is by
//!   `sys/programs.rs`.
//! - **What C may call** is in `capi/border.rs`, declared in `include/fxpd.h`.
//! - **Memory at rest** is given back by `auth/work_area.rs` and `sys/memory.rs`, when `sys/rest.rs` says
//!   so.
//! - **What is unsafe** stands in `sys/raw.rs`, safe to call, and at the border to C.
//!
//! # Embedding a server
//! ```
//! use fxpd::{Access, Account, AuthError, Authenticator, Builder, Identity, Listen, Memory, Secret,
//!            Visitor};
//! use std::net::TcpStream;
//!
//! /// Lets in one account, whatever its password.
//! struct Anyone;
//!
//! impl Authenticator for Anyone {
//!     fn authenticate(&self, visitor: &Visitor<'_>, _: &Secret) -> Result<Account, AuthError> {
//!         if visitor.name != "guest" {
//!             return Err(AuthError::Rejected);
//!         }
//!         Ok(Account::new(visitor.name, "guests", Access::ReadOnly))
//!     }
//! }
//!
//! let files = Memory::new();
//! files.put("guests", "/hello.txt", b"hello\n");
//!
//! let identity = Identity::self_signed(&["localhost"])?;
//! let bound = Builder::new(identity, Anyone, files)
//!     .listen("127.0.0.1:0".parse()?, Listen::Explicit)
//!     .on_transfer(|record| println!("{} moved {} bytes", record.path, record.bytes))
//!     .bind()?;
//! // The sockets exist and no thread does: a daemon drops its privilege here.
//! let address = bound.addresses()[0];
//! let handle = bound.start()?;
//!
//! let _client = TcpStream::connect(address)?;
//! handle.shutdown(); // idle clients hear 421, transfers get their grace
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! [`guide`] goes on from here, piece by piece: authenticator, storage, records, end, several at once.
//! The feature `capi` has the same for programs in C.
//!
//! # Copying with the client
//! A [`Connection`] is one logged-in server; [`copy`] has two of them exchange a file, [`plans`] are the
//! ways in which they can. A [`Request`] copies trees, with all that `fxp` does.
//! ```
//! use fxpd::{Access, Account, AuthError, Authenticator, Builder, Connection, Credentials, Existing,
//!            Handle, Identity, Listen, Location, Memory, Pins, Proof, RemotePath, Secret, Setup,
//!            Unseen, Verified, Visitor};
//!
//! /// Lets in everybody, and lets them copy from server to server.
//! struct Everybody;
//!
//! impl Authenticator for Everybody {
//!     fn authenticate(&self, visitor: &Visitor<'_>, _: &Secret) -> Result<Account, AuthError> {
//!         // It may copy with servers that are verified.
//!         Ok(Account::new(visitor.name, "home", Access::ReadWrite))
//!     }
//! }
//!
//! /// A server with a file, or without.
//! fn server(identity: &Identity, files: &Memory) -> Result<Handle, Box<dyn std::error::Error>> {
//!     let builder = Builder::new(identity.clone(), Everybody, files.clone());
//!     Ok(builder.listen("127.0.0.1:0".parse()?, Listen::Explicit).bind()?.start()?)
//! }
//!
//! fn log_in(
//!     server: &Handle,
//!     identity: &Identity,
//! ) -> Result<Connection, Box<dyn std::error::Error>> {
//!     let location: Location = format!("ftps://{}/", server.addresses()[0]).parse()?;
//!     let setup = Setup::new(Pins(vec![identity.fingerprint()]));
//!     let credentials = Credentials::new("ann", Secret::new("any"))?;
//!     Ok(Connection::open(location.site, credentials, setup)?)
//! }
//!
//! let (here, there) = (Memory::new(), Memory::new());
//! here.put("home", "/hello.txt", b"hello\n");
//! there.put("home", "/other.txt", b"");
//! let identities = [Identity::self_signed(&["127.0.0.1"])?, Identity::self_signed(&["127.0.0.1"])?];
//! let servers = [server(&identities[0], &here)?, server(&identities[1], &there)?];
//! let mut source = log_in(&servers[0], &identities[0])?;
//! let mut target = log_in(&servers[1], &identities[1])?;
//!
//! let from = RemotePath::new("hello.txt").unwrap_or_default();
//! let to = RemotePath::new("copy.txt").unwrap_or_default();
//! let existing = Existing::Replace;
//! let copied = fxpd::copy(&mut source, &from, &mut target, &to, existing, &mut Unseen)?;
//! assert!(matches!(copied.proof, Proof::Hash(_, _, 6)));
//! assert_eq!(copied.verified, Verified::Both);
//! source.close();
//! target.close();
//! # for server in servers { server.shutdown(); }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(missing_docs)]

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;

mod auth;
#[cfg(any(feature = "capi", test))]
mod capi;
mod client;
pub mod guide;
mod net;
mod proto;
mod server;
mod session;
mod storage;
mod sys;
mod transfer;

// Of other crates, what a storage or an account is made of.
pub use ipnet::IpNet;
pub use jiff::Timestamp;

pub use auth::{
    Account, AccountLimits, Anonymous, AuthError, Authenticator, ClientProof, FxpGrant, FxpLevel,
    HashKind, MAX_PASSWORD_BYTES, Pam, PamRules, PasswordError, Program, ProgramSettings, Right,
    Sources, UserLine, UserOptions, UsersFile, UsersFileError, Visitor, hash_password,
    hash_password_as, pam_helper, pam_worker, verify_password,
};
pub use client::{
    Act, Attempt, BadPattern, ByAuthority, Carried, ClientError, Connection, Copied, Credentials,
    DEFAULT_DEPTH, End, Entry as ManifestEntry, Event, Existing, Extension, Features, Filter,
    Finding, Found, JobEnd, Judge, LocalEnd, Location, Login, ManifestError, Met, Observer,
    OnExisting, Over, Pins, Place, Plan, Progress, Proof, ProofKind, Prospect, ProtocolLog,
    RemoteEnd, RemotePath, Request, Run, Security, ServerFacts, ServerKind, Setup, Shown, Side,
    Site, SiteFault, Step, Stumble, Summary, TreePath, Unseen, Verdict, Verification, Verified,
    Via, Walk, Why, copy, download, meet, plans, read_manifest, upload, verify,
};
pub use client::{Ailment, Cause, Diagnosis, Route, RouteOutcome, diagnose};
pub use net::{
    Asked, Certificate, ClientCertificates, Identity, NetError, Newest, PeerRule, Term, TlsError,
    TlsFacts, TlsFloor, Validity,
};
pub use proto::{
    Access, Algorithm, Amount, Change, Code, Entry, Fingerprint, HostName, Kind, Link, Listed,
    ListedKind, Moment, PathArg, Permits, Precision, Reply, Representation, Secret, TlsRole,
    VirtualPath,
};
pub use server::{Bound, Builder, Entrance, Handle, ServerError, VirtualHost};
pub use session::{
    Confinement, ConfinementError, Demand, HashTransfers, ListOwner, Listen, PassiveAddress, Reach,
    Settings, ToldAddress, Wish,
};
pub use storage::{
    Download, Kept, Listing, Local, LocalOptions, Memory, Start, Storage, StorageError, Tree,
    Upload, Version,
};
pub use sys::ids::{Capabilities, Ids, give_up_privilege};
pub use sys::inherited::{Handed, HandedSocket, Inherited, Origin};
pub use sys::memory::spare_memory;
pub use transfer::{Direction, PeerProof, TransferRecord};
