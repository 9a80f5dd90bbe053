//! Servers that list what no directory holds, or more than anybody wants, to the client library.

use crate::{
    fxp_tree::{connect, remote},
    scripted_server::{Data, Script, ScriptedServer},
};
use fxpd::{ClientError, Filter, ListedKind, RemoteEnd, Walk};

const WITH_FACTS: Script = &[("FEAT", "211-Features:\r\n SIZE\r\n MLST type*;size*;\r\n211 End")];
const WITHOUT: Script = &[];

#[test]
fn names_that_lead_out_of_a_directory_are_skipped() {
    let facts: &[u8] = b"type=cdir; /pub\r\ntype=pdir; /\r\ntype=file;size=1; ../evil\r\n\
        type=dir; ..\r\ntype=dir; .\r\ntype=file; /etc/passwd\r\ntype=file; a/../../b\r\n\
        type=file; a\0b\r\ntype=file; a\rb\r\ntype=file; good\r\ntype=dir; good\r\nno name\r\n\
        type=dir; \r\ntype=file;size=3; last";
    let lines: &[u8] = b"total 7\r\ndrwxr-xr-x 2 0 0 0 Feb  3  2020 ..\r\n\
        -rw-r--r-- 1 0 0 1 Feb  3  2020 ../evil\r\n-rw-r--r-- 1 0 0 1 Feb  3  2020 /etc/passwd\r\n\
        lrwxrwxrwx 1 0 0 1 Feb  3  2020 a/b -> /etc\r\n-rw-r--r-- 1 0 0 1 Feb  3  2020 a\rb\r\n\
        -rw-r--r-- 1 0 0 1 Feb  3  2020 good\r\ndrwxr-xr-x 1 0 0 1 Feb  3  2020 good\r\n\
        -rw-r--r-- 1 0 0 3 Feb  3  2020 last";
    for (script, data) in [(WITH_FACTS, facts), (WITHOUT, lines)] {
        let server = ScriptedServer::with_data(script, Data::These(data));
        let (mut connection, _) = connect(&server.url(""), "pw");
        let listed = connection.list(&remote("pub")).unwrap();
        let names: Vec<_> = listed.iter().map(|one| one.name.escape_ascii().to_string()).collect();
        assert_eq!(names, ["good", "last"]);
        assert_eq!((listed[0].kind, listed[1].size), (ListedKind::File, Some(3)));
        connection.close();
        server.heard();
    }
}

#[test]
fn a_listing_that_does_not_end_is_given_up_and_the_connection_is_still_good() {
    let one_line = vec![b'x'; 20_000];
    let entries = " name\r\n".repeat(1_000_001).into_bytes();
    for (bytes, limit) in [(one_line, "16384 bytes in one line"), (entries, "1000000 entries")] {
        let server = ScriptedServer::with_data(WITH_FACTS, Data::These(bytes.leak()));
        let (mut connection, dialogue) = connect(&server.url(""), "pw");
        dialogue.said();
        let error = connection.list(&remote("")).unwrap_err();
        assert!(matches!(&error, ClientError::TooMuch(_, told) if told == limit), "{error}");
        assert_eq!(connection.size(&remote("a")).unwrap(), Some(6));
        connection.close();
        server.heard();
    }
}

#[test]
fn a_reply_that_does_not_end_is_given_up_and_a_line_that_does_not_is_none() {
    let long = format!("213 {}\r\n213 6", "x".repeat(20_000));
    let many = format!("213-6\r\n{}213 6", " more\r\n".repeat(200_000));
    for (reply, is_taken) in [(long, true), (many, false)] {
        let script = Box::leak(Box::new([("SIZE", &*reply.leak())]));
        let server = ScriptedServer::start(script);
        let (mut connection, _) = connect(&server.url(""), "pw");
        match connection.size(&remote("a")) {
            Ok(size) => assert!(is_taken && size == Some(6), "{size:?}"),
            Err(ClientError::Protocol(_, why)) if !is_taken => {
                assert_eq!(why, "a reply of more than a mebibyte");
            }
            Err(error) => panic!("{error}"),
        }
        drop(connection);
        server.heard();
    }
}

#[test]
fn a_server_that_lists_itself_in_itself_is_left_at_the_depth() {
    let server = ScriptedServer::with_data(WITH_FACTS, Data::These(b"type=dir; d\r\n"));
    let (mut connection, dialogue) = connect(&server.url(""), "pw");
    let mut end = RemoteEnd { connection: &mut connection, root: &remote("") };
    let steps: Vec<_> = Walk::new(Filter::default()).max_depth(5).over(&mut end).collect();
    assert_eq!(steps.iter().filter(|step| step.is_ok()).count(), 6);
    assert!(matches!(&steps[6], Err(stumble) if stumble.path == b"d/d/d/d/d/d"));
    assert_eq!(dialogue.said().last().unwrap(), "MLSD d/d/d/d/d");
    connection.close();
    server.heard();
}

#[test]
fn a_listing_that_is_cut_is_no_listing() {
    let server = ScriptedServer::with_data(WITH_FACTS, Data::Cut);
    let (mut connection, _) = connect(&server.url(""), "pw");
    assert!(matches!(connection.list(&remote("")), Err(ClientError::Lost(..))));
    connection.close();
    server.heard();
}
