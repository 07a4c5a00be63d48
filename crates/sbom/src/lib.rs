//! The packages of an image, as values and as documents.
//!
//! [`Inventory`] is what a scanner found. [`cyclonedx`] and [`spdx`] write it and read it back, and read what other tools
//! have written too. Nothing here knows how packages are found, or what is wrong with them.
//!
//! What is read may be hostile: every reader has limits, and none panics.

#![forbid(unsafe_code)]

pub mod cyclonedx;
mod inventory;
mod json;
pub mod license;
mod purl;
pub mod spdx;
mod subject;

pub use inventory::{Distro, Inventory, Kind, MAX_LOCATIONS, Note, Owner, Package, Source};
pub use json::{Format, ReadError, read};
pub use purl::{InvalidPurl, Purl};
pub use subject::Subject;
