//! Berth: an OCI and Docker registry in one binary.
//!
//! The modules are rooms in a fixed order, and a room may use only those before it:
//! [`clock`], [`secret`], [`oci`], … `docs/ARCHITECTURE.md` is the map.

pub mod clock;
pub mod oci;
pub mod secret;
