//! The floors of the house: an import goes down, never up or sideways.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// Each room and what it may use. The table of the crate page, as a check.
const MAY_USE: &[(&str, &[&str])] = &[
    ("proto", &[]),
    ("sys", &[]),
    ("net", &["proto", "sys"]),
    ("auth", &["proto", "sys"]),
    ("storage", &["proto", "sys"]),
    ("transfer", &["net", "storage", "proto", "sys"]),
    ("session", &["transfer", "net", "auth", "storage", "proto", "sys"]),
    ("client", &["transfer", "net", "proto", "sys"]),
    ("server", &["session", "transfer", "net", "auth", "storage", "proto", "sys"]),
];

fn rust_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}")) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files
}

/// The rooms that a file's code names behind `crate::`, also within braces.
fn rooms_used(text: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut rooms = BTreeSet::new();
    for piece in code.split("crate::").skip(1) {
        match piece.strip_prefix('{') {
            None => drop(rooms.insert(first_word(piece))),
            Some(group) => rooms.extend(group_heads(group)),
        }
    }
    rooms
}

/// The first words of `a::{b, c}, d::e}`: `a` and `d`.
fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut heads, mut at_head) = (0, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_head = true,
            c if at_head && c.is_alphanumeric() => {
                heads.push(first_word(&group[at..]));
                at_head = false;
            }
            _ => {}
        }
    }
    heads
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn imports_go_down_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let rooms: BTreeSet<&str> = MAY_USE.iter().map(|(room, _)| *room).collect();
    let mut climbs = Vec::new();
    let mut read = 0;
    for (room, allowed) in MAY_USE {
        for file in rust_files(&source.join(room)) {
            read += 1;
            for used in rooms_used(&fs::read_to_string(&file).unwrap()) {
                let known = rooms.contains(used.as_str());
                if known && used != *room && !allowed.contains(&used.as_str()) {
                    climbs.push(format!("{} uses {used}", file.display()));
                }
            }
        }
    }
    assert!(climbs.is_empty(), "{climbs:#?}");
    assert!(read > 50, "only {read} files were read");
}

#[test]
fn the_check_of_imports_sees_a_climb() {
    let text = "use crate::{\n    net::{Stream, Wait},\n    server::Handle,\n};\nfn f() { crate::auth::x() }";
    let rooms: Vec<_> = rooms_used(text).into_iter().collect();
    assert_eq!(rooms, ["auth", "net", "server"]);
    assert!(rooms_used("// crate::server is above").is_empty());
}

#[test]
fn the_programs_use_only_the_public_face() {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin");
    for file in rust_files(&programs) {
        let text = fs::read_to_string(&file).unwrap();
        for inner in MAY_USE.iter().map(|(room, _)| format!("fxpd::{room}::")) {
            assert!(!text.contains(&inner), "{} names {inner}", file.display());
        }
    }
}

#[test]
fn decisions_have_one_home() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (what, home) in [
        ("TlsRole::for_data(", "session/data.rs"),
        ("match role", "net/tls.rs"),
        ("SslStream::accept", "net/tls.rs"),
        ("SslStream::connect", "net/tls.rs"),
        ("impl From<StorageError> for Refusal", "session/refusal.rs"),
    ] {
        let homes: Vec<_> = rust_files(&source)
            .into_iter()
            .filter(|file| {
                let text = fs::read_to_string(file).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap();
                code.lines().any(|line| line.contains(what) && !line.trim().starts_with("//"))
            })
            .collect();
        assert_eq!(homes, [source.join(home)], "{what}");
    }
}

/// The lines of Rust that hold `word`, and are neither comments nor part of a longer word.
fn lines_with<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let is_in_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let has = |line: &str| {
        line.match_indices(word).any(|(at, _)| {
            let (before, after) = (&line[..at], &line[at + word.len()..]);
            !is_in_word(before.chars().next_back()) && !is_in_word(after.chars().next())
        })
    };
    let code = text.lines().filter(|line| !line.trim().starts_with("//"));
    code.filter(|line| has(line.split(" // ").next().unwrap())).collect()
}

