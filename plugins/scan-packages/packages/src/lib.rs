//! Finds the packages in a root filesystem: what the package managers of distributions have installed, what those of
//! languages have, and what executables and archives tell of themselves.
//!
//! [`scan`] reads any [`Root`]: the merged filesystem of an image, a directory ([`Directory`]), a map in memory
//! ([`Memory`]). It knows nothing of images, layers or vulnerabilities. What it reads may be hostile: everything has a
//! limit ([`Limits`]), nothing panics, and what could not be read is in [`Inventory::notes`].

mod apk;
mod cargo;
mod claims;
mod classify;
mod copyright;
#[cfg(unix)]
mod directory;
mod dpkg;
mod elf;
mod found;
mod gem;
mod golang;
mod limits;
mod maven;
mod memory;
mod npm;
mod os_release;
mod pypi;
mod root;
mod rpm;
mod scan;
mod text;

pub use berth_sbom::{Distro, Inventory, Kind, Note, Owner, Package, Source};
pub use classify::GLOBS;
#[cfg(unix)]
pub use directory::Directory;
pub use limits::Limits;
pub use memory::Memory;
pub use root::{Entry, Root, RootError};
pub use scan::{Options, scan};
