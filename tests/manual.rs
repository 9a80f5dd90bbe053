//! The EXAMPLES of the manual pages, done as they stand there on hosts of their own: no copy of them
//! is here.

use crate::{
    hosts::{Host, Installed, furnish, make_certificate},
    started::{Running, wait_until},
};
use rustix::process::getuid;
use std::{collections::BTreeSet, fs, path::Path, process::Stdio, sync::Arc};

/// The section EXAMPLES of a page, its `\e` and `\(dq` as they are shown.
fn examples(page: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("man").join(page);
    let text = fs::read_to_string(file).unwrap();
    let section = text.split(".Sh EXAMPLES\n").nth(1).unwrap().split("\n.Sh ").next().unwrap();
    section.replace("\\e", "\\").replace("\\(dq", "\"")
}

/// The blocks that are shown line by line.
fn blocks(page: &str) -> Vec<String> {
    let blocks = examples(page);
    let blocks = blocks.split(".Bd -literal").skip(1);
    let inner = |block: &str| {
        let block = block.split_once('\n').unwrap().1;
        block.split(".Ed").next().unwrap().to_owned()
    };
    blocks.map(inner).collect()
}

/// What is typed behind `$ ` or `# `, continued lines as one.
fn commands(page: &str) -> Vec<String> {
    let text = examples(page).replace("\\\n", "");
    let lines = text.lines().map(|line| line.strip_prefix(".Dl ").unwrap_or(line));
    lines
        .filter_map(|line| line.strip_prefix("$ ").or(line.strip_prefix("# ")))
        .map(one_blank)
        .collect()
}

