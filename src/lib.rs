//! Berth: an OCI and Docker registry in one binary.
//!
//! The modules are rooms in a fixed order, and a room may use only those before it:
//! [`clock`], [`secret`], [`metrics`], [`oci`], [`signature`], [`config`], [`meta`], [`blob`], [`remote`], [`plugin`], [`auth`], [`registry`], [`backup`],
//! [`doctor`], [`install`], [`worker`], [`app`], [`http`], [`cli`]. `docs/ARCHITECTURE.md` is the map.

pub mod app;
pub mod auth;
pub mod backup;
pub mod blob;
pub mod cli;
pub mod clock;
pub mod config;
pub mod doctor;
pub mod http;
pub mod install;
pub mod meta;
pub mod metrics;
pub mod oci;
pub mod plugin;
pub mod registry;
pub mod remote;
pub mod secret;
pub mod signature;
pub mod worker;
