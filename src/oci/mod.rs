//! The specification's vocabulary: names, tags, digests, manifests, ranges. Pure: no I/O, no async, no HTTP.
//!
//! Text becomes one of these types at the edge and stays one; parsing is the only way in, so a value that exists
//! is valid. "The specification" is the OCI distribution-spec at its head, and the image-spec for manifests.

pub mod action;
pub mod descriptor;
pub mod digest;
pub mod error_code;
pub mod manifest;
pub mod media_type;
pub mod name;
pub mod pattern;
pub mod range;
pub mod reference;
pub mod scope;
pub mod tag;
pub mod tag_pattern;
pub mod upload_id;

pub use action::{Action, Actions};
pub use descriptor::Descriptor;
pub use digest::{Algorithm, Digest};
pub use error_code::ErrorCode;
pub use manifest::Manifest;
pub use media_type::MediaType;
pub use name::RepositoryName;
pub use pattern::RepositoryPattern;
pub use range::{ByteRange, ContentRange};
pub use reference::Reference;
pub use scope::Scope;
pub use tag::Tag;
pub use tag_pattern::TagPattern;
pub use upload_id::UploadId;
