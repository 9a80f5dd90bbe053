//! A build without the hashes of crypt(5): none is made, and none opens to anything. Who has one in
//! the users file is refused at login, and the others are not.

use crate::auth::password::{HashKind, PasswordError};

pub(super) const IS_BUILT_IN: bool = false;

/// Makes none.
pub(super) fn hash(_: &[u8], kind: HashKind) -> Result<String, PasswordError> {
    Err(PasswordError::NotBuiltIn(kind))
}

/// Opens none.
pub(super) fn opens_to(_: &str, _: &[u8], _: HashKind) -> bool {
    false
}

/// Nobody can tell what is wrong with one.
pub(super) fn check(_: &str, _: HashKind) -> Result<(), String> {
    Ok(())
}
