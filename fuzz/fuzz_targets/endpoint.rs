//! Tries the addresses of PORT, EPRT, 227 and 229.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fxpd::fuzzing::endpoint(data));
