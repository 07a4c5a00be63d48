//! Texts that people or tools wrote, with bounds.

/// A name or a version is not longer.
pub(crate) const MAX_FIELD: usize = 512;

/// The text without space around it, if it may be a name or a version: one line, not empty, not endless.
pub(crate) fn field(text: &str) -> Option<&str> {
    let text = text.trim();
    let fits = !text.is_empty() && text.len() <= MAX_FIELD && !text.contains(char::is_control);
    fits.then_some(text)
}

/// The same, as a text of its own.
pub(crate) fn owned(text: &str) -> Option<String> {
    field(text).map(str::to_owned)
}

/// A licence as somebody declared it; whole texts of licences are not.
pub(crate) fn license(text: &str) -> Option<String> {
    let text = field(text).filter(|text| text.len() <= 200)?;
    let unknown = ["UNKNOWN", "NONE", "NOASSERTION", "UNLICENSED"].contains(&text);
    (!unknown).then(|| text.to_owned())
}

/// The value of a header (`Name: value`), whatever the case of its name.
pub(crate) fn header<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (found, value) = line.split_once(':')?;
    found.trim_end().eq_ignore_ascii_case(name).then(|| value.trim())
}

/// Groups of lines that empty lines divide. A line that begins with a space belongs to the field before.
pub(crate) fn stanzas(text: &str) -> impl Iterator<Item = impl Iterator<Item = &str> + Clone> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(['\n', '\r']);
        if rest.is_empty() {
            return None;
        }
        let end = rest.find("\n\n").map_or(rest.len(), |at| at + 1);
        let (stanza, next) = rest.split_at(end);
        rest = next;
        Some(stanza.lines())
    })
}

/// The last part of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The path without its last part.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_end_at_empty_lines() {
        let text = "\nA: 1\n more\nB: 2\n\n\nA: 3\n";
        let all: Vec<Vec<_>> = stanzas(text).map(Iterator::collect).collect();
        assert_eq!(all, [vec!["A: 1", " more", "B: 2"], vec!["A: 3"]]);
        assert_eq!(stanzas("\n\n").count(), 0);
    }
}
