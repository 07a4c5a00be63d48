//! Which files of languages belong to packages of the distribution.

use std::collections::HashMap;

use berth_sbom::Kind;

/// The paths somebody may own, and who does. Only these are remembered: a distribution owns a hundred thousand files.
#[derive(Default)]
pub(crate) struct Claims {
    owners: HashMap<String, Option<u32>>,
    packages: Vec<(Kind, String)>,
}

impl Claims {
    /// Somebody may own this.
    pub(crate) fn want(&mut self, path: &str) {
        self.owners.insert(path.to_owned(), None);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Begins with the files of another package; `claim` is about it from now on.
    pub(crate) fn begin(&mut self, kind: Kind, name: &str) {
        self.packages.push((kind, name.to_owned()));
    }

    /// The package owns the file, which a database may name by a directory that is a link by now.
    pub(crate) fn claim(&mut self, path: &str) {
        let Some(owner) =
            self.packages.len().checked_sub(1).and_then(|last| u32::try_from(last).ok())
        else {
            return;
        };
        let path = path.trim_start_matches('/');
        if let Some(found) = self.owners.get_mut(path) {
            *found = Some(owner);
        } else if ["lib", "bin/", "sbin/"].iter().any(|start| path.starts_with(start)) {
            if let Some(found) = self.owners.get_mut(&format!("usr/{path}")) {
                *found = Some(owner);
            }
        }
    }

    pub(crate) fn owner(&self, path: &str) -> Option<(&Kind, &str)> {
        let owner = usize::try_from((*self.owners.get(path)?)?).ok()?;
        self.packages.get(owner).map(|(kind, name)| (kind, name.as_str()))
    }
}
