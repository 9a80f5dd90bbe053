//! The options of `LIST`, `NLST` and `STAT`: letters as `ls` has them, parsed once.
//!
//! RFC 959 knows no options; clients have sent them ever since servers ran `/bin/ls`. A letter
//! that is not known is passed over: `-C` and `-x` ask for columns, which no program could read,
//! `-L` for what is so anyway.

use crate::proto::{Entry, Kind};
use std::cmp::Ordering;

/// What the options ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// `-a`, `-A`.
    pub hidden: Hidden,
    /// `-l`, `-1`; the verb's own form if `None`.
    pub form: Option<Form>,
    /// `-F`.
    pub marks: Marks,
    /// `-d`, `-R`.
    pub reach: Reach,
    /// `-t`, `-S`.
    pub order: Order,
    /// `-r`.
    pub direction: Direction,
}

/// What is shown of the names that begin with a dot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hidden {
    /// Nothing.
    #[default]
    Left,
    /// `-A`: all but `.` and `..`.
    Shown,
    /// `-a`: `.` and `..` as well.
    WithDots,
}

/// How one entry is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `-l`: with all that `ls -l` tells.
    Long,
    /// `-1`: the name alone.
    Name,
}

/// Whether a name's last letter tells its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marks {
    /// No.
    #[default]
    None,
    /// `-F`: `/` for a directory, `*` for a program, `@` for a link that leads nowhere.
    Kinds,
}

/// How far a listing goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// What is in the directory.
    #[default]
    Inside,
    /// `-d`: the directory itself.
    Itself,
    /// `-R`: everything below it.
    Below,
}

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As the storage gives them.
    Storage,
    /// By the bytes of the names.
    #[default]
    Name,
    /// `-t`: the newest.
    Newest,
    /// `-S`: the largest.
    Largest,
}

/// Whether an order is turned round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// As it is.
    #[default]
    Forwards,
    /// `-r`: turned round.
    Backwards,
}

impl ListOptions {
    /// Takes one more letter. Of those that contradict each other the last one counts, but `-l`
    /// stays long and `-d` stays with the directory, as in `ls`.
    pub fn take(&mut self, letter: u8) {
        match letter {
            b'a' => self.hidden = Hidden::WithDots,
            b'A' if self.hidden == Hidden::Left => self.hidden = Hidden::Shown,
            b'l' => self.form = Some(Form::Long),
            b'1' if self.form.is_none() => self.form = Some(Form::Name),
            b'F' => self.marks = Marks::Kinds,
            b'd' => self.reach = Reach::Itself,
            b'R' if self.reach == Reach::Inside => self.reach = Reach::Below,
            b't' => self.order = Order::Newest,
            b'S' => self.order = Order::Largest,
            b'r' => self.direction = Direction::Backwards,
            _ => {}
        }
    }

    /// Whether the client asked for an order, rather than be given one.
    pub fn asks_for_order(&self) -> bool {
        matches!(self.order, Order::Newest | Order::Largest)
            || self.direction == Direction::Backwards
    }

    /// Which of two entries comes first; names decide what the order leaves open.
    pub fn compare(&self, a: &Entry, b: &Entry) -> Ordering {
        let first = match self.order {
            Order::Storage => return Ordering::Equal,
            Order::Name => Ordering::Equal,
            Order::Newest => b.modified.cmp(&a.modified),
            Order::Largest => b.size.cmp(&a.size),
        };
        let forwards = first.then_with(|| a.name.cmp(&b.name));
        match self.direction {
            Direction::Forwards => forwards,
            Direction::Backwards => forwards.reverse(),
        }
    }
}

impl Marks {
    /// The letter behind the name of `entry`, if any.
    pub fn of(self, entry: &Entry) -> Option<u8> {
        if self == Marks::None {
            return None;
        }
        match entry.kind {
            Kind::Directory => Some(b'/'),
            Kind::File if entry.mode & 0o111 != 0 => Some(b'*'),
            Kind::File => None,
            Kind::Other => (entry.link == crate::proto::Link::Dangling).then_some(b'@'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Link, entry::sample};

    fn options(letters: &str) -> ListOptions {
        let mut options = ListOptions::default();
        letters.bytes().for_each(|letter| options.take(letter));
        options
    }

    #[test]
    fn letters_are_options() {
        let none = ListOptions::default();
        for (letters, meant) in [
            ("", none),
            ("CxmnLhgoUZ-=\u{fc}", none),
            ("l", ListOptions { form: Some(Form::Long), ..none }),
            ("1l", ListOptions { form: Some(Form::Long), ..none }),
            ("l1", ListOptions { form: Some(Form::Long), ..none }),
            ("1", ListOptions { form: Some(Form::Name), ..none }),
            ("A", ListOptions { hidden: Hidden::Shown, ..none }),
            ("aA", ListOptions { hidden: Hidden::WithDots, ..none }),
            ("Aa", ListOptions { hidden: Hidden::WithDots, ..none }),
            ("CF", ListOptions { marks: Marks::Kinds, ..none }),
            ("dR", ListOptions { reach: Reach::Itself, ..none }),
            ("Rd", ListOptions { reach: Reach::Itself, ..none }),
            ("R", ListOptions { reach: Reach::Below, ..none }),
            ("tS", ListOptions { order: Order::Largest, ..none }),
            ("Strt", ListOptions { order: Order::Newest, direction: Direction::Backwards, ..none }),
        ] {
            assert_eq!(options(letters), meant, "-{letters}");
        }
    }

    #[test]
    fn orders_are_those_of_ls() {
        let named = |name: &str, size, modified: &str| Entry {
            name: name.into(),
            size,
            modified: modified.parse().unwrap(),
            ..sample(Kind::File, 0o644)
        };
        let entries = [
            named("b", 1, "2026-01-01T00:00:00Z"),
            named("a", 2, "2026-01-01T00:00:00Z"),
            named("c", 2, "2026-01-01T00:00:01Z"),
        ];
        for (letters, sorted) in
            [("", "abc"), ("r", "cba"), ("t", "cab"), ("tr", "bac"), ("S", "acb"), ("rS", "bca")]
        {
            let mut these = entries.clone();
            these.sort_by(|a, b| options(letters).compare(a, b));
            let names: Vec<u8> = these.into_iter().flat_map(|entry| entry.name).collect();
            assert_eq!(String::from_utf8(names).unwrap(), sorted, "-{letters}");
        }
        assert!(!options("al1FR").asks_for_order());
        assert!(options("r").asks_for_order() && options("t").asks_for_order());
    }

    #[test]
    fn marks_tell_kinds() {
        for (kind, mode, link, mark) in [
            (Kind::Directory, 0o755, Link::No, Some(b'/')),
            (Kind::Directory, 0o755, Link::Followed, Some(b'/')),
            (Kind::File, 0o755, Link::No, Some(b'*')),
            (Kind::File, 0o644, Link::Followed, None),
            (Kind::Other, 0o777, Link::Dangling, Some(b'@')),
            (Kind::Other, 0o777, Link::No, None),
        ] {
            let entry = Entry { link, ..sample(kind, mode) };
            assert_eq!(Marks::Kinds.of(&entry), mark, "{kind:?}");
            assert_eq!(Marks::None.of(&entry), None);
        }
    }
}
