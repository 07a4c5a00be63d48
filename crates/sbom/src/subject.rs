//! What a document is about.

/// The image whose packages a document lists, and when it was made. Nothing else goes into it, so that the same image
/// gives the same document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The repository or a reference: `team/app:v1`.
    pub name: String,
    /// The digest of its manifest: `sha256:…`.
    pub digest: Option<String>,
    /// When the document is made, in RFC 3339 and UTC: `2026-11-25T07:00:00Z`.
    pub created: String,
}

impl Subject {
    /// Whether `created` is a date and time as both formats want it.
    #[must_use]
    pub fn is_dated(&self) -> bool {
        let pattern = "dddd-dd-ddTdd:dd:ddZ";
        self.created.len() == pattern.len()
            && self.created.bytes().zip(pattern.bytes()).all(|(byte, wanted)| {
                if wanted == b'd' { byte.is_ascii_digit() } else { byte == wanted }
            })
    }

    /// The time to write; a fixed one if there is none that is valid.
    pub(crate) fn time(&self) -> &str {
        if self.is_dated() { &self.created } else { "1970-01-01T00:00:00Z" }
    }

    /// Algorithm and value of the digest, if it is one of SHA-256 or SHA-512.
    pub(crate) fn hash(&self) -> Option<(&'static str, &'static str, &str)> {
        let (algorithm, hex) = self.digest.as_deref()?.split_once(':')?;
        let (cyclonedx, spdx, length) = match algorithm {
            "sha256" => ("SHA-256", "SHA256", 64),
            "sha512" => ("SHA-512", "SHA512", 128),
            _ => return None,
        };
        let digits = hex.len() == length && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then_some((cyclonedx, spdx, hex))
    }
}
