//! One line of the users file: `name:hash:uid:gid:gecos:home:shell:options`.
//!
//! The first seven fields are those of passwd(5), so that tools made for it go on working; the
//! eighth is ours. It stands last because IPv6 networks hold colons. No file is opened here.

use super::{Account, AccountLimits, ClientProof, FxpGrant, FxpLevel, Right, password::check_hash};
use crate::{proto::Access, sys::ids::Ids};
use ipnet::IpNet;
use std::{fmt, net::IpAddr, str::FromStr};

/// Fields up to the colons that count; colons behind belong to the options.
const FIELDS: usize = 8;

/// The words of the `access` option.
const ACCESS_WORDS: [(&str, Access); 3] =
    [("ro", Access::ReadOnly), ("incoming", Access::Incoming), ("rw", Access::ReadWrite)];

/// An account as its line says it. `Display` prints a line that reads back as the same value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserLine {
    /// The login name.
    pub name: String,
    /// The hash of the password, see [`crate::HashKind`]; nothing, or `!` or `*` before anything, locks
    /// the account.
    pub hash: String,
    /// The user of the system that the account is, where the server takes on its accounts' ids.
    pub uid: u32,
    /// The only group that it then has.
    pub gid: u32,
    /// A remark: the full name, as a rule. Kept for other tools.
    pub gecos: String,
    /// The top of the account's tree: an absolute path.
    pub home: String,
    /// Kept for other tools.
    pub shell: String,
    /// What the account may do.
    pub options: UserOptions,
}

/// The eighth field. What is not set follows the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserOptions {
    /// `access=ro|incoming|rw`; reading and writing when unset.
    pub access: Option<Access>,
    /// `fxp=off|verified|tls|any`: the level both ways; the server's default when unset.
    pub fxp: Option<FxpLevel>,
    /// `fxp_out=`: overrides `fxp` for files that leave.
    pub fxp_out: Option<FxpLevel>,
    /// `fxp_in=`: overrides `fxp` for files that arrive.
    pub fxp_in: Option<FxpLevel>,
    /// `fxp_out_networks=`: where files may go; empty means anywhere.
    pub fxp_out_networks: Vec<IpNet>,
    /// `fxp_in_networks=`: where files may come from; empty means anywhere.
    pub fxp_in_networks: Vec<IpNet>,
    /// `cert=`: what opens the account without a password.
    pub cert: Vec<ClientProof>,
    /// `networks=`: where the account may log in from; empty means anywhere.
    pub networks: Vec<IpNet>,
    /// `rights=links,who`: what else the account may do.
    pub rights: Vec<Right>,
    /// `quota_bytes=`, `quota_files=`, `rate=`, `sessions=`: how much of the server the account may take.
    pub limits: AccountLimits,
}

impl UserLine {
    /// An account without options, nor uid and gid of its own (both are `nobody`'s).
    pub fn new(
        name: impl Into<String>,
        hash: impl Into<String>,
        home: impl Into<String>,
    ) -> UserLine {
        UserLine {
            name: name.into(),
            hash: hash.into(),
            uid: 65534,
            gid: 65534,
            gecos: String::new(),
            home: home.into(),
            shell: "/bin/false".to_owned(),
            options: UserOptions::default(),
        }
    }

    /// Whether no password opens it.
    pub fn is_locked(&self) -> bool {
        self.hash.is_empty() || self.hash.starts_with(['!', '*'])
    }

    /// Whether nothing opens it. `*` is for accounts without a password: a certificate opens them.
    pub fn is_shut(&self) -> bool {
        self.hash.is_empty() || self.hash.starts_with('!')
    }

    /// Locks the account and keeps its hash, as passwd(1) does: `!` before it.
    pub fn lock(&mut self) {
        if !self.is_locked() {
            self.hash.insert(0, '!');
        }
    }

    /// Takes the lock away. An error when there is no hash behind it.
    pub fn unlock(&mut self) -> Result<(), String> {
        let hash = self.hash.strip_prefix('!').unwrap_or(&self.hash).to_owned();
        if hash.is_empty() || hash.starts_with(['!', '*']) {
            return Err(format!("'{}' has no password: set one", self.name));
        }
        self.hash = hash;
        Ok(())
    }

