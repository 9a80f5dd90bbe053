//! The functions of `include/fxpd.h`. What C hands over is read here, and nowhere else: the header
//! says what it promises, and each block below which of these promises it stands on.
#![allow(unsafe_code)]

use crate::{
    Access, Bound, Builder, FxpLevel, Handle, Identity, Listen, Local, LocalOptions, Settings,
    UsersFile,
    capi::{
        failure::{last, text, told},
        owner::{Asking, AuthenticateFn, NewAccount, Owner, TransferFn, telling},
        receiver::{self, LogFn, Receiver},
    },
};
use std::{
    ffi::{CStr, CString, OsString, c_char, c_int, c_uint, c_void},
    mem::{self, MaybeUninit},
    net::SocketAddr,
    os::unix::ffi::OsStringExt,
    path::Path,
    ptr,
    sync::Arc,
    time::Duration,
};

/// `fxpd_config`. All of it may be zero but its size.
#[repr(C)]
pub struct Config {
    size: usize,
    listen: *const c_char,
    listen_implicit: *const c_char,
    certificate: *const c_char,
    key: *const c_char,
    users: *const c_char,
    authenticate: Option<AuthenticateFn>,
    on_transfer: Option<TransferFn>,
    context: *mut c_void,
    first_passive_port: u16,
    last_passive_port: u16,
    max_sessions: c_uint,
    grace_s: c_uint,
}

/// `fxpd_server`.
pub struct Server {
    handle: Handle,
    owner: Arc<Owner>,
    explicit_port: u16,
    implicit_port: u16,
    fingerprint: CString,
}

/// Starts a server. Null after an error.
#[unsafe(no_mangle)]
extern "C" fn fxpd_start(config: *const Config) -> *mut Server {
    told(ptr::null_mut(), || {
        if config.is_null() {
            return Err("there is no config".to_owned());
        }
        // SAFETY: the header demands a config that lives as long as the call, and its size is the
        // first thing in every version of it.
        if unsafe { config.cast::<usize>().read() } != mem::size_of::<Config>() {
            return Err("the config is one of another version of fxpd.h".to_owned());
        }
        // SAFETY: as above, and it is as large as ours.
        let server = start(unsafe { &*config })?;
        Ok(Box::into_raw(Box::new(server)))
    })
}

fn start(config: &Config) -> Result<Server, String> {
    let identity = match (string(config.certificate)?, string(config.key)?) {
        (None, None) => Identity::self_signed(&["localhost"]),
        (Some(certificate), Some(key)) => {
            Identity::from_files(Path::new(&certificate), Path::new(&key))
        }
        _ => return Err("a certificate goes with its key".to_owned()),
    };
    let identity = identity.map_err(|error| error.to_string())?;
    let fingerprint = text(&identity.fingerprint().to_string());
    let owner = Owner::new(config.context);
    let storage = Local::new(LocalOptions::default());
    let mut builder = match (string(config.users)?, config.authenticate) {
        (Some(users), None) => {
            let users = UsersFile::new(users, FxpLevel::default());
            users.check().map_err(|error| error.to_string())?;
            Builder::new(identity, users, storage)
        }
        (None, Some(call)) => {
            Builder::new(identity, Asking { owner: Arc::clone(&owner), call }, storage)
        }
        _ => return Err("either `users` or `authenticate` says who may enter".to_owned()),
    };
    let (explicit, implicit) = (address(config.listen)?, address(config.listen_implicit)?);
    for (address, listen) in [(explicit, Listen::Explicit), (implicit, Listen::Implicit)] {
        if let Some(address) = address {
            builder = builder.listen(address, listen);
        }
    }
    if let Some(call) = config.on_transfer {
        builder = builder.on_transfer(telling(Arc::clone(&owner), call));
    }
    let builder = builder.settings(settings(config)?);
    let handle = with_signals_blocked(|| builder.bind().and_then(Bound::start))
        .map_err(|error| error.to_string())?;
    let mut ports = handle.addresses().iter().map(SocketAddr::port);
    let mut port = |address: Option<SocketAddr>| address.and_then(|_| ports.next()).unwrap_or(0);
    let (explicit_port, implicit_port) = (port(explicit), port(implicit));
    Ok(Server { handle, owner, explicit_port, implicit_port, fingerprint })
}

fn settings(config: &Config) -> Result<Settings, String> {
    let mut settings = Settings {
        shutdown_grace: Duration::from_secs(config.grace_s.into()),
        ..Settings::default()
    };
    match (config.first_passive_port, config.last_passive_port) {
        (0, 0) => {}
        (first, last) if first > 0 && first <= last => settings.passive_ports = first..=last,
        (first, last) => return Err(format!("{first} to {last} are no passive ports")),
    }
    if config.max_sessions > 0 {
        settings.max_sessions = config.max_sessions as usize;
    }
    Ok(settings)
}