fn one_blank(line: &str) -> String {
    line.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// A host with the service user, as far as whoever runs this can make users: in a namespace of
/// users there is nobody but root.
fn furnished() -> (Arc<Host>, &'static str) {
    let host = Host::new();
    furnish(&host);
    if !getuid().is_root() {
        return (host, "root");
    }
    host.does("getent group fxpd || { groupadd --system fxpd && useradd --system -g fxpd fxpd; }");
    (host, "fxpd")
}

/// Starts the server with these words, and waits until it serves.
fn serve(host: &Arc<Host>, words: &str) -> Running {
    let log = fs::File::create(host.path("log")).unwrap();
    let mut command = host.enter();
    let server = Running::start(command.args(words.split(' ')).stdin(Stdio::null()).stderr(log));
    wait_until("it serves", || host.text("log").contains("] serving\n"));
    server
}

fn visit(host: &Host) {
    host.put("file", b"hello\n");
    let curl = "curl -sS -k --ssl-reqd -m 30 -u ann:pw";
    host.does(&format!(
        "{curl} -T file ftp://127.0.0.1/x && {curl} ftp://127.0.0.1/x | cmp - file"
    ));
}

#[test]
fn every_command_of_fxpd_8_is_tried_here_or_by_those_who_start_it_from_elsewhere() {
    let here = ["fxpd --try ", "fxpd cert ", "fxpd passwd ", "chgrp ", "fxpd -t ", "fxpd -o "];
    // In background.rs, ways_to_start.rs and systemd.sh.
    let there =
        ["fxpd --daemon ", "systemd-socket-activate ", "systemd-sysusers ", "systemctl enable "];
    let known: Vec<&str> = here.iter().chain(&there).copied().collect();
    for command in commands("fxpd.8") {
        assert!(known.iter().any(|known| command.starts_with(known)), "nobody tries: {command}");
    }
}

#[test]
fn a_server_is_set_up_as_fxpd_8_shows() {
    let (host, user) = furnished();
    let block = blocks("fxpd.8").remove(0).replace("\\\n", "");
    let mut server = None;
    for line in block.lines() {
        let Some(command) = line.strip_prefix("# ") else {
            assert_eq!(line, "fxpd: configuration is good");
            continue;
        };
        let command = one_blank(command).replace("fxpd /etc", &format!("{user} /etc"));
        let command = command.replace("user=fxpd", &format!("user={user}"));
        match command.as_str() {
            passwd if passwd.starts_with("fxpd passwd") => {
                // Who types it types a password twice.
                host.does(&format!("echo pw | {passwd} --stdin"));
                host.does(&format!("install -d -o {user} /srv/ann"));
            }
            check if check.starts_with("fxpd -t") => {
                assert_eq!(host.does(&format!("{check} 2>&1")), "fxpd: configuration is good\n");
            }
            serves if serves.starts_with("fxpd -o") => server = Some(serve(&host, serves)),
            other => drop(host.does(other)),
        }
    }
    assert!(server.is_some(), "{block}");
    visit(&host);
}

#[test]
fn a_directory_is_tried_out_as_fxpd_8_shows() {
    let (host, _) = furnished();
    let command = commands("fxpd.8").into_iter().find(|command| command.contains("--try")).unwrap();
    host.put("hello", b"hello\n");
    let command = command.replace("/tmp", &host.path("").display().to_string());
    let out = fs::File::create(host.path("out")).unwrap();
    let mut begin = host.enter();
    let _server = Running::start(begin.args(command.split(' ')).stdin(Stdio::null()).stdout(out));
    wait_until("it tells how", || host.text("out").contains("curl "));
    let told = host.text("out");
    let curl = told.lines().find(|line| line.trim_start().starts_with("curl ")).unwrap();
    assert!(host.does(curl).contains("hello"), "{told}");
}

#[test]
fn the_configurations_of_fxpd_conf_5_are_good_and_serve() {
    let (host, user) = furnished();
    let example = blocks("fxpd.conf.5").concat().replace("\"fxpd\"", &format!("\"{user}\""));
    host.does(&format!(
        "mkdir -p /etc/fxpd/example && install -d -o {user} /srv/ann /var/log/fxpd\n\
         echo pw | fxpd passwd add ann -f /etc/fxpd/passwd --home /srv/ann --stdin\n\
         cp /etc/fxpd/passwd /etc/fxpd/example/passwd\n\
         chgrp {user} /etc/fxpd/passwd /etc/fxpd/example/passwd\n\
         chmod 640 /etc/fxpd/passwd /etc/fxpd/example/passwd"
    ));
    make_certificate(&host, "cert.pem", "key.pem", &["one.example.org"]);
    make_certificate(&host, "example/cert.pem", "example/key.pem", &["ftp.example.org"]);
    host.put("/etc/fxpd.conf", example.as_bytes());
    let checked = host.runs(&["fxpd", "-t"]).succeeds();
    assert_eq!(checked.out, "fxpd: configuration is good\n");
    // It gives a server fewer ports than sessions, and may.
    let mut warnings = checked.err.lines().filter(|line| line.contains("warning: "));
    assert!(warnings.all(|line| line.contains("passive_ports")), "{}", checked.err);
    let _server = serve(&host, "fxpd");
    visit(&host);
    let shown = host.does(
        "openssl s_client -connect 127.0.0.1:21 -starttls ftp -servername ftp.example.net </dev/null",
    );
    assert!(shown.contains("CN = ftp.example.org"), "{shown}");
    assert!(host.text("/var/log/fxpd/xferlog").lines().count() == 2);
}

#[test]
fn the_accounts_of_fxpd_passwd_5_are_good() {
    let (host, _) = furnished();
    host.does("echo pw | fxpd passwd add x -f made --home /srv/x --stdin");
    let made = host.text("made");
    let hash = made.split(':').nth(1).unwrap();
    let example = blocks("fxpd.passwd.5").concat();
    assert!(example.contains("$argon2id$..."), "{example}");
    host.put("passwd", example.replace("$argon2id$...", hash).as_bytes());
    host.does("fxpd passwd check -f passwd");
    let listed = host.does("fxpd passwd list -f passwd");
    // Options have an order of their own there.
    let account = |name: &str, options: &str| {
        let options = options.split(' ').map(str::to_owned);
        (name.to_owned(), options.collect::<BTreeSet<_>>())
    };
    let listed = listed.lines().map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        account(fields[0], fields[3])
    });
    let lines = example.lines().filter(|line| !line.starts_with('#'));
    let of_page = lines.map(|line| {
        let fields: Vec<&str> = line.splitn(8, ':').collect();
        account(fields[0], fields[7])
    });
    assert_eq!(listed.collect::<Vec<_>>(), of_page.collect::<Vec<_>>());
}

