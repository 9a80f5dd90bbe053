//! `sites.toml`: what a name stands for, and that a site's options are its own.

use crate::{
    fxp_pairs::{fxp, said, url},
    proftpd::{Proftpd, Resumption},
    program::{Outcome, Program},
    real_server::{PASSWORD, make_certificate},
    scripted_server::{Data, ScriptedServer},
    site::Site,
};
use fxpd::Demand;
use std::{fs, os::unix::fs::PermissionsExt};

const USAGE: i32 = 64;
const NO_SECURE_ROUTE: i32 = 76;
const REFUSED: i32 = 77;
const CONFIG: i32 = 78;

/// Runs `fxp` with these sites, as one who knows the password.
#[track_caller]
fn runs(fxp: &Program, sites: &str, arguments: &[&str]) -> Outcome {
    fxp.put("sites.toml", sites.as_bytes());
    let arguments = [&["--log-protocol"], arguments].concat();
    let file = fxp.word("sites.toml");
    fxp.runs_with(&arguments, &[("FXP_PASSWORD", "pw"), ("FXP_SITES", &file)])
}

#[test]
fn a_name_stands_for_a_server_its_directory_and_its_certificate() {
    let (source, target, fxp) = (Site::start(), Site::start(), fxp());
    for site in [&source, &target] {
        fs::create_dir(site.path("in")).unwrap();
    }
    source.put("in/a", b"hello\n");
    let sites = format!(
        "[work]\nurl = '{}'\nuser = 'ann'\npins = '{}'\n\
         [backup]\nurl = '{}'\npins = ['{}']\n",
        url(&source, "in").replace("ann@", ""),
        source.identity.fingerprint(),
        url(&target, ""),
        target.identity.fingerprint(),
    );
    runs(&fxp, &sites, &["work:a", "backup:in/"]).succeeds().says("SSCN");
    assert_eq!(target.file("in/a").unwrap(), b"hello\n");
    runs(&fxp, &sites, &["work:/in/a", "backup:b"]).succeeds();
    assert_eq!(target.file("b").unwrap(), b"hello\n");
    runs(&fxp, &sites, &["backup:b", "work:"]).succeeds();
    assert_eq!(source.file("in/b").unwrap(), b"hello\n");
    // A URL of the same account is the same site; another account there is a stranger.
    runs(&fxp, &sites, &[&url(&source, "in/a"), "./"]).succeeds();
    let stranger = url(&source, "in/a").replace("ann@", "bob@");
    runs(&fxp, &sites, &[&stranger, "c"]).fails(REFUSED, "never seen before");
    // The command line has the last word, for both ends.
    let other = format!("SHA256:{}", "ab".repeat(32));
    runs(&fxp, &sites, &["--pin", &other, "work:a", "c"]).fails(REFUSED, "no pin names");
}

#[test]
fn what_looks_like_a_site_and_is_none_is_a_file_or_an_error() {
    let (site, fxp) = (Site::start(), fxp());
    let sites =
        format!("[work]\nurl = '{}'\npins = '{}'\n", url(&site, ""), site.identity.fingerprint());
    fxp.put("wrok:a", b"a file\n");
    runs(&fxp, &sites, &["wrok:a", "work:"]).succeeds();
    assert_eq!(site.file("wrok:a").unwrap(), b"a file\n");
    runs(&fxp, &sites, &["wrok:b", "work:"]).fails(USAGE, "no site 'wrok' in ");
    runs(&fxp, &sites, &["work:wrok:a", "new:a"]).fails(USAGE, "./new:a");
    runs(&fxp, &sites, &["work:wrok:a", "./new:a"]).succeeds();
    assert_eq!(fxp.file("new:a").unwrap(), b"a file\n");
}

#[test]
fn the_options_of_a_site_hold_for_that_site_alone() {
    let lax = || Site::with(|plan| plan.settings.tls = Demand::Optional);
    let (tls12, clear, other) = (lax(), lax(), lax());
    let fxp = fxp();
    tls12.put("a", b"hello\n");
    let sites = format!(
        "[old]\nurl = '{}'\ntls = '1.2'\npins = '{}'\ntimeout = 20\n\
         [open]\nurl = '{}'\nallow_clear = true\n",
        url(&tls12, ""),
        tls12.identity.fingerprint(),
        url(&clear, "").replace("ftps", "ftp"),
    );
    runs(&fxp, &sites, &["old:a", "./"]).succeeds().says("TLSv1.2");
    let up = runs(&fxp, &sites, &["a", "open:"]).succeeds().says("IN CLEAR TEXT");
    assert!(said(&up.err, clear.address).contains(&"STOR a"), "{}", up.err);
    let other = url(&other, "").replace("ftps", "ftp");
    runs(&fxp, &sites, &["a", &other]).fails(NO_SECURE_ROUTE, "--allow-clear");
    let copied = runs(&fxp, &sites, &["old:a", "open:"]).succeeds().says("IN CLEAR TEXT");
    copied.says("control TLSv1.2, no TLS");
}

