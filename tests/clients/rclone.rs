//! rclone, under TLS. It cannot go on with a file that broke off. A data connection resumes a session
//! of any of its control connections, which is the right one where it has one control connection.

use super::{BIG, Course, NAMES, is_whole};
use crate::program::Outcome;
use std::fs;

/// What it needs where the session must be the right one.
const ONE_CONNECTION: [&str; 2] = ["--ftp-concurrency", "1"];

impl Course {
    /// Runs it with the site as its remote `site`.
    #[track_caller]
    fn runs_rclone(&self, password: &str, arguments: &[&str]) -> Outcome {
        let port = self.site.address.port().to_string();
        let variables = [
            ("RCLONE_CONFIG", "/dev/null"),
            ("RCLONE_RETRIES", "1"),
            // It trusts whom the system trusts; the variable is that of Go's programs.
            ("SSL_CERT_FILE", "ca.pem"),
            ("RCLONE_CONFIG_SITE_TYPE", "ftp"),
            ("RCLONE_CONFIG_SITE_HOST", "localhost"),
            ("RCLONE_CONFIG_SITE_PORT", &port),
            ("RCLONE_CONFIG_SITE_USER", "ann"),
            ("RCLONE_CONFIG_SITE_PASS", password),
            ("RCLONE_CONFIG_SITE_EXPLICIT_TLS", "true"),
        ];
        self.client.runs_with(arguments, &variables)
    }
}

#[test]
fn rclone_copies_syncs_and_checks() {
    copies_syncs_and_checks(&Course::new("rclone", "rclone"), &[]);
}

#[test]
fn rclone_resumes_sessions_over_one_control_connection() {
    copies_syncs_and_checks(&Course::resuming("rclone", "rclone"), &ONE_CONNECTION);
}

#[track_caller]
fn copies_syncs_and_checks(course: &Course, options: &[&str]) {
    fs::remove_file(course.site.path("broken")).unwrap();
    fs::remove_file(course.client.path("back/broken")).unwrap();
    let password = course.client.runs(&["obscure", "pw"]).succeeds().out;
    let rclone = |arguments: &[&str]| {
        course.runs_rclone(password.trim(), &[options, arguments].concat()).succeeds()
    };

    rclone(&["copy", "up", "site:deep/er"]);
    for (name, length) in NAMES {
        is_whole(&course.site.path(&format!("deep/er/{name}")), length);
    }
    rclone(&["check", "--download", "up", "site:deep/er"]);
    let listed = rclone(&["lsf", "site:deep/er"]).out;
    let mut listed: Vec<_> = listed.lines().collect();
    let mut names = NAMES.map(|(name, _)| name);
    listed.sort();
    names.sort();
    assert_eq!(listed, names);

    rclone(&["sync", "site:deep/er", "back"]);
    course.is_got();

    // A changed file is sent again, one that is gone is deleted, and the others are left alone.
    course.client.put("up/one", b"no longer one");
    fs::remove_file(course.client.path("up/empty")).unwrap();
    rclone(&["sync", "up", "site:deep/er"]);
    rclone(&["check", "--download", "up", "site:deep/er"]);
    assert_eq!(course.site.file("deep/er/one").unwrap(), b"no longer one");
    assert_eq!(course.site.file("deep/er/empty"), None);

    rclone(&["moveto", "site:deep/er/it's \"so\"", "site:-moved"]);
    rclone(&["deletefile", "site:deep/er/-dash"]);
    assert_eq!(course.site.names(), ["-moved", "deep"]);
    assert_eq!(course.site.file("deep/er/-dash"), None);
    is_whole(&course.site.path("deep/er/big"), BIG);
}
