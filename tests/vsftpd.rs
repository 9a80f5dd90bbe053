//! A real vsftpd. Its local users need PAM, which needs files in `/etc`; so the account is
//! `anonymous`, with the right to write, though not into its login directory.

use crate::real_server::{Account, Place, RealServer, peer};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
};

/// The settings that let it take part in copies between servers, against its defaults.
pub const OPEN: &str = "require_ssl_reuse=NO\npasv_promiscuous=YES\nport_promiscuous=YES\n";

const ANONYMOUS: Account = Account { user: "anonymous", tree: "tree/" };

/// The user and group `daemon`, who own what arrives: unlike `nobody` they have a home, which it
/// insists on.
const DAEMON: u32 = 1;

/// Starts one at `host` with more lines of configuration; the last of several of a kind counts.
pub fn start(host: &str, more: &str) -> RealServer {
    let place = Place::at(host);
    let tree = place.home().join("tree");
    chown(&tree, Some(DAEMON), Some(DAEMON)).expect("vsftpd's tests need root");
    fs::set_permissions(place.home(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(place.home().join("empty")).unwrap();
    let home = place.home().display();
    let (host, port) = (place.address.ip(), place.address.port());
    place.write(
        "conf",
        &format!(
            "listen=YES\nbackground=NO\nlisten_address={host}\nlisten_port={port}\n\
             anonymous_enable=YES\nlocal_enable=NO\nno_anon_password=NO\nftp_username=daemon\n\
             anon_root={home}\nsecure_chroot_dir={home}/empty\n\
             write_enable=YES\nanon_upload_enable=YES\nanon_mkdir_write_enable=YES\n\
             anon_other_write_enable=YES\nanon_world_readable_only=NO\nanon_umask=022\n\
             ssl_enable=YES\nallow_anon_ssl=YES\nforce_anon_data_ssl=YES\nforce_anon_logins_ssl=YES\n\
             ssl_tlsv1=YES\nssl_ciphers=HIGH\nrsa_cert_file={home}/cert.pem\n\
             rsa_private_key_file={home}/key.pem\n\
             xferlog_enable=NO\nseccomp_sandbox=NO\ntcp_wrappers=NO\n\
             {more}"
        ),
    );
    let mut command = peer("usr/sbin/vsftpd");
    command.arg(place.home().join("conf"));
    place.start(ANONYMOUS, &mut command)
}
