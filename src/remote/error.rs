//! What can go wrong with another registry, which of it is worth trying again, and what to tell the user.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use super::registry::Registry;
use crate::oci::manifest::InvalidManifest;
use crate::oci::{Digest, Reference, RepositoryName};

/// Why another registry did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection, or no answer on it.
    #[error("cannot reach {registry}: {cause}")]
    Unreachable {
        /// Which registry.
        registry: Registry,
        /// What the network said.
        cause: String,
        /// Whether it has answered us before. If it never did, the address is more likely wrong than the network is
        /// bad for a moment.
        answered_before: bool,
    },
    /// The other side's certificate is not trusted, or it does not speak TLS.
    #[error("no secure connection to {registry}: {cause}")]
    Tls {
        /// Which registry.
        registry: Registry,
        /// What the TLS library said.
        cause: String,
    },
    /// The connection broke while an answer or a body was under way.
    #[error("the connection to {registry} broke: {cause}")]
    Interrupted {
        /// Which registry.
        registry: Registry,
        /// What the network said.
        cause: String,
    },
    /// Nothing moved for so long that the other side is taken for dead.
    #[error("{registry} sent nothing for {} seconds", after.as_secs())]
    Stalled {
        /// Which registry.
        registry: Registry,
        /// How long nothing moved.
        after: Duration,
    },
    /// 401, with the credentials that we have or without any.
    #[error("{registry} {}: {message}", if *anonymous { "wants to know who is asking" } else { "refused the credentials" })]
    Unauthorized {
        /// Which registry.
        registry: Registry,
        /// Whether credentials were sent at all.
        anonymous: bool,
        /// What the registry said.
        message: String,
    },
    /// 403.
    #[error("{registry} does not allow this: {message}")]
    Denied {
        /// Which registry.
        registry: Registry,
        /// What the registry said.
        message: String,
    },
    /// There is no such manifest, or none that these credentials may see.
    #[error("{registry}/{repository} has no manifest {reference}")]
    ManifestUnknown {
        /// Which registry.
        registry: Registry,
        /// Which repository.
        repository: RepositoryName,
        /// What was asked for.
        reference: Reference,
    },
    /// There is no such blob.
    #[error("{registry}/{repository} has no blob {digest}")]
    BlobUnknown {
        /// Which registry.
        registry: Registry,
        /// Which repository.
        repository: RepositoryName,
        /// What was asked for.
        digest: Digest,
    },
    /// There is no such repository.
    #[error("{registry} has no repository {repository}")]
    NameUnknown {
        /// Which registry.
        registry: Registry,
        /// What was asked for.
        repository: RepositoryName,
    },
    /// An upload session is gone: it expired, or a load balancer led to another server.
    #[error("{registry} no longer knows the upload session")]
    UploadUnknown {
        /// Which registry.
        registry: Registry,
    },
    /// 429.
    #[error("{registry} asks for patience: too many requests")]
    TooManyRequests {
        /// Which registry.
        registry: Registry,
        /// How long to wait, if it said so.
        retry_after: Option<Duration>,
    },
    /// Another 4xx: trying again changes nothing.
    #[error("{registry} refused the request with status {status}: {message}")]
    Refused {
        /// Which registry.
        registry: Registry,
        /// The status.
        status: u16,
        /// What the registry said.
        message: String,
    },
    /// 5xx.
    #[error("{registry} failed with status {status}: {message}")]
    Server {
        /// Which registry.
        registry: Registry,
        /// The status.
        status: u16,
        /// What the registry said.
        message: String,
        /// How long to wait, if it said so.
        retry_after: Option<Duration>,
    },
    /// An answer that the specification does not allow.
    #[error("{registry} does not follow the distribution specification: {what}")]
    Protocol {
        /// Which registry.
        registry: Registry,
        /// What is wrong with the answer.
        what: String,
    },
    /// What arrived is not what was asked for.
    #[error("{origin} sent other bytes than {expected}: they are {actual}")]
    DigestMismatch {
        /// Where they came from.
        origin: String,
        /// What was asked for.
        expected: Digest,
        /// What arrived.
        actual: Digest,
    },
    /// What arrived is shorter or longer than was promised.
    #[error("{origin} sent {actual} bytes of {digest}, which has {expected}")]
    SizeMismatch {
        /// Where they came from.
        origin: String,
        /// What was asked for.
        digest: Digest,
        /// Its size by the manifest.
        expected: u64,
        /// How many bytes came, at least.
        actual: u64,
    },
    /// A manifest that cannot be followed.
    #[error("the manifest {digest} cannot be read: {cause}")]
    Manifest {
        /// Which manifest.
        digest: Digest,
        /// What is wrong with it.
        cause: InvalidManifest,
    },
    /// Indexes in indexes, deeper than anybody means it.
    #[error("{0} is an index nested too deep")]
    NestedTooDeep(Digest),
    /// The HTTP client could not be set up, which only wrong options cause.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(String),
    /// The place that a blob was read from failed while it was being sent.
    #[error(transparent)]
    Source(Box<Error>),
    /// A place that is no registry (a directory, an archive) failed.
    #[error("{what}: {cause}")]
    Io {
        /// What was tried.
        what: String,
        /// What the operating system said.
        cause: std::io::Error,
    },
    /// A place that is no registry holds something that is not an image layout.
    #[error("{0}")]
    Layout(String),
}

