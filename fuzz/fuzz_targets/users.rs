//! Tries a users file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fxpd::fuzzing::users(data));
