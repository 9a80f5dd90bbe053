//! SECURITY.md against the tests: what it promises is held by tests, and those exist.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    fs::read_to_string(root().join("SECURITY.md")).unwrap()
}

/// What stands in code marks and has the form of a test's name, `order::abor_ends_every_phase`.
fn tests_named(text: &str) -> BTreeSet<&str> {
    let is_word = |word: &str| {
        !word.is_empty()
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let marked = text.split('`').skip(1).step_by(2);
    marked.filter(|name| name.contains("::") && name.split("::").all(is_word)).collect()
}

/// The files that may hold a test of this module: `order` is an end-to-end test, `proto::line` a
/// room of the library with tests of its own, `fxpd::config` a file of that program.
fn files_of(module: &str) -> Vec<PathBuf> {
    let path = module.replace("::", "/");
    let inner = path.strip_suffix("/tests").unwrap_or(&path);
    let source = match inner.split_once('/') {
        Some(("fxpd" | "fxp", _)) => format!("src/bin/{inner}"),
        _ => format!("src/{inner}"),
    };
    match path == inner {
        true => vec![
            root().join(format!("tests/{path}.rs")),
            root().join(format!("tests/{path}/mod.rs")),
        ],
        false => ["{}.rs", "{}/mod.rs", "{}/tests.rs"]
            .map(|form| root().join(form.replace("{}", &source)))
            .into(),
    }
}

fn is_there(name: &str) -> bool {
    let Some((module, function)) = name.rsplit_once("::") else { return false };
    let head = format!("fn {function}() {{");
    files_of(module).iter().filter_map(|file| fs::read_to_string(file).ok()).any(|text| {
        let mut before = text.split(&head);
        let first = before.next().unwrap_or_default();
        before.next().is_some() && first.trim_end().ends_with("#[test]")
    })
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let page = page();
    let named = tests_named(&page);
    assert!(named.len() > 100, "only {} tests are named", named.len());
    let missing: Vec<_> = named.iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_promise_of_the_page_names_a_test() {
    let page = page();
    let promises = page.split("\n## ").find(|section| section.starts_with("What is promised"));
    let promises = promises.expect("a section of promises");
    // A promise is an item of a list: it goes on in lines that are indented.
    let items: Vec<_> = promises.split("\n- ").skip(1).collect();
    assert!(items.len() > 60, "only {} promises", items.len());
    for item in items {
        let item = item.split("\n\n").next().unwrap_or_default();
        assert!(!tests_named(item).is_empty(), "no test holds this: {item}");
    }
}

#[test]
fn a_test_that_is_not_there_is_missed() {
    assert!(is_there("security_page::a_test_that_is_not_there_is_missed"));
    assert!(is_there("proto::line::tests::a_line_ends_with_crlf_only"));
    assert!(is_there("storage::local::tests::names_are_bytes"));
    assert!(is_there("fxpd::config::tests::a_file_sets_what_it_names"));
    for name in [
        "security_page::is_there",
        "security_page::nobody_has_written_this",
        "nowhere::nobody_has_written_this",
        "proto::line::a_line_ends_with_crlf_only",
    ] {
        assert!(!is_there(name), "{name}");
    }
    assert_eq!(tests_named("a `b::c` `B::c` `std` b::d"), ["b::c"].into());
}
