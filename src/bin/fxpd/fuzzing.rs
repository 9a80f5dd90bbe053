//! What must hold of any file of settings: called by the fuzzer in `fuzz/`, and by the test below with
//! the inputs in `fuzz/seeds`.

use crate::{config::Config, effective::Effective, located::Located};
use std::path::Path;

/// A text that is understood, as a file or as `-o`, prints as a file that sets the same; one that is
/// not is complained of in one place.
pub fn config(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let mut from_file = Config::default();
    match apply(&mut from_file, &text) {
        Ok(()) => reads_back(from_file),
        Err(located) => assert!(located.offset <= text.len(), "{located:?}"),
    }
    let mut overridden = Config::default();
    if overridden.apply_override(text.lines().next().unwrap_or_default()).is_ok() {
        reads_back(overridden);
    }
}

fn apply(config: &mut Config, text: &str) -> Result<(), Located> {
    config.apply_file(Path::new("fxpd.conf"), text)
}

/// What `-T` prints of it.
fn reads_back(config: Config) {
    let printed = config.effective.file();
    let mut again = Config::default();
    let read = apply(&mut again, &printed);
    assert!(read.is_ok(), "{read:?} in {printed}");
    let without_origin = |config: Config| Config { effective: Effective::default(), ..config };
    let shown = [config, again].map(|config| format!("{:?}", without_origin(config)));
    assert_eq!(shown[0], shown[1], "{printed}");
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*, sample::select};

    #[test]
    fn the_seeds_of_the_fuzzer_hold_every_promise() {
        replay::seeds_of("config", config);
    }

    fn quoted(text: String) -> String {
        toml::Value::from(text).to_string()
    }

    /// A value for each of some settings of every type, as TOML.
    fn lines() -> impl Strategy<Value = Vec<String>> {
        let line = |key: &'static str| move |value: String| format!("{key} = {value}");
        let numbers = ["max_sessions", "max_sessions_per_address", "max_sessions_not_logged_in"];
        let words = select(vec!["fxp = 'off'", "fxp = 'any'", "tls = \"optional\"", "ccc = true"]);
        let address = (any::<std::net::IpAddr>(), 1..=u16::MAX);
        let address =
            address.prop_map(|(ip, port)| format!("'{}'", std::net::SocketAddr::new(ip, port)));
        let one = prop_oneof![
            "\\PC{0,20}".prop_map(quoted).prop_map(line("greeting")),
            "/\\PC{0,20}".prop_map(quoted).prop_map(line("transfer_log")),
            (select(numbers.to_vec()), 1..1_000_000_u32)
                .prop_map(|(key, it)| format!("{key} = {it}")),
            (1..604_800_u32).prop_map(|it| format!("idle_timeout_s = 0x{it:x}")),
            any::<u32>().prop_map(|it| format!("max_rate = '{}'", fxpd::Amount(it.into()))),
            (0..=0o777_u32).prop_map(|it| format!("umask = '{it:03o}'")),
            vec(address, 1..4).prop_map(|them| format!("listen = [{}]", them.join(", "))),
            words.prop_map(str::to_owned),
        ];
        vec(one, 0..9).prop_map(|mut lines| {
            let key = |line: &String| line.split(' ').next().map(str::to_owned);
            lines.sort_by_key(key);
            lines.dedup_by_key(|line| key(line));
            lines
        })
    }

    proptest! {
        #[test]
        fn what_is_set_is_printed_as_it_is(lines in lines()) {
            let mut config = Config::default();
            let applied = apply(&mut config, &lines.join("\n"));
            prop_assert!(applied.is_ok(), "{:?} in {:#?}", applied, lines);
            reads_back(config);
        }
    }
}
