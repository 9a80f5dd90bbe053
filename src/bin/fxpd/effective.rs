//! The settings in force and where each was made, for `-T`: as a file of settings that says the
//! same.

use crate::{located::place, settings};
use std::{collections::BTreeMap, path::Path};
use toml::{Spanned, Value, de::DeValue};

/// Where a value was found.
#[derive(Clone, Debug)]
pub struct Origin(String);

impl Origin {
    /// At a byte of a file.
    pub fn file(file: &Path, text: &str, offset: usize) -> Origin {
        let (line, _) = place(text, offset);
        // Nothing in a file's name may end the comment that this becomes.
        Origin(format!("{} line {line}", file.display().to_string().escape_debug()))
    }

    /// On the command line.
    pub fn command_line() -> Origin {
        Origin("-o".to_owned())
    }
}

/// What was set, as TOML.
#[derive(Clone, Debug, Default)]
pub struct Effective {
    settings: BTreeMap<&'static str, (String, Origin)>,
    tables: Vec<Table>,
}

/// One `[[peers]]` or `[[host]]`.
#[derive(Clone, Debug)]
struct Table {
    name: &'static str,
    origin: Origin,
    lines: Vec<String>,
}

impl Effective {
    /// `key` was set; the last time counts.
    pub fn set(&mut self, key: &'static str, value: &DeValue<'_>, origin: Origin) {
        self.settings.insert(key, (print(value), origin));
    }

    /// The tables called `name` are these, besides those that were added before.
    pub fn add(
        &mut self,
        name: &'static str,
        tables: &DeValue<'_>,
        origin: impl Fn(usize) -> Origin,
    ) {
        let line = |key: &str, value: &DeValue<'_>| format!("{key} = {}", print(value));
        for table in tables.as_array().into_iter().flatten() {
            let Some(keys) = table.get_ref().as_table() else { continue };
            let mut lines: Vec<_> = keys
                .iter()
                .map(|(key, value)| (key.span().start, line(key.get_ref(), value.get_ref())))
                .collect();
            lines.sort();
            let lines = lines.into_iter().map(|(_, line)| line).collect();
            self.tables.push(Table { name, origin: origin(table.span().start), lines });
        }
    }

    /// A file of settings that sets each, with its origin behind it.
    pub fn file(&self) -> String {
        let mut file = String::new();
        for setting in settings::all() {
            let (value, origin) = match self.settings.get(setting.key) {
                Some((value, Origin(origin))) => (value.as_str(), origin.as_str()),
                None => (setting.default, "default"),
            };
            file.push_str(&format!("{} = {value} # {origin}\n", setting.key));
        }
        // Keys behind a table would be the table's.
        for Table { name, origin: Origin(origin), lines } in &self.tables {
            file.push_str(&format!("\n[[{name}]] # {origin}\n"));
            for line in lines {
                file.push_str(line);
                file.push('\n');
            }
        }
        file
    }
}

/// A value as TOML, in one line.
fn print(value: &DeValue<'_>) -> String {
    let of = |value: &Spanned<DeValue<'_>>| print(value.get_ref());
    match value {
        DeValue::String(text) => Value::from(text.as_ref()).to_string(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(moment) => moment.to_string(),
        DeValue::Array(items) => {
            format!("[{}]", items.iter().map(of).collect::<Vec<_>>().join(", "))
        }
        DeValue::Table(table) => {
            let pair =
                |(key, value): (&Spanned<_>, _)| format!("{} = {}", key.get_ref(), of(value));
            let pairs: Vec<String> = table.iter().map(pair).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_printed_as_toml_that_reads_as_the_same() {
        for (text, printed) in [
            ("'a \"b\" \\'", r#"'a "b" \'"#),
            ("[ 'x' , # why\n 'y', ]", r#"["x", "y"]"#),
            ("0x1f", "0x1f"),
            ("1_000", "1000"),
            ("true", "true"),
            ("1.5", "1.5"),
            ("{ a = ['b'], c = 1 }", r#"{ a = ["b"], c = 1 }"#),
        ] {
            let value = DeValue::parse(text).unwrap();
            assert_eq!(print(value.get_ref()), printed);
            let again = DeValue::parse(printed).unwrap();
            assert_eq!(print(again.get_ref()), printed);
        }
    }
}
