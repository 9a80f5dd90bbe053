//! wget, under TLS. It cannot upload.

use super::{BYTES, Course, NAMES};
use fxpd::{Demand, Direction};
use std::fs;

#[test]
fn wget_gets_a_tree_and_goes_on_where_a_file_broke_off() {
    let course = Course::new("wget", "wget");
    for (name, length) in NAMES {
        course.site.put(name, &BYTES[..length]);
    }
    fs::rename(course.client.path("broken"), course.site.path("broken")).unwrap();
    let url = format!("ftps://localhost:{}/", course.site.address.port());
    let usual = ["--no-config", "-nv", "-t1", "-T20", "--ca-certificate=ca.pem", "-P", "back"];
    let login = ["--user=ann", "--password=pw"];
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

#[test]
fn wget_resumes_the_session_where_that_is_required_and_it_is_told_to() {
    let course = Course::with("wget", "wget", |plan| {
        plan.settings.data_tls_reuse = Demand::Required;
    });
    let url = format!("ftps://ann:pw@localhost:{}/broken", course.site.address.port());
    let usual = ["--no-config", "-nv", "-t1", "-T20", "--ca-certificate=ca.pem"];
    let resumes = [&usual[..], &["-O", "again", "--ftps-resume-ssl", &url]].concat();
    course.client.runs(&resumes).succeeds();
    assert_eq!(course.client.file("again"), course.site.file("broken"));
}
