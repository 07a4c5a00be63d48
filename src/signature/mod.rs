//! Signatures in the forms that cosign writes, and keys that they are checked with. Pure: where statements are found, and whose
//! keys are trusted, is known elsewhere.
//!
//! Only public keys are trusted, ECDSA over P-256, which `cosign generate-key-pair` makes. Certificates that a key was issued for
//! a moment ago, and logs of transparency, are not looked at.

mod key;
mod statement;

pub use key::{InvalidKey, PublicKey};
pub use statement::{ANNOTATION, Form, Verdict, verify};
