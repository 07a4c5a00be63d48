//! Which of two versions is the later one, as each package manager sees it.

mod apk;
mod digits;
mod dpkg;
mod gem;
mod maven;
mod pep440;
mod rpm;
mod semver;

use std::cmp::Ordering;

/// A package manager's order of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    Dpkg,
    Rpm,
    Apk,
    /// Semantic Versioning, with any number of components and an optional `v`: npm, crates.io, Go, Hex, Pub.
    Semver,
    /// Python's.
    Pep440,
    Maven,
    /// RubyGems'.
    Gem,
}

/// Longer texts are no versions.
const MAX_LENGTH: usize = 512;

impl Order {
    /// How `one` compares with `other`; `None` if one of them is no version in this order.
    #[must_use]
    pub fn compare(self, one: &str, other: &str) -> Option<Ordering> {
        let (one, other) = (one.trim(), other.trim());
        let fits = |version: &str| !version.is_empty() && version.len() <= MAX_LENGTH;
        if !fits(one) || !fits(other) {
            return None;
        }
        match self {
            Self::Dpkg => dpkg::compare(one, other),
            Self::Rpm => Some(rpm::compare(one, other)),
            Self::Apk => apk::compare(one, other),
            Self::Semver => semver::compare(one, other),
            Self::Pep440 => pep440::compare(one, other),
            Self::Maven => Some(maven::compare(one, other)),
            Self::Gem => gem::compare(one, other),
        }
    }

    /// Whether a text is a version in this order.
    #[must_use]
    pub fn accepts(self, version: &str) -> bool {
        self.compare(version, version).is_some()
    }
}