impl Error {
    /// Whether the same request may succeed a moment later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { answered_before, .. } => *answered_before,
            Self::Interrupted { .. } | Self::Stalled { .. } | Self::TooManyRequests { .. } => true,
            // 501 and 505 are about what the server can do, 507 is a full disk.
            Self::Server { status, .. } => !matches!(status, 501 | 505 | 507),
            _ => false,
        }
    }

    /// How long the registry asked to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyRequests { retry_after, .. } | Self::Server { retry_after, .. } => {
                *retry_after
            }
            _ => None,
        }
    }

    /// What the user can do about it, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unauthorized { registry, anonymous: true, .. } => {
                Some(format!("run `berth login {registry}` first"))
            }
            Self::Unauthorized { registry, anonymous: false, .. } => Some(format!(
                "the stored credentials may be outdated, or lack the right to this repository: `berth login {registry}`"
            )),
            Self::Denied { .. } => {
                Some("ask an administrator of the registry for the right to do this".into())
            }
            Self::Tls { registry, .. } => Some(format!(
                "give the authority that signed its certificate with `--ca FILE`, or, for a registry without TLS, \
                 `--insecure-http {registry}`"
            )),
            Self::TooManyRequests { .. } => Some(
                "wait a while, or log in: most registries allow more to those they know".into(),
            ),
            Self::Source(error) => error.hint(),
            Self::Server { status: 507, .. } => Some("the registry's disk is full".into()),
            _ => None,
        }
    }

    pub(super) fn io(what: impl fmt::Display, cause: std::io::Error) -> Self {
        Self::Io { what: what.to_string(), cause }
    }
}

/// The specification's error body, read as liberally as registries write it.
#[derive(Debug, Default, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    errors: Vec<ErrorEntry>,
}

#[derive(Debug, Deserialize)]
struct ErrorEntry {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    detail: serde_json::Value,
}

/// What an error answer says: the messages of its body, or the status' own words.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) codes: Vec<String>,
    pub(super) message: String,
}

impl Complaint {
    pub(super) fn read(status: http::StatusCode, body: &[u8]) -> Self {
        let body: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
        let told: Vec<String> = body.errors.iter().map(ErrorEntry::told).collect();
        let message = if told.is_empty() {
            status.canonical_reason().unwrap_or("no reason given").to_lowercase()
        } else {
            told.join("; ")
        };
        Self { codes: body.errors.into_iter().map(|entry| entry.code).collect(), message }
    }

    pub(super) fn has(&self, code: crate::oci::ErrorCode) -> bool {
        self.codes.iter().any(|one| one == code.as_str())
    }
}

impl ErrorEntry {
    fn told(&self) -> String {
        let mut text = if self.message.is_empty() {
            self.code.clone()
        } else if self.code.is_empty() {
            self.message.clone()
        } else {
            format!("{} ({})", self.message, self.code)
        };
        if let serde_json::Value::String(detail) = &self.detail
            && !detail.is_empty()
            && !text.contains(detail.as_str())
        {
            text.push_str(": ");
            text.push_str(detail);
        }
        // It ends up on a terminal: nothing in it may move the cursor.
        let mut clean: String =
            text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect();
        clean.truncate(clean.trim_end().len());
        clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_body_is_told_in_its_own_words() {
        let body = br#"{"errors":[{"code":"DENIED","message":"requested access\u001b[2J denied","detail":"push"}]}"#;
        let complaint = Complaint::read(http::StatusCode::FORBIDDEN, body);
        assert_eq!(complaint.message, "requested access [2J denied (DENIED): push");
        assert!(complaint.has(crate::oci::ErrorCode::Denied));
        for body in [&b""[..], b"<html>", b"[]", b"{\"errors\":null}"] {
            let complaint = Complaint::read(http::StatusCode::BAD_GATEWAY, body);
            assert_eq!(complaint.message, "bad gateway");
        }
    }
}