#[test]
fn the_program_of_fxpd_auth_5_hears_that_question_and_gives_that_answer() {
    let (host, _) = furnished();
    let block = blocks("fxpd-auth.5").remove(0);
    let [question, answer] = block.lines().collect::<Vec<_>>()[..] else { panic!("{block}") };
    // A program that is asked once, and keeps what it was asked.
    let script = format!(
        "#!/bin/sh\nread -r line\necho \"$line\" >{}\necho '{answer}'\nexec cat >/dev/null\n",
        host.path("asked").display()
    );
    host.put("program", script.as_bytes());
    host.does("chmod 755 program && mkdir -p /srv/ann && echo hello >/srv/ann/file");
    make_certificate(&host, "cert.pem", "key.pem", &["localhost"]);
    host.does("ip addr add 192.0.2.1/32 dev lo");
    let program = format!("fxpd -o auth_program={}", host.path("program").display());
    let _server = serve(&host, &format!("{program} -o auth_program_processes=1"));
    let curl = "curl -sS -k --ssl-reqd -m 30 --interface 192.0.2.1 -u ann:sesame";
    assert_eq!(host.does(&format!("{curl} ftp://192.0.2.1/file")), "hello\n");
    // `access=ro` is what the answer says.
    host.runs(&["sh", "-c", &format!("{curl} -T program ftp://192.0.2.1/file")]).fails(25, "550");
    assert_eq!(host.text("asked").trim_end(), question);
}

#[test]
fn fxp_does_what_fxp_1_shows() {
    let client = Host::new();
    furnish(&client);
    client.does(
        "ip link add name lan type bridge && ip link set lan up && ip addr add 10.1.0.1/24 dev lan",
    );
    let sites = ["one", "two"].map(|name| {
        let host = Host::beside(&client);
        client.plug(name, &host, "eth0");
        client.does(&format!("ip link set {name} master lan up"));
        let end = if name == "one" { 2 } else { 3 };
        host.does(&format!("ip link set eth0 up && ip addr add 10.1.0.{end}/24 dev eth0"));
        client.does(&format!("echo 10.1.0.{end} {name}.example.org >>/etc/hosts"));
        Installed::on(host, &[&format!("{name}.example.org")], &[])
    });
    let [one, two] = &sites;
    two.host.does("mkdir -p /srv/ann/in && echo pw | fxpd passwd add bob -f /etc/fxpd/passwd --home /srv/ann --stdin");
    one.host.does("mkdir -p /srv/ann/data/d && cd /srv/ann && echo 1 >data/d/1 && echo 2 >data/2 && echo a >a && echo t >a.txt");
    one.host.does("head -c 3000000 /dev/urandom >/srv/ann/big.iso");
    client.does(
        "mkdir -p .config/fxp && cat >.config/fxp/sites.toml <<'END'\n[work]\n\
         url = 'ftps://bob@two.example.org'\nEND",
    );
    fs::copy(one.host.path("/etc/fxpd/cert.pem"), client.path("cert.pem")).unwrap();
    // Two servers that were met before.
    client.does("fxp trust --yes one.example.org two.example.org");
    let commands = commands("fxp.1");
    assert!(commands.len() > 8, "{commands:?}");
    for command in &commands {
        let command = command.replace("SHA256:5f1c...", &one.fingerprint);
        let done = client.runs_on(&["sh", "-ec", &command], "yes\n").succeeds();
        match command.split(' ').nth(1).unwrap() {
            "x509" => assert!(done.out.contains("ingerprint="), "{}", done.out),
            "doctor" => assert_eq!(done.out.matches("  works: ").count(), 12, "{}", done.out),
            _ => {}
        }
    }
    let in_two = |name: &str| two.host.file(&format!("/srv/ann/{name}"));
    for (here, there) in
        [("big.iso", "in/big.iso"), ("data/d/1", "data/d/1"), ("data/2", "data/2"), ("a", "a")]
    {
        assert!(in_two(there) == one.host.file(&format!("/srv/ann/{here}")), "{there}");
    }
    assert_eq!(client.text("a.txt"), "t\n");
}
