//! What is kept, and how: locks, immutable tags, retention; moving in and out.

mod distribution;
mod immutability;
mod import;
mod locks;
mod retention;
