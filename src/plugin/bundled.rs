//! Plugins that come with Berth: components inside the program, compressed, and in force only when somebody installs them.
//!
//! `plugins/build.sh` makes them of the folders below `plugins` that have a `plugin.toml`; each has a line here.

use std::io::Read as _;

use flate2::read::GzDecoder;

use super::{Error, MOST_COMPONENT_BYTES, Package};

macro_rules! bundled {
    ($($name:literal),* $(,)?) => {
        &[$(Bundled {
            name: $name,
            compressed: include_bytes!(concat!("../../plugins/built/", $name, ".wasm.gz")),
        }),*]
    };
}

/// All of them, by name.
const BUNDLED: &[Bundled] = bundled![
    "auth-htpasswd",
    "auth-http",
    "freeze",
    "notify-chat",
    "policy",
    "replicate-registry",
    "replicate-s3-layout",
    "scan-packages",
    "scan-secrets",
];

/// A plugin that comes with Berth.
#[derive(Clone, Copy)]
pub struct Bundled {
    name: &'static str,
    compressed: &'static [u8],
}

impl std::fmt::Debug for Bundled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Bundled").field(&self.name).finish()
    }
}

impl Bundled {
    /// What a source begins with that means one of these.
    pub const SCHEME: &str = "bundled:";

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        BUNDLED.iter().copied()
    }

    /// One of them.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::all().find(|known| known.name == name)
    }

    /// What it is called.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its component, with the manifest inside.
    pub fn package(&self) -> Result<Package, Error> {
        let mut component = Vec::new();
        let mut reader = GzDecoder::new(self.compressed).take(MOST_COMPONENT_BYTES);
        reader
            .read_to_end(&mut component)
            .map_err(|error| Error::NotAPlugin(format!("bundled:{}: {error}", self.name)))?;
        Package::read(component.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_one_of_them_is_a_plugin_of_its_name() {
        for bundled in Bundled::all() {
            let package = bundled.package().unwrap();
            assert_eq!(package.manifest().name.as_str(), bundled.name());
        }
        assert!(Bundled::all().is_sorted_by_key(|bundled| bundled.name));
    }
}
