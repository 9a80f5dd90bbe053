//! An entry of the book: what it tells, and how it stands on its page. Four fields, each ended by the
//! NUL that no path holds; a page that begins with one is empty.

use super::super::hidden::is_hidden;
use crate::sys::ids::Ids;

/// Room for an entry, whatever the kernel takes for a path: twice `PATH_MAX`, and hundreds of groups.
pub const PAGE_BYTES: usize = 16 << 10;

/// A hidden name, and how to come to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As whom it was made.
    pub ids: Ids,
    /// The top of its tree: an absolute path of the host.
    pub home: Vec<u8>,
    /// The directory that it is in, as a path in the tree.
    pub directory: Vec<u8>,
    /// The name itself.
    pub name: Vec<u8>,
}

/// A page holds something else.
#[derive(Debug, PartialEq, Eq)]
pub struct Garbled;

impl Entry {
    /// What stands on its page; `None` when that would not hold it.
    pub fn print(&self) -> Option<Vec<u8>> {
        let groups: Vec<_> = self.ids.groups.iter().map(u32::to_string).collect();
        let ids = format!("{}:{}:{}", self.ids.uid, self.ids.gid, groups.join(","));
        let mut page = Vec::new();
        for field in [ids.as_bytes(), &self.home, &self.directory, &self.name] {
            page.extend_from_slice(field);
            page.push(0);
        }
        (page.len() <= PAGE_BYTES).then_some(page)
    }

    /// Reads a page, `None` from an empty one. What a server was killed over while it wrote it is
    /// garbled, for want of an end.
    pub fn parse(page: &[u8]) -> Result<Option<Entry>, Garbled> {
        if page.first().is_none_or(|byte| *byte == 0) {
            return Ok(None);
        }
        let fields: Vec<_> = page.splitn(5, |byte| *byte == 0).collect();
        let [ids, home, directory, name, _] = fields[..] else { return Err(Garbled) };
        if !home.starts_with(b"/") || !is_hidden(name) {
            return Err(Garbled);
        }
        let ids = parse_ids(ids).ok_or(Garbled)?;
        let [home, directory, name] = [home, directory, name].map(<[u8]>::to_vec);
        Ok(Some(Entry { ids, home, directory, name }))
    }
}

fn parse_ids(field: &[u8]) -> Option<Ids> {
    let mut parts = str::from_utf8(field).ok()?.splitn(3, ':');
    let (uid, gid) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let groups = parts.next()?.split(',').filter(|group| !group.is_empty());
    let groups = groups.map(|group| group.parse().ok()).collect::<Option<_>>()?;
    Some(Ids { uid, gid, groups })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAME: &[u8] = b".fxpd.0123456789abcdef.part";

    fn entry(groups: Vec<u32>, home: &[u8], directory: &[u8]) -> Entry {
        let ids = Ids { uid: 1000, gid: 100, groups };
        Entry { ids, home: home.to_vec(), directory: directory.to_vec(), name: NAME.to_vec() }
    }

    #[test]
    fn an_entry_stands_on_its_page_as_it_is_told_in_the_manual() {
        let page = entry(vec![100, 27], b"/srv/ann", b"/a\nb").print().unwrap();
        assert_eq!(page, [b"1000:100:100,27\0/srv/ann\0/a\nb\0", NAME, b"\0"].concat());
        let longest = entry(Vec::new(), &[b'/'; 4096], &[b'/'; 4096]);
        assert!(longest.print().is_some());
        assert_eq!(entry(Vec::new(), &[b'/'; PAGE_BYTES], b"").print(), None);
    }

    #[test]
    fn what_is_no_entry_is_garbled() {
        assert_eq!(Entry::parse(b""), Ok(None));
        assert_eq!(Entry::parse(&[&b"\0"[..], b"1:1:\0/h\0/\0.fxpd"].concat()), Ok(None));
        let page = |ids: &str, home: &str, name: &[u8]| {
            [ids.as_bytes(), b"\0", home.as_bytes(), b"\0/d\0", name, b"\0"].concat()
        };
        let good = page("1:1:", "/h", NAME);
        assert!(Entry::parse(&good).unwrap().is_some());
        for bad in [
            &good[..good.len() - 1],
            &page("1:1:", "h", NAME),
            &page("1:1:", "/h", b"precious"),
            &page("1:1:", "/h", b"d/.fxpd.0123456789abcdef.part"),
            &page("1:1:", "/h", b""),
            &page("1:1", "/h", NAME),
            &page("-1:1:", "/h", NAME),
            &page("1:4294967296:", "/h", NAME),
            &page("1:1:x", "/h", NAME),
            b"garbled",
            &[0xff; PAGE_BYTES],
        ] {
            assert_eq!(Entry::parse(bad), Err(Garbled), "{:?}", String::from_utf8_lossy(bad));
        }
    }

    fn path() -> impl Strategy<Value = Vec<u8>> {
        let bytes = proptest::collection::vec(1..=u8::MAX, 0..300);
        bytes.prop_map(|bytes| [&b"/"[..], &bytes].concat())
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_as_the_same_whatever_stood_there_before(
            uid: u32, gid: u32, groups: Vec<u32>,
            home in path(), directory in path(), id: u64, before: Vec<u8>,
        ) {
            let name = format!(".fxpd.{id:016x}.part").into_bytes();
            let entry = Entry { ids: Ids { uid, gid, groups }, home, directory, name };
            let mut page = entry.print().unwrap();
            // Cut anywhere, it is no entry: its writer was killed before it made the name.
            for end in 1..page.len() {
                prop_assert_eq!(Entry::parse(&page[..end]), Err(Garbled));
            }
            page.extend(before);
            prop_assert_eq!(Entry::parse(&page), Ok(Some(entry)));
        }
    }
}
