//! The addresses of the names in `passive_address` and `passive_addresses`: looked up when the
//! server starts, and again now and then on a thread that does nothing else.

use crate::{config::Config, value::Place};
use crossbeam_channel::{RecvTimeoutError, Sender};
use fxpd::{PassiveAddress, ToldAddress};
use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, ToSocketAddrs},
    thread,
    time::Duration,
};

/// How often names are looked up again.
const AGAIN_AFTER: Duration = Duration::from_secs(300);

/// The names that the settings know, and what they stand for.
type Names = BTreeMap<String, ToldAddress>;

/// Who knows the names of the settings in force.
#[derive(Default)]
pub struct Lookups {
    names: Names,
    /// To the thread, once there is one.
    teach: Option<Sender<Names>>,
}

impl Lookups {
    /// What `PASV` shall tell by `config`. A name that was known before stays so; a new one is
    /// looked up with [`Lookups::look_up`] or, later, [`Lookups::in_background`].
    pub fn told(&mut self, config: &Config) -> Vec<PassiveAddress> {
        let known = std::mem::take(&mut self.names);
        let mut told = |place: &Place| match place {
            Place::Address(address) => ToldAddress::new(*address),
            Place::Name(name) => {
                let told = self.names.entry(name.clone());
                told.or_insert_with(|| known.get(name).cloned().unwrap_or_default()).clone()
            }
        };
        let of_networks =
            config.passive_addresses.iter().map(|(networks, place)| (networks.clone(), place));
        let of_all = config.passive_address.iter().map(|place| (Vec::new(), place));
        of_networks
            .chain(of_all)
            .map(|(networks, place)| PassiveAddress::new(networks, told(place)))
            .collect()
    }

    /// Looks all of them up, and waits.
    pub fn look_up(&self) {
        look_up(&self.names, &resolve);
    }

    /// Has them looked up now and then from now on, those that are new at once. Without names there
    /// is no thread.
    pub fn in_background(&mut self) -> io::Result<()> {
        if let Some(teach) = &self.teach {
            let _ = teach.send(self.names.clone()); // the thread lives as long as this
            return Ok(());
        }
        if self.names.is_empty() {
            return Ok(());
        }
        let (teach, lessons) = crossbeam_channel::unbounded();
        let mut names = self.names.clone();
        let unknown = |names: &Names| names.values().any(|told| told.known().is_none());
        thread::Builder::new().name("lookups".into()).spawn(move || {
            // Those that were looked up a moment ago need not be again.
            if unknown(&names) {
                look_up(&names, &resolve);
            }
            loop {
                match lessons.recv_timeout(AGAIN_AFTER) {
                    Ok(newer) => names = newer,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                look_up(&names, &resolve);
            }
        })?;
        self.teach = Some(teach);
        Ok(())
    }
}

fn look_up(names: &Names, resolve: &dyn Fn(&str) -> io::Result<Vec<Ipv4Addr>>) {
    for (name, told) in names {
        let known = told.known();
        match resolve(name) {
            // A name of several addresses tells them in any order: as long as one is right, it stays.
            Ok(addresses) if known.is_some_and(|known| addresses.contains(&known)) => {}
            Ok(addresses) => match addresses.first() {
                Some(address) => {
                    log::info!("{name} is {address}");
                    told.set(*address);
                }
                None => log::warn!("{name} has no IPv4 address; PASV tells what it did before"),
            },
            Err(error) => {
                log::warn!("{name} cannot be looked up; PASV tells what it did before: {error}");
            }
        }
    }
}

fn resolve(name: &str) -> io::Result<Vec<Ipv4Addr>> {
    let addresses = (name, 0).to_socket_addrs()?.filter_map(|address| match address.ip() {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    });
    Ok(addresses.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_changes_with_its_name_and_survives_failures() {
        let told = ToldAddress::default();
        let names = Names::from([("ftp.example.org".to_owned(), told.clone())]);
        let look = |answer: io::Result<Vec<Ipv4Addr>>| {
            let answer = std::cell::RefCell::new(Some(answer));
            look_up(&names, &|name| {
                assert_eq!(name, "ftp.example.org");
                answer.take().unwrap()
            });
            told.known()
        };
        assert_eq!(look(Err(io::ErrorKind::NotFound.into())), None);
        assert_eq!(look(Ok(vec![ip("192.0.2.1"), ip("192.0.2.2")])), Some(ip("192.0.2.1")));
        assert_eq!(look(Ok(vec![ip("192.0.2.2"), ip("192.0.2.1")])), Some(ip("192.0.2.1")));
        assert_eq!(look(Err(io::ErrorKind::TimedOut.into())), Some(ip("192.0.2.1")));
        assert_eq!(look(Ok(Vec::new())), Some(ip("192.0.2.1")));
        assert_eq!(look(Ok(vec![ip("192.0.2.3")])), Some(ip("192.0.2.3")));
    }

    #[test]
    fn a_reload_keeps_what_is_known() {
        let named = |name: &str| Config {
            passive_address: Some(Place::Name(name.to_owned())),
            ..Config::default()
        };
        let mut lookups = Lookups::default();
        lookups.told(&named("a"));
        lookups.names["a"].set(ip("192.0.2.1"));
        lookups.told(&named("a"));
        assert_eq!(lookups.names["a"].known(), Some(ip("192.0.2.1")));
        lookups.told(&named("b"));
        assert!(!lookups.names.contains_key("a") && lookups.names["b"].known().is_none());
    }
}
