//! Tries the replies of a server.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fxpd::fuzzing::reply_read(data));
