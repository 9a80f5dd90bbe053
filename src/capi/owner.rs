//! The functions that whoever owns a server wants called, and the end of all calls when it stops.

use crate::{
    Access, Account, AuthError, Authenticator, Direction, FxpGrant, FxpLevel, Secret,
    TransferRecord, Visitor, capi::failure::text,
};
use std::{
    ffi::{CString, OsString, c_char, c_int, c_void},
    ptr,
    sync::{Arc, PoisonError, RwLock},
};
use zeroize::Zeroizing;

/// `fxpd_authenticate_fn`.
pub type AuthenticateFn = extern "C" fn(
    context: *mut c_void,
    name: *const c_char,
    password: *const c_char,
    password_bytes: usize,
    peer: *const c_char,
    account: *mut NewAccount,
) -> c_int;

/// `fxpd_transfer_fn`.
pub type TransferFn = extern "C" fn(context: *mut c_void, transfer: *const Transfer);

/// What an [`AuthenticateFn`] returns.
const ADMIT: c_int = 1;
const UNAVAILABLE: c_int = 2;

/// `fxpd_account`: what an [`AuthenticateFn`] says of whom it lets in, by the functions of the border.
pub struct NewAccount {
    pub home: Option<OsString>,
    pub access: Access,
    pub fxp: FxpLevel,
}

/// `fxpd_transfer`. Pointers are good as long as the call lasts.
#[repr(C)]
pub struct Transfer {
    pub account: *const c_char,
    pub path: *const c_char,
    pub client: *const c_char,
    /// Null if no data connection came about.
    pub peer: *const c_char,
    pub bytes: u64,
    pub milliseconds: u64,
    pub is_outgoing: c_int,
    pub is_complete: c_int,
    pub is_foreign: c_int,
    /// Null, both, if the file was not hashed as it moved.
    pub hash_name: *const c_char,
    pub hash: *const c_char,
}

/// Whose server it is. Nothing here looks behind its context.
pub struct Owner {
    context: usize,
    /// Held to read while a call lasts, and to write by whoever ends all calls.
    is_called: RwLock<bool>,
}

impl Owner {
    pub fn new(context: *mut c_void) -> Arc<Owner> {
        let context = context.expose_provenance();
        Arc::new(Owner { context, is_called: RwLock::new(true) })
    }

    /// Waits for the calls that last, and allows no other.
    pub fn end_calls(&self) {
        *self.is_called.write().unwrap_or_else(PoisonError::into_inner) = false;
    }

    /// Has `call` done with the context, unless all calls have ended.
    pub fn call<T>(&self, call: impl FnOnce(*mut c_void) -> T) -> Option<T> {
        let is_called = self.is_called.read().unwrap_or_else(PoisonError::into_inner);
        is_called.then(|| call(ptr::with_exposed_provenance_mut(self.context)))
    }
}

/// Asks the owner who may enter.
pub struct Asking {
    pub owner: Arc<Owner>,
    pub call: AuthenticateFn,
}

impl Authenticator for Asking {
    fn authenticate(&self, visitor: &Visitor<'_>, password: &Secret) -> Result<Account, AuthError> {
        let mut account =
            NewAccount { home: None, access: Access::ReadOnly, fxp: FxpLevel::Verified };
        // Without its NUL a name would be another's.
        let name_for_c = CString::new(visitor.name).map_err(|_| AuthError::Rejected)?;
        let length = password.expose().len();
        let password = Zeroizing::new([password.expose(), b"\0"].concat());
        let peer = text(&visitor.peer.to_canonical().to_string());
        let (name_for_c, password) = (name_for_c.as_ptr(), password.as_ptr().cast());
        let answer = self.owner.call(|context| {
            (self.call)(context, name_for_c, password, length, peer.as_ptr(), &mut account)
        });
        let home = match (answer, account.home) {
            (None, _) => return Err(AuthError::Unavailable("the server stops".into())),
            (Some(ADMIT), Some(home)) => home,
            (Some(ADMIT), None) => {
                return Err(AuthError::Unavailable("an account was let in without a home".into()));
            }
            (Some(UNAVAILABLE), _) => {
                return Err(AuthError::Unavailable("the program around the server says so".into()));
            }
            (Some(_), _) => return Err(AuthError::Rejected),
        };
        let fxp = FxpGrant::both(account.fxp);
        Ok(Account { fxp, ..Account::new(visitor.name, home, account.access) })
    }
}

/// What tells the owner of each transfer.
pub fn telling(owner: Arc<Owner>, call: TransferFn) -> impl FnMut(&TransferRecord) + Send {
    move |record| {
        let (account, client) = (text(&record.account), text(&record.client.to_string()));
        let path = CString::new(record.path.as_bytes()).unwrap_or_default(); // no path has a NUL
        let peer = record.peer.map(|peer| text(&peer.ip().to_canonical().to_string()));
        let (hash_name, hash) = match &record.hash {
            Some((algorithm, hash)) => (Some(text(algorithm.name())), Some(text(hash))),
            None => (None, None),
        };
        let pointer = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |it| it.as_ptr());
        let transfer = Transfer {
            account: account.as_ptr(),
            path: path.as_ptr(),
            client: client.as_ptr(),
            peer: pointer(&peer),
            bytes: record.bytes,
            milliseconds: u64::try_from(record.took.as_millis()).unwrap_or(u64::MAX),
            is_outgoing: (record.direction == Direction::Outgoing).into(),
            is_complete: record.complete.into(),
            is_foreign: record.foreign.into(),
            hash_name: pointer(&hash_name),
            hash: pointer(&hash),
        };
        owner.call(|context| call(context, &transfer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::bounded;
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    extern "C" fn admit(
        _: *mut c_void,
        _: *const c_char,
        _: *const c_char,
        _: usize,
        _: *const c_char,
        _: *mut NewAccount,
    ) -> c_int {
        ADMIT
    }

    #[test]
    fn when_calls_have_ended_none_lasts_and_none_begins() {
        let owner = Owner::new(ptr::null_mut());
        let ((entered, is_in), (leave, left)) = (bounded(0), bounded(0));
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                owner.call(|_| {
                    entered.send(()).unwrap();
                    left.recv().unwrap();
                    is_over.store(true, Ordering::SeqCst);
                })
            });
            is_in.recv().unwrap();
            let ending = scope.spawn(|| owner.end_calls());
            // Who waits to write lets nobody else begin to read.
            while !ending.is_finished() && owner.is_called.try_read().is_ok() {
                thread::yield_now();
            }
            let was_waited_for = !ending.is_finished();
            leave.send(()).unwrap();
            ending.join().unwrap();
            assert!(was_waited_for && is_over.load(Ordering::SeqCst));
        });
        assert_eq!(owner.call(|_| ()), None);
    }

    #[test]
    fn without_an_answer_of_the_program_nobody_is_refused_and_nobody_is_let_in() {
        let asking = Asking { owner: Owner::new(ptr::null_mut()), call: admit };
        let ask = |name: &str| {
            let visitor = Visitor::new(name, [192, 0, 2, 1].into());
            asking.authenticate(&visitor, &Secret::new("pw")).unwrap_err().to_string()
        };
        assert!(ask("ann").contains("without a home"));
        assert_eq!(ask("ann\0a"), "login refused");
        asking.owner.end_calls();
        assert!(ask("ann").contains("the server stops"));
    }
}
