//! Tries a file of sites, as `fxp` reads it.
#![no_main]
#![allow(dead_code)]

include!("../modules_of_fxp.rs");

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::sites(data));
