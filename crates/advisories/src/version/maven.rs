//! Maven's order: `ComparableVersion`, as Maven 3.9 has it.

use std::cmp::Ordering;

use super::digits;

/// A version is a list of these; a list in it begins behind a hyphen, and where digits and letters meet.
#[derive(Debug)]
enum Item {
    Number(String),
    Word(String),
    List(Vec<Item>),
}

/// Words that have a place, in their order; the empty one is the release.
const QUALIFIERS: [&str; 7] = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];

pub(super) fn compare(one: &str, other: &str) -> Ordering {
    compare_lists(&parse(one), &parse(other))
}

/// The place of a word; those without one are behind all others, as texts.
fn compare_words(one: &str, other: &str) -> Ordering {
    let place =
        |word: &str| QUALIFIERS.iter().position(|known| *known == word).unwrap_or(QUALIFIERS.len());
    place(one).cmp(&place(other)).then_with(|| one.cmp(other))
}

impl Item {
    fn is_null(&self) -> bool {
        match self {
            Self::Number(digits) => digits::is_zero(digits),
            Self::Word(word) => word.is_empty(),
            Self::List(items) => items.is_empty(),
        }
    }

    /// How it compares with nothing.
    fn compare_with_none(&self) -> Ordering {
        match self {
            Self::Number(digits) => (!digits::is_zero(digits)).cmp(&false),
            Self::Word(word) => compare_words(word, ""),
            Self::List(items) => items
                .iter()
                .map(Self::compare_with_none)
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => digits::compare(one, other),
            (Self::Number(_), _) => Ordering::Greater,
            (_, Self::Number(_)) => Ordering::Less,
            (Self::List(one), Self::List(other)) => compare_lists(one, other),
            (Self::List(_), _) => Ordering::Greater,
            (_, Self::List(_)) => Ordering::Less,
            (Self::Word(one), Self::Word(other)) => compare_words(one, other),
        }
    }
}

fn compare_lists(one: &[Item], other: &[Item]) -> Ordering {
    for index in 0..one.len().max(other.len()) {
        let order = match (one.get(index), other.get(index)) {
            (Some(one), Some(other)) => one.compare(other),
            (Some(one), None) => one.compare_with_none(),
            (None, Some(other)) => other.compare_with_none().reverse(),
            (None, None) => Ordering::Equal,
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// The lists that are open: each will be the last item of the one before it.
struct Reader {
    outer: Vec<Vec<Item>>,
    list: Vec<Item>,
}

/// Recursion is no deeper than a version is long, which `Order::compare` bounds.
fn parse(version: &str) -> Vec<Item> {
    let version = version.to_lowercase();
    let mut reader = Reader { outer: Vec::new(), list: Vec::new() };
    let (mut in_digits, mut start) = (false, 0);
    // Bytes are enough: whatever is not ASCII is a part of a word.
    for (at, byte) in version.bytes().enumerate() {
        match byte {
            b'.' => {
                reader.push(&version[start..at], in_digits, false);
                start = at + 1;
            }
            b'-' => {
                reader.push(&version[start..at], in_digits, false);
                start = at + 1;
                reader.open();
            }
            b'0'..=b'9' => {
                if !in_digits && at > start {
                    reader.open_unless_empty();
                    reader.push(&version[start..at], false, true);
                    start = at;
                    reader.open();
                }
                in_digits = true;
            }
            _ => {
                if in_digits && at > start {
                    reader.push(&version[start..at], true, false);
                    start = at;
                    reader.open();
                }
                in_digits = false;
            }
        }
    }
    if start < version.len() {
        // `1.0.x1` is `1.0-x1`
        if !in_digits {
            reader.open_unless_empty();
        }
        reader.push(&version[start..], in_digits, false);
    }
    reader.close()
}

impl Reader {
    fn open(&mut self) {
        self.outer.push(std::mem::take(&mut self.list));
    }

    fn open_unless_empty(&mut self) {
        if !self.list.is_empty() {
            self.open();
        }
    }

    fn push(&mut self, text: &str, digits: bool, before_digit: bool) {
        self.list.push(if text.is_empty() {
            Item::Number("0".to_owned())
        } else if digits {
            Item::Number(text.to_owned())
        } else {
            Item::Word(alias(text, before_digit).to_owned())
        });
    }

    /// Puts each list into the one before, once what means nothing is taken from its end.
    fn close(mut self) -> Vec<Item> {
        loop {
            normalize(&mut self.list);
            match self.outer.pop() {
                Some(outer) => {
                    let list = std::mem::replace(&mut self.list, outer);
                    self.list.push(Item::List(list));
                }
                None => return self.list,
            }
        }
    }
}

fn alias(word: &str, before_digit: bool) -> &str {
    match word {
        "a" if before_digit => "alpha",
        "b" if before_digit => "beta",
        "m" if before_digit => "milestone",
        "cr" => "rc",
        "ga" | "final" | "release" => "",
        _ => word,
    }
}

/// Takes out what is null, from the end to the first that is neither null nor a list.
fn normalize(list: &mut Vec<Item>) {
    for at in (0..list.len()).rev() {
        if list[at].is_null() {
            list.remove(at);
        } else if !matches!(list[at], Item::List(_)) {
            break;
        }
    }
}
