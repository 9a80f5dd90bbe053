//! Tries a target with the inputs that are kept for it. The tests of the library and of both
//! programs include this file.

use std::{fs, path::Path};

/// Calls `body` with every file of `fuzz/seeds/TARGET`.
pub fn seeds_of(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder:?} is empty");
    for file in files {
        // Shown when the test fails: the last one is the one that failed.
        println!("{}", file.display());
        body(&fs::read(&file).unwrap());
    }
}
