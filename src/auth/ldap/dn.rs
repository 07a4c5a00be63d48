//! Distinguished names (RFC 4514), as far as it takes to compare them: servers and people write the same name in many ways.

use std::str::FromStr;

/// A distinguished name such as `cn=devs,ou=groups,dc=example,dc=org`.
#[derive(Clone, Debug)]
pub(super) struct Dn {
    /// From the entry up to the root.
    parts: Vec<Part>,
}

/// One part: usually one attribute, sometimes several with `+` between.
#[derive(Clone, Debug)]
struct Part {
    /// The value of its first attribute as it is written.
    value: String,
    /// Attributes with their values, in a form that is the same for all ways to write them.
    folded: Vec<(String, String)>,
}

/// Text that is no distinguished name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no distinguished name: write it as `ou=people,dc=example,dc=org`")]
pub(super) struct InvalidDn(String);

impl Dn {
    /// The value that names the entry itself: `devs`.
    pub(super) fn value(&self) -> &str {
        self.parts.first().map_or("", |part| &part.value)
    }

    /// Whether it is `base` or lies below it.
    pub(super) fn is_within(&self, base: &Self) -> bool {
        let Some(above) = self.parts.len().checked_sub(base.parts.len()) else { return false };
        let folded = |part: &Part, other: &Part| part.folded == other.folded;
        self.parts[above..].iter().zip(&base.parts).all(|(part, other)| folded(part, other))
    }
}

impl PartialEq for Dn {
    fn eq(&self, other: &Self) -> bool {
        self.parts.len() == other.parts.len() && self.is_within(other)
    }
}

impl FromStr for Dn {
    type Err = InvalidDn;

    fn from_str(text: &str) -> Result<Self, InvalidDn> {
        let invalid = || InvalidDn(text.chars().take(100).collect());
        if text.trim().is_empty() {
            return Err(invalid());
        }
        let parts = split(text, ',').map(|part| read_part(part).ok_or_else(invalid));
        Ok(Self { parts: parts.collect::<Result<_, _>>()? })
    }
}

/// The pieces between separators that no backslash stands before.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_escaped = false;
    text.split(move |letter| {
        let ends = letter == separator && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        ends
    })
}

fn read_part(text: &str) -> Option<Part> {
    let mut value = None;
    let mut folded = Vec::new();
    for attribute in split(text, '+') {
        let (name, written) = attribute.split_once('=')?;
        let name = name.trim();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_name) {
            return None;
        }
        let read = unescape(without_spaces(written))?;
        folded.push((name.to_ascii_lowercase(), fold(&read)));
        value.get_or_insert(read);
    }
    folded.sort();
    Some(Part { value: value?, folded })
}

/// Spaces around a value do not count, but for one that a backslash stands before.
fn without_spaces(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.trim_end();
    let backslashes = end.bytes().rev().take_while(|byte| *byte == b'\\').count();
    if backslashes % 2 == 1 && end.len() < text.len() { &text[..=end.len()] } else { end }
}

/// `\,` is a comma, `\2C` as well; bytes of UTF-8 may be written one by one.
fn unescape(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        let first = *bytes.get(at)?;
        let pair = bytes.get(at..at + 2).and_then(|pair| std::str::from_utf8(pair).ok());
        let is_hex = first.is_ascii_hexdigit();
        match pair.filter(|_| is_hex).and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(value) => {
                plain.push(value);
                at += 2;
            }
            None => {
                plain.push(first);
                at += 1;
            }
        }
    }
    String::from_utf8(plain).ok()
}

/// Case and the number of spaces do not count (RFC 4518 §2).
fn fold(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dn(text: &str) -> Dn {
        text.parse().unwrap()
    }

    #[test]
    fn the_same_name_may_be_written_in_many_ways() {
        for (one, other) in [
            ("cn=devs,dc=x", "CN=Devs, DC=X"),
            ("cn=a b,dc=x", " cn = A  B ,dc=x"),
            (r"cn=a\,b,dc=x", r"cn=a\2Cb,dc=x"),
            (r"cn=J\C3\BCrgen,dc=x", "cn=JÜRGEN,dc=x"),
            ("cn=a+uid=b,dc=x", "uid=B+cn=A,dc=x"),
            (r"cn=a\ ,dc=x", "cn=a,dc=x"),
        ] {
            assert!(dn(one) == dn(other), "{one} {other}");
        }
        for (one, other) in [
            ("cn=devs,dc=x", "cn=devs"),
            ("cn=devs,dc=x", "uid=devs,dc=x"),
            (r"cn=a\,ou=b,dc=x", "cn=a,ou=b,dc=x"),
            ("cn=a+uid=b,dc=x", "cn=a,dc=x"),
        ] {
            assert!(dn(one) != dn(other), "{one} {other}");
        }
    }

    #[test]
    fn a_name_lies_below_its_base_and_not_below_one_that_ends_alike() {
        let group = dn(r"CN=Devs\, all,OU=Groups,DC=example,DC=org");
        for base in [
            "dc=example,dc=org",
            "ou=groups,dc=example,dc=org",
            r"cn=devs\, all,ou=groups,dc=example,dc=org",
        ] {
            assert!(group.is_within(&dn(base)), "{base}");
        }
        for base in [
            "ou=people,dc=example,dc=org",
            "dc=org,dc=example",
            "ou=x,cn=devs\\, all,ou=groups,dc=example,dc=org",
        ] {
            assert!(!group.is_within(&dn(base)), "{base}");
        }
        // What a value holds is no part of the name.
        assert!(!dn(r"cn=x\,dc=example\,dc=org").is_within(&dn("dc=example,dc=org")));
    }

    #[test]
    fn the_first_value_names_the_entry() {
        assert_eq!(dn(r"CN=Devs\, all,OU=Groups").value(), "Devs, all");
        assert_eq!(dn("cn=a=b,dc=x").value(), "a=b");
        assert_eq!(dn(r"cn=ends\ ,dc=x").value(), "ends ");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in
            ["", "  ", "devs", "cn=a,", ",cn=a", "=a", "cn=a,devs", r"cn=a\", "c n=a", r"cn=\FF"]
        {
            assert!(bad.parse::<Dn>().is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it(text in r"[a-cA-C=,+\\ 0-9ü]{0,24}") {
            if let Ok(dn) = text.parse::<Dn>() {
                proptest::prop_assert!(dn == dn.clone() && dn.is_within(&dn));
            }
        }
    }
}
