//! Tries a book.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fxpd::fuzzing::book(data));
