//! Tries an argument, behind every verb.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fxpd::fuzzing::argument(data));
