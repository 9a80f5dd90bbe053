//! Accounts from several places.

use crate::{
    auth::{Account, AuthError, Authenticator, Visitor},
    proto::Secret,
};
use std::{io, sync::Arc};

/// Authenticators that are asked in their order. The first that knows the name decides: a name that
/// is locked in one place is not let in by another.
#[derive(Clone)]
pub struct Sources(Vec<Arc<dyn Authenticator>>);

impl Sources {
    /// Of these, the first to be asked first.
    pub fn new(sources: Vec<Arc<dyn Authenticator>>) -> Sources {
        Sources(sources)
    }

    /// What the first that knows the name decides, and who is left behind it.
    fn first_that_knows(
        &self,
        ask: impl Fn(&dyn Authenticator) -> Result<Account, AuthError>,
    ) -> (&[Arc<dyn Authenticator>], Result<Account, AuthError>) {
        for (at, source) in self.0.iter().enumerate() {
            match ask(&**source) {
                Err(AuthError::Unknown) => {}
                decided => return (&self.0[at + 1..], decided),
            }
        }
        (&[], Err(AuthError::Unknown))
    }
}

impl Authenticator for Sources {
    fn authenticate(&self, visitor: &Visitor<'_>, password: &Secret) -> Result<Account, AuthError> {
        let (others, decided) =
            self.first_that_knows(|source| source.authenticate(visitor, password));
        // An unknown name costs the time of all.
        if matches!(decided, Err(AuthError::Rejected)) {
            others.iter().for_each(|source| source.refuse(visitor));
        }
        decided
    }

    fn admit_by_certificate(&self, visitor: &Visitor<'_>) -> Result<Account, AuthError> {
        self.first_that_knows(|source| source.admit_by_certificate(visitor)).1
    }

    fn refuse(&self, visitor: &Visitor<'_>) {
        self.0.iter().for_each(|source| source.refuse(visitor));
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
    use std::{
        net::Ipv4Addr,
        sync::atomic::{AtomicUsize, Ordering},
    };

    /// Knows `ann`, and answers so; counts whom it had to refuse beside.
    struct Says(fn() -> AuthError, AtomicUsize);

    impl Says {
        fn new(what: fn() -> AuthError) -> Arc<Says> {
            Arc::new(Says(what, AtomicUsize::new(0)))
        }

        fn refused(&self) -> usize {
            self.1.load(Ordering::Relaxed)
        }
    }

    impl Authenticator for Says {
        fn refuse(&self, _: &Visitor<'_>) {
            self.1.fetch_add(1, Ordering::Relaxed);
        }

        fn authenticate(&self, visitor: &Visitor<'_>, _: &Secret) -> Result<Account, AuthError> {
            Err(if visitor.name == "ann" { (self.0)() } else { AuthError::Unknown })
        }
    }

    fn at_home(name: &str) -> Visitor<'_> {
        Visitor::new(name, Ipv4Addr::LOCALHOST.into())
    }

    #[test]
    fn the_first_that_knows_the_name_decides() {
        let anonymous = || Arc::new(Anonymous::new("/pub")) as Arc<dyn Authenticator>;
        let says = |what| Says::new(what) as Arc<dyn Authenticator>;
        let broken = || AuthError::Unavailable("broken".into());
        let all = Sources::new(vec![anonymous(), says(|| AuthError::Rejected), says(broken)]);
        let ask =
            |sources: &Sources, name: &str| sources.authenticate(&at_home(name), &Secret::new("x"));
        let everybody = ask(&all, "FTP").unwrap();
        assert_eq!((everybody.name.as_str(), everybody.access), ("anonymous", Access::ReadOnly));
        assert_eq!(everybody.fxp.outgoing.max(everybody.fxp.incoming), FxpLevel::Off);
        assert!(matches!(ask(&all, "ann"), Err(AuthError::Rejected)));
        assert!(matches!(ask(&all, "bob"), Err(AuthError::Unknown)));
        let down = Sources::new(vec![says(broken), says(|| AuthError::Rejected)]);
        assert!(matches!(ask(&down, "ann"), Err(AuthError::Unavailable(_))));
    }

    #[test]
    fn a_name_that_is_refused_costs_the_time_of_all_sources() {
        let unavailable = || AuthError::Unavailable("broken".into());
        for (what, refused) in [
            (Says::new(|| AuthError::Rejected), [0, 1, 1]),
            (Says::new(unavailable), [0, 0, 0]),
            (Says::new(|| AuthError::Unknown), [0, 0, 0]),
        ] {
            let others = [0; 2].map(|_| Says::new(|| AuthError::Unknown));
            let of = |says: &Arc<Says>| Arc::clone(says) as Arc<dyn Authenticator>;
            let beside: Arc<dyn Authenticator> =
                Arc::new(Sources::new(others.iter().map(of).collect()));
            let sources = Sources::new(vec![of(&what), beside]);
            let _ = sources.authenticate(&at_home("ann"), &Secret::new("x"));
            assert_eq!([&what, &others[0], &others[1]].map(|it| it.refused()), refused);
        }
    }
}
