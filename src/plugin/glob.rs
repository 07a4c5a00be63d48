//! Patterns for paths and for names of repositories: `*` and `?` stay within one part, `**` does not, `[ab]` and `{a,b}`
//! choose.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A pattern. Matching takes a time that grows with pattern times text, whatever the pattern is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Glob {
    text: Box<str>,
    /// One for each choice of braces.
    alternatives: Vec<Alternative>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Alternative {
    tokens: Vec<Token>,
    /// What every matching text begins and ends with: nearly all of a filesystem is told apart by these.
    prefix: String,
    suffix: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    Char(char),
    /// `?`
    One,
    /// `*`
    Many,
    /// `**`
    Deep,
    /// `**/`, which may be nothing at all.
    Folders,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

const MAX_LENGTH: usize = 1024;
const MAX_ALTERNATIVES: usize = 64;

/// Text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a pattern: {what}")]
pub struct InvalidGlob {
    text: String,
    what: &'static str,
}

impl Glob {
    /// Whether it describes `text` from the beginning to the end.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.alternatives.iter().any(|one| {
            text.starts_with(&one.prefix)
                && text.ends_with(&one.suffix)
                && matches(&one.tokens, text)
        })
    }

    /// What every matching text begins with.
    #[must_use]
    pub fn prefix(&self) -> String {
        let mut prefixes = self.alternatives.iter().map(|one| one.prefix.as_str());
        let first = prefixes.next().unwrap_or_default().to_owned();
        prefixes.fold(first, |common, next| {
            let pairs = common.chars().zip(next.chars());
            pairs.take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
        })
    }
}

impl Alternative {
    fn new(tokens: Vec<Token>) -> Self {
        let literal = |token: &Token| match token {
            Token::Char(c) => Some(*c),
            _ => None,
        };
        let prefix = tokens.iter().map_while(literal).collect();
        let suffix: Vec<char> = tokens.iter().rev().map_while(literal).collect();
        Self { prefix, suffix: suffix.into_iter().rev().collect(), tokens }
    }
}

/// All states at once, so that no pattern makes it go back and forth.
fn matches(tokens: &[Token], text: &str) -> bool {
    let mut states = vec![false; tokens.len() + 1];
    enter(tokens, &mut states, 0, true);
    let mut next = vec![false; tokens.len() + 1];
    for c in text.chars() {
        next.fill(false);
        for (at, token) in tokens.iter().enumerate().filter(|(at, _)| states[*at]) {
            match token {
                Token::Char(expected) if *expected == c => {
                    enter(tokens, &mut next, at + 1, c == '/');
                }
                Token::One if c != '/' => enter(tokens, &mut next, at + 1, false),
                Token::Many if c != '/' => enter(tokens, &mut next, at, false),
                Token::Deep => enter(tokens, &mut next, at, c == '/'),
                // Only whole folders: it can be left behind a slash.
                Token::Folders if c == '/' => enter(tokens, &mut next, at, true),
                Token::Folders => next[at] = true,
                Token::Class { negated, ranges } if c != '/' => {
                    let inside = ranges.iter().any(|(from, to)| (*from..=*to).contains(&c));
                    if inside != *negated {
                        enter(tokens, &mut next, at + 1, false);
                    }
                }
                _ => {}
            }
        }
        std::mem::swap(&mut states, &mut next);
    }
    states[tokens.len()]
}

/// Marks a state, and those behind it that need no character. `boundary`: a name may begin here.
fn enter(tokens: &[Token], states: &mut [bool], at: usize, boundary: bool) {
    states[at] = true;
    match tokens.get(at) {
        Some(Token::Many | Token::Deep) => enter(tokens, states, at + 1, boundary),
        Some(Token::Folders) if boundary => enter(tokens, states, at + 1, boundary),
        _ => {}
    }
}

impl FromStr for Glob {
    type Err = InvalidGlob;

    fn from_str(text: &str) -> Result<Self, InvalidGlob> {
        let invalid = |what| InvalidGlob { text: text.chars().take(80).collect(), what };
        if text.is_empty() || text.len() > MAX_LENGTH {
            return Err(invalid("it has 1 to 1024 bytes"));
        }
        let alternatives = expand(text).map_err(invalid)?;
        let parsed = alternatives
            .iter()
            .map(|one| tokens(one).map(Alternative::new))
            .collect::<Result<Vec<_>, _>>();
        Ok(Self { text: text.into(), alternatives: parsed.map_err(invalid)? })
    }
}

/// Every choice of the braces, written out.
fn expand(text: &str) -> Result<Vec<String>, &'static str> {
    let mut done = Vec::new();
    let mut open = vec![text.to_owned()];
    while let Some(text) = open.pop() {
        let Some(begin) = text.find('{') else {
            if text.contains('}') {
                return Err("a `}` has no `{`");
            }
            done.push(text);
            continue;
        };
        let length = text[begin..].find('}').ok_or("a `{` has no `}`")?;
        let (choices, rest) = (&text[begin + 1..begin + length], &text[begin + length + 1..]);
        if choices.contains('{') {
            return Err("braces cannot stand in braces");
        }
        open.extend(choices.split(',').map(|choice| format!("{}{choice}{rest}", &text[..begin])));
        if open.len() + done.len() > MAX_ALTERNATIVES {
            return Err("its braces have more than 64 choices");
        }
    }
    Ok(done)
}

