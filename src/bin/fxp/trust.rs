//! `fxp trust`: what a server's certificate says, shown before anything is believed, and recorded
//! among the known hosts when the user says so.

use crate::{
    connect::Connect,
    exit::Failure,
    options::{Options, Talk},
    report,
    sites::Sites,
};
use fxpd::{Certificate, ClientError, Fingerprint, Location, Met, Security, Site, Term, Validity};
use getopts::{Matches, Options as Getopts};
use jiff::Timestamp;
use std::{
    fs::OpenOptions,
    io::{self, BufRead, BufReader, Read, Write},
    mem,
    sync::PoisonError,
};

/// A longer answer is neither yes nor no.
const MAX_ANSWER_BYTES: u64 = 100;

/// What may be done without asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Doubt {
    question: Question,
    change: Change,
}

/// Whether the user is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Question {
    #[default]
    Asked,
    /// `--yes`
    Answered,
}

/// What becomes of a record that the certificate does not match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Change {
    #[default]
    Refused,
    /// `--replace`
    Replaces,
}

/// Tells the command line of the options of `trust`.
pub fn declare(options: &mut Getopts) {
    options.optflag("", "yes", "trust: record without asking");
    options.optflag("", "replace", "trust: put a changed certificate in the old one's place");
}

impl Doubt {
    /// What the command line says.
    pub fn read(matches: &Matches) -> Doubt {
        Doubt {
            question: match matches.opt_present("yes") {
                true => Question::Answered,
                false => Question::Asked,
            },
            change: match matches.opt_present("replace") {
                true => Change::Replaces,
                false => Change::Refused,
            },
        }
    }
}

/// The servers that are named: by URL, by a name of `sites.toml`, or as `HOST[:PORT]`.
pub fn servers(words: &[String], sites: &Sites) -> Result<Vec<Site>, Failure> {
    if words.is_empty() {
        return Err(Failure::Usage("give a SERVER: a URL, a site, or HOST[:PORT]".to_owned()));
    }
    words.iter().map(|word| server(word, sites).map_err(Failure::Usage)).collect()
}

fn server(word: &str, sites: &Sites) -> Result<Site, String> {
    if let Some(site) = sites.site(word.strip_suffix(':').unwrap_or(word)) {
        return Ok(site.clone());
    }
    let url = if word.contains("://") { word.to_owned() } else { format!("ftps://{word}") };
    url.parse::<Location>().map(|location| location.site).map_err(|fault| fault.to_string())
}

/// Meets each server. Every failure is told; the last one counts.
pub fn run(servers: &[Site], doubt: Doubt, options: &Options) -> Result<(), Failure> {
    let connect = Connect::new(options)?;
    let mut outcome = Ok(());
    for site in servers {
        let Err(failure) = meet(site, doubt, &connect, options.talk) else { continue };
        if let Err(before) = mem::replace(&mut outcome, Err(failure)) {
            eprintln!("fxp: {before}");
        }
    }
    outcome
}

fn meet(site: &Site, doubt: Doubt, connect: &Connect, talk: Talk) -> Result<(), Failure> {
    if site.security == Security::Clear {
        return Err(Failure::Usage(format!("{site}: without TLS there is nothing to trust")));
    }
    let Some(met) = fxpd::meet(site, &connect.setup(site)?)? else { return Ok(()) };
    let access = connect.access(site);
    let say = |text: &str| if talk == Talk::Quiet { Ok(()) } else { report::say(text) };
    say(&describe(site, &met, access.authorities.is_some()))?;

    let server = site.to_string();
    let now = met.certificate.fingerprint;
    if !access.pins.is_empty() && !access.pins.contains(&now) {
        return Err(refused(server, format!("its certificate is {now}, which no pin names")));
    }
    let mut known = connect.known().lock().unwrap_or_else(PoisonError::into_inner);
    let before = known.of(&server);
    if before.contains(&now) {
        return say("  already known");
    }
    if let Some(before) = before.last() {
        say(&format!("  CHANGED      it was {before}"))?;
        if doubt.change == Change::Refused {
            let why = format!("ITS CERTIFICATE HAS CHANGED; --replace records the new one, {now}");
            return Err(refused(server, why));
        }
    }
    // Who knows the fingerprint beforehand has answered.
    if access.pins.is_empty() && doubt.question == Question::Asked {
        ask(&server, now)?;
    }
    let recorded = match before.is_empty() {
        true => known.record(&server, now),
        false => known.replace(&server, now),
    };
    recorded.map_err(Failure::Config)?;
    say(&format!("  recorded in {}", known.path().display()))
}

fn ask(server: &str, now: Fingerprint) -> Result<(), Failure> {
    let question = format!("Is {now} what the owner of {server} tells you? Record it (yes/no)");
    let answer = confirm(&question).map_err(|error| {
        Failure::Config(format!(
            "{server}: nobody is there to ask ({error}); use --pin {now} when you know that it is \
             right, or --yes"
        ))
    })?;
    match answer {
        true => Ok(()),
        false => Err(refused(server.to_owned(), "it was not recorded".to_owned())),
    }
}

/// Asks on the controlling terminal what only `yes` answers with yes.
fn confirm(question: &str) -> io::Result<bool> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    write!(terminal, "{question}: ")?;
    let mut answer = String::new();
    BufReader::new(terminal).take(MAX_ANSWER_BYTES).read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

fn refused(server: String, why: String) -> Failure {
    Failure::Client(ClientError::Untrusted(server, why))
}

fn describe(site: &Site, met: &Met, has_authorities: bool) -> String {
    let Certificate { fingerprint, subject, issuer, names, validity } = &met.certificate;
    let valid = validity.as_ref().map_or("unknown".to_owned(), valid);
    let issuer = if issuer == subject { "itself" } else { issuer };
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let mut text = format!(
        "{site}\n  subject      {subject}\n  signed by    {issuer}\n  \
         valid        {valid}\n  names        {names}\n  \
         fingerprint  {fingerprint}"
    );
    if has_authorities {
        let verdict = match &met.authority {
            Ok(()) => "trusted for this host".to_owned(),
            Err(why) => format!("not trusted: {why}"),
        };
        text.push_str(&format!("\n  by --cacert  {verdict}"));
    }
    text
}

/// From when to when, and whether that is now.
fn valid(validity: &Validity) -> String {
    let term = match validity.term(Timestamp::now()) {
        Term::Current => "",
        Term::Early => ", NOT YET",
        Term::Expired => ", EXPIRED",
    };
    format!("{} to {}{term}", validity.begins, validity.ends)
}
