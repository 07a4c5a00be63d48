//! Write plugins for Berth, the container registry.
//!
//! A plugin is a type that implements [`Plugin`] and one trait for each hook that it has, and a line that exports it:
//!
//! ```
//! use berth_plugin::{Admission, Decision, Error, Image, Plugin, Request};
//!
//! struct RequireSource;
//!
//! impl Plugin for RequireSource {
//!     const NAME: &'static str = "acme.require-source";
//!     const VERSION: &'static str = env!("CARGO_PKG_VERSION");
//! }
//!
//! impl Admission for RequireSource {
//!     fn admit(_request: Request, image: Option<&Image>) -> Result<Decision, Error> {
//!         let key = "org.opencontainers.image.source";
//!         let annotations = image.map(Image::annotations).unwrap_or_default();
//!         if annotations.iter().any(|(name, _)| name == key) {
//!             return Ok(Decision::allow());
//!         }
//!         Ok(Decision::deny("require-source", format!("this image does not say where it comes from: annotate it with {key}")))
//!     }
//! }
//!
//! # #[cfg(target_family = "wasm")]
//! berth_plugin::export!(RequireSource: admission);
//! ```
//!
//! Beside it lies `plugin.toml`, which says what the plugin asks for; `plugins/README.md` in Berth's sources tells how the
//! two become a file that Berth installs. What the host lends is in the modules of this crate: [`config`], [`kv`],
//! [`http`], [`log`], [`metrics`], [`clock`], [`random`], and the image itself in [`Image`] and [`Rootfs`].

mod admission;
mod authenticator;
#[doc(hidden)]
pub mod bindings;
pub mod clock;
pub mod config;
mod events;
mod export;
pub mod http;
mod image;
pub mod kv;
pub mod log;
pub mod metrics;
mod plugin;
pub mod random;
mod replication;
mod scanner;
pub mod stream;

pub use admission::{Admission, Decision, Denial, Outcome, Request};
pub use authenticator::{
    Accepted, Authenticator, Authorization, AuthorizationRequest, Authorizer, Credential, Verdict,
};
pub use bindings::host::berth::plugin::image::{Encoding, FileEntry, FileKind, Image, Rootfs};
pub use bindings::host::berth::plugin::report::{
    Finding, Package, ScanSummary, Severity, SeverityCounts,
};
pub use bindings::host::berth::plugin::types::{
    CallContext, Descriptor, Error, Platform, Principal,
};
pub use bindings::host::wasi::io::streams::InputStream;
pub use events::{Event, EventSink};
#[doc(hidden)]
pub use export::enter;
pub use plugin::{Plugin, Problem};
pub use replication::ReplicationTarget;
pub use scanner::{Document, Report, Scanner};

/// Pairs with unique keys.
pub type StringMap = Vec<(String, String)>;

/// A digest as OCI writes it.
pub type Digest = String;
