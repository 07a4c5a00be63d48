//! Advisories in OSV format, and which packages they are about.
pub mod version;
