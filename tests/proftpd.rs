//! A real proftpd.

use crate::real_server::{ANN, PASSWORD_HASH, Place, RealServer, peer, peers};
use std::{
    fs,
    ops::Deref,
    os::unix::fs::{MetadataExt, PermissionsExt},
};

/// Whether, as the accepting TLS end, it demands a resumed session: its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumption {
    Demanded,
    Waived,
}

pub struct Proftpd(RealServer);

impl Proftpd {
    /// Starts one with the account `ann`, and waits until it answers.
    pub fn start(resumption: Resumption) -> Proftpd {
        Proftpd::with(resumption, "")
    }

    /// The same with more lines of configuration, which count before those below.
    pub fn with(resumption: Resumption, more: &str) -> Proftpd {
        Proftpd::at("127.0.0.1", resumption, more)
    }

    /// The same at `host`.
    pub fn at(host: &str, resumption: Resumption, more: &str) -> Proftpd {
        let place = Place::at(host);
        configure(&place, resumption, more);
        let mut command = peer("usr/sbin/proftpd");
        command.args(["-n", "-c"]).arg(place.home().join("conf"));
        Proftpd(place.start(ANN, &mut command))
    }
}

impl Deref for Proftpd {
    type Target = RealServer;

    fn deref(&self) -> &RealServer {
        &self.0
    }
}

fn configure(place: &Place, resumption: Resumption, more: &str) {
    let owner = fs::metadata(place.home()).unwrap();
    let (uid, gid) = (owner.uid(), owner.gid());
    let tree = place.home().join("tree");
    place
        .write("passwd", &format!("ann:{PASSWORD_HASH}:{uid}:{gid}::{}:/bin/sh\n", tree.display()));
    for name in ["passwd", "key.pem"] {
        // proftpd refuses secrets that others can read.
        fs::set_permissions(place.home().join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let waiver = match resumption {
        Resumption::Demanded => "",
        Resumption::Waived => "TLSOptions NoSessionReuseRequired",
    };
    let modules = peers().join("usr/lib/proftpd");
    let (home, modules) = (place.home().display(), modules.display());
    let (host, port) = (place.address.ip(), place.address.port());
    let text = format!(
        "ModulePath {modules}\n\
         LoadModule mod_tls.c\n\
         LoadModule mod_digest.c\n\
         {more}\n\
         ServerName fxp\n\
         Port {port}\n\
         DefaultAddress {host}\n\
         SocketBindTight on\n\
         UseIPv6 off\n\
         UseReverseDNS off\n\
         WtmpLog off\n\
         PidFile {home}/pid\n\
         ScoreboardFile none\n\
         SystemLog {home}/log\n\
         TransferLog none\n\
         DelayEngine off\n\
         AuthPAM off\n\
         AuthOrder mod_auth_file.c\n\
         AuthUserFile {home}/passwd\n\
         RequireValidShell off\n\
         RootLogin on\n\
         AllowForeignAddress on\n\
         AllowOverwrite on\n\
         TLSEngine on\n\
         TLSLog {home}/tlslog\n\
         TLSECCertificateFile {home}/cert.pem\n\
         TLSECCertificateKeyFile {home}/key.pem\n\
         TLSRequired on\n\
         TLSVerifyServer off\n\
         {waiver}\n\
         DigestEngine on\n"
    );
    place.write("conf", &text);
}
