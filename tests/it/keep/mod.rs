//! What is kept, and how: locks, immutable tags, retention.

mod immutability;
mod locks;
mod retention;
