//! Tries a record of servers, as `fxp` reads it.
#![no_main]
#![allow(dead_code)]

include!("../modules_of_fxp.rs");

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::known_hosts(data));
