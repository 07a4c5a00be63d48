//! What a registry asks for when it does not know who asks: `WWW-Authenticate`.

/// What it asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// Name and password with each request.
    Basic,
    /// A token from there.
    Bearer {
        /// Where.
        realm: String,
        /// What to call the registry there.
        service: Option<String>,
    },
}

impl Challenge {
    /// Reads the header; none if it asks for something else.
    pub(crate) fn read(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let part = |name: &str| {
            let at = rest.find(&format!("{name}=\""))?;
            let value = &rest[at + name.len() + 2..];
            Some(value.split('"').next()?.to_owned())
        };
        Some(Self::Bearer { realm: part("realm")?, service: part("service") })
    }
}

/// Base 64, as `Authorization: Basic` wants it.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let six = (bits >> (18 - 6 * at)) & 63;
            text.push(if at <= three.len() { char::from(ALPHABET[six as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let header = r#"Bearer realm="https://auth.example/token",service="registry",scope="a,b""#;
        let expected = Challenge::Bearer {
            realm: "https://auth.example/token".into(),
            service: Some("registry".into()),
        };
        assert_eq!(Challenge::read(header), Some(expected));
        assert_eq!(Challenge::read("basic realm=\"x\""), Some(Challenge::Basic));
        assert_eq!(Challenge::read("Negotiate"), None);
        assert_eq!(Challenge::read("Bearer service=\"x\""), None);
    }

    #[test]
    fn base64_is_padded() {
        for (plain, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(plain.as_bytes()), text);
        }
    }
}
