//! The distribution API on the wire: one file per resource, a port of the official conformance suite's sequence of
//! checks, and the bytes themselves where a client library would hide them ([`wire`]).
//!
//! The names of the tests are the rules. Where a rule exists because a client misbehaves without it, a comment says which.

mod api;
mod base;
mod catalog;
mod conditional;
pub(crate) mod conformance;
pub(crate) mod delete;
mod docker;
mod errors;
mod memory;
pub(crate) mod mount;
mod pull;
pub(crate) mod push;
pub(crate) mod races;
mod random;
pub(crate) mod ranges;
mod referrers;
pub(crate) mod resume;
pub(crate) mod styles;
mod tables;
mod tags;
pub(crate) mod uploads;
mod wire;

use std::fmt::Display;

use serde_json::{Value, json};

use crate::support::{Blob, Client};

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A digest that nothing has.
const NOWHERE: &str = "sha256:00000000000000000000000000000000000000000000000000000000000000ff";

pub(crate) fn blob_path(repository: &str, digest: impl Display) -> String {
    format!("/v2/{repository}/blobs/{digest}")
}

fn manifest_path(repository: &str, reference: impl Display) -> String {
    format!("/v2/{repository}/manifests/{reference}")
}

/// The location of an upload with the digest that closes it.
pub(crate) fn closing(location: &str, digest: impl Display) -> String {
    let separator = if location.contains('?') { '&' } else { '?' };
    format!("{location}{separator}digest={digest}")
}

/// An index over these descriptors, with more fields.
fn index(manifests: &[Value], more: Value) -> Vec<u8> {
    let mut index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests });
    for (key, value) in more.as_object().unwrap() {
        index[key] = value.clone();
    }
    index.to_string().into_bytes()
}

/// Stores the empty configuration `{}` that artifacts and small manifests refer to.
async fn push_config(client: &Client, repository: &str) -> Blob {
    let config = Blob::new("{}");
    client.push_blob(repository, &config).await;
    config
}
