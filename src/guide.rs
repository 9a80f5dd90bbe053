//! How to put a server into a program of your own, piece by piece. Each example is run by the tests.
//!
//! A [`Builder`] takes an [`Identity`] to show, an [`Authenticator`] that says who may enter, and a
//! [`Storage`] that says what they find. It makes a [`Bound`], whose sockets exist and which has no
//! thread; that makes a [`Handle`], which serves until it is dropped. In C it is `include/fxpd.h`.
//!
//! # Who may enter
//!
//! An [`Authenticator`] is asked on the session's own thread, may block, and need not know FTP.
//! [`hash_password`] and [`verify_password`] compare as the users file does: in constant time, and no
//! more at once than the machine has processors.
//! ```
//! use fxpd::{Access, Account, AuthError, Authenticator, Secret, Visitor};
//! use fxpd::{hash_password, verify_password};
//! use std::{collections::BTreeMap, net::IpAddr};
//!
//! /// Names, and the hashes of their passwords.
//! struct Staff(BTreeMap<String, String>);
//!
//! /// What no password opens: an unknown name must cost the time of a known one.
//! const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21l\
//!                       $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
//!
//! impl Authenticator for Staff {
//!     fn authenticate(&self, visitor: &Visitor<'_>, given: &Secret) -> Result<Account, AuthError> {
//!         let hash = self.0.get(visitor.name).map_or(NOBODY, String::as_str);
//!         if !verify_password(given, hash) {
//!             return Err(AuthError::Rejected);
//!         }
//!         // It copies with servers that are verified; what else it may have are further fields.
//!         let home = format!("homes/{}", visitor.name);
//!         Ok(Account::new(visitor.name, home, Access::ReadWrite))
//!     }
//! }
//!
//! let staff = Staff([("ann".to_owned(), hash_password(&Secret::new("sesame"))?)].into());
//! let visitor = |name| Visitor::new(name, IpAddr::from([192, 0, 2, 1]));
//! assert!(staff.authenticate(&visitor("ann"), &Secret::new("sesame")).is_ok());
//! assert!(staff.authenticate(&visitor("ann"), &Secret::new("Sesame")).is_err());
//! assert!(staff.authenticate(&visitor("bob"), &Secret::new("sesame")).is_err());
//! # Ok::<(), fxpd::PasswordError>(())
//! ```
//!
//! # What they find
//!
//! A [`Storage`] makes a [`Tree`] of whatever an account's `home` names. Paths come to it absolute and
//! without `..`; what leads out of a tree cannot be said. This one has a single file, made when it is
//! asked for:
//! ```
//! use fxpd::{Download, Entry, Kind, Link, Listing, Permits, Start, Storage, StorageError, Timestamp,
//!            Tree, Upload, VirtualPath};
//! use std::{ffi::OsStr, io::{Cursor, Read}};
//!
//! struct Clock;
//!
//! type Result<T> = std::result::Result<T, StorageError>;
//!
//! fn entry(name: &str, kind: Kind, size: u64) -> Entry {
//!     Entry {
//!         name: name.into(),
//!         kind,
//!         size,
//!         modified: Timestamp::now(),
//!         permits: Permits::READ.and(Permits::SEARCH),
//!         link: Link::No,
//!         created: None,
//!         mode: 0o444,
//!         owner: 0,
//!         group: 0,
//!         links: 1,
//!         unique: (0, size), // the file is not the directory
//!     }
//! }
//!
//! struct Text(Cursor<String>);
//!
//! impl Text {
//!     fn now() -> Text {
//!         Text(Cursor::new(format!("{:.0}\n", Timestamp::now())))
//!     }
//! }
//!
//! impl Download for Text {
//!     fn size(&self) -> u64 {
//!         self.0.get_ref().len() as u64
//!     }
//!
//!     fn read(&mut self, block: &mut [u8]) -> Result<usize> {
//!         self.0.read(block).map_err(StorageError::Io)
//!     }
//! }
//!
//! impl Storage for Clock {
//!     fn tree(&self, _home: &OsStr) -> Result<Box<dyn Tree>> {
//!         Ok(Box::new(Clock)) // the same for everybody
//!     }
//! }
//!
//! impl Tree for Clock {
//!     fn entry(&self, path: &VirtualPath) -> Result<Entry> {
//!         match path.as_bytes() {
//!             b"/" => Ok(entry("", Kind::Directory, 0)),
//!             b"/now.txt" => Ok(entry("now.txt", Kind::File, Text::now().size())),
//!             _ => Err(StorageError::NotFound),
//!         }
//!     }
//!
//!     fn list(&self, path: &VirtualPath) -> Result<Listing> {
//!         match path.is_root() {
//!             true => Ok(Box::new([self.entry(&path.child(b"now.txt"))].into_iter())),
//!             false => Err(StorageError::NotADirectory),
//!         }
//!     }
//!
//!     fn open(&self, path: &VirtualPath, offset: u64) -> Result<Box<dyn Download>> {
//!         let mut text = match self.entry(path)?.kind {
//!             Kind::File => Text::now(),
//!             _ => return Err(StorageError::IsADirectory),
//!         };
//!         text.0.set_position(offset);
//!         if offset > text.size() { Err(StorageError::BeyondEnd) } else { Ok(Box::new(text)) }
//!     }
//!
//!     fn create(&self, _: &VirtualPath, _: Start) -> Result<Box<dyn Upload>> {
//!         Err(StorageError::NotPermitted)
//!     }
//!     fn make_directory(&self, _: &VirtualPath) -> Result<()> {
//!         Err(StorageError::NotPermitted)
//!     }
//!     fn remove_directory(&self, _: &VirtualPath) -> Result<()> {
//!         Err(StorageError::NotPermitted)
//!     }
//!     fn remove_file(&self, _: &VirtualPath) -> Result<()> {
//!         Err(StorageError::NotPermitted)
//!     }
//!     fn rename(&self, _: &VirtualPath, _: &VirtualPath) -> Result<()> {
//!         Err(StorageError::NotPermitted)
//!     }
//! }
//! # use fxpd::*;
//! # struct Anyone;
//! # impl Authenticator for Anyone {
//! #     fn authenticate(&self, visitor: &Visitor<'_>, _: &Secret) -> std::result::Result<Account, AuthError> {
//! #         Ok(Account::new(visitor.name, "", Access::ReadOnly))
//! #     }
//! # }
//!
//! let identity = Identity::self_signed(&["127.0.0.1"])?;
//! let pins = Pins(vec![identity.fingerprint()]);
//! let server = Builder::new(identity, Anyone, Clock)
//!     .listen("127.0.0.1:0".parse()?, Listen::Explicit)
//!     .bind()?
//!     .start()?;
//!
//! let at: Location = format!("ftps://{}/now.txt", server.addresses()[0]).parse()?;
//! let ann = Credentials::new("ann", Secret::new("any"))?;
//! let mut client = Connection::open(at.site, ann, Setup::new(pins))?;
//! let directory = tempfile::tempdir()?;
//! let copy = directory.path().join("now.txt");
//! download(&mut client, &at.path, &copy, Existing::Replace, &mut Unseen)?;
//! client.close();
//! assert!(std::fs::read_to_string(copy)?.ends_with("Z\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! Uploads, links, times and free space are there for storages that have them; [`Memory`] is an
//! example of all of that in a few hundred lines.
//!
//! # What is heard of it
//!
//! A [`TransferRecord`] of every transfer, whole or cut, goes to [`Builder::on_transfer`], on a thread
//! of its own and in order. That two sessions began or ended goes to [`Builder::on_change`]. All else
//! goes to the `log` crate, which is global to a process by its nature: the program decides where its
//! lines go, and a record's target tells the module it is from.
//! ```
//! # use fxpd::*;
//! # struct Anyone;
//! # impl Authenticator for Anyone {
//! #     fn authenticate(&self, visitor: &Visitor<'_>, _: &Secret) -> Result<Account, AuthError> {
//! #         Ok(Account::new(visitor.name, "home", Access::ReadWrite))
//! #     }
//! # }
//! use std::sync::mpsc;
//!
//! let (tell, told) = mpsc::channel();
//! let files = Memory::new();
//! files.put("home", "/hello.txt", b"hello\n");
//! let identity = Identity::self_signed(&["127.0.0.1"])?;
//! # let pins = Pins(vec![identity.fingerprint()]);
//! let server = Builder::new(identity, Anyone, files)
//!     .listen("127.0.0.1:0".parse()?, Listen::Explicit)
//!     .on_transfer(move |record| {
//!         let way = match record.direction {
//!             Direction::Outgoing => "took",
//!             Direction::Incoming => "brought",
//!         };
//!         let line = format!("{} {way} {} bytes of {}", record.account, record.bytes, record.path);
//!         let _ = tell.send(line); // whoever listened may be gone
//!     })
//!     .bind()?
//!     .start()?;
//! # let at: Location = format!("ftps://{}/hello.txt", server.addresses()[0]).parse()?;
//! # let ann = Credentials::new("ann", Secret::new("any"))?;
//! # let mut client = Connection::open(at.site, ann, Setup::new(pins))?;
//! # let directory = tempfile::tempdir()?;
//! # let copy = directory.path().join("hello.txt");
//!
//! download(&mut client, &at.path, &copy, Existing::Replace, &mut Unseen)?;
//! server.shutdown(); // all of them have been told when it returns
//! assert_eq!(told.try_recv()?, "ann took 6 bytes of /hello.txt");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it ends
//!
//! [`Handle::shutdown`], or dropping the handle, stops to accept, tells idle clients 421, gives
//! transfers [`Settings::shutdown_grace`], writes the transfer log to its end and returns. No signal is
//! caught: that is the program's affair.
//! ```
//! # use fxpd::*;
//! # struct Nobody;
//! # impl Authenticator for Nobody {
//! #     fn authenticate(&self, _: &Visitor<'_>, _: &Secret) -> Result<Account, AuthError> {
//! #         Err(AuthError::Rejected)
//! #     }
//! # }
//! use std::{io::{BufRead, BufReader}, net::TcpStream, time::Duration};
//!
//! let settings = Settings { shutdown_grace: Duration::from_secs(5), ..Settings::default() };
//! let server = Builder::new(Identity::self_signed(&["localhost"])?, Nobody, Memory::new())
//!     .settings(settings)
//!     .listen("127.0.0.1:0".parse()?, Listen::Explicit)
//!     .bind()?
//!     .start()?;
//! let address = server.addresses()[0];
//! let client = TcpStream::connect(address)?;
//! let mut lines = BufReader::new(client).lines();
//! assert_eq!(lines.next().transpose()?.as_deref(), Some("220 fxpd ready"));
//!
//! server.shutdown();
//! let farewell = lines.next().transpose()?.unwrap_or_default();
//! assert!(farewell.starts_with("421 "), "{farewell}");
//! assert!(TcpStream::connect(address).is_err(), "nobody listens there any more");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Several at once
//!
//! Servers in one process share nothing that either could notice: a [`Builder`] holds all that a server
//! has. Global are the log, as said; the turns in which passwords are hashed, because they bound the
//! memory of the process; and what a program does to itself with [`give_up_privilege`],
//! [`spare_memory`] or [`Reach::Process`].
//! ```
//! # use fxpd::*;
//! # struct Nobody;
//! # impl Authenticator for Nobody {
//! #     fn authenticate(&self, _: &Visitor<'_>, _: &Secret) -> Result<Account, AuthError> {
//! #         Err(AuthError::Rejected)
//! #     }
//! # }
//! use std::{io::{BufRead, BufReader}, net::TcpStream};
//!
//! let server = |greeting: &str| -> Result<Handle, Box<dyn std::error::Error>> {
//!     let settings = Settings { greeting: greeting.to_owned(), ..Settings::default() };
//!     let identity = Identity::self_signed(&["localhost"])?;
//!     let builder = Builder::new(identity, Nobody, Memory::new()).settings(settings);
//!     Ok(builder.listen("127.0.0.1:0".parse()?, Listen::Explicit).bind()?.start()?)
//! };
//! let greeting = |server: &Handle| -> std::io::Result<String> {
//!     let mut line = String::new();
//!     BufReader::new(TcpStream::connect(server.addresses()[0])?).read_line(&mut line)?;
//!     Ok(line)
//! };
//!
//! let (one, other) = (server("one")?, server("other")?);
//! assert_eq!(greeting(&one)?, "220 one\r\n");
//! assert_eq!(greeting(&other)?, "220 other\r\n");
//! one.shutdown();
//! assert_eq!(greeting(&other)?, "220 other\r\n", "the other goes on");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![allow(unused_imports)] // the names that the links above lead to

use crate::{
    Authenticator, Bound, Builder, Handle, Identity, Memory, Reach, Settings, Storage,
    TransferRecord, Tree, give_up_privilege, hash_password, spare_memory, verify_password,
};
