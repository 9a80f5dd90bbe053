//! Where passwords come from: the environment, `~/.netrc`, a prompt; never the command line.

use crate::{exit::Failure, files, netrc, prompt};
use fxpd::{Credentials, Secret, Site};
use std::{env, os::unix::ffi::OsStringExt};

/// What anonymous servers want for a password.
const ANONYMOUS: (&str, &str) = ("anonymous", "fxp@");

/// Finds out as whom to log in to `site`.
pub fn find(site: &Site) -> Result<Credentials, Failure> {
    let by_environment = variables(site).iter().find_map(env::var_os);
    let by_environment = by_environment.map(|value| Secret::new(value.into_vec()));
    let entry = match (&site.user, &by_environment) {
        (Some(_), Some(_)) => None,
        _ => from_netrc(site)?,
    };
    let (login, password) = entry.map_or((None, None), |entry| (entry.login, entry.password));
    let Some(user) = site.user.clone().or(login) else {
        let password = by_environment.unwrap_or_else(|| Secret::new(ANONYMOUS.1));
        return Ok(Credentials::new(ANONYMOUS.0, password)?);
    };
    let password = match by_environment.or(password) {
        Some(password) => password,
        None => ask(site, &user)?,
    };
    Ok(Credentials::new(user, password)?)
}

/// The variables that may hold the password, in order: two servers may share a host.
fn variables(site: &Site) -> [String; 3] {
    let host: String = site.host.chars().map(in_variable).collect();
    let port = site.port;
    [
        format!("FXP_PASSWORD_{host}_{port}"),
        format!("FXP_PASSWORD_{host}"),
        "FXP_PASSWORD".to_owned(),
    ]
}

fn in_variable(c: char) -> char {
    if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }
}

fn from_netrc(site: &Site) -> Result<Option<netrc::Entry>, Failure> {
    let Some(path) = files::netrc() else { return Ok(None) };
    netrc::look_up(&path, &site.host, site.user.as_deref()).map_err(Failure::Config)
}

fn ask(site: &Site, user: &str) -> Result<Secret, Failure> {
    prompt::secret(&format!("Password of {user} at {site}")).map_err(|error| {
        let [first, ..] = variables(site);
        Failure::Config(format!(
            "no password of {user} at {site}: set {first}, write ~/.netrc, or be asked on a terminal \
             ({error})"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fxpd::Location;

    #[test]
    fn variables_are_named_after_host_and_port() {
        for (url, expected) in [
            ("ftps://ftp-1.example.org/x", "FXP_PASSWORD_FTP_1_EXAMPLE_ORG_21"),
            ("ftps://[::1]:2121/x", "FXP_PASSWORD___1_2121"),
        ] {
            let location: Location = url.parse().unwrap();
            assert_eq!(variables(&location.site)[0], expected);
        }
    }
}
