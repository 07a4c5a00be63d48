//! What stands behind `/manifests/`: a tag or a digest.

use std::fmt;
use std::str::FromStr;

use super::digest::{Digest, InvalidDigest};
use super::tag::{InvalidTag, Tag};

/// A tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// A name that can be moved.
    Tag(Tag),
    /// A name for exactly these bytes.
    Digest(Digest),
}

/// Text that is neither a tag nor a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// There is a `:`, so a digest was meant.
    #[error(transparent)]
    Digest(#[from] InvalidDigest),
    /// There is no `:`, so a tag was meant.
    #[error(transparent)]
    Tag(#[from] InvalidTag),
}

/// A tag cannot hold a `:`, so text that has one is an attempt at a digest.
impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        if text.contains(':') {
            Ok(Self::Digest(text.parse()?))
        } else {
            Ok(Self::Tag(text.parse()?))
        }
    }
}

impl From<Tag> for Reference {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for Reference {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}
