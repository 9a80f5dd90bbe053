//! Java's Apache Commons Net: as it is, and with the well-known few lines about it that let data
//! connections resume the session of the control connection, which it does not by itself.

use super::{Course, needs};
use crate::program::Program;
use fxpd::Demand;

const JAR: &str = "/usr/share/java/commons-net.jar";

/// What those lines need on any Java since 9.
const OPEN: [&str; 4] = [
    "-Djdk.tls.useExtendedMasterSecret=false",
    "--add-opens=java.base/sun.security.ssl=ALL-UNNAMED",
    "--add-opens=java.base/sun.security.util=ALL-UNNAMED",
    "-cp",
];

#[test]
fn commons_net_runs_the_course_and_resumes_where_that_is_required() {
    needs(JAR, "apt-get install libcommons-net-java");
    let javac = Program::new("javac", "default-jdk-headless");
    javac.put("Course.java", include_bytes!("Course.java"));
    javac.runs(&["-encoding", "UTF-8", "-cp", JAR, "Course.java"]).succeeds();
    let classes = format!("{JAR}:{}", javac.word(""));
    for reuse in [Demand::Optional, Demand::Required] {
        let course = Course::with("java", "default-jre-headless", |plan| {
            plan.settings.data_tls_reuse = reuse;
        });
        let port = course.site.address.port().to_string();
        let arguments: &[&str] = match reuse {
            Demand::Optional => &["-cp", &classes, "Course", &port, "TLSv1.3"],
            Demand::Required => {
                &[&OPEN[..], &[&classes, "Course", &port, "TLSv1.2", "resuming"]].concat()
            }
        };
        course.client.runs(arguments).succeeds();
        course.is_run();
    }
}
