//! Node's basic-ftp, under TLS. What it uploads first is nothing: it ends that at once with 150, be
//! its handshake done or not, so that it must be.

use super::{Course, needs};

const MODULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/build/node/node_modules");

#[test]
fn basic_ftp_runs_the_course() {
    needs(&format!("{MODULES}/basic-ftp"), "run tests/tools.sh check (npm install basic-ftp)");
    let course = Course::resuming("node", "nodejs");
    course.client.put("course.js", include_bytes!("basic_ftp.js"));
    let port = course.site.address.port().to_string();
    let variables = [("NODE_PATH", MODULES), ("NODE_EXTRA_CA_CERTS", "ca.pem")];
    course.client.runs_with(&["course.js", &port], &variables).succeeds();
    course.is_run();
}
