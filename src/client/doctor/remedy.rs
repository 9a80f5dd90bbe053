//! What to change for each cause, in the words of each server's own configuration.

use crate::client::{ServerKind, doctor::Cause};

/// What to change at a server of this kind; `None` where nothing is known.
pub(super) fn of(cause: Cause, kind: ServerKind) -> Option<&'static str> {
    let own = REMEDIES.iter().find(|row| row.0 == cause && row.1 == kind);
    let any = || REMEDIES.iter().find(|row| row.0 == cause && row.1 == ServerKind::Unknown);
    own.or_else(any).map(|row| row.2)
}

/// A row with the unknown kind is for all that have none of their own.
const REMEDIES: &[(Cause, ServerKind, &str)] = {
    use Cause::*;
    use ServerKind::*;
    &[
        (NoTlsClient, Unknown, "one of them has to offer SSCN or CPSV, as fxpd and proftpd do"),
        (ShutsOutStrangers, Fxpd, "fxp=tls for the account, see fxpd.passwd(5)"),
        (ShutsOutStrangers, Proftpd, "AllowForeignAddress on"),
        (ShutsOutStrangers, PureFtpd, "start it with -w, or AllowUserFXP yes"),
        (RefusesPort, Fxpd, "fxp=tls for the account, see fxpd.passwd(5)"),
        (RefusesPort, Proftpd, "AllowForeignAddress on"),
        (RefusesPort, Vsftpd, "port_promiscuous=YES"),
        (RefusesPort, PureFtpd, "start it with -w, or AllowUserFXP yes"),
        (RefusesPort, Pyftpdlib, "permit_foreign_addresses = True"),
        (RefusesPort, Unknown, "let it copy with other servers (FXP)"),
        (RefusesPeer, Fxpd, "fxp=tls for the account, see fxpd.passwd(5)"),
        (RefusesPeer, Proftpd, "AllowForeignAddress on"),
        (RefusesPeer, Vsftpd, "pasv_promiscuous=YES"),
        (RefusesPeer, PureFtpd, "start it with -w, or AllowUserFXP yes"),
        (RefusesPeer, Pyftpdlib, "permit_foreign_addresses = True"),
        (RefusesPeer, Unknown, "let it copy with other servers (FXP)"),
        (DemandsResumption, Fxpd, "data_tls_reuse = \"optional\""),
        (DemandsResumption, Proftpd, "TLSOptions NoSessionReuseRequired"),
        (DemandsResumption, Vsftpd, "require_ssl_reuse=NO"),
        (DistrustsPeer, Proftpd, "TLSVerifyServer off, or the other's CA in TLSCACertificateFile"),
        (DistrustsPeer, Unknown, "let it trust the other's certificate, or trust unseen"),
        (BreaksAsClient, Proftpd, "TLSProtocol TLSv1.2, or TLSVerifyServer off"),
        (LosesTail, Proftpd, "TLSProtocol TLSv1.2"),
        (ShowsNoCertificate, Unknown, "let the other be the TLS client, as fxp does if it can"),
        (SendsNothing, Fxpd, "fxp_out=tls for the account, see fxpd.passwd(5)"),
        (TakesNothing, Fxpd, "fxp_in=tls for the account, see fxpd.passwd(5)"),
        (OtherNetworks, Fxpd, "add the other to fxp_out_networks and fxp_in_networks"),
        (PassiveAddress, Fxpd, "passive_address with the address that others reach"),
        (PassiveAddress, Proftpd, "MasqueradeAddress with the address that others reach"),
        (PassiveAddress, Vsftpd, "pasv_address with the address that others reach"),
        (PassiveAddress, PureFtpd, "-P (ForcePassiveIP) with the address that others reach"),
        (PassiveAddress, Pyftpdlib, "masquerade_address with the address that others reach"),
        (PassiveAddress, Unknown, "let it name the address that others reach"),
        (PassivePorts, Fxpd, "set passive_ports and open them in the firewall"),
        (PassivePorts, Proftpd, "set PassivePorts and open them in the firewall"),
        (PassivePorts, Vsftpd, "set pasv_min_port, pasv_max_port and open that range"),
        (PassivePorts, PureFtpd, "set -p (PassivePortRange) and open that range"),
        (PassivePorts, Pyftpdlib, "set passive_ports and open them in the firewall"),
        (PassivePorts, Unknown, "open its passive ports in the firewall"),
        (NotWritable, Unknown, "name a directory that the account may write into"),
        (Expired, Fxpd, "a new certificate, by 'fxpd cert' or from your CA"),
        (Expired, Unknown, "a new certificate"),
        (NotYetValid, Unknown, "set its clock, or wait"),
        (ClockOff, Vsftpd, "set its clock (NTP), or mdtm_write and use_localtime=NO"),
        (ClockOff, Pyftpdlib, "set its clock (NTP), or use_gmt_times = True"),
        (ClockOff, Unknown, "set its clock (NTP) and time zone"),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_gets_its_own_words_and_an_unknown_one_plain_ones() {
        let of_vsftpd = of(Cause::RefusesPeer, ServerKind::Vsftpd);
        assert_eq!(of_vsftpd, Some("pasv_promiscuous=YES"));
        assert_eq!(
            of(Cause::ClockOff, ServerKind::Glftpd),
            of(Cause::ClockOff, ServerKind::Unknown)
        );
        assert_eq!(of(Cause::Unexplained, ServerKind::Proftpd), None);
        for (row, remedy) in REMEDIES.iter().enumerate() {
            let twice = |other: &&(_, _, _)| (other.0, other.1) == (remedy.0, remedy.1);
            assert_eq!(REMEDIES[..row].iter().find(twice), None, "unreachable");
        }
    }
}
