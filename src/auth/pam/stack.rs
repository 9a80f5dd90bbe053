//! One question to libpam: the modules that a service's file stacks up, for authentication and for
//! the account. The only place that knows libpam, and that is without it where the library is built
//! without PAM.

/// Why PAM does not say yes, in words for the log.
#[cfg_attr(not(feature = "pam"), expect(dead_code, reason = "without PAM nothing is refused"))]
pub enum No {
    /// It says no to the password.
    Wrong(String),
    /// The password is right, and the account may not be used.
    Shut(String),
    /// It cannot tell.
    Broken(String),
}

#[cfg(feature = "pam")]
pub use with_libpam::ask;

#[cfg(not(feature = "pam"))]
pub fn ask(_: &str, _: &str, _: &crate::proto::Secret, _: std::net::IpAddr) -> Result<(), No> {
    Err(No::Broken("this program was built without PAM".to_owned()))
}

#[cfg(feature = "pam")]
mod with_libpam {
    use super::No;
    use crate::proto::Secret;
    use nonstick::{
        AuthnFlags, ConversationAdapter, ErrorCode, PamShared, Transaction, TransactionBuilder,
        items::{Items, ItemsMut},
    };
    use std::{
        ffi::{OsStr, OsString},
        net::IpAddr,
        os::unix::ffi::OsStringExt,
    };

    /// What modules are told instead of a terminal; vsftpd says the same.
    const TERMINAL: &str = "ftp";

    /// Whether `password` opens `name`, and its account is one that may be used now, for a client at
    /// `address`. Neither may hold a NUL.
    pub fn ask(service: &str, name: &str, password: &Secret, address: IpAddr) -> Result<(), No> {
        let broken = |error: ErrorCode| No::Broken(error.to_string());
        let typist = Typist(password.clone()).into_conversation();
        let builder = TransactionBuilder::new_with_service(service).username(name);
        let mut pam = builder.build(typist).map_err(broken)?;
        let host = OsString::from(address.to_string());
        pam.items_mut().set_remote_host(Some(&host)).map_err(broken)?;
        pam.items_mut().set_tty_name(Some(TERMINAL.as_ref())).map_err(broken)?;
        // An account with an empty password is for the console.
        let flags = AuthnFlags::SILENT | AuthnFlags::DISALLOW_NULL_AUTHTOK;
        pam.authenticate(flags).map_err(|error| no(error, No::Wrong))?;
        pam.account_management(flags).map_err(|error| no(error, No::Shut))?;
        // Modules may make another user of it, whom nobody has looked up.
        match pam.items().user().map_err(broken)? {
            Some(user) if user.as_os_str() == name => Ok(()),
            other => Err(No::Shut(format!("PAM has made {other:?} of it"))),
        }
    }

    /// A no, unless the error says that PAM itself does not work.
    fn no(error: ErrorCode, no: fn(String) -> No) -> No {
        let kind = match error {
            ErrorCode::OpenError
            | ErrorCode::SymbolError
            | ErrorCode::ServiceError
            | ErrorCode::SystemError
            | ErrorCode::BufferError
            | ErrorCode::ConversationError
            | ErrorCode::Abort
            | ErrorCode::AuthInfoUnavailable => No::Broken,
            _ => no,
        };
        kind(error.to_string())
    }

    /// Types the password wherever nothing is shown while typing, and answers nothing else.
    struct Typist(Secret);

    impl ConversationAdapter for Typist {
        fn masked_prompt(&self, _: impl AsRef<OsStr>) -> nonstick::Result<OsString> {
            // libpam wipes its copy; this one goes with the process, right after.
            Ok(OsString::from_vec(self.0.expose().to_vec()))
        }

        fn prompt(&self, _: impl AsRef<OsStr>) -> nonstick::Result<OsString> {
            Err(ErrorCode::ConversationError)
        }

        fn error_msg(&self, _: impl AsRef<OsStr>) {}

        fn info_msg(&self, _: impl AsRef<OsStr>) {}
    }
}
