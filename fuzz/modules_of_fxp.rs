// The program has no library: the targets that try its files build its modules, those that reading
// files needs.

#[path = "../src/bin/fxp/access.rs"]
mod access;
#[path = "../src/bin/fxp/exit.rs"]
mod exit;
#[path = "../src/bin/fxp/files.rs"]
mod files;
#[path = "../src/bin/fxp/fuzzing.rs"]
mod fuzzing;
#[path = "../src/bin/fxp/known_hosts.rs"]
mod known_hosts;
#[path = "../src/bin/shared/located.rs"]
mod located;
#[path = "../src/bin/fxp/netrc.rs"]
mod netrc;
#[path = "../src/bin/fxp/sites.rs"]
mod sites;
#[path = "../src/bin/shared/toml_value.rs"]
mod toml_value;
