//! tnftp, the client of the BSDs, in clear text.

use super::{CAME, Course, NAMES, quoted};

#[test]
fn tnftp_runs_the_course() {
    let course = Course::plain("tnftp", "tnftp");
    let mut script = String::from("user ann pw\nbinary\n");
    for (name, _) in NAMES {
        let (from, to) = (quoted(&format!("up/{name}")), quoted(name));
        script += &format!("put {from} {to}\nput up/one {}\n", quoted(&format!("{name}.old")));
    }
    script += "nlist . listed\n";
    for (name, _) in NAMES {
        let (from, to) = (quoted(name), quoted(&format!("back/{name}")));
        let (new, old) = (quoted(&format!("{name}.new")), quoted(&format!("{name}.old")));
        script += &format!("get {from} {to}\nrename {from} {new}\ndelete {old}\n");
    }
    script += &format!("restart {}\nput broken\nreget broken back/broken\nbye\n", CAME);
    let port = course.site.address.port().to_string();
    let outcome =
        course.client.runs_on(&["-n", "-i", "-v", "127.0.0.1", &port], &script).succeeds();
    assert!(!outcome.out.contains("\n5"), "{}", outcome.out);
    // It asks for NLST of '.', and gets what ls would say to that.
    let listed = String::from_utf8(course.client.file("listed").unwrap()).unwrap();
    course.was_listed(listed.lines().map(|name| name.strip_prefix("./").unwrap()));
    course.is_renamed();
    course.is_got();
    course.went_on();
}
