//! Python's `ftplib.FTP_TLS`, which knows nothing but the standards, against a site of ours.

use crate::{
    program::{Outcome, Program, sample},
    site::Site,
};
use fxpd::Demand;

/// Logs in, `ftp` being the connection. The port is the first argument, the second is the TLS
/// version; `Resuming` offers the control connection's session to each data connection, as
/// FileZilla and others do and ftplib does not.
const LOGIN: &str = r#"
import ftplib, io, ssl, sys

class Resuming(ftplib.FTP_TLS):
    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:
            conn = self.context.wrap_socket(
                conn, server_hostname=self.host, session=self.sock.session)
        return conn, size

context = ssl.create_default_context(cafile='ca.pem')
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, sys.argv[2])
ftp = KIND(context=context, timeout=20)
ftp.connect('127.0.0.1', int(sys.argv[1]))
ftp.login('ann', 'pw')
ftp.prot_p()

def stored(name):
    got = io.BytesIO()
    ftp.retrbinary('RETR ' + name, got.write)
    return got.getvalue()

def refused(code, call, *arguments):
    try:
        try:
            call(*arguments)
        except OSError:  # the data connection broke, and the reply says why
            ftp.voidresp()
    except ftplib.Error as error:
        assert str(error).startswith(str(code)), error
    else:
        raise AssertionError(f'{arguments} was not refused')
"#;

const VERSIONS: [&str; 2] = ["TLSv1_2", "TLSv1_3"];

/// Runs `script` logged in by a connection of this kind.
#[track_caller]
fn runs(site: &Site, kind: &str, version: &str, script: &str) -> Outcome {
    let python = Program::new("python3", "python3");
    python.put("ca.pem", &site.identity.certificate_pem().unwrap());
    let login = LOGIN.replace("KIND", kind);
    python.put("script.py", format!("{login}{script}\nftp.quit()\nprint('done')\n").as_bytes());
    python.runs(&["script.py", &site.address.port().to_string(), version])
}

#[test]
fn ftplib_moves_files_as_bytes_and_as_lines() {
    for version in VERSIONS {
        let site = Site::start();
        let script = r#"
ftp.storbinary('STOR a', io.BytesIO(bytes(range(256)) * 4001))
assert ftp.size('a') == 256 * 4001
assert stored('a') == bytes(range(256)) * 4001
half = []
ftp.retrbinary('RETR a', half.append, rest=256 * 4000)
assert b''.join(half) == bytes(range(256))
ftp.storbinary('STOR empty', io.BytesIO())
assert stored('empty') == b''
ftp.storbinary('APPE empty', io.BytesIO(b'no more'))
ftp.storlines('STOR lines', io.BytesIO(b'one\ntwo\nthree'))
lines = []
ftp.retrlines('RETR lines', lines.append)
assert lines == ['one', 'two', 'three'], lines
"#;
        runs(&site, "ftplib.FTP_TLS", version, script).succeeds().says("done");
        assert_eq!(site.file("lines").unwrap(), b"one\ntwo\nthree\n");
        assert_eq!(site.file("empty").unwrap(), b"no more");
        assert_eq!(site.file("a").unwrap().len(), 256 * 4001);
    }
}

#[test]
fn ftplib_lists_names_moves_and_removes() {
    let site = Site::start();
    site.put("a", b"hello\n");
    let script = r#"
assert ftp.mkd('d') == '/d'
ftp.cwd('d')
assert ftp.pwd() == '/d'
ftp.storbinary('STOR grüße', io.BytesIO(b'x'))
ftp.cwd('..')
assert sorted(ftp.nlst()) == ['a', 'd'], ftp.nlst()
assert [name.split('/')[-1] for name in ftp.nlst('d')] == ['grüße'], ftp.nlst('d')
listed = {name: facts for name, facts in ftp.mlsd()}
assert listed['a']['type'] == 'file' and listed['a']['size'] == '6', listed
assert listed['d']['type'] == 'dir', listed
lines = []
ftp.dir(lines.append)
assert len(lines) == 2 and all(line[0] in '-d' for line in lines), lines
ftp.rename('d/grüße', 'b')
assert stored('b') == b'x'
ftp.delete('b')
refused(550, ftp.delete, 'b')
refused(550, ftp.rmd, 'no')
refused(550, ftp.size, 'no')
refused(550, stored, 'no')
refused(550, list, ftp.mlsd('no'))
ftp.rmd('d')
"#;
    runs(&site, "ftplib.FTP_TLS", "TLSv1_3", script).succeeds().says("done");
    assert_eq!(site.names(), ["a"]);
}

#[test]
fn ftplib_lets_the_server_connect() {
    let site = Site::start();
    let script = "
ftp.set_pasv(False)
ftp.storbinary('STOR a', io.BytesIO(b'hello' * 10001))
assert stored('a') == b'hello' * 10001
assert ftp.nlst() == ['a']
";
    for version in VERSIONS {
        runs(&site, "ftplib.FTP_TLS", version, script).succeeds().says("done");
        assert_eq!(site.file("a").unwrap(), b"hello".repeat(10001));
    }
}

/// Ten files up and down again, each with its own bytes.
const TEN: &str = r#"
for n in range(10):
    ftp.storbinary(f'STOR f{n}', io.BytesIO(bytes([n]) * (100_000 + n)))
for n in range(10):
    assert stored(f'f{n}') == bytes([n]) * (100_000 + n)
assert len(ftp.nlst()) == 10
"#;

#[test]
fn ftplib_moves_ten_files_in_a_row_resuming_each_time_where_that_is_required() {
    for (kind, demand) in [
        ("Resuming", Demand::Required),
        ("Resuming", Demand::Optional),
        ("ftplib.FTP_TLS", Demand::Optional),
    ] {
        for version in VERSIONS {
            let site = Site::with(|plan| plan.settings.data_tls_reuse = demand);
            runs(&site, kind, version, TEN).succeeds().says("done");
            for n in 0..20 {
                let record = site.record();
                let resumed = record.tls.as_ref().unwrap().resumed;
                assert_eq!(resumed, kind == "Resuming", "{version} {n}");
                assert!(record.complete);
            }
        }
    }
}

#[test]
fn ftplib_without_resumption_is_refused_where_it_is_required() {
    for version in VERSIONS {
        let site = Site::with(|plan| plan.settings.data_tls_reuse = Demand::Required);
        site.put("a", &sample(100));
        let script = "refused(522, ftp.nlst)\nrefused(522, stored, 'a')\n";
        runs(&site, "ftplib.FTP_TLS", version, script).succeeds().says("done");
        let record = site.record();
        assert!(!record.complete && record.bytes == 0);
    }
}

#[test]
fn sscn_said_by_hand_leaves_listings_alone_and_fails_an_ordinary_transfer_cleanly() {
    let site = Site::start();
    site.put("a", b"hello\n");
    let script = "
for passive in True, False:
    ftp.set_pasv(passive)
    assert ftp.sendcmd('SSCN ON') == '200 SSCN:CLIENT METHOD'
    assert ftp.nlst() == ['a']
    assert [name for name, facts in ftp.mlsd() if facts['type'] == 'file'] == ['a']
    refused(421, stored, 'a')
    refused(421, ftp.storbinary, 'STOR b', io.BytesIO(b'x'))
    assert ftp.sendcmd('SSCN OFF') == '200 SSCN:SERVER METHOD'
    assert stored('a') == b'hello\\n'
";
    for version in VERSIONS {
        runs(&site, "ftplib.FTP_TLS", version, script).succeeds().says("done");
    }
    assert_eq!(site.names(), ["a"]);
}
