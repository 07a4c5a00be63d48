//! SPDX 2.3 in JSON.

mod read;
mod write;

pub use read::read;
pub use write::write;

/// The media type of a document.
pub const MEDIA_TYPE: &str = "application/spdx+json";

/// How the lines of `sourceInfo` begin that say what SPDX has no field for.
const FOUND: &str = "found at: ";
const BUILT: &str = "built package from: ";
const OWNED: &str = "owned by: ";
