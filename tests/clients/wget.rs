//! wget, under TLS. It cannot upload. At TLS 1.3 it waits only a moment for the ticket that it resumes
//! by, and gives up where that comes later, as on a busy host: here it speaks TLS 1.2.

use super::{BYTES, Course, NAMES};
use fxpd::Direction;
use std::fs;

#[test]
fn wget_gets_a_tree_and_goes_on_where_a_file_broke_off() {
    let course = Course::resuming("wget", "wget");
    for (name, length) in NAMES {
        course.site.put(name, &BYTES[..length]);
    }
    fs::rename(course.client.path("broken"), course.site.path("broken")).unwrap();
    let url = format!("ftps://localhost:{}/", course.site.address.port());
    let usual = ["--no-config", "-nv", "-t1", "-T20", "--ca-certificate=ca.pem", "-P", "back"];
    let login = ["--user=ann", "--password=pw", "--ciphers=NORMAL:-VERS-TLS1.3"];
    let wget = |arguments: &[&str]| {
        course.client.runs(&[&usual[..], &login, arguments].concat()).succeeds();
    };
    // -r reads LIST and asks for each name in it.
    wget(&["-c", "-r", "-nH", &url]);
    course.is_got();
    course.goes_on(Direction::Outgoing);
    let broken = fs::read(course.client.path("back/broken")).unwrap();
    assert_eq!(broken, course.site.file("broken").unwrap());

    fs::remove_file(course.client.path("back/grüße я")).unwrap();
    wget(&[&format!("{url}gr%C3%BC%C3%9Fe%20%D1%8F")]);
    course.is_got();
}
