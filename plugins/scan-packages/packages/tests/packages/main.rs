//! Packages are found in every format, and what is damaged does no harm.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod formats;
mod hostile;
mod samples;
