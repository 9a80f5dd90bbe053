//! Node's basic-ftp, under TLS. Now and then it cuts the connection of an upload of nothing, before
//! close_notify or within the handshake: the empty file is there already.

use super::{Course, needs};

const MODULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/build/node/node_modules");

#[test]
fn basic_ftp_runs_the_course() {
    needs(&format!("{MODULES}/basic-ftp"), "run tests/tools.sh check (npm install basic-ftp)");
    let course = Course::resuming("node", "nodejs");
    course.site.put("empty", b"");
    course.client.put("course.js", include_bytes!("basic_ftp.js"));
    let port = course.site.address.port().to_string();
    let variables = [("NODE_PATH", MODULES), ("NODE_EXTRA_CA_CERTS", "ca.pem")];
    course.client.runs_with(&["course.js", &port], &variables).succeeds();
    course.is_run();
}