fn tokens(text: &str) -> Result<Vec<Token>, &'static str> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    let mut boundary = true;
    while let Some(c) = chars.next() {
        let token = match c {
            '?' => Token::One,
            '*' if chars.next_if_eq(&'*').is_none() => Token::Many,
            '*' if boundary && chars.next_if_eq(&'/').is_some() => Token::Folders,
            '*' => Token::Deep,
            '[' => class(&mut chars)?,
            c => Token::Char(c),
        };
        boundary = matches!(token, Token::Char('/') | Token::Folders);
        // `***` is no more than `**`, and two in a row are one.
        if tokens.last() != Some(&token)
            || !matches!(token, Token::Deep | Token::Many | Token::Folders)
        {
            tokens.push(token);
        }
    }
    Ok(tokens)
}

fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token, &'static str> {
    const OPEN: &str = "a `[` has no `]`";
    let negated = chars.next_if(|c| matches!(c, '!' | '^')).is_some();
    let mut ranges = Vec::new();
    loop {
        let from = match chars.next().ok_or(OPEN)? {
            ']' if !ranges.is_empty() => return Ok(Token::Class { negated, ranges }),
            from => from,
        };
        let mut to = from;
        if chars.peek() == Some(&'-') {
            chars.next();
            match chars.next().ok_or(OPEN)? {
                ']' => {
                    ranges.extend([(from, from), ('-', '-')]);
                    return Ok(Token::Class { negated, ranges });
                }
                end => to = end,
            }
        }
        ranges.push((from, to));
    }
}

impl TryFrom<String> for Glob {
    type Error = InvalidGlob;

    fn try_from(text: String) -> Result<Self, InvalidGlob> {
        text.parse()
    }
}

impl From<Glob> for String {
    fn from(glob: Glob) -> Self {
        glob.text.into()
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str) -> bool {
        pattern.parse::<Glob>().unwrap().matches(text)
    }

    #[test]
    fn a_star_stays_within_a_name_and_two_do_not() {
        for (pattern, yes, no) in [
            ("prod/*", &["prod/a", "prod/"][..], &["prod", "prod/a/b", "a/prod/b"][..]),
            ("prod/**", &["prod/a", "prod/a/b", "prod/"], &["prod", "test/a"]),
            (
                "**/package.json",
                &["package.json", "a/package.json", "a/b/package.json"],
                &["xpackage.json", "a/xpackage.json"],
            ),
            ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["ab", "a/xb", "b"]),
            ("**", &["", "a", "a/b"], &[]),
            ("usr/lib?/*.so", &["usr/lib6/x.so"], &["usr/lib/x.so", "usr/lib6/x/y.so"]),
            ("[a-c!]x", &["ax", "cx", "!x"], &["dx", "/x", "x"]),
            ("[!a-c]x", &["dx"], &["ax", "/x"]),
            ("[a-]", &["a", "-"], &["b"]),
            (
                "{etc,usr/lib}/os-release",
                &["etc/os-release", "usr/lib/os-release"],
                &["lib/os-release"],
            ),
            ("a**b", &["ab", "axb", "a/b", "a/x/b"], &["a", "b"]),
        ] {
            for text in yes {
                assert!(check(pattern, text), "{pattern} {text}");
            }
            for text in no {
                assert!(!check(pattern, text), "{pattern} {text}");
            }
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_longer_than_another() {
        let pattern = format!("{}b", "*a".repeat(200));
        assert!(!check(&pattern, &"a".repeat(5_000)));
    }

    #[test]
    fn the_prefix_is_what_all_have_in_common() {
        for (pattern, prefix) in [
            ("var/lib/dpkg/*", "var/lib/dpkg/"),
            ("**/x", ""),
            ("{etc/a,etc/b}*", "etc/"),
            ("a", "a"),
        ] {
            assert_eq!(pattern.parse::<Glob>().unwrap().prefix(), prefix);
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let many = "{a,b}".repeat(10);
        for bad in ["", "{a", "a}", "[a", "{a,{b}}", "[]", &many, &"a".repeat(1025)] {
            assert!(bad.parse::<Glob>().is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        /// Against the plainest way to say what a pattern means.
        #[test]
        fn it_matches_what_a_naive_reading_matches(pattern in "[ab/*?]{0,8}", text in "[ab/]{0,8}") {
            let Ok(glob) = pattern.parse::<Glob>() else { return Ok(()) };
            let expected = naive(&glob.alternatives[0].tokens, &text, true);
            proptest::prop_assert_eq!(glob.matches(&text), expected, "{} {}", pattern, text);
        }
    }

    fn naive(tokens: &[Token], text: &str, boundary: bool) -> bool {
        let Some((token, rest)) = tokens.split_first() else { return text.is_empty() };
        let (first, behind) = match text.chars().next() {
            Some(first) => (Some(first), &text[first.len_utf8()..]),
            None => (None, ""),
        };
        match token {
            Token::Many | Token::Deep => {
                let takes = first.is_some_and(|c| c != '/' || *token == Token::Deep);
                naive(rest, text, boundary) || (takes && naive(tokens, behind, first == Some('/')))
            }
            Token::Folders => {
                (boundary && naive(rest, text, true))
                    || (first.is_some() && naive(tokens, behind, first == Some('/')))
            }
            Token::Char(c) => first == Some(*c) && naive(rest, behind, *c == '/'),
            Token::One => first.is_some_and(|c| c != '/') && naive(rest, behind, false),
            Token::Class { .. } => unreachable!("the patterns have none"),
        }
    }
}
