//! The plugin host.
#![allow(missing_docs, dead_code)]
mod capability;
mod glob;
mod limits;
mod manifest;
mod name;
mod schema;

pub use capability::*;
pub use glob::*;
pub use limits::*;
pub use manifest::*;
pub use name::*;
pub use schema::*;
