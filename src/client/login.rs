//! From an address to a protected, logged-in session: TLS, trust, login, features, protection, in
//! this order. Nothing is sent before the server's certificate was judged, except `AUTH TLS`. A
//! server without TLS, where that is allowed, has no certificate and no protection.

use crate::{
    client::{
        ClientError, Features, Met, Security, Setup, Shown, Site,
        control::{Argument, Control},
    },
    net::{Connector, NetError},
    proto::{Fingerprint, Reply, Secret},
};

/// As whom to log in.
#[derive(Clone, Debug)]
pub struct Credentials {
    user: String,
    password: Secret,
}

impl Credentials {
    /// Refuses what no command line can carry.
    pub fn new(user: impl Into<String>, password: Secret) -> Result<Credentials, ClientError> {
        let user = user.into();
        let ends_line = |byte: &u8| matches!(byte, 0 | b'\r' | b'\n');
        if user.as_bytes().iter().any(ends_line) {
            return Err(ClientError::BadText("a user name"));
        }
        if password.expose().iter().any(ends_line) {
            return Err(ClientError::BadText("a password"));
        }
        Ok(Credentials { user, password })
    }

    /// The user's name.
    pub fn user(&self) -> &str {
        &self.user
    }
}

/// What a login yields.
pub(super) struct Session {
    pub control: Control,
    pub connector: Connector,
    /// `None` for a server without TLS.
    pub fingerprint: Option<Fingerprint>,
    pub features: Features,
}

/// Logs in to `site`.
pub(super) fn log_in(
    site: &Site,
    credentials: &Credentials,
    setup: &Setup,
) -> Result<Session, ClientError> {
    let Knock { mut control, connector, greeting, shown } = knock(site, setup)?;
    let fingerprint = match shown {
        Some(shown) => Some(judge(shown, site, setup)?),
        None => None,
    };
    let greeting = match greeting {
        Some(greeting) => greeting,
        None => greet(&mut control).map_err(unwelcome)?,
    };
    authenticate(&mut control, credentials).map_err(unwelcome)?;
    // After the login, for some list less before it. No SSCN before this (client rule 1).
    let feat = ask(&mut control, "FEAT", "")?;
    let system = ask(&mut control, "SYST", "")?;
    let features = Features::parse(&feat, &[&greeting, &system]);
    if site.security != Security::Clear {
        protect(&mut control)?;
    }
    plain_files(&mut control)?;
    Ok(Session { control, connector, fingerprint, features })
}

/// A server that has answered and is not judged yet.
pub(super) struct Knock {
    pub control: Control,
    pub connector: Connector,
    /// With implicit TLS it is still to come.
    pub greeting: Option<Reply>,
    /// `None` for a server without TLS.
    pub shown: Option<Met>,
}

/// Connects to `site` and shakes hands. Nothing is sent but `AUTH TLS`.
pub(super) fn knock(site: &Site, setup: &Setup) -> Result<Knock, ClientError> {
    let (authorities, identity) = (setup.authorities.as_deref(), setup.identity.as_ref());
    let connector =
        Connector::new(authorities, identity, setup.newest).map_err(ClientError::Setup)?;
    if site.security == Security::Clear {
        setup.judge.allow_clear(site).map_err(|why| {
            let exposed = "ftp:// is clear text: the password, all names and all bytes are readable to \
                           whoever is on the way, who can also change them";
            ClientError::Insecure(site.to_string(), format!("{exposed}; {why}"))
        })?;
    }
    let mut control = Control::connect(site, setup.timeout, setup.log.clone())?;
    let (greeting, shown) = match site.security {
        Security::Implicit => (None, Some(shake(&mut control, &connector, site)?)),
        Security::Explicit => {
            let greeting = greet(&mut control)?;
            let reply = ask(&mut control, "AUTH", "TLS")?;
            if !reply.code().is_success() {
                let why = format!("it answered AUTH TLS with {reply}");
                return Err(ClientError::Insecure(control.name().to_owned(), why));
            }
            (Some(greeting), Some(shake(&mut control, &connector, site)?))
        }
        Security::Clear => (Some(greet(&mut control)?), None),
    };
    Ok(Knock { control, connector, greeting, shown })
}

