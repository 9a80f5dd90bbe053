//! Python's aioftp, under TLS.

use super::{Course, needs};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/build/venv/bin/python");

#[test]
fn aioftp_runs_the_course() {
    needs(PYTHON, "run tests/tools.sh check (pip install aioftp)");
    let course = Course::new(PYTHON, "python3-venv");
    course.runs_script(&[], "course.py", include_str!("aioftp.py")).succeeds();
    course.is_run();
}
