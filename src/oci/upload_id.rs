//! Upload sessions' names.

use std::fmt;
use std::str::FromStr;

/// The name of an upload session: 22 characters of URL-safe base64, 128 random bits, so that it cannot be guessed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId(Box<str>);

/// Text that names no upload session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not an upload that Berth started")]
pub struct InvalidUploadId;

impl UploadId {
    /// A new, random name.
    #[must_use]
    pub fn random() -> Self {
        Self(crate::secret::random_text(16).into())
    }

    /// The name as text; safe as a file name and in a URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UploadId {
    type Err = InvalidUploadId;

    fn from_str(text: &str) -> Result<Self, InvalidUploadId> {
        let valid = text.len() == 22
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if valid { Ok(Self(text.into())) } else { Err(InvalidUploadId) }
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