#[test]
fn one_file_is_unsafe_and_the_border_to_c() {
    const UNSAFE: [&str; 2] = ["capi/border.rs", "sys/raw.rs"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = root.join("src");
    for file in rust_files(&source) {
        let text = fs::read_to_string(&file).unwrap();
        let name = file.strip_prefix(&source).unwrap().display().to_string();
        let levels = lines_with(&text, "unsafe_code");
        if UNSAFE.contains(&name.as_str()) {
            assert_eq!(levels, ["#![allow(unsafe_code)]"], "{name}");
            assert!(!lines_with(&text, "unsafe").is_empty(), "{name} could do without");
        } else {
            let allows = levels.iter().find(|line| **line != "#![forbid(unsafe_code)]");
            assert_eq!(allows, None, "{name}");
            assert_eq!(lines_with(&text, "unsafe"), [""; 0], "{name}");
        }
    }
    // The compiler holds the same, and clippy that each block has its argument.
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for rule in ["unsafe_code = \"deny\"", "undocumented_unsafe_blocks = \"deny\""] {
        assert!(manifest.lines().any(|line| line == rule), "{rule}");
    }
    let library = fs::read_to_string(source.join("lib.rs")).unwrap();
    assert!(library.contains("#[cfg(any(feature = \"capi\", test))]\nmod capi;\n"));
}

#[test]
fn the_check_of_unsafe_code_sees_it_in_every_form() {
    for line in [
        "    let told = unsafe { call() };",
        "unsafe impl Send for X {}",
        "pub unsafe fn f() {}",
        "unsafe extern \"C\" {",
        "#[unsafe(no_mangle)]",
        "let told = unsafe{call()};",
        "    unsafe",
    ] {
        assert_eq!(lines_with(line, "unsafe"), [line]);
    }
    for line in
        ["// unsafe {}", "    /// unsafe", "let x = 1; // not unsafe", "#![deny(unsafe_code)]"]
    {
        assert_eq!(lines_with(line, "unsafe"), [""; 0]);
    }
    let level = "#[expect(unsafe_code, reason = \"none\")]";
    assert_eq!(lines_with(level, "unsafe_code"), [level]);
}

#[test]
fn only_storage_names_host_paths() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for room in ["session", "transfer"] {
        for file in rust_files(&source.join(room)) {
            let text = fs::read_to_string(&file).unwrap();
            let names = |word| {
                text.lines().any(|line| !line.trim().starts_with("//") && line.contains(word))
            };
            assert!(!names("std::fs") && !names("std::path"), "{file:?} names host paths");
        }
    }
}

#[test]
fn nothing_that_a_client_says_starts_a_program_or_maps_a_file() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    // To check a password, and behind an upload, by the operator's word; and itself, at the start and
    // to ask PAM.
    let starters = [
        "auth/program/process.rs",
        "bin/fxpd/hook_run.rs",
        "bin/fxpd/background.rs",
        "bin/fxpd/pam.rs",
    ];
    for file in rust_files(&source) {
        let text = fs::read_to_string(&file).unwrap();
        let name = file.strip_prefix(&source).unwrap().display().to_string();
        let code = text.split("#[cfg(test)]").next().unwrap();
        if !starters.contains(&name.as_str()) && !name.ends_with("/tests.rs") {
            assert!(!code.contains("Command::new("), "{name} starts a program");
        }
        assert!(!code.contains("mmap"), "{name} maps a file, which ends us when it is cut short");
    }
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    assert!(!fs::read_to_string(manifest).unwrap().contains("memmap"));
}

#[test]
fn no_async_runtime_is_in_the_tree() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--all-features", "--prefix", "none"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    // The tree is that of this platform; the lock file holds what any could need.
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    let lock = fs::read_to_string(lock).unwrap();
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.lock");
    let fuzz = fs::read_to_string(fuzz).unwrap();
    let locked = ("name = \"", "\"");
    for (text, (head, end), last) in [
        (tree, ("", " v"), "suppaftp"),
        (lock, locked, "suppaftp"),
        (fuzz, locked, "libfuzzer-sys"),
    ] {
        let has = |name| text.lines().any(|line| line.starts_with(&format!("{head}{name}{end}")));
        assert!(has("openssl") && has(last), "all dependencies are there");
        for runtime in ["tokio", "async-std", "smol", "hyper", "mio"] {
            assert!(!has(runtime), "{runtime} is among the dependencies");
        }
    }
}
