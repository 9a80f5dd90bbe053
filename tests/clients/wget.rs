//! wget, under TLS. It cannot upload. At TLS 1.3 it waits for the ticket that it resumes by no longer
//! than the way there and back takes, and 60 ms; without it, it shakes hands anew on its data
//! connections. Where that is refused, it is told to speak TLS 1.2, which has its session at once.

use super::{BYTES, Course, NAMES};
use fxpd::Direction;
use std::fs;

const TLS12: &str = "--ciphers=NORMAL:-VERS-TLS1.3";

#[test]
fn wget_gets_a_tree_and_goes_on_where_a_file_broke_off() {
    gets_a_tree(&Course::new("wget", "wget"), &[]);
}

#[test]
fn wget_resumes_sessions_at_tls_1_2() {
    gets_a_tree(&Course::resuming("wget", "wget"), &[TLS12]);
}

#[track_caller]
fn gets_a_tree(course: &Course, options: &[&str]) {
    for (name, length) in NAMES {
        course.site.put(name, &BYTES[..length]);
    }
    fs::rename(course.client.path("broken"), course.site.path("broken")).unwrap();
    let url = format!("ftps://localhost:{}/", course.site.address.port());
    let usual = ["--no-config", "-nv", "-T20", "--ca-certificate=ca.pem", "-P", "back"];
    let login = ["--user=ann", "--password=pw"];
    let wget = |arguments: &[&str]| {
        course.client.runs(&[&usual[..], &login, options, arguments].concat()).succeeds();
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
