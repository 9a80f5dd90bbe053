//! curl, under TLS. It renames and deletes by commands given word for word.

use super::{Course, NAMES};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

#[test]
fn curl_runs_the_course() {
    let course = Course::resuming("curl", "curl");
    let address = course.site.address;
    let url = |name: &str| {
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
        format!("ftp://localhost:{}/{name}", address.port())
    };
    let curl = |words: &[&str]| {
        let usual = ["-q", "-sS", "--noproxy", "*", "--ssl-reqd", "--cacert", "ca.pem"];
        let login = ["-u", "ann:pw", "-m", "50"];
        course.client.runs(&[&usual[..], &login, words].concat()).succeeds()
    };
    let (mut put, mut get, mut quote) = (Vec::new(), Vec::new(), Vec::new());
    for (name, _) in NAMES {
        let old = format!("{name}.old");
        put.extend(["-T".into(), format!("up/{name}"), url(name)]);
        put.extend(["-T".into(), "up/one".into(), url(&old)]);
        get.extend(["-o".into(), format!("back/{name}"), url(name)]);
        for command in
            [format!("-RNFR {name}"), format!("-RNTO {name}.new"), format!("-DELE {old}")]
        {
            quote.extend(["-Q".to_owned(), command]);
        }
    }
    let words =
        |words: &[String]| drop(curl(&words.iter().map(String::as_str).collect::<Vec<_>>()));
    words(&put);
    let listed = curl(&["-l", &url("")]).out;
    course.was_listed(listed.lines());
    words(&get);
    quote.extend(["-l".into(), url("")]);
    words(&quote);
    curl(&["-C", "-", "-T", "broken", &url("broken")]);
    curl(&["-C", "-", "-o", "back/broken", &url("broken")]);
    course.is_renamed();
    course.is_got();
    course.went_on();
}
