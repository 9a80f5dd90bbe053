//! `fxpd --try`: a server for one directory and one afternoon, with nothing on disk but the files.

use crate::{
    failure::Failure,
    options::TryArgs,
    show,
    signals::{Signals, Wish},
};
use fxpd::{
    Access, Account, AuthError, Authenticator, Builder, FxpGrant, FxpLevel, Identity, Listen,
    Local, LocalOptions, Secret, Visitor, hash_password, verify_password,
};
use std::{
    ffi::OsString,
    fs,
    net::{Ipv4Addr, SocketAddr},
};

/// The one account's name.
const NAME: &str = "demo";
/// Characters of its password: five random bits each.
const PASSWORD_LENGTH: usize = 16;
/// 32 of them, none to be mistaken for another, none that a shell would touch.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Serves until SIGTERM or SIGINT, after telling how to connect.
pub fn serve(args: &TryArgs) -> Result<(), Failure> {
    let directory = fs::canonicalize(&args.directory)
        .ok()
        .filter(|path| path.is_dir())
        .ok_or_else(|| Failure::usage(format!("no directory {}", args.directory.display())))?;
    let password = random_password()?;
    let identity = Identity::self_signed(&["localhost", "127.0.0.1"]).map_err(Failure::system)?;
    let fingerprint = identity.fingerprint().to_string();
    let demo = Demo {
        hash: hash_password(&Secret::new(password.as_str())).map_err(Failure::system)?,
        home: directory.clone().into(),
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let bound = Builder::new(identity, demo, Local::new(LocalOptions::default()))
        .listen(address, Listen::Explicit)
        .bind()
        .map_err(Failure::unavailable)?;
    let address = bound.addresses().first().copied().unwrap_or(address);
    let mut signals = Signals::of_reloads().map_err(Failure::system)?;
    signals.catch_all().map_err(Failure::system)?;
    let handle = bound.start().map_err(Failure::system)?;
    show(&format!("serving {} on {address}\n\n", directory.display()))?;
    show(&invitation(address, &password, &fingerprint))?;
    while signals.next() == Wish::Reload {}
    handle.shutdown();
    Ok(())
}

/// What to paste. `fxp` takes the password from its environment, which other users cannot see.
fn invitation(address: SocketAddr, password: &str, fingerprint: &str) -> String {
    format!(
        "account      {NAME}\n\
         password     {password}\n\
         certificate  {fingerprint}\n\n\
         FXP_PASSWORD={password} fxp --pin {fingerprint} ftps://{NAME}@{address}/FILE .\n\
         lftp -e 'set ssl:verify-certificate no; set ftp:ssl-force yes' \
         -u {NAME},{password} ftp://{address}\n\
         curl -k --ssl-reqd -u {NAME}:{password} ftp://{address}/\n\n\
         Ctrl-C ends it.\n"
    )
}

fn random_password() -> Result<String, Failure> {
    let mut random = [0; PASSWORD_LENGTH];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::system(format!("no random bytes: {error}")))?;
    // 256 is a multiple of 32: every character is equally likely.
    Ok(random
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect())
}

/// The authenticator of one account, in memory.
struct Demo {
    hash: String,
    home: OsString,
}

impl Authenticator for Demo {
    fn authenticate(&self, visitor: &Visitor<'_>, password: &Secret) -> Result<Account, AuthError> {
        // The password is checked whatever the visitor.name is: both refusals take the same time.
        if !verify_password(password, &self.hash) || visitor.name != NAME {
            return Err(AuthError::Rejected);
        }
        let fxp = FxpGrant::both(FxpLevel::Tls);
        Ok(Account { fxp, ..Account::new(NAME, &self.home, Access::ReadWrite) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_demo_account_enters() {
        let password = random_password().unwrap();
        assert_eq!(password.len(), PASSWORD_LENGTH);
        let hash = hash_password(&Secret::new(password.as_str())).unwrap();
        let demo = Demo { hash, home: "/srv".into() };
        let peer = Ipv4Addr::LOCALHOST.into();
        for (name, word, enters) in [
            (NAME, password.as_str(), true),
            (NAME, "guess", false),
            ("root", password.as_str(), false),
        ] {
            let account = demo.authenticate(&Visitor::new(name, peer), &Secret::new(word));
            assert_eq!(account.is_ok(), enters, "{name}");
        }
    }

    #[test]
    fn the_password_is_no_argument_of_fxp() {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 2121));
        let text = invitation(address, "pass", "SHA256:00");
        let fxp = text.lines().find(|line| line.contains(" fxp ")).unwrap();
        assert!(
            fxp.starts_with("FXP_PASSWORD=pass fxp --pin SHA256:00 ftps://demo@127.0.0.1:2121/")
        );
    }
}
