//! The documents against the programs, both ways: what one knows, the other knows.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const FXPD: &str = env!("CARGO_BIN_EXE_fxpd");
const FXP: &str = env!("CARGO_BIN_EXE_fxp");

/// Key to type, default and meaning, where the place tells them.
type Settings = BTreeMap<String, [String; 3]>;

#[test]
fn every_setting_is_in_the_man_page_with_its_type_and_default() {
    let ours = from_program().into_iter().map(|(key, [kind, default, _])| (key, [kind, default]));
    assert_eq!(from_man_page(), ours.collect());
}

#[test]
fn every_setting_is_in_the_sample_file_with_its_default_and_meaning() {
    let ours = from_program().into_iter().map(|(key, [_, default, about])| (key, [default, about]));
    assert_eq!(from_sample(), ours.collect());
}

#[test]
fn the_sample_file_with_every_line_enabled_is_a_good_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let sample = directory.path().join("fxpd.conf");
    let enabled: Vec<String> = read("etc/fxpd.conf")
        .lines()
        .map(|line| if is_shown(line) { &line[1..] } else { line }.to_owned())
        .collect();
    fs::write(&sample, enabled.join("\n")).unwrap();
    let check = Command::new(FXPD).arg("-t").arg("-c").arg(&sample).output().unwrap();
    // The files it names need not exist here; every setting was read before they are opened.
    let errors = String::from_utf8_lossy(&check.stderr).into_owned();
    assert!(!errors.contains("fxpd.conf line"), "{errors}");
    assert!(errors.contains("cannot read /etc/fxpd/"), "{errors}");
}

#[test]
fn every_option_of_fxpd_is_in_its_man_page_and_its_completion() {
    let ours = long_options(&help(FXPD));
    assert_eq!(man_options("man/fxpd.8"), ours);
    assert_eq!(long_options(&read("etc/completion/fxpd")), ours);
}

#[test]
fn every_option_of_fxp_is_in_its_man_page_and_its_completion() {
    let ours = long_options(&help(FXP));
    assert_eq!(man_options("man/fxp.1"), ours);
    assert_eq!(long_options(&read("etc/completion/fxp")), ours);
}

#[test]
fn the_example_of_sites_toml_in_the_man_page_is_good_and_shows_every_key() {
    let page = read("man/fxp.1");
    let (_, example) = page.split_once("Servers with short names:\n.Bd -literal\n").unwrap();
    let (example, _) = example.split_once(".Ed\n").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sites.toml");
    let complaint = |text: &str| {
        fs::write(&file, text).unwrap();
        let run = Command::new(FXP).arg("--sites").arg(&file).args(["no-site:a", "b"]).output();
        String::from_utf8(run.unwrap().stderr).unwrap()
    };
    // It was read to its end: what is wrong is our command line.
    assert!(complaint(example).contains("no site 'no-site'"), "{}", complaint(example));

    let known = complaint("[a]\nx = 1\n");
    let (_, known) = known.trim_end().split_once("known are ").unwrap();
    let known: BTreeSet<_> = known.split(", ").collect();
    let shown = example.lines().filter_map(|line| line.split_once(" = ")).map(|line| line.0);
    assert_eq!(shown.collect::<BTreeSet<_>>(), known);
    let (_, sites) = page.split_once(".Sh SITES\n").unwrap();
    let (sites, _) = sites.split_once(".Sh ").unwrap();
    let told = sites.lines().filter_map(|line| line.strip_prefix(".It Ic "));
    assert_eq!(told.collect::<BTreeSet<_>>(), known);
}

#[test]
fn man_pages_are_well_formed_where_mandoc_is_installed() {
    let pages: Vec<PathBuf> =
        fs::read_dir(root().join("man")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!pages.is_empty());
    let lint = Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).args(&pages).output();
    let Ok(lint) = lint else { return };
    assert!(lint.status.success(), "{}", String::from_utf8_lossy(&lint.stdout));
}

/// `fxpd --settings`: key, type, default and meaning, separated by tabs.
fn from_program() -> Settings {
    let output = Command::new(FXPD).arg("--settings").output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let rows = table.lines().map(|line| {
        let mut columns = line.split('\t').map(str::to_owned);
        let mut next = || columns.next().unwrap_or_else(|| panic!("a column is missing: {line}"));
        (next(), [next(), next(), next()])
    });
    let settings: Settings = rows.collect();
    assert!(settings.len() > 20, "{table}");
    settings
}

/// fxpd.conf(5): `.It Ic KEY = DEFAULT`, and the type on the next line as `.Pq TYPE`. What stands
/// behind `[[peers]]` or `[[host]]` is theirs.
fn from_man_page() -> BTreeMap<String, [String; 2]> {
    let page = read("man/fxpd.conf.5");
    let lines: Vec<&str> = page.lines().collect();
    let items = lines.windows(2).enumerate().filter_map(|(at, pair)| {
        let (key, default) = pair[0].strip_prefix(".It Ic ")?.split_once(" = ")?;
        let kind = pair[1].strip_prefix(".Pq ").unwrap_or_else(|| panic!("{key} has no type"));
        Some((full(key, &lines[..at]), [kind.to_owned(), default.replace("\\(dq", "\"")]))
    });
    items.collect()
}

/// The sample file: `# MEANING`, and `#KEY = DEFAULT` below. What stands behind `#[[peers]]` or
/// `#[[host]]` is theirs.
fn from_sample() -> BTreeMap<String, [String; 2]> {
    let sample = read("etc/fxpd.conf");
    let lines: Vec<&str> = sample.lines().collect();
    let items = lines.windows(2).enumerate().filter_map(|(at, pair)| {
        let (key, default) = setting_of(pair[1])?;
        let about = pair[0].strip_prefix("# ").unwrap_or_else(|| panic!("{key} has no meaning"));
        Some((full(key, &lines[..at]), [default.to_owned(), about.to_owned()]))
    });
    items.collect()
}

/// A line of the sample file that shows a setting; the sentences have a blank behind their `#`.
fn setting_of(line: &str) -> Option<(&str, &str)> {
    let setting = line.strip_prefix('#')?;
    if setting.starts_with([' ', '#']) { None } else { setting.split_once(" = ") }
}

/// A setting as `fxpd --settings` calls it: in the table that was begun last before it.
fn full(key: &str, before: &[&str]) -> String {
    let begun = |line: &&str| TABLES.iter().find(|table| line.contains(&format!("[[{table}]]")));
    match before.iter().rev().find_map(begun) {
        Some(table) => format!("{table}.{key}"),
        None => key.to_owned(),
    }
}

/// The tables of settings behind all others.
const TABLES: [&str; 2] = ["peers", "host"];

/// Whether a line of the sample file is there to be enabled.
fn is_shown(line: &str) -> bool {
    setting_of(line).is_some() || line.starts_with("#[[")
}

fn help(program: &str) -> String {
    let output = Command::new(program).arg("--help").output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// Every `--word` in a text.
fn long_options(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let words = text.split(|c: char| !is_part(c)).filter_map(|word| word.strip_prefix("--"));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Every `Fl -word` in an mdoc page.
fn man_options(page: &str) -> BTreeSet<String> {
    let page = read(page);
    let words: Vec<&str> = page.split_ascii_whitespace().collect();
    let options = words.windows(2).filter_map(|pair| {
        let is_flag = matches!(pair[0], "Fl" | ".Fl");
        pair[1].strip_prefix('-').filter(|_| is_flag)
    });
    options.map(str::to_owned).collect()
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
