//! Licences: which words are SPDX's, and which are only somebody's.

use std::fmt::Write as _;

static LICENSES: &str = include_str!("licenses.txt");
static EXCEPTIONS: &str = include_str!("exceptions.txt");

/// An expression with more words than this is nobody's.
const MAX_WORDS: usize = 128;

/// The identifier in the list's own case.
fn find(list: &'static str, word: &str) -> Option<&'static str> {
    list.lines().find(|id| id.eq_ignore_ascii_case(word))
}

/// The SPDX identifier of a licence, whatever the case it is written in.
#[must_use]
pub fn id(word: &str) -> Option<&'static str> {
    find(LICENSES, word)
}

/// The text as an SPDX expression in which every identifier is on SPDX's list.
#[must_use]
pub fn expression(text: &str) -> Option<String> {
    if let Some(id) = id(text.trim()) {
        return Some(id.to_owned());
    }
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    if words.is_empty() || words.len() > MAX_WORDS {
        return None;
    }
    let mut out = String::new();
    let mut depth = 0usize;
    // Whether a licence is awaited, or an operator.
    let mut operand = true;
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        match word {
            "(" if operand => {
                depth += 1;
                out.push('(');
            }
            ")" if !operand && depth > 0 => {
                depth -= 1;
                out.push(')');
            }
            _ if operand => {
                let plus = word.strip_suffix('+').and_then(id);
                match (id(word), plus) {
                    (Some(id), _) => out.push_str(id),
                    (None, Some(id)) => write!(out, "{id}+").ok()?,
                    (None, None) => return None,
                }
                if words.peek().is_some_and(|next| next.eq_ignore_ascii_case("with")) {
                    words.next();
                    write!(out, " WITH {}", find(EXCEPTIONS, words.next()?)?).ok()?;
                }
                operand = false;
            }
            _ if word.eq_ignore_ascii_case("and") => {
                out.push_str(" AND ");
                operand = true;
            }
            _ if word.eq_ignore_ascii_case("or") => {
                out.push_str(" OR ");
                operand = true;
            }
            _ => return None,
        }
    }
    (!operand && depth == 0).then_some(out)
}

/// Whether an expression is more than one identifier.
pub(crate) fn is_compound(expression: &str) -> bool {
    id(expression).is_none()
}

/// All of these licences, as one expression.
pub(crate) fn all_of(expressions: &[String]) -> String {
    let several = expressions.len() > 1;
    let wrapped = expressions.iter().map(|expression| {
        if several && expression.contains(" OR ") {
            format!("({expression})")
        } else {
            expression.clone()
        }
    });
    wrapped.collect::<Vec<_>>().join(" AND ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_told_from_words() {
        for (text, expected) in [
            ("MIT", "MIT"),
            ("apache-2.0", "Apache-2.0"),
            ("MIT OR Apache-2.0", "MIT OR Apache-2.0"),
            ("(mit or Apache-2.0) AND BSD-3-Clause", "(MIT OR Apache-2.0) AND BSD-3-Clause"),
            ("Apache-2.0 WITH LLVM-exception", "Apache-2.0 WITH LLVM-exception"),
            ("GPL-2.0+", "GPL-2.0+"),
            ("MPL-1.1+ and (MIT)", "MPL-1.1+ AND (MIT)"),
        ] {
            assert_eq!(expression(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "BSD",
            "MIT AND",
            "MIT MIT",
            "(MIT",
            "MIT)",
            "MIT WITH",
            "AND MIT",
            "()",
            "MIT/Apache-2.0",
        ] {
            assert_eq!(expression(text), None, "{text}");
        }
    }

    #[test]
    fn several_licences_hold_together() {
        let all = ["MIT OR ISC".to_owned(), "Zlib".to_owned()];
        assert_eq!(all_of(&all), "(MIT OR ISC) AND Zlib");
        assert_eq!(all_of(&all[..1]), "MIT OR ISC");
    }
}
