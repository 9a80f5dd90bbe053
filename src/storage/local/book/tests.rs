//! What only the book's own file shows. Servers that are killed are in `tests/faults_strays.rs`.

use super::*;
use crate::storage::{Local, LocalOptions, Storage};
use std::fs::{read_dir, write};

fn entry(name: u64) -> Entry {
    let name = format!(".fxpd.{name:016x}.part").into_bytes();
    let ids = Ids { uid: 1000, gid: 1000, groups: Vec::new() };
    Entry { ids, home: b"/srv/ann".to_vec(), directory: b"/".to_vec(), name }
}

/// What stands in a book, page by page.
fn pages(book: &Book) -> Vec<Option<Entry>> {
    let size = book.file.metadata().unwrap().len();
    let mut pages = Vec::new();
    for number in 0..size.div_ceil(PAGE_BYTES as u64) {
        let mut page = vec![0; PAGE_BYTES];
        let count = book.file.read_at(&mut page, number * PAGE_BYTES as u64).unwrap();
        pages.push(Entry::parse(&page[..count]).unwrap());
    }
    pages
}

fn books(directory: &Path) -> usize {
    read_dir(directory).unwrap().count()
}

#[test]
fn pages_are_used_again_and_the_book_is_as_long_as_its_last_entry() {
    let directory = tempfile::tempdir().unwrap();
    let book = Arc::new(Book::begin(directory.path()).unwrap());
    let [first, second, third] = [1, 2, 3].map(|name| book.enter(&entry(name)).unwrap());
    assert_eq!(pages(&book), [1, 2, 3].map(|name| Some(entry(name))));
    drop(second);
    assert_eq!(pages(&book), [Some(entry(1)), None, Some(entry(3))]);
    let fourth = book.enter(&entry(4)).unwrap();
    assert_eq!(pages(&book), [1, 4, 3].map(|name| Some(entry(name))));
    drop(fourth);
    drop(third);
    assert_eq!(pages(&book), [Some(entry(1))]);
    drop(first);
    assert_eq!(book.file.metadata().unwrap().len(), 0);
    drop(book);
    assert_eq!(books(directory.path()), 0);
}

#[test]
fn a_book_has_so_many_pages_and_uploads_beyond_go_without() {
    let directory = tempfile::tempdir().unwrap();
    let book = Arc::new(Book::begin(directory.path()).unwrap());
    let mut held: Vec<_> = (0..).map_while(|name| book.enter(&entry(name))).collect();
    assert_eq!(held.len(), MAX_PAGES);
    held.pop();
    assert!(book.enter(&entry(0)).is_some());
    held.clear();
    assert_eq!(book.file.metadata().unwrap().len(), 0);
}

#[test]
fn each_server_has_a_book_of_its_own_and_leaves_those_of_others_that_live_alone() {
    let directory = tempfile::tempdir().unwrap();
    let begin = || Local::new(LocalOptions::default()).keep_book(directory.path()).unwrap();
    let (first, second) = (begin(), begin());
    let page = first.book.as_ref().unwrap().enter(&entry(1)).unwrap();
    assert!(begin().left_behind().is_none());
    assert_eq!(books(directory.path()), 2);
    drop(page);
    drop((first, second));
    assert_eq!(books(directory.path()), 0);
}

#[test]
fn what_could_not_be_removed_is_left_to_the_next_who_asks_once() {
    let directory = tempfile::tempdir().unwrap();
    let book = Arc::new(Book::begin(directory.path()).unwrap());
    let (mut page, other) = (book.enter(&entry(1)).unwrap(), book.enter(&entry(2)).unwrap());
    page.stays();
    drop((page, other));
    drop(book);
    let next = Local::new(LocalOptions::default()).keep_book(directory.path()).unwrap();
    let clear_away = next.left_behind().unwrap();
    assert!(next.left_behind().is_none());
    // There is no such home: nothing can be in it.
    clear_away();
    assert_eq!(books(directory.path()), 1);
}

#[test]
fn a_directory_is_made_but_not_those_above_and_a_file_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    write(path("file"), "").unwrap();
    assert!(Book::begin(&path("file")).is_err());
    assert!(Book::begin(&path("no/state")).is_err());
    let book = Book::begin(&path("state")).unwrap();
    assert_eq!(books(&path("state")), 1);
    drop(book);
}
