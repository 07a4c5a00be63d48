//! What a scanner finds in an image.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::purl::{self, Purl};

/// More places than this are not told of one package.
pub const MAX_LOCATIONS: usize = 64;

/// The packages of one root filesystem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The distribution, if the image says which it is.
    pub distro: Option<Distro>,
    /// In the order of [`Inventory::sort`].
    pub packages: Vec<Package>,
    /// What could not be read, so that nobody takes a short list for a whole one.
    pub notes: Vec<Note>,
}

/// The distribution of `os-release`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distro {
    /// `ID`: `debian`, `alpine`, `rhel`.
    pub id: String,
    /// `VERSION_ID`: `12`, `3.19.1`; empty for distributions that roll.
    pub version: String,
    /// `ID_LIKE`: `debian`, `rhel fedora`.
    pub like: Vec<String>,
    /// `VERSION_CODENAME`: `bookworm`.
    pub codename: Option<String>,
    /// `PRETTY_NAME`.
    pub name: Option<String>,
    /// `CPE_NAME`.
    pub cpe: Option<String>,
}

/// Whose package it is: the type of its purl.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Deb,
    Apk,
    Rpm,
    Npm,
    Pypi,
    Cargo,
    Golang,
    Maven,
    Gem,
    /// A type that Berth does not look for, but keeps when another tool has found it.
    Other(Box<str>),
}

/// One package in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    pub kind: Kind,
    /// The name as its ecosystem writes it: `libc6`, `@angular/core`, `org.slf4j:slf4j-api`, `github.com/spf13/cobra`.
    pub name: String,
    /// Empty if it is not known. That of an rpm begins with its epoch, if it has one: `1:2.0-3.el9`.
    pub version: String,
    /// What a distribution built it from; `None` if that has the same name and version.
    pub source: Option<Source>,
    /// In the words of its ecosystem: `amd64`, `x86_64`, `all`, `noarch`.
    pub architecture: Option<String>,
    /// As declared: SPDX expressions or words that somebody wrote. All of them hold.
    pub licenses: Vec<String>,
    /// Paths without a leading slash where it was found, sorted; a path in an archive follows a `!`.
    pub locations: Vec<String>,
    /// The package that brought it, which a distribution's advisories speak of already.
    pub owner: Option<Owner>,
}

/// The source package of a distribution.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    pub name: String,
    pub version: String,
}

/// A package that owns files of another one, such as `deb/python3-requests`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    pub kind: Kind,
    pub name: String,
}

/// Something that was left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    pub path: String,
    /// A sentence without a full stop.
    pub what: String,
}

impl Kind {
    /// The type in a purl.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Deb => "deb",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
            Self::Npm => "npm",
            Self::Pypi => "pypi",
            Self::Cargo => "cargo",
            Self::Golang => "golang",
            Self::Maven => "maven",
            Self::Gem => "gem",
            Self::Other(name) => name,
        }
    }

    /// The kind for a type of a purl, in any case.
    #[must_use]
    pub fn of(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "deb" => Self::Deb,
            "apk" => Self::Apk,
            "rpm" => Self::Rpm,
            "npm" => Self::Npm,
            "pypi" => Self::Pypi,
            "cargo" => Self::Cargo,
            "golang" => Self::Golang,
            "maven" => Self::Maven,
            "gem" => Self::Gem,
            other => Self::Other(other.into()),
        }
    }

    /// Whether a distribution installs such packages.
    #[must_use]
    pub fn is_of_distro(&self) -> bool {
        matches!(self, Self::Deb | Self::Apk | Self::Rpm)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Distro {
    /// `debian-12`, as purls name it; `None` without an id.
    #[must_use]
    pub fn qualifier(&self) -> Option<String> {
        match (self.id.is_empty(), self.version.is_empty()) {
            (true, _) => None,
            (false, true) => Some(self.id.clone()),
            (false, false) => Some(format!("{}-{}", self.id, self.version)),
        }
    }

    /// The opposite of [`Distro::qualifier`].
    #[must_use]
    pub fn from_qualifier(text: &str) -> Option<Self> {
        let digit = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
        let (id, version) = match text.match_indices('-').find(|(at, _)| digit(&text[at + 1..])) {
            Some((at, _)) => (&text[..at], &text[at + 1..]),
            None => (text, ""),
        };
        let known = !id.is_empty();
        known.then(|| Self { id: id.to_owned(), version: version.to_owned(), ..Self::default() })
    }
}

impl Package {
    /// A package of which only this is known.
    #[must_use]
    pub fn new(kind: Kind, name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            version: version.into(),
            source: None,
            architecture: None,
            licenses: Vec::new(),
            locations: Vec::new(),
            owner: None,
        }
    }

    /// Its package URL, in the given distribution.
    #[must_use]
    pub fn purl(&self, distro: Option<&Distro>) -> Purl {
        purl::of_package(self, distro)
    }

    fn key(&self) -> (&Kind, &str, &str, Option<&str>) {
        (&self.kind, &self.name, &self.version, self.architecture.as_deref())
    }

    /// Takes over what another finding of the same package knows.
    fn absorb(&mut self, other: Self) {
        self.locations.extend(other.locations);
        self.source = self.source.take().or(other.source);
        // Found once outside of a package of the distribution, it is somebody's own.
        self.owner = self.owner.take().filter(|_| other.owner.is_some());
        for license in other.licenses {
            if !self.licenses.contains(&license) {
                self.licenses.push(license);
            }
        }
    }

    fn tidy(&mut self) {
        self.source = self.source.take().filter(|source| {
            !source.name.is_empty() && (source.name != self.name || source.version != self.version)
        });
        self.locations.sort_unstable();
        self.locations.dedup();
        self.locations.truncate(MAX_LOCATIONS);
        self.licenses.sort_unstable();
        self.licenses.dedup();
    }
}