    /// The account that logs in; `default_fxp` is the level of one that names none.
    pub fn account(&self, default_fxp: FxpLevel) -> Account {
        let options = &self.options;
        let both = options.fxp.unwrap_or(default_fxp);
        Account {
            name: self.name.clone(),
            home: self.home.clone().into(),
            access: options.access.unwrap_or_default(),
            fxp: FxpGrant {
                outgoing: options.fxp_out.unwrap_or(both),
                incoming: options.fxp_in.unwrap_or(both),
                outgoing_networks: options.fxp_out_networks.clone(),
                incoming_networks: options.fxp_in_networks.clone(),
            },
            rights: options.rights.clone(),
            limits: options.limits,
            ids: Some(Ids { uid: self.uid, gid: self.gid, groups: Vec::new() }),
        }
    }
}

impl FromStr for UserLine {
    type Err = String;

    fn from_str(text: &str) -> Result<UserLine, String> {
        if let Some(control) = text.chars().find(|c| c.is_control()) {
            return Err(format!("control character {control:?}"));
        }
        let fields: Vec<&str> = text.splitn(FIELDS, ':').collect();
        let [name, hash, uid, gid, gecos, home, shell, options @ ..] = fields.as_slice() else {
            return Err(format!(
                "{} fields; there are seven, separated by colons, and options behind",
                fields.len()
            ));
        };
        let line = UserLine {
            name: (*name).to_owned(),
            hash: (*hash).to_owned(),
            uid: number("uid", uid)?,
            gid: number("gid", gid)?,
            gecos: (*gecos).to_owned(),
            home: (*home).to_owned(),
            shell: (*shell).to_owned(),
            options: options.first().copied().unwrap_or_default().parse()?,
        };
        if line.name.is_empty() || line.name.starts_with('#') || line.name.contains(' ') {
            return Err(format!("'{name}' cannot be an account's name"));
        }
        if !line.home.starts_with('/') {
            return Err(format!("home '{home}' is not an absolute path"));
        }
        if !line.is_locked() {
            check_hash(&line.hash)?;
        }
        Ok(line)
    }
}

impl fmt::Display for UserLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UserLine { name, hash, uid, gid, gecos, home, shell, options } = self;
        write!(f, "{name}:{hash}:{uid}:{gid}:{gecos}:{home}:{shell}")?;
        match options.to_string().as_str() {
            "" => Ok(()),
            options => write!(f, ":{options}"),
        }
    }
}

impl UserOptions {
    /// Sets one option as `key=value` says. An empty value takes the option away.
    pub fn set(&mut self, option: &str) -> Result<(), String> {
        let Some((key, value)) = option.split_once('=') else {
            return Err(format!("option '{option}' is not of the form key=value"));
        };
        match key {
            "access" => self.access = unless_empty(value, access)?,
            "fxp" => self.fxp = unless_empty(value, str::parse)?,
            "fxp_out" => self.fxp_out = unless_empty(value, str::parse)?,
            "fxp_in" => self.fxp_in = unless_empty(value, str::parse)?,
            "cert" => self.cert = unless_empty(value, proofs)?.unwrap_or_default(),
            "fxp_out_networks" => {
                self.fxp_out_networks = unless_empty(value, networks)?.unwrap_or_default();
            }
            "fxp_in_networks" => {
                self.fxp_in_networks = unless_empty(value, networks)?.unwrap_or_default();
            }
            "networks" => self.networks = unless_empty(value, networks)?.unwrap_or_default(),
            "rights" => self.rights = unless_empty(value, rights)?.unwrap_or_default(),
            _ => match self.limits.set(key, value) {
                Some(outcome) => outcome?,
                None => return Err(format!("unknown option '{key}'")),
            },
        }
        Ok(())
    }
}

impl FromStr for UserOptions {
    type Err = String;

