//! The command line, as people and scripts see it: the real program, its streams and its exit codes.

mod config;
mod health;
mod help;
mod helper;
mod keys;
mod kubernetes;
mod logs;
mod serve;
mod users;
