//! Tries a script for a whole session of the server.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fxpd::fuzzing::session(data));