/// Makes threads that the program's own signal handlers never run on, and that no SIGPIPE ends: C
/// does not ignore it, as Rust's programs do.
fn with_signals_blocked<T>(make: impl FnOnce() -> T) -> T {
    let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: sigfillset fills the set that it is given, and pthread_sigmask reads it and fills the
    // other; it fails for no `how` of its own, so that `before` is whole. New threads inherit the mask.
    let before = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        before.assume_init()
    };
    let made = make();
    // SAFETY: `before` is the mask that this thread had; nobody wants the one that it has.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut()) };
    made
}

/// The bytes of a string of C, if there is one.
fn string(text: *const c_char) -> Result<Option<OsString>, String> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: the header demands that every string that is not NULL ends in a NUL and lives as long
    // as the call. It is copied.
    let text = unsafe { CStr::from_ptr(text) };
    Ok(Some(OsString::from_vec(text.to_bytes().to_vec())))
}

fn address(text: *const c_char) -> Result<Option<SocketAddr>, String> {
    let Some(text) = string(text)? else { return Ok(None) };
    let parsed = text.to_str().and_then(|text| text.parse().ok());
    parsed.map(Some).ok_or_else(|| format!("{} is no ADDRESS:PORT", text.display()))
}

/// Stops a server, and frees it.
#[unsafe(no_mangle)]
extern "C" fn fxpd_stop(server: *mut Server) {
    told((), || {
        if !server.is_null() {
            // SAFETY: the header demands a server of `fxpd_start` that was not stopped, and that no
            // other call uses it now: it is ours again.
            let server = unsafe { Box::from_raw(server) };
            server.handle.shutdown();
            server.owner.end_calls();
        }
        Ok::<_, String>(())
    });
}

/// The port for explicit TLS; 0 if there is none.
#[unsafe(no_mangle)]
extern "C" fn fxpd_port(server: *const Server) -> u16 {
    // SAFETY: the header demands NULL or a server that was not stopped. So it does below.
    unsafe { server.as_ref() }.map_or(0, |server| server.explicit_port)
}

/// The port for implicit TLS; 0 if there is none.
#[unsafe(no_mangle)]
extern "C" fn fxpd_port_implicit(server: *const Server) -> u16 {
    // SAFETY: as in `fxpd_port`.
    unsafe { server.as_ref() }.map_or(0, |server| server.implicit_port)
}

/// The fingerprint of its certificate, which lives as long as the server.
#[unsafe(no_mangle)]
extern "C" fn fxpd_fingerprint(server: *const Server) -> *const c_char {
    // SAFETY: as in `fxpd_port`.
    unsafe { server.as_ref() }.map_or(ptr::null(), |server| server.fingerprint.as_ptr())
}

/// How many clients are connected.
#[unsafe(no_mangle)]
extern "C" fn fxpd_sessions(server: *const Server) -> usize {
    // SAFETY: as in `fxpd_port`. Counting takes a lock and no more of the server.
    unsafe { server.as_ref() }.map_or(0, |server| server.handle.sessions())
}

/// What went wrong last on this thread.
#[unsafe(no_mangle)]
extern "C" fn fxpd_last_error() -> *const c_char {
    last()
}

/// Sends the log of all servers to `call`, or nowhere. 0, or -1 after an error.
#[unsafe(no_mangle)]
extern "C" fn fxpd_log(level: c_int, call: Option<LogFn>, context: *mut c_void) -> c_int {
    told(-1, || receiver::set(call.map(|call| Receiver { context, call }), level).map(|()| 0))
}

/// The directory of an account that is let in. It is copied.
#[unsafe(no_mangle)]
extern "C" fn fxpd_account_set_home(account: *mut NewAccount, home: *const c_char) -> c_int {
    told(-1, || {
        let home = string(home)?.filter(|home| Path::new(home).is_absolute());
        let home = home.ok_or("a home is an absolute path")?;
        change(account, |account| account.home = Some(home))
    })
}

/// What it may do: 0 to look and download, 1 to leave new files in /incoming besides, 2 all.
#[unsafe(no_mangle)]
extern "C" fn fxpd_account_set_access(account: *mut NewAccount, access: c_int) -> c_int {
    told(-1, || {
        let known = [Access::ReadOnly, Access::Incoming, Access::ReadWrite];
        let access = usize::try_from(access).ok().and_then(|index| known.get(index));
        let access = *access.ok_or("there is no such access")?;
        change(account, |account| account.access = access)
    })
}

/// With which servers it may copy: 0 for none, 1 verified ones, 2 any under TLS, 3 any.
#[unsafe(no_mangle)]
extern "C" fn fxpd_account_set_fxp(account: *mut NewAccount, level: c_int) -> c_int {
    told(-1, || {
        let level = usize::try_from(level).ok().and_then(|index| FxpLevel::WORDS.get(index));
        let (_, level) = *level.ok_or("there is no such level")?;
        change(account, |account| account.fxp = level)
    })
}

