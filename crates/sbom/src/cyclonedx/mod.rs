//! CycloneDX 1.6 in JSON.

mod read;
mod write;

pub use read::read;
pub(crate) use read::{qualifier_of_architecture, upstream};
pub use write::write;

/// The media type of a document.
pub const MEDIA_TYPE: &str = "application/vnd.cyclonedx+json";
/// Where the package is that owns another one.
const OWNER: &str = "berth:owner";
/// What could not be read, among the properties of the document.
const NOTE: &str = "berth:note";
