//! What a client sends to say who it is.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Certificate;
use crate::secret::Secret;

/// What a client sent to say who it is.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Nothing.
    None,
    /// A name and a password.
    Basic {
        /// The user's name.
        name: String,
        /// The password.
        password: Secret<String>,
    },
    /// A registry token.
    Bearer(Secret<String>),
    /// Nothing but the certificate of its connection.
    Certificate(Arc<Certificate>),
    /// An `Authorization` header that cannot be read.
    Malformed,
}

impl Credentials {
    /// Reads the value of `Authorization` (RFC 7617, RFC 6750). What cannot be read is never taken for nothing.
    #[must_use]
    pub fn read(header: &str) -> Self {
        Self::parse(header).unwrap_or(Self::Malformed)
    }

    fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.split_once(' ')?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self::Bearer(Secret::new(rest.to_owned())));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
        let (name, password) = decoded.split_once(':')?;
        Some(Self::Basic { name: name.to_owned(), password: Secret::new(password.to_owned()) })
    }
}
