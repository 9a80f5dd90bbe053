//! Tries a file of settings of `fxpd`, or what stands behind `-o`. The program has no library, so
//! that its modules are built here, those that reading settings needs.
#![no_main]
#![allow(dead_code)]

#[path = "../../src/bin/fxpd/config.rs"]
mod config;
#[path = "../../src/bin/fxpd/effective.rs"]
mod effective;
#[path = "../../src/bin/fxpd/fuzzing.rs"]
mod fuzzing;
#[path = "../../src/bin/fxpd/hook_run.rs"]
mod hook_run;
#[path = "../../src/bin/fxpd/hooks.rs"]
mod hooks;
#[path = "../../src/bin/fxpd/hosts.rs"]
mod hosts;
#[path = "../../src/bin/shared/located.rs"]
mod located;
#[path = "../../src/bin/fxpd/logging.rs"]
mod logging;
#[path = "../../src/bin/fxpd/lossy.rs"]
mod lossy;
#[path = "../../src/bin/fxpd/peers.rs"]
mod peers;
#[path = "../../src/bin/fxpd/settings/mod.rs"]
mod settings;
#[path = "../../src/bin/fxpd/sources.rs"]
mod sources;
#[path = "../../src/bin/fxpd/syslog.rs"]
mod syslog;
#[path = "../../src/bin/shared/toml_value.rs"]
mod toml_value;
#[path = "../../src/bin/fxpd/value.rs"]
mod value;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::config(data));
