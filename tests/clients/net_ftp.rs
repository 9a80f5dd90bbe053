//! Perl's Net::FTP, which has TLS where IO::Socket::SSL is installed.

use super::Course;

#[test]
fn net_ftp_runs_the_course() {
    let course = Course::resuming("perl", "perl libio-socket-ssl-perl");
    let script = include_str!("net_ftp.pl");
    let outcome = course.runs_script(&[], "course.pl", script);
    let lacks = outcome.err.contains("IO::Socket::SSL");
    assert!(!lacks, "apt-get install libio-socket-ssl-perl: {}", outcome.err);
    outcome.succeeds();
    course.is_run();
}
