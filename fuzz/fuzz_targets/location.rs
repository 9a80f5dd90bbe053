//! Tries a URL, a place or a host.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fxpd::fuzzing::location(data));
