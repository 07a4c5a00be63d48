//! Advisories in OSV format, and which packages they are about.
//!
//! [`Advisory::parse`] reads one record, [`export::visit`] all of an export. [`Advisory::split`] gives what a store keeps:
//! a part for each [`Key`], so that a package is looked up by its ecosystem and name alone. [`find`] takes an inventory and
//! a way to look keys up, and gives [`Finding`]s. Where the advisories are kept is somebody else's business.
//!
//! What is read may be hostile: it has limits, and nothing panics.

#![forbid(unsafe_code)]

mod advisory;
mod affected;
mod ecosystem;
pub mod export;
mod finding;
mod osv;
mod severity;
pub mod version;

pub use advisory::{Advisory, Affected, Event, InvalidAdvisory, Range, RangeKind};
pub use affected::Match;
pub use ecosystem::{Key, Release, Subject, subjects};
pub use finding::{Finding, Options, find};
pub use severity::{Severity, Vector};
