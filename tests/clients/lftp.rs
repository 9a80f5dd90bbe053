//! lftp, under TLS. A leading dash is an option to its prompt: `./` is said before it.

use super::{Course, NAMES};
use crate::lftp::run_at;

/// A word as lftp reads it.
fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('"', "\\\""))
}

#[test]
fn lftp_runs_the_course() {
    let course = Course::resuming("lftp", "lftp");
    let mut script = String::new();
    for (name, _) in NAMES {
        let (from, to) = (quoted(&format!("up/{name}")), quoted(name));
        script +=
            &format!("put {from} -o {to}\nput up/one -o {}\n", quoted(&format!("{name}.old")));
    }
    script += "cls -1 > listed\n";
    for (name, _) in NAMES {
        let (from, to) = (quoted(&format!("./{name}")), quoted(&format!("back/{name}")));
        let (new, old) = (quoted(&format!("./{name}.new")), quoted(&format!("./{name}.old")));
        script += &format!("get {from} -o {to}\nmv {from} {new}\nrm {old}\n");
    }
    script += "put -c broken\nget -c broken -o back/broken\n";
    run_at(&course.site, &course.client, &script).succeeds();
    course.is_run();
}
