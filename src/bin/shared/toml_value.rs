//! Values of TOML that more than one file of settings has. Each function takes one and returns it
//! understood, or says in a few words what it should have been. Both programs include this file.

use std::ops::RangeInclusive;
use toml::de::DeValue;

/// What reading a value yields.
pub type Read<T> = Result<T, String>;

/// Text of one line.
pub fn text(value: &DeValue<'_>) -> Read<String> {
    let text = string(value, "text")?;
    if text.chars().any(char::is_control) {
        return Err("control characters are not allowed".to_owned());
    }
    Ok(text.to_owned())
}

/// `true` or `false`.
pub fn boolean(value: &DeValue<'_>) -> Read<bool> {
    value.as_bool().ok_or_else(|| expected("true or false", value))
}

/// A whole number within `range`.
pub fn number(value: &DeValue<'_>, range: RangeInclusive<usize>) -> Read<usize> {
    let Some(digits) = value.as_integer() else {
        return Err(expected("a whole number", value));
    };
    usize::from_str_radix(digits.as_str(), digits.radix())
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            format!("{} is not within {} to {}", digits.as_str(), range.start(), range.end())
        })
}

/// One of a few words.
pub fn word<T: Copy>(value: &DeValue<'_>, words: &[(&str, T)]) -> Read<T> {
    let choices = || words.iter().map(|(word, _)| format!("'{word}'")).collect::<Vec<_>>();
    let text = string(value, &choices().join(" or "))?;
    let found = words.iter().find(|(word, _)| *word == text);
    found
        .map(|(_, meaning)| *meaning)
        .ok_or_else(|| format!("'{text}' is none of {}", choices().join(", ")))
}

/// Text, which should have been `what`.
pub fn string<'a>(value: &'a DeValue<'_>, what: &str) -> Read<&'a str> {
    value.as_str().ok_or_else(|| expected(what, value))
}

fn expected(what: &str, found: &DeValue<'_>) -> String {
    format!("expected {what}, found {} {}", article(found.type_str()), found.type_str())
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}
