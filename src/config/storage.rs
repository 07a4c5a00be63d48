//! `[storage]`: where rows and blobs lie, and from where blobs are pulled.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::sections::optional;
use super::values::{ByteSize, HumanDuration};

/// `[storage]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// The data directory.
    pub data: PathBuf,
    /// The file with the keys that secrets in the database are sealed with.
    #[serde(with = "optional")]
    pub key_file: Option<PathBuf>,
    /// Where blobs go.
    pub backend: Backend,
    /// Free space that pushes leave alone.
    pub reserve: Reserve,
    /// Settings of the backend, handed to `OpenDAL` as they are.
    pub options: BTreeMap<String, String>,
    /// Whether the bucket is tried at the start.
    pub check: bool,
    /// Memory that all uploads to a bucket may use together.
    pub buffers: ByteSize,
    /// Pulls that are sent to the bucket.
    pub redirect: Redirect,
}

/// `[storage.redirect]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// Where clients reach the bucket, if not where Berth does.
    #[serde(with = "optional")]
    pub public_endpoint: Option<String>,
    /// How long a link to the bucket is good.
    pub lifetime: HumanDuration,
    /// The first that fits decides.
    pub rules: Vec<RedirectRule>,
}

/// One of `[[storage.redirect.rules]]`: what is left out fits every pull.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedirectRule {
    /// Addresses that clients come from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpNet>,
    /// Blobs of at least this size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_size: Option<ByteSize>,
    /// What the client calls itself in `User-Agent`, with `*` for any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Whether to send it to the bucket.
    #[serde(default = "yes")]
    pub redirect: bool,
}

pub(super) fn yes() -> bool {
    true
}

/// `storage.backend`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The data directory.
    Fs,
    /// Nothing survives a restart: for trying things out.
    Memory,
    /// An S3 bucket or one that speaks like it.
    S3,
    /// An Azure Blob container.
    Azblob,
    /// A Google Cloud Storage bucket.
    Gcs,
}

/// `storage.reserve`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Reserve {
    /// 2 GiB or 5 % of the file system, whichever is less.
    Auto,
    /// So many bytes.
    Bytes(ByteSize),
}

impl TryFrom<String> for Reserve {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "auto" {
            Ok(Self::Auto)
        } else {
            text.parse().map(Self::Bytes).map_err(|e| format!("{e}, or `auto`"))
        }
    }
}

impl From<Reserve> for String {
    fn from(reserve: Reserve) -> Self {
        match reserve {
            Reserve::Auto => "auto".into(),
            Reserve::Bytes(size) => size.to_string(),
        }
    }
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            data: "berth-data".into(),
            key_file: None,
            backend: Backend::Fs,
            reserve: Reserve::Auto,
            options: BTreeMap::new(),
            check: true,
            buffers: ByteSize::bytes(128 << 20),
            redirect: Redirect::default(),
        }
    }
}

impl Default for Redirect {
    fn default() -> Self {
        Self { public_endpoint: None, lifetime: HumanDuration::seconds(300), rules: Vec::new() }
    }
}

impl Storage {
    /// Where the key file is.
    #[must_use]
    pub fn key_path(&self) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| self.data.join("berth.key"))
    }

    pub(super) fn check(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if self.buffers < ByteSize::bytes(32 << 20) {
            let what = format!("{} is less than 32MiB, which one upload needs", self.buffers);
            problems.push(("storage.buffers", what));
        }
        // A signature holds for seven days at most, on all providers.
        if self.redirect.lifetime > HumanDuration::seconds(7 * 86_400) {
            let what = "no provider signs for longer than `7d`".to_owned();
            problems.push(("storage.redirect.lifetime", what));
        }
        let is_bucket = matches!(self.backend, Backend::S3 | Backend::Azblob | Backend::Gcs);
        if !is_bucket && self.redirect.rules.iter().any(|rule| rule.redirect) {
            let what = "only a bucket can be redirected to: set `storage.backend`".to_owned();
            problems.push(("storage.redirect.rules", what));
        }
        if let Some(url) = &self.redirect.public_endpoint
            && !["https://", "http://"].iter().any(|scheme| url.starts_with(scheme))
        {
            let what = "write it as `https://host`, as clients reach it".to_owned();
            problems.push(("storage.redirect.public_endpoint", what));
        }
        problems
    }
}
