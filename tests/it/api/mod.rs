//! The admin API as a whole.

mod accounts;
mod description;
mod looks;
mod setup;
mod signatures;
