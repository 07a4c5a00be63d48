//! Programs that show what somebody else vouches for: a token of an issuer, or a certificate.
//!
//! A token goes this way: its `iss`, still unverified, names a configured issuer, letter for letter; the issuer's key of the
//! token's `kid` has to be one for the token's algorithm; then signature, times, audience; then the rules of this issuer look at
//! the claims. Everybody whom a rule accepts is a workload, or the account that the rule names.

mod accept;
mod claims;
mod flaw;
mod jwt;
mod keys;
mod tried;
mod trusted;

pub use accept::Vouched;
pub use claims::Claims;
pub use flaw::Flaw;
pub use tried::{Tried, TriedRule};

pub(super) use claims::{entries, find as find_claim};
pub(super) use jwt::{Unverified, algorithm, algorithm_names, claimed_issuer, looks_like_jwt};
pub(super) use keys::{KeyStore, Place, Source, is_key_set};
pub(super) use trusted::{Accepted, Trusted};
