//! What is to be done with one file, by what both ends have. No end is asked anything here.

use crate::{
    client::{Act, Entry, Existing, OnExisting, Why},
    proto::{Listed, ListedKind, Moment, stamp},
};

/// What an earlier run of the same job wrote down of a file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Earlier<'a> {
    /// Nothing.
    Unknown,
    /// It was begun, and did not end.
    Begun,
    /// It arrived.
    Done(&'a Entry),
}

/// Why nothing can be done: the target has something else of that name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Obstacle(pub ListedKind);

/// Decides about a file of the source.
pub(super) fn decide(
    source: &Listed,
    target: Option<&Listed>,
    rule: OnExisting,
    earlier: Earlier<'_>,
) -> Result<Act, Obstacle> {
    match source.kind {
        ListedKind::File => {}
        ListedKind::Link => return Ok(Act::Skip(Why::Link)),
        ListedKind::Directory | ListedKind::Other => return Ok(Act::Skip(Why::Special)),
    }
    let Some(target) = target else { return Ok(Act::Copy(Existing::Replace)) };
    // A link of the target may lead to a file; the server knows.
    if target.kind == ListedKind::Directory {
        return Err(Obstacle(target.kind));
    }
    Ok(match earlier {
        Earlier::Done(entry) if still_stands(entry, source, target) => Act::Skip(Why::DoneEarlier),
        Earlier::Begun => Act::Copy(Existing::Continue),
        _ => by_rule(source, target, rule),
    })
}

fn by_rule(source: &Listed, target: &Listed, rule: OnExisting) -> Act {
    let same_size = source.size.is_some() && source.size == target.size;
    match rule {
        OnExisting::Overwrite => Act::Copy(Existing::Replace),
        OnExisting::Skip => Act::Skip(Why::Exists),
        OnExisting::Resume if same_size => Act::CopyUnlessHashEqual,
        OnExisting::Resume => Act::Copy(Existing::Continue),
        OnExisting::IfNewer => match is_older(target.modified, source.modified) {
            false => Act::Skip(Why::NotNewer),
            true => Act::Copy(Existing::Replace),
        },
        OnExisting::IfDifferent if same_size && same_time(source, target) => Act::Skip(Why::Same),
        OnExisting::IfDifferent => Act::Copy(Existing::Replace),
        OnExisting::IfHashDiffers if same_size => Act::CopyUnlessHashEqual,
        OnExisting::IfHashDiffers => Act::Copy(Existing::Replace),
    }
}

/// Whether what arrived in an earlier run is what the source has now, and is still there.
fn still_stands(entry: &Entry, source: &Listed, target: &Listed) -> bool {
    let modified = source.modified.map(|moment| stamp::print(moment.time));
    source.size.is_some()
        && entry.size == source.size
        && entry.size == target.size
        && entry.modified == modified
}

/// A target that cannot keep times has those of the copy, which are later.
fn same_time(source: &Listed, target: &Listed) -> bool {
    match (source.modified, target.modified) {
        (Some(source), Some(target)) => source.agrees(&target) || source.time < target.time,
        _ => false,
    }
}

/// Unknown times are older than known ones: the file is copied.
fn is_older(target: Option<Moment>, source: Option<Moment>) -> bool {
    match (target, source) {
        (Some(target), Some(source)) => !target.agrees(&source) && target.time < source.time,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ProofKind;

    fn file(size: u64, second: i64) -> Listed {
        Listed {
            name: b"a".to_vec(),
            kind: ListedKind::File,
            size: Some(size),
            modified: jiff::Timestamp::from_second(second).ok().map(Moment::exact),
            mode: None,
        }
    }

    fn act(target: Option<Listed>, rule: OnExisting) -> Act {
        decide(&file(5, 1000), target.as_ref(), rule, Earlier::Unknown).unwrap()
    }

    #[test]
    fn the_rule_decides_about_what_is_there() {
        use OnExisting::*;
        let (replace, go_on) = (Act::Copy(Existing::Replace), Act::Copy(Existing::Continue));
        for (target, rule, expected) in [
            (file(5, 1000), Overwrite, replace),
            (file(9, 1), Skip, Act::Skip(Why::Exists)),
            (file(3, 1), Resume, go_on),
            (file(9, 1), Resume, go_on),
            (file(5, 1), Resume, Act::CopyUnlessHashEqual),
            (file(5, 999), IfNewer, replace),
            (file(9, 1000), IfNewer, Act::Skip(Why::NotNewer)),
            (file(9, 1001), IfNewer, Act::Skip(Why::NotNewer)),
            (file(5, 1000), IfDifferent, Act::Skip(Why::Same)),
            (file(5, 2000), IfDifferent, Act::Skip(Why::Same)),
            (file(5, 999), IfDifferent, replace),
            (file(4, 1000), IfDifferent, replace),
            (file(5, 1), IfHashDiffers, Act::CopyUnlessHashEqual),
            (file(4, 1000), IfHashDiffers, replace),
        ] {
            assert_eq!(act(Some(target.clone()), rule), expected, "{rule:?} {target:?}");
            assert_eq!(act(None, rule), replace, "{rule:?}, nothing there");
        }
    }

    #[test]
    fn what_is_no_file_is_left_alone_and_never_replaced() {
        for (kind, why) in [(ListedKind::Link, Why::Link), (ListedKind::Other, Why::Special)] {
            let source = Listed { kind, ..file(5, 1) };
            let act = decide(&source, None, OnExisting::Overwrite, Earlier::Unknown);
            assert_eq!(act, Ok(Act::Skip(why)));
        }
        let directory = Listed { kind: ListedKind::Directory, ..file(5, 1) };
        let act = decide(&file(5, 1), Some(&directory), OnExisting::Overwrite, Earlier::Unknown);
        assert_eq!(act, Err(Obstacle(ListedKind::Directory)));
    }

    #[test]
    fn what_an_earlier_run_did_counts_while_both_ends_agree() {
        let entry = Entry {
            modified: Some("19700101001640".to_owned()),
            ..Entry::new(b"a", Some(5), ProofKind::Size)
        };
        let decided = |source: Listed, target: Option<Listed>, earlier| {
            decide(&source, target.as_ref(), OnExisting::Overwrite, earlier).unwrap()
        };
        let done = Earlier::Done(&entry);
        let (replace, go_on) = (Act::Copy(Existing::Replace), Act::Copy(Existing::Continue));
        for (source, target, earlier, expected) in [
            (file(5, 1000), Some(file(5, 7)), done, Act::Skip(Why::DoneEarlier)),
            (file(5, 1000), Some(file(4, 7)), done, replace),
            (file(5, 1000), None, done, replace),
            (file(6, 1000), Some(file(5, 7)), done, replace),
            (file(5, 1001), Some(file(5, 7)), done, replace),
            (file(5, 1000), Some(file(2, 7)), Earlier::Begun, go_on),
            (file(5, 1000), None, Earlier::Begun, replace),
        ] {
            let what = format!("{source:?} {target:?} {earlier:?}");
            assert_eq!(decided(source, target, earlier), expected, "{what}");
        }
    }
}
