//! The command line, as people and scripts see it: the real program, its streams and its exit codes.

mod config;
mod help;
mod keys;
mod logs;
mod serve;
mod users;
