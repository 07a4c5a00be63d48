//! What has been found so far.

use std::fmt::Display;

use berth_sbom::{Inventory, Kind, Note, Owner, Package};

use crate::claims::Claims;
use crate::limits::Limits;
use crate::text;

/// The inventory while it grows, and the limits that it has to keep.
pub(crate) struct Found<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) inventory: Inventory,
    /// Paths that a distribution's packages may own.
    pub(crate) claims: Claims,
    /// What archives in archives may take of memory, beside those that are there.
    pub(crate) held_left: usize,
    /// What archives in archives may still unpack to.
    pub(crate) nested_left: u64,
    /// Entries of archives that may still be seen.
    pub(crate) entries_left: usize,
    full: bool,
}

impl<'a> Found<'a> {
    pub(crate) fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            inventory: Inventory::default(),
            claims: Claims::default(),
            held_left: limits.nested_held,
            nested_left: limits.nested_total,
            entries_left: limits.archive_entries,
            full: false,
        }
    }

    /// Takes a package, unless it has no name that could be one.
    pub(crate) fn add(&mut self, package: Package) {
        if text::field(&package.name).is_none() || package.version.len() > text::MAX_FIELD {
            return;
        }
        if self.inventory.packages.len() < self.limits.packages {
            self.inventory.packages.push(package);
        } else if !self.full {
            self.full = true;
            let what = format!("there are more than {} packages", self.limits.packages);
            self.inventory.notes.push(Note { path: String::new(), what });
        }
    }

    /// A package of a language, found in a file.
    pub(crate) fn add_at(&mut self, kind: Kind, name: &str, version: &str, path: &str) {
        let mut package = Package::new(kind, name, version);
        package.locations.push(path.to_owned());
        self.add(package);
    }

    /// Remembers that something was left out.
    pub(crate) fn note(&mut self, path: &str, what: impl Display) {
        if self.inventory.notes.len() < self.limits.notes {
            self.inventory.notes.push(Note { path: path.to_owned(), what: what.to_string() });
        }
    }

    /// Says which packages of languages came with a package of the distribution.
    pub(crate) fn settle_owners(&mut self) {
        for package in &mut self.inventory.packages {
            if package.owner.is_none() && !package.kind.is_of_distro() {
                let path =
                    package.locations.first().map(|path| path.split('!').next().unwrap_or(path));
                let owner = path.and_then(|path| self.claims.owner(path));
                package.owner =
                    owner.map(|(kind, name)| Owner { kind: kind.clone(), name: name.to_owned() });
            }
        }
    }
}