/// Shakes hands, and takes what the server shows as it is.
fn shake(control: &mut Control, connector: &Connector, site: &Site) -> Result<Met, ClientError> {
    let mut shown = (None, Err(String::new()));
    control.upgrade(|socket, wait| {
        let presented = connector.secure_control(socket, &site.host, wait)?;
        shown = (presented.certificate, presented.authority);
        Ok(presented.stream)
    })?;
    let (certificate, authority) = shown;
    let nothing = || ClientError::Untrusted(site.to_string(), "it shows no certificate".to_owned());
    Ok(Met { certificate: certificate.ok_or_else(nothing)?, authority })
}

/// Has the certificate judged.
fn judge(met: Met, site: &Site, setup: &Setup) -> Result<Fingerprint, ClientError> {
    let fingerprint = met.certificate.fingerprint;
    let judged = setup.judge.judge(&Shown { site, fingerprint, authority: met.authority });
    judged.map_err(|why| ClientError::Untrusted(site.to_string(), why))?;
    Ok(fingerprint)
}

/// A server of TLS 1.3 judges our certificate when for us the handshake is done: its alert is the
/// first thing that we read. Not so other alerts, and what we find wrong ourselves: bytes were spoilt
/// on their way, and the next try may be better.
fn unwelcome(error: ClientError) -> ClientError {
    match error {
        ClientError::Lost(name, NetError::Tls(why)) if is_judgement(&why) => {
            ClientError::Unwelcome(name, why)
        }
        error => error,
    }
}

/// Whether OpenSSL speaks of an alert that certificates are answered with (RFC 8446 §6.2).
fn is_judgement(why: &str) -> bool {
    const ABOUT_CERTIFICATES: [&str; 4] =
        ["certificate", "unknown ca", "access denied", "handshake failure"];
    why.contains(" alert ") && ABOUT_CERTIFICATES.iter().any(|words| why.contains(words))
}

/// Waits for 220. A 120 before it asks for patience (RFC 959 §5.4).
fn greet(control: &mut Control) -> Result<Reply, ClientError> {
    let greeting = final_reply(control).map_err(|error| match error {
        // Nothing was said yet: for the user this server is not there.
        ClientError::Lost(name, NetError::Truncated | NetError::Timeout) => {
            let silent = std::io::Error::other("it does not greet");
            ClientError::Unreachable(name, NetError::Io(silent))
        }
        error => error,
    })?;
    accepted(control, "a connection", greeting)
}

fn authenticate(control: &mut Control, credentials: &Credentials) -> Result<(), ClientError> {
    control.send("USER", Argument::Shown(credentials.user.as_bytes()))?;
    let mut reply = final_reply(control)?;
    if reply.code().number() == 331 {
        control.send("PASS", Argument::Secret(credentials.password.expose()))?;
        reply = final_reply(control)?;
    }
    match reply.code().is_success() {
        true => Ok(()),
        false => Err(ClientError::Login(control.name().to_owned(), reply)),
    }
}

/// Data under TLS (RFC 4217 §8 and §9).
fn protect(control: &mut Control) -> Result<(), ClientError> {
    for (verb, argument) in [("PBSZ", "0"), ("PROT", "P")] {
        let reply = ask(control, verb, argument)?;
        if !reply.code().is_success() {
            let why = format!("it answered {verb} {argument} with {reply}");
            return Err(ClientError::Insecure(control.name().to_owned(), why));
        }
    }
    Ok(())
}

/// Files as they are.
fn plain_files(control: &mut Control) -> Result<(), ClientError> {
    let reply = ask(control, "TYPE", "I")?;
    accepted(control, "TYPE I", reply).map(drop)
}

fn accepted(control: &Control, what: &str, reply: Reply) -> Result<Reply, ClientError> {
    match reply.code().is_success() {
        true => Ok(reply),
        false => Err(ClientError::Refused(control.name().to_owned(), what.to_owned(), reply)),
    }
}

fn ask(control: &mut Control, verb: &str, argument: &str) -> Result<Reply, ClientError> {
    control.send(verb, Argument::Shown(argument.as_bytes()))?;
    final_reply(control)
}

fn final_reply(control: &mut Control) -> Result<Reply, ClientError> {
    let until = control.until();
    loop {
        let reply = control.reply(until)?;
        if !reply.code().is_preliminary() {
            return Ok(reply);
        }
    }
}
