//! Python's ftplib, under TLS.

use super::Course;

#[test]
fn ftplib_runs_the_course() {
    let course = Course::new("python3", "python3");
    course.runs_script(&[], "course.py", include_str!("ftplib.py")).succeeds();
    course.is_run();
}