impl Inventory {
    /// Puts packages in order, by kind, name, version and architecture, and makes one of those that are the same.
    pub fn sort(&mut self) {
        self.packages.sort_by(|a, b| a.key().cmp(&b.key()).then(a.locations.cmp(&b.locations)));
        self.packages.dedup_by(|later, kept| {
            let same = later.key() == kept.key();
            if same {
                let taken = std::mem::replace(later, Package::new(Kind::Deb, "", ""));
                kept.absorb(taken);
            }
            same
        });
        self.packages.iter_mut().for_each(Package::tidy);
        self.notes.sort_unstable();
        self.notes.dedup();
    }

    /// How many packages there are of each kind.
    #[must_use]
    pub fn count(&self) -> BTreeMap<&Kind, usize> {
        let mut count = BTreeMap::new();
        for package in &self.packages {
            *count.entry(&package.kind).or_default() += 1;
        }
        count
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl FromStr for Owner {
    type Err = InvalidOwner;

    fn from_str(text: &str) -> Result<Self, InvalidOwner> {
        match text.split_once('/') {
            Some((kind, name)) if !kind.is_empty() && !name.is_empty() => {
                Ok(Self { kind: Kind::of(kind), name: name.to_owned() })
            }
            _ => Err(InvalidOwner),
        }
    }
}

/// An owner is written as its kind, a slash, and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidOwner;

impl fmt::Display for InvalidOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an owner is written as KIND/NAME")
    }
}

impl std::error::Error for InvalidOwner {}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(version: &str, location: &str, owner: Option<&str>) -> Package {
        let mut package = Package::new(Kind::Npm, "left-pad", version);
        package.locations = vec![location.to_owned()];
        package.owner = owner.map(|owner| owner.parse().unwrap());
        package
    }

    #[test]
    fn a_package_found_twice_is_one_with_two_places() {
        let mut inventory = Inventory {
            packages: vec![
                found("1.3.0", "b/package.json", Some("deb/node-left-pad")),
                found("1.1.0", "c/package.json", None),
                found("1.3.0", "a/package.json", None),
            ],
            ..Inventory::default()
        };
        inventory.sort();
        assert_eq!(inventory.packages.len(), 2);
        assert_eq!(inventory.packages[0].version, "1.1.0");
        assert_eq!(inventory.packages[1].locations, ["a/package.json", "b/package.json"]);
        assert_eq!(inventory.packages[1].owner, None, "one of them is nobody's");
    }

    #[test]
    fn a_qualifier_names_the_distribution() {
        for text in ["debian-12", "opensuse-leap-15.6", "wolfi", "alpine-3.19.1", "amzn-2023"] {
            let distro = Distro::from_qualifier(text).unwrap();
            assert_eq!(distro.qualifier().as_deref(), Some(text));
        }
        let leap = Distro::from_qualifier("opensuse-leap-15.6").unwrap();
        assert_eq!((leap.id.as_str(), leap.version.as_str()), ("opensuse-leap", "15.6"));
    }
}