    fn from_str(text: &str) -> Result<UserOptions, String> {
        let mut options = UserOptions::default();
        let mut seen = Vec::new();
        for option in text.split_ascii_whitespace() {
            let (key, value) = option.split_once('=').unwrap_or((option, "?"));
            // In a file an empty list of networks would read as "none" and mean "anywhere".
            if value.is_empty() {
                return Err(format!("option '{key}' has no value"));
            }
            options.set(option)?;
            if seen.contains(&key) {
                return Err(format!("option '{key}' stands twice"));
            }
            seen.push(key);
        }
        Ok(options)
    }
}

impl fmt::Display for UserOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = self.access.map(|access| match access {
            Access::ReadOnly => "ro".to_owned(),
            Access::Incoming => "incoming".to_owned(),
            Access::ReadWrite => "rw".to_owned(),
        });
        let level = |level: Option<FxpLevel>| level.map(|level| level.to_string());
        let options = [
            ("access", access),
            ("fxp", level(self.fxp)),
            ("fxp_out", level(self.fxp_out)),
            ("fxp_in", level(self.fxp_in)),
            ("fxp_out_networks", words(&self.fxp_out_networks)),
            ("fxp_in_networks", words(&self.fxp_in_networks)),
            ("networks", words(&self.networks)),
            ("cert", words(&self.cert)),
            ("rights", words(&self.rights)),
        ];
        let options = options.into_iter().chain(self.limits.options());
        let set = options.filter_map(|(key, value)| Some(format!("{key}={}", value?)));
        f.write_str(&set.collect::<Vec<_>>().join(" "))
    }
}

fn rights(list: &str) -> Result<Vec<Right>, String> {
    list.split(',').map(str::parse).collect()
}

fn proofs(list: &str) -> Result<Vec<ClientProof>, String> {
    list.split(',').map(str::parse).collect()
}

/// A comma-separated list; nothing for an empty one.
fn words<T: ToString>(list: &[T]) -> Option<String> {
    let words: Vec<String> = list.iter().map(T::to_string).collect();
    (!words.is_empty()).then(|| words.join(","))
}

fn unless_empty<T>(
    value: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    if value.is_empty() { Ok(None) } else { parse(value).map(Some) }
}

fn number(what: &str, text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("{what} '{text}' is not a number"))
}

fn access(word: &str) -> Result<Access, String> {
    let found = ACCESS_WORDS.iter().find(|(known, _)| *known == word);
    found
        .map(|(_, access)| *access)
        .ok_or_else(|| format!("'{word}' is no access; it is one of ro, incoming, rw"))
}

/// A comma-separated list of networks; an address alone is the network of that one host.
fn networks(list: &str) -> Result<Vec<IpNet>, String> {
    list.split(',').map(network).collect()
}

