//! Paths in layers: whatever an archive writes, it stays below the root.

/// A path as the merged filesystem has it: no slash at the beginning or the end, no empty parts, no `.`, and `..` goes no
/// higher than the root. Empty: the root itself.
pub(super) fn normalize(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Bytes of an archive as text; those that are not UTF-8 become `%FF`.
pub(super) fn decode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push('%');
            for digit in [byte >> 4, byte & 15] {
                text.push(
                    char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase(),
                );
            }
        }
    }
    text
}

/// The folder that something is in, and its name there.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// One path below another.
pub(super) fn join(folder: &str, name: &str) -> String {
    match (folder, name) {
        ("", name) => name.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, name) => format!("{folder}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out() {
        for (written, meant) in [
            ("./etc/passwd", "etc/passwd"),
            ("/etc//passwd/", "etc/passwd"),
            ("../../etc/passwd", "etc/passwd"),
            ("a/../../b", "b"),
            ("a/./b/..", "a"),
            ("..", ""),
            ("/", ""),
        ] {
            assert_eq!(normalize(written), meant);
        }
    }

    #[test]
    fn strange_bytes_are_shown() {
        assert_eq!(decode(b"caf\xe9/\xff\xfe"), "caf%E9/%FF%FE");
        assert_eq!(decode("naïve".as_bytes()), "naïve");
    }
}
