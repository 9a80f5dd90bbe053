//! Accounts from several places.

use crate::{
    auth::{Account, AuthError, Authenticator, Visitor},
    proto::Secret,
};
use std::{io, net::IpAddr, sync::Arc};

/// Authenticators that are asked in their order. The first that knows the name decides: a name that
/// is locked in one place is not let in by another.
#[derive(Clone)]
pub struct Sources(Vec<Arc<dyn Authenticator>>);

impl Sources {
    /// Of these, the first to be asked first.
    pub fn new(sources: Vec<Arc<dyn Authenticator>>) -> Sources {
        Sources(sources)
    }

    fn first_that_knows(
        &self,
        ask: impl Fn(&dyn Authenticator) -> Result<Account, AuthError>,
    ) -> Result<Account, AuthError> {
        for source in &self.0 {
            match ask(&**source) {
                Err(AuthError::Unknown) => {}
                decided => return decided,
            }
        }
        Err(AuthError::Unknown)
    }
}

impl Authenticator for Sources {
    fn authenticate(
        &self,
        name: &str,
        password: &Secret,
        peer: IpAddr,
    ) -> Result<Account, AuthError> {
        self.first_that_knows(|source| source.authenticate(name, password, peer))
    }

    fn admit(&self, visitor: &Visitor<'_>, password: &Secret) -> Result<Account, AuthError> {
        self.first_that_knows(|source| source.admit(visitor, password))
    }

    fn admit_by_certificate(&self, visitor: &Visitor<'_>) -> Result<Account, AuthError> {
        self.first_that_knows(|source| source.admit_by_certificate(visitor))
    }

    fn is_anonymous(&self, name: &str) -> bool {
        self.0.iter().any(|source| source.is_anonymous(name))
    }

    fn begin(&self) -> io::Result<()> {
        self.0.iter().try_for_each(|source| source.begin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::{Anonymous, FxpLevel},
        proto::Access,
    };
    use std::net::Ipv4Addr;

    /// Knows `ann`, and answers so.
    struct Says(fn() -> AuthError);

    impl Authenticator for Says {
        fn authenticate(&self, name: &str, _: &Secret, _: IpAddr) -> Result<Account, AuthError> {
            Err(if name == "ann" { (self.0)() } else { AuthError::Unknown })
        }
    }

    #[test]
    fn the_first_that_knows_the_name_decides() {
        let anonymous = || Arc::new(Anonymous::new("/pub")) as Arc<dyn Authenticator>;
        let says = |what| Arc::new(Says(what)) as Arc<dyn Authenticator>;
        let broken = || AuthError::Unavailable("broken".into());
        let all = Sources::new(vec![anonymous(), says(|| AuthError::Rejected), says(broken)]);
        let ask = |sources: &Sources, name: &str| {
            sources.authenticate(name, &Secret::new("x"), Ipv4Addr::LOCALHOST.into())
        };
        let everybody = ask(&all, "FTP").unwrap();
        assert_eq!((everybody.name.as_str(), everybody.access), ("anonymous", Access::ReadOnly));
        assert_eq!(everybody.fxp.outgoing.max(everybody.fxp.incoming), FxpLevel::Off);
        assert!(matches!(ask(&all, "ann"), Err(AuthError::Rejected)));
        assert!(matches!(ask(&all, "bob"), Err(AuthError::Unknown)));
        let down = Sources::new(vec![says(broken), says(|| AuthError::Rejected)]);
        assert!(matches!(ask(&down, "ann"), Err(AuthError::Unavailable(_))));
    }
}
