//! `berth.toml`, the environment and flags become one checked [`Config`].
//!
//! A later source overrides an earlier one: defaults, file, environment (`BERTH_SERVER_LISTEN` for `server.listen`),
//! flags. Every problem is reported at once, with the file, line and key it comes from, so a loaded configuration needs
//! no more checks.

mod document;
mod keys;
mod load;
mod sections;
mod values;

pub use document::read_document;
pub use keys::KEYS;
pub use load::{Loaded, Overlay, Problem, Problems, Source};
pub use sections::{
    Audit, Auth, Backend, ClientAuth, Config, Gc, Jobs, Log, LogFormat, Metrics, Redirect,
    RedirectRule, Registry, Reserve, Scrub, Server, Storage, Tls, Trash, Uploads,
};
pub use values::{ByteSize, HumanDuration};
