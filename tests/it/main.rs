//! The integration tests, in one binary: each further one would link everything again.
//!
//! Most of them talk HTTP to a whole Berth in this process, with a real database and real files in a temporary
//! directory ([`support::TestApp`]); those about crashes and the command line run the real program
//! ([`support::Process`]).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "the words of `support` are there for every test, also the next one")]

mod access;
mod api;
mod backup;
mod cli;
mod cli_client;
mod cloud;
mod copy;
mod crash;
mod disk;
mod doctor;
mod faults;
mod idle;
mod keep;
mod ldap;
mod limits;
mod model;
mod mtls;
mod parsers;
mod plugins;
mod replication;
mod scans;
mod shutdown;
mod smoke;
mod stall;
mod support;
mod tidy;
mod tls;
mod ui;
mod upkeep;
mod v2;
mod work;
