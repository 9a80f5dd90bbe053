//! The two transfer logs of a server, rotated or not, and whether they say the same.

use super::book::Way;
use std::{collections::BTreeMap, fs, path::Path};

/// A transfer as the log in JSON tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub way: Way,
    pub path: String,
    pub bytes: u64,
    pub complete: bool,
    /// Of a transfer with another server: this server's TLS role, and whether the other was verified.
    pub foreign: Option<(String, bool)>,
}

impl Record {
    /// Whether it tells of a whole copy between two servers, this one being that end of TLS.
    pub fn is_copy_as(&self, role: &str) -> bool {
        self.complete && matches!(&self.foreign, Some((its, _)) if its == role)
    }
}

/// The text of every file in `directory` whose name begins with `name`.
fn all_of(directory: &Path, name: &str) -> String {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let of_log = |file: &fs::DirEntry| file.file_name().to_string_lossy().starts_with(name);
    files.filter(of_log).map(|file| fs::read_to_string(file.path()).unwrap()).collect()
}

/// The records in `directory`, and what the log in the form of xferlog says otherwise.
pub fn read(directory: &Path) -> (Vec<Record>, Vec<String>) {
    let records: Vec<Record> = all_of(directory, "json").lines().map(of_json).collect();
    let mut difference: BTreeMap<(String, String, String, String), i64> = BTreeMap::new();
    for record in &records {
        let way = if record.way == Way::In { "i" } else { "o" };
        let completion = if record.complete { "c" } else { "i" };
        let fields = [&record.path, way, &record.bytes.to_string(), completion].map(str::to_owned);
        *difference.entry(fields.into()).or_default() += 1;
    }
    for line in all_of(directory, "xferlog").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        assert_eq!(fields.len(), 18, "{line}");
        let fields = [fields[8], fields[11], fields[7], fields[17]].map(str::to_owned);
        *difference.entry(fields.into()).or_default() -= 1;
    }
    let differs = difference.into_iter().filter(|(_, count)| *count != 0);
    let told = differs.map(|(line, more)| format!("{line:?} is {more} times more in the JSON log"));
    (records, told.collect())
}

fn of_json(line: &str) -> Record {
    let value: serde_json::Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let role = || value["tls"]["role"].as_str().unwrap_or("clear").to_owned();
    Record {
        way: if value["direction"] == "in" { Way::In } else { Way::Out },
        path: value["path"].as_str().unwrap().to_owned(),
        bytes: value["bytes"].as_u64().unwrap(),
        complete: value["result"] == "complete",
        foreign: (value["foreign"] == true).then(|| (role(), value["verified"] == true)),
    }
}
