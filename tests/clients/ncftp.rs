//! NcFTP, in clear text. With -z it goes on where a file broke off, and does not ask.
//! A leading dash is an option to its prompt: `./` is said before it.

use super::{Course, NAMES, quoted};

#[test]
fn ncftp_runs_the_course() {
    let course = Course::plain("ncftp", "ncftp");
    let mut script = String::new();
    for (name, _) in NAMES {
        let (from, to) = (quoted(&format!("up/{name}")), quoted(&format!("./{name}")));
        script +=
            &format!("put -z {from} {to}\nput -z up/one {}\n", quoted(&format!("./{name}.old")));
    }
    script += "ls -1\n";
    for (name, _) in NAMES {
        let (from, to) = (quoted(&format!("./{name}")), quoted(&format!("back/{name}")));
        let (new, old) = (quoted(&format!("./{name}.new")), quoted(&format!("./{name}.old")));
        script += &format!("get -z {from} {to}\nrename {from} {new}\nrm {old}\n");
    }
    script += "put -z broken broken\nget -z broken back/broken\nquit\n";
    let port = course.site.address.port().to_string();
    let login = ["-u", "ann", "-p", "pw", "-P", &port, "127.0.0.1"];
    let heard = course.client.runs_on(&login, &script).succeeds().out;
    let listed = heard.lines().skip_while(|line| !line.contains("Logged in to ")).skip(1);
    course.was_listed(listed.take_while(|line| !line.trim().is_empty()));
    course.is_renamed();
    course.is_got();
    course.went_on();
}
