//! What a call is about: an image, with its layers unpacked and merged by Berth and not by the plugin.

mod decompress;
mod error;
mod layers;
mod listing;
mod path;
mod rootfs;
mod source;
mod tar;
mod tree;

pub(crate) use decompress::unpack_file;
pub use error::ImageError;
pub(super) use layers::read_now;
pub use layers::{LayerBounds, Layers};
pub use listing::{ListedFile, ListingError, list_files, read_file};
pub use rootfs::{FileEntry, FileKind, OpenFile, Rootfs};
pub use source::ImageSource;
