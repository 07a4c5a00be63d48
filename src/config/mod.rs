//! `berth.toml`, the environment and flags become one checked [`Config`].
//!
//! A later source overrides an earlier one: defaults, file, environment (`BERTH_SERVER_LISTEN` for `server.listen`),
//! flags. Every problem is reported at once, with the file, line and key it comes from, so a loaded configuration needs
//! no more checks.

mod backup;
mod document;
mod keys;
mod load;
mod sections;
mod signatures;
mod storage;
mod upkeep;
mod values;

pub use backup::{Backup, IncludeKey};
pub use document::read_document;
pub use keys::KEYS;
pub use load::{Loaded, Overlay, Problem, Problems, Source};
pub use sections::{
    Advisories, Audit, Auth, ClientAuth, Config, DeclaredPlugin, Jobs, Log, LogFormat, Metrics,
    Plugins, Registry, Server, Tls, Uploads,
};
pub use signatures::{Signatures, TrustedKey};
pub use storage::{Backend, Redirect, RedirectRule, Reserve, Storage};
pub use upkeep::{Gc, Retention, Scrub, Trash};
pub use values::{ByteSize, HumanDuration};
