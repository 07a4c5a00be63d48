//! What is kept, and how: locks and immutable tags.

mod immutability;
mod locks;
