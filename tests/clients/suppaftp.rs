//! Rust's suppaftp, blocking and under TLS. It resumes no sessions on data connections.

use super::{CAME, Course, NAMES};
use std::{
    fs::{File, OpenOptions},
    io::{self, Seek, SeekFrom},
};
use suppaftp::{
    NativeTlsConnector, NativeTlsFtpStream,
    native_tls::{Certificate, TlsConnector},
    types::FileType,
};

fn login(course: &Course) -> NativeTlsFtpStream {
    let ca = Certificate::from_pem(&course.client.file("ca.pem").unwrap()).unwrap();
    let connector = TlsConnector::builder().add_root_certificate(ca).build().unwrap();
    let ftp = NativeTlsFtpStream::connect(course.site.address).unwrap();
    let mut ftp = ftp.into_secure(NativeTlsConnector::from(connector), "localhost").unwrap();
    ftp.login("ann", "pw").unwrap();
    ftp.transfer_type(FileType::Binary).unwrap();
    ftp
}

#[test]
fn suppaftp_runs_the_course() {
    // It runs in this process: of a program there is only the directory.
    let course = Course::new("suppaftp", "suppaftp");
    let mut ftp = login(&course);
    let local = |name: &str| File::open(course.client.path(name)).unwrap();

    for (name, _) in NAMES {
        ftp.put_file(name, &mut local(&format!("up/{name}"))).unwrap();
        ftp.put_file(format!("{name}.old"), &mut local("up/one")).unwrap();
    }
    let listed = ftp.nlst(None).unwrap();
    course.was_listed(listed.iter().map(String::as_str));
    for (name, _) in NAMES {
        let mut file = File::create(course.client.path(&format!("back/{name}"))).unwrap();
        let mut data = ftp.retr_as_stream(name).unwrap();
        io::copy(&mut data, &mut file).unwrap();
        data.finish().unwrap();
        ftp.rename(name, &format!("{name}.new")).unwrap();
        ftp.rm(format!("{name}.old")).unwrap();
    }

    let came = ftp.size("broken").unwrap();
    let mut rest = local("broken");
    rest.seek(SeekFrom::Start(came as u64)).unwrap();
    ftp.resume_transfer(came).unwrap();
    ftp.put_file("broken", &mut rest).unwrap();
    let mut broken =
        OpenOptions::new().append(true).open(course.client.path("back/broken")).unwrap();
    ftp.resume_transfer(CAME).unwrap();
    let mut data = ftp.retr_as_stream("broken").unwrap();
    io::copy(&mut data, &mut broken).unwrap();
    data.finish().unwrap();
    ftp.quit().unwrap();

    course.is_renamed();
    course.is_got();
    course.went_on();
}
