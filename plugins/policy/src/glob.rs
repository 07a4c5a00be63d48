//! Patterns with stars.

/// Whether a text fits a pattern, in which `*` stands for anything.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<_> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches("docker.io/library/*:13*", "docker.io/library/debian:13-slim"));
        assert!(matches("*", "") && matches("a", "a") && matches("a*", "a"));
        assert!(!matches("a", "ab") && !matches("a*b", "a") && !matches("ab*ba", "aba"));
    }
}
