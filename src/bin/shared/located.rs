//! What is wrong in a file of TOML, and where. Both programs include this file.

use std::path::Path;
use toml::{Spanned, de::DeTable};

/// What is wrong, and at which byte of the file.
#[derive(Debug)]
pub struct Located {
    pub offset: usize,
    pub what: String,
}

impl Located {
    /// For people, with line and column.
    pub fn at(&self, file: &Path, text: &str) -> String {
        let (line, column) = place(text, self.offset);
        format!("{} line {line} column {column}: {}", file.display(), self.what)
    }
}

/// The table that a text is.
pub fn table(text: &str) -> Result<Spanned<DeTable<'_>>, Located> {
    DeTable::parse(text).map_err(|error| Located {
        offset: error.span().map_or(text.len(), |span| span.start),
        what: error.message().to_owned(),
    })
}

/// Line and column of a byte, both counted from 1; columns are characters.
pub fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
