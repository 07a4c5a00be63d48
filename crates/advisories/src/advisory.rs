//! One advisory, with what is needed to match it and to tell of it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::affected::drop_listed;
use crate::ecosystem::Key;
use crate::osv;
use crate::severity::Vector;

/// Longer records are not read.
pub(crate) const MAX_RECORD: usize = 32 << 20;

/// An advisory. Its own JSON is short and private to Berth; [`Advisory::parse`] reads OSV's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Advisory {
    pub id: String,
    /// When it was changed last, in RFC 3339.
    pub modified: String,
    /// When it was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<String>,
    /// The same vulnerability elsewhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The vulnerabilities that it is about: a distribution's advisory speaks of one CVE or of many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub upstream: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub summary: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub severity: Vec<Vector>,
    /// A word of the database's own, such as `MODERATE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    pub affected: Vec<Affected>,
}

/// A package that an advisory is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Affected {
    /// With its release: `Debian:12`.
    pub ecosystem: String,
    pub name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Range>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// Instead of the advisory's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub severity: Vec<Vector>,
    /// A word of the database's own for this package, such as Debian's urgency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<String>,
    /// The binary packages that are concerned, if the record says so; all of the source package's otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub binaries: Vec<String>,
    /// It is no vulnerability: the package is unmaintained, for example.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub informational: bool,
}

/// A range of versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    pub kind: RangeKind,
    pub events: Vec<Event>,
}

/// Whose order a range is in. Ranges of commits are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RangeKind {
    Semver,
    Ecosystem,
}

/// A version at which something changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// From here on it is affected; `0` is before every version.
    Introduced(String),
    /// From here on it is not any more.
    Fixed(String),
    /// The last one that is.
    LastAffected(String),
    /// Versions from here on are not spoken of; `*` is behind every version.
    Limit(String),
}

/// Why a record is not an advisory.
#[derive(Debug)]
pub enum InvalidAdvisory {
    Json(serde_json::Error),
    TooLarge,
    /// It lacks what every record has.
    Missing(&'static str),
}

impl fmt::Display for InvalidAdvisory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(f, "the record is not in OSV format: {error}"),
            Self::TooLarge => write!(f, "the record is larger than {} MiB", MAX_RECORD >> 20),
            Self::Missing(field) => write!(f, "the record has no {field}"),
        }
    }
}

impl std::error::Error for InvalidAdvisory {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Json(error) => Some(error),
            _ => None,
        }
    }
}

impl Advisory {
    /// Reads a record of OSV, schema 1.0 to 1.7.
    pub fn parse(record: &[u8]) -> Result<Self, InvalidAdvisory> {
        osv::parse(record)
    }

    /// Its parts for a store, each with the packages of one key only, and without the versions that are in its ranges
    /// anyway: of most records they are the largest part. An advisory about nothing that can be looked up
    /// (commits alone) has none.
    #[must_use]
    pub fn split(mut self) -> Vec<(Key, Self)> {
        let mut parts: BTreeMap<Key, Vec<Affected>> = BTreeMap::new();
        for mut affected in std::mem::take(&mut self.affected) {
            if let Some(key) = Key::of(&affected.ecosystem, &affected.name) {
                drop_listed(&mut affected, key.order());
                parts.entry(key).or_default().push(affected);
            }
        }
        parts.into_iter().map(|(key, affected)| (key, Self { affected, ..self.clone() })).collect()
    }

    /// What a store keeps of it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and lists are always written")
    }

    /// The opposite of [`Advisory::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidAdvisory> {
        serde_json::from_slice(bytes).map_err(InvalidAdvisory::Json)
    }

    /// The identifier that people know it by: that of its only CVE if it is a distribution's word for it.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let one = if self.upstream.len() == 1 { self.upstream.as_slice() } else { &[] };
        std::iter::once(&self.id).chain(&self.aliases).chain(one).map(String::as_str).collect()
    }

    /// Whether it speaks of several vulnerabilities at once.
    #[must_use]
    pub fn is_bundle(&self) -> bool {
        self.upstream.len() > 1
    }
}
