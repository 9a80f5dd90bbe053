//! What `fxp` remembers between two runs: the journals of unfinished jobs, and which way between two
//! servers worked. Losing it costs time, nothing else.

use fxpd::{Plan, Request, Site};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// `$XDG_STATE_HOME/fxp`, or `~/.local/state/fxp`; `None` without a home.
fn directory() -> Option<PathBuf> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local/state")));
    Some(state?.join("fxp"))
}

/// Where the journal of a job is.
pub fn journal(request: &Request) -> Option<PathBuf> {
    let name = format!("{}\n{}", request.source, request.target);
    let hash = openssl::sha::sha256(name.as_bytes());
    let digits: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    Some(directory()?.join("jobs").join(digits + ".journal"))
}

/// The way that worked last from one server to another, if it is known.
pub fn known_route(source: &Site, target: &Site) -> Option<Plan> {
    let text = fs::read_to_string(routes()?).ok()?;
    let name = pair(source, target);
    text.lines().find_map(|line| line.strip_prefix(&name)?.strip_prefix('\t')?.parse().ok())
}

/// Remembers the way that worked. What cannot be written is not worth an error.
pub fn remember_route(source: &Site, target: &Site, plan: Plan) {
    if known_route(source, target) == Some(plan) {
        return;
    }
    let Some(path) = routes() else { return };
    if let Err(error) = write_route(&path, &pair(source, target), plan) {
        log::info!("cannot remember the way in {}: {error}", path.display());
    }
}

/// Other lines stay; the newest is the first.
fn write_route(path: &Path, name: &str, plan: Plan) -> std::io::Result<()> {
    const MAX_ROUTES: usize = 1000;
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let old = fs::read_to_string(path).unwrap_or_default();
    let other = |line: &&str| line.split('\t').next() != Some(name);
    let mut text = format!("{name}\t{plan}\n");
    for line in old.lines().filter(other).take(MAX_ROUTES) {
        text += line;
        text += "\n";
    }
    let new = path.with_extension(format!("new{}", std::process::id()));
    fs::write(&new, text)?;
    fs::rename(new, path)
}

fn routes() -> Option<PathBuf> {
    Some(directory()?.join("routes"))
}

fn pair(source: &Site, target: &Site) -> String {
    format!("{source} {target}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_way_replaces_the_old_one() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("new/routes");
        let one: Plan = "source passive, source TLS client by SSCN".parse().unwrap();
        let other: Plan = "target passive, target TLS client by CPSV".parse().unwrap();
        write_route(&path, "a:21 b:21", one).unwrap();
        write_route(&path, "a:21 c:21", one).unwrap();
        write_route(&path, "a:21 b:21", other).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("a:21 b:21\t{other}\na:21 c:21\t{one}\n"));
    }
}
