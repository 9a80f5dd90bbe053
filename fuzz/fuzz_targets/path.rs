//! Tries a directory and a path.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fxpd::fuzzing::path(data));