fn change(account: *mut NewAccount, change: impl FnOnce(&mut NewAccount)) -> Result<c_int, String> {
    // SAFETY: the header demands the account that the callback was given, while the callback lasts,
    // on its thread: it lives then, and nobody else reads it.
    let account = unsafe { account.as_mut() }.ok_or("there is no account")?;
    change(account);
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Config = Config {
        size: mem::size_of::<Config>(),
        listen: c"127.0.0.1:0".as_ptr(),
        listen_implicit: ptr::null(),
        certificate: ptr::null(),
        key: ptr::null(),
        users: ptr::null(),
        authenticate: None,
        on_transfer: None,
        context: ptr::null_mut(),
        first_passive_port: 0,
        last_passive_port: 0,
        max_sessions: 0,
        grace_s: 0,
    };

    extern "C" fn reject(
        _: *mut c_void,
        _: *const c_char,
        _: *const c_char,
        _: usize,
        _: *const c_char,
        _: *mut NewAccount,
    ) -> c_int {
        0
    }

    const GOOD: Config = Config { authenticate: Some(reject), ..NOTHING };

    fn error() -> String {
        // SAFETY: it is a string of this thread's, and copied at once.
        unsafe { CStr::from_ptr(fxpd_last_error()) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn what_no_server_can_be_made_of_is_told() {
        let nowhere = c"/nowhere/at/all".as_ptr();
        for (config, what) in [
            (Config { size: 8, ..GOOD }, "another version of fxpd.h"),
            (NOTHING, "either `users` or `authenticate`"),
            (Config { users: nowhere, ..GOOD }, "either `users` or `authenticate`"),
            (Config { users: nowhere, ..NOTHING }, "cannot read /nowhere/at/all"),
            (Config { certificate: nowhere, ..GOOD }, "a certificate goes with its key"),
            (Config { certificate: nowhere, key: nowhere, ..GOOD }, "/nowhere/at/all"),
            (Config { listen: c"localhost".as_ptr(), ..GOOD }, "localhost is no ADDRESS:PORT"),
            (Config { listen: ptr::null(), ..GOOD }, "no address to listen at"),
            (Config { listen: c"192.0.2.1:0".as_ptr(), ..GOOD }, "cannot listen at 192.0.2.1:0"),
            (Config { last_passive_port: 9, ..GOOD }, "0 to 9 are no passive ports"),
        ] {
            assert!(fxpd_start(&config).is_null(), "{what}");
            assert!(error().contains(what), "{what}: {}", error());
        }
        assert!(fxpd_start(ptr::null()).is_null());
        assert_eq!(error(), "there is no config");
    }

    #[test]
    fn servers_of_one_program_have_ports_of_their_own_and_stop_alone() {
        let both = Config { listen_implicit: GOOD.listen, ..GOOD };
        let implicit = Config { listen: ptr::null(), ..both };
        let servers = [GOOD, both, implicit].map(|config| fxpd_start(&config));
        let ports = servers.map(|server| (fxpd_port(server), fxpd_port_implicit(server)));
        let [(one, 0), (two, three), (0, four)] = ports else { panic!("{ports:?}") };
        for port in [one, two, three, four] {
            assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        }
        // SAFETY: it was started above, and is stopped below.
        let owner = Arc::clone(unsafe { &(*servers[0]).owner });
        assert_eq!(owner.call(|_| ()), Some(()));
        fxpd_stop(servers[0]);
        assert_eq!(owner.call(|_| ()), None, "nothing is called any more");
        assert!(std::net::TcpStream::connect(("127.0.0.1", one)).is_err());
        assert!(std::net::TcpStream::connect(("127.0.0.1", two)).is_ok());
        fxpd_stop(servers[1]);
        fxpd_stop(servers[2]);
        fxpd_stop(ptr::null_mut());
        let none = ptr::null();
        assert_eq!((fxpd_port(none), fxpd_port_implicit(none), fxpd_sessions(none)), (0, 0, 0));
        assert!(fxpd_fingerprint(none).is_null());
    }

    #[test]
    fn an_account_takes_only_what_there_is() {
        let mut account =
            NewAccount { home: None, access: Access::ReadOnly, fxp: FxpLevel::Verified };
        assert_eq!(fxpd_account_set_home(&mut account, ptr::null()), -1);
        assert_eq!(fxpd_account_set_home(&mut account, c"ann".as_ptr()), -1);
        assert_eq!(error(), "a home is an absolute path");
        assert_eq!(fxpd_account_set_home(ptr::null_mut(), c"/".as_ptr()), -1);
        assert_eq!(error(), "there is no account");
        assert_eq!(fxpd_account_set_access(&mut account, 3), -1);
        assert_eq!(error(), "there is no such access");
        assert_eq!(fxpd_account_set_fxp(&mut account, -1), -1);
        assert_eq!(error(), "there is no such level");
        assert_eq!(fxpd_account_set_home(&mut account, c"/srv/ann".as_ptr()), 0);
        assert_eq!(fxpd_account_set_access(&mut account, 2), 0);
        assert_eq!(fxpd_account_set_fxp(&mut account, 3), 0);
        assert_eq!(account.home.as_deref(), Some("/srv/ann".as_ref()));
        assert_eq!((account.access, account.fxp), (Access::ReadWrite, FxpLevel::Any));
    }
}