fn network(text: &str) -> Result<IpNet, String> {
    let net: IpNet = text
        .parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| format!("'{text}' is not a network, such as 192.0.2.0/24 or 2001:db8::/32"))?;
    if net.trunc() != net {
        return Err(format!("'{text}' is an address within a network; that is {}", net.trunc()));
    }
    // Peers are compared as IPv4 when they are, so that such a network would never match.
    if matches!(net, IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some()) {
        return Err(format!("'{text}' is an IPv4 network in IPv6 form; write it as IPv4"));
    }
    Ok(net)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Amount, Fingerprint};
    use proptest::prelude::*;

    const PHC: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
                       gqcYzx6nmpSALmrtLAhgAbBQVyPmPRJQHyhzR2dJcEY";

    fn options(text: &str) -> Result<UserOptions, String> {
        text.parse()
    }

    #[test]
    fn good_lines_print_as_they_were_read() {
        for line in [
            format!("ann:{PHC}:1000:1000:Ann Archer:/srv/ann:/bin/false"),
            format!("ann:{PHC}:1000:1000::/srv/ann:"),
            "bob:!:65534:65534::/:/bin/false".to_owned(),
            "bob:*:0:0:a, b=c:/srv/böb:/bin/false:access=ro".to_owned(),
            "bob::0:0::/srv/bob:/bin/false:access=rw fxp=tls fxp_out=off fxp_in=any".to_owned(),
            "bob::0:0::/srv/bob:/bin/false:rights=links,who".to_owned(),
            "bob::0:0::/srv/bob:/bin/false:networks=192.0.2.0/24 quota_bytes=2G quota_files=1000 rate=10M sessions=5".to_owned(),
            "bob::0:0::/srv/bob:/bin/false:access=incoming".to_owned(),
            "bob:*:0:0::/srv/bob:/bin/false:cert=ca".to_owned(),
            "bob:!:0:0::/srv:/bin/false:fxp_out_networks=192.0.2.0/24,2001:db8::/32 \
             fxp_in_networks=::1/128"
                .to_owned(),
        ] {
            let parsed: UserLine = line.parse().unwrap_or_else(|what| panic!("{line}: {what}"));
            assert_eq!(parsed.to_string(), line);
        }
    }

    #[test]
    fn bad_lines_say_what_is_wrong() {
        for (line, what) in [
            ("", "fields"),
            ("ann", "1 fields"),
            ("ann:!:0:0::/srv", "6 fields"),
            (":!:0:0::/srv:", "account's name"),
            ("an n:!:0:0::/srv:", "account's name"),
            ("ann:!:x:0::/srv:", "uid 'x'"),
            ("ann:!:0:-1::/srv:", "gid '-1'"),
            ("ann:!:0:0::srv:", "home 'srv'"),
            ("ann:!:0:0:::", "home ''"),
            ("ann:secret:0:0::/srv:", "no hash that is known"),
            ("ann:$1$salt$hash:0:0::/srv:", "no hash that is known"),
            ("ann:$6$salt$hash:0:0::/srv:", "SHA crypt hash is malformed"),
            ("ann:!:0:0::/srv::bogus=1", "unknown option 'bogus'"),
            ("ann:!:0:0::/srv::access", "not of the form key=value"),
            ("ann:!:0:0::/srv::access=rx", "'rx' is no access"),
            ("ann:!:0:0::/srv::fxp=on", "'on' is no FXP level"),
            ("ann:!:0:0::/srv::rights=links,fly", "'fly' is no right"),
            ("ann:!:0:0::/srv::fxp=tls fxp=any", "'fxp' stands twice"),
            ("ann:!:0:0::/srv::rate=fast", "'fast' is not a number of bytes"),
            ("ann:!:0:0::/srv::quota_files=1K", "'1K' is not a whole number"),
            ("ann:!:0:0::/srv::sessions=0", "'0' is not a number of sessions"),
            ("ann:!:0:0::/srv::fxp_in_networks=", "'fxp_in_networks' has no value"),
            ("ann:!:0:0::/srv::fxp_in_networks=192.0.2.1/24", "192.0.2.0/24"),
            ("ann:!:0:0::/srv::fxp_in_networks=host", "'host' is not a network"),
            ("ann:!:0:0::/srv::fxp_in_networks=::ffff:192.0.2.0/120", "write it as IPv4"),
            ("ann:!:0:0:\u{7}:/srv:", "control character"),
        ] {
            let found = line.parse::<UserLine>().expect_err(line);
            assert!(found.contains(what), "{line}: {found}");
        }
    }

    #[test]
    fn fxp_sets_both_ways_and_the_ways_override_it() {
        use FxpLevel::*;
        for (text, outgoing, incoming) in [
            ("", Verified, Verified),
            ("fxp=any", Any, Any),
            ("fxp=any fxp_out=off", Off, Any),
            ("fxp_in=tls", Verified, Tls),
            ("fxp_in=tls fxp=off", Off, Tls),
        ] {
            let line = UserLine {
                options: options(text).unwrap(),
                ..UserLine::new("ann", "!", "/srv/ann")
            };
            let grant = line.account(Verified).fxp;
            assert_eq!((grant.outgoing, grant.incoming), (outgoing, incoming), "{text}");
        }
    }

    #[test]
    fn a_lock_keeps_the_hash_and_is_taken_away_again() {
        let mut ann = UserLine::new("ann", PHC, "/srv/ann");
        ann.lock();
        ann.lock();
        assert_eq!((ann.hash.as_str(), ann.is_locked()), (format!("!{PHC}").as_str(), true));
        assert_eq!((ann.unlock(), ann.hash.as_str()), (Ok(()), PHC));
        assert_eq!(ann.unlock(), Ok(()));
        for hash in ["", "!", "*", "!*"] {
            let mut bob = UserLine::new("bob", hash, "/srv/bob");
            assert!(bob.unlock().unwrap_err().contains("no password"), "{hash}");
            assert_eq!(bob.hash, hash);
        }
    }

    #[test]
    fn single_addresses_are_networks_of_one_host() {
        let read = options("fxp_out_networks=192.0.2.7,2001:db8::7").unwrap();
        assert_eq!(read.to_string(), "fxp_out_networks=192.0.2.7/32,2001:db8::7/128");
    }

    #[test]
    fn an_empty_value_takes_an_option_away() {
        let mut set =
            options("access=ro fxp=any fxp_in_networks=::1 networks=::1 rate=1K quota_bytes=1 quota_files=1 sessions=2")
                .unwrap();
        for option in [
            "access=",
            "fxp=",
            "fxp_in_networks=",
            "networks=",
            "rate=",
            "quota_bytes=",
            "quota_files=",
            "sessions=",
        ] {
            set.set(option).unwrap();
        }
        assert_eq!(set, UserOptions::default());
    }

    fn nets() -> impl Strategy<Value = Vec<IpNet>> {
        let net = (any::<IpAddr>(), 0..=32_u8)
            .prop_map(|(address, bits)| IpNet::new(address.to_canonical(), bits).unwrap().trunc());
        let ours = net.prop_filter("no IPv4 in IPv6 form", |net| network(&net.to_string()).is_ok());
        prop::collection::vec(ours, 0..3)
    }

    fn any_options() -> impl Strategy<Value = UserOptions> {
        use prop::{collection::vec, option::of, sample::select};
        let level = || of(select(FxpLevel::WORDS.map(|(_, level)| level).to_vec()));
        let pin = any::<[u8; 32]>().prop_map(|it| ClientProof::Pin(Fingerprint::from_digest(it)));
        let amount = || of(any::<u64>().prop_map(Amount));
        let levels =
            (of(select(ACCESS_WORDS.map(|word| word.1).to_vec())), level(), level(), level());
        let lists =
            (nets(), nets(), nets(), vec(prop_oneof![Just(ClientProof::Authority), pin], 0..3));
        let rights = vec(select(Right::WORDS.map(|word| word.1).to_vec()), 0..3);
        let limits = (amount(), amount(), of(any::<u64>()), of(1..usize::MAX));
        (levels, lists, rights, limits).prop_map(|(levels, lists, rights, limits)| {
            let (access, fxp, fxp_out, fxp_in) = levels;
            let (fxp_out_networks, fxp_in_networks, networks, cert) = lists;
            let (rate, quota_bytes, quota_files, sessions) = limits;
            let limits = AccountLimits { rate, quota_bytes, quota_files, sessions };
            UserOptions {
                access,
                fxp,
                fxp_out,
                fxp_in,
                fxp_out_networks,
                fxp_in_networks,
                networks,
                cert,
                rights,
                limits,
            }
        })
    }

    proptest! {
        #[test]
        fn every_line_is_read_as_printed(
            name in "[a-z][!-9;-~ü]{0,9}", hash in prop::sample::select(vec![PHC, "", "!", "*", "!locked"]),
            ids: (u32, u32), gecos in "[ -9;-~ü]{0,20}", home in "/[ -9;-~ü]{0,20}", shell in "[ -9;-~]{0,9}",
            options in any_options(),
        ) {
            let hash = hash.to_owned();
            let line = UserLine { name, hash, uid: ids.0, gid: ids.1, gecos, home, shell, options };
            let printed = line.to_string();
            prop_assert_eq!(printed.parse(), Ok(line), "{}", printed);
        }

        #[test]
        fn every_option_is_read_as_printed(options in any_options()) {
            prop_assert_eq!(options.to_string().parse(), Ok(options));
        }
    }
}