#[test]
fn a_file_of_sites_that_is_wrong_is_named_with_line_and_column() {
    let fxp = fxp();
    for (sites, words) in [
        ("[a]\nurl = 'ftps://h/'\n pin = 'x'\n", "line 3 column 2: unknown key 'pin', known are"),
        ("[a]\nurl = 'sftp://h/'\n", "line 2 column 7: url: a URL begins with ftps://"),
        ("[a]\nurl = 'ftps://ann:pw@h/'\n", "url: a URL must not hold a password"),
        ("[a]\nuser = 'ann'\n", "line 1 column 2: a: url is missing"),
        ("[a]\nurl = 'ftps://b@h/'\nuser = 'ann'\n", "the user stands in url and in user"),
        ("[a]\nurl = 'ftps://h/'\nkey = 'k'\n", "key needs cert"),
        ("[a]\nurl = 'ftps://h/'\ntimeout = 0\n", "line 3 column 11: timeout: 0 is not within"),
        ("[a]\nurl = 'ftps://h/'\npins = ['zz']\n", "'zz' is no fingerprint"),
        ("[a]\nurl = 'ftps://h/'\ntls = '1.1'\n", "'1.1' is none of"),
        ("['a b']\nurl = 'ftps://h/'\n", "'a b' is no name"),
        ("url = 'ftps://h/'\n", "'url' stands before any [site]"),
        ("[a\n", "line 1"),
        (
            "[a]\nurl = 'ftps://h/x'\n[b]\nurl = 'ftps://h/y'\ntls = '1.2'\n",
            "'b' is the same account as 'a', with other options",
        ),
    ] {
        let refused = runs(&fxp, sites, &["a:x", "x"]).fails(CONFIG, "sites.toml line ");
        refused.fails(CONFIG, words);
    }
    fxp.runs(&["--sites", "missing", "a:x", "x"]).fails(CONFIG, "cannot read missing");
    fxp.runs(&["a:x", "x"]).fails(USAGE, ".config/fxp/sites.toml");
}

#[test]
fn a_server_that_asks_for_a_certificate_gets_ours_and_its_owner_alone_reads_the_key() {
    let fxp = fxp();
    make_certificate(&fxp.path("."), [127, 0, 0, 1].into());
    let ours = fxp.word("cert.pem");
    let verify = format!("TLSVerifyClient on\nTLSCACertificateFile {ours}");
    let server = Proftpd::with(Resumption::Demanded, &verify);
    fs::write(server.path("a"), "hello\n").unwrap();
    let (a, b) = (server.url("a"), server.url("b"));
    let runs = |arguments: &[&str]| {
        let arguments = [&["--trust-new"], arguments].concat();
        fxp.runs_with(&arguments, &[("FXP_PASSWORD", PASSWORD)])
    };
    let mode = |bits| fs::set_permissions(fxp.path("key.pem"), fs::Permissions::from_mode(bits));
    let with = ["--cert", "cert.pem", "--key", "key.pem"];
    mode(0o644).unwrap();
    runs(&[&with[..], &[&a, "./"]].concat()).fails(CONFIG, "chmod 600 key.pem");
    mode(0o600).unwrap();
    runs(&[&a, "./"]).fails(REFUSED, "our certificate, or our having none");
    for option in ["-v", "--tls12"] {
        runs(&[&with[..], &[option, &a, "./"]].concat()).succeeds();
        runs(&[&with[..], &[option, "a", &b]].concat()).succeeds();
    }
    assert_eq!(fs::read(server.path("b")).unwrap(), b"hello\n");

    let both = [fs::read(&ours).unwrap(), fs::read(fxp.path("key.pem")).unwrap()].concat();
    fxp.put("both.pem", &both);
    fs::set_permissions(fxp.path("both.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    let site = format!("[it]\nurl = '{}'\ncert = 'both.pem'\n", server.url(""));
    fxp.put("sites.toml", site.as_bytes());
    runs(&["--sites", "sites.toml", "it:a", "c"]).succeeds();
    runs(&["--cert", "missing", &a, "c"]).fails(CONFIG, "missing");
}

#[test]
fn a_data_connection_that_asks_for_a_certificate_gets_ours_as_well() {
    let fxp = fxp();
    make_certificate(&fxp.path("."), [127, 0, 0, 1].into());
    fs::set_permissions(fxp.path("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    let with = ["--cert", "cert.pem", "--key", "key.pem"];
    for option in ["-v", "--tls12"] {
        let runs = |more: &[&str]| {
            let server = ScriptedServer::with_data(&[], Data::AsksCertificate);
            let url = server.url("a");
            let arguments = [&["--trust-new", option, &url, "b"], more].concat();
            fxp.runs_with(&arguments, &[("FXP_PASSWORD", "pw")])
        };
        runs(&[]).fails(NO_SECURE_ROUTE, "alert");
        runs(&with).succeeds();
        assert_eq!(fxp.file("b").unwrap(), b"hello\n");
        fs::remove_file(fxp.path("b")).unwrap();
    }
}

#[test]
fn bash_completes_commands_and_the_names_of_sites() {
    let fxp = Program::new("bash", "bash");
    fxp.put("sites.toml", b"[work]\nurl = 'ftps://h/'\n\n[web-2] # two\nurl = 'ftps://i/'\n");
    fxp.put("wood", b"");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/etc/completion/fxp");
    for (line, completions) in [
        ("fxp w", "web-2: wood work:"),
        ("fxp t", "trust"),
        ("fxp p", "plan"),
        ("fxp -q --timeout 5 t", "trust"),
        ("fxp wood t", ""),
        ("fxp ftp", "ftp:// ftps+implicit:// ftps://"),
        ("fxp trust w", "web-2 work"),
        ("fxp --sites /dev/null trust w", ""),
        ("fxp --sites w", "wood"),
        ("fxp --pin ", ""),
        ("fxp --rep", "--replace"),
    ] {
        let words: Vec<_> = line.split(' ').collect();
        let ask = format!(
            "source {script}; compopt() {{ :; }}; COMP_WORDS=({}); COMP_CWORD={}; _fxp; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\" | sort | tr '\\n' ' '",
            words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
            words.len() - 1
        );
        let file = fxp.word("sites.toml");
        let outcome = fxp.runs_with(&["-c", &ask], &[("FXP_SITES", &file), ("LC_ALL", "C")]);
        assert_eq!(outcome.succeeds().out.trim(), completions, "{line}");
    }
}
