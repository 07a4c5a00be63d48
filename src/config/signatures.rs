//! `[signatures]`: whose signatures of images count.

use serde::{Deserialize, Serialize};

use crate::oci::{RepositoryName, RepositoryPattern};
use crate::signature::{InvalidKey, PublicKey};

/// `[signatures]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signatures {
    /// The keys of those who are trusted.
    pub keys: Vec<TrustedKey>,
}

/// One of `[[signatures.keys]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// What it is called where a signature is shown.
    pub name: String,
    /// The public key itself (PEM), or the file that it is in.
    pub key: String,
    /// Repositories in which it counts; without any, all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repositories: Vec<RepositoryPattern>,
}

impl TrustedKey {
    /// Whether it counts in a repository.
    #[must_use]
    pub fn is_for(&self, name: &RepositoryName) -> bool {
        self.repositories.is_empty() || self.repositories.iter().any(|glob| glob.matches(name))
    }

    /// The key, if it is written down itself; otherwise it is in a file.
    #[must_use]
    pub fn written(&self) -> Option<Result<PublicKey, InvalidKey>> {
        self.key.contains("-----BEGIN").then(|| PublicKey::parse(&self.key))
    }
}

impl Signatures {
    pub(super) fn check(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        for (at, key) in self.keys.iter().enumerate() {
            let name = &key.name;
            let what = if name.trim().is_empty() || key.key.is_empty() {
                "a key needs a `name` and a `key`: PEM, or the file that it is in".to_owned()
            } else if self.keys[..at].iter().any(|other| other.name == *name) {
                format!(
                    "two keys are called `{name}`: whoever looks at a signature could not tell them apart"
                )
            } else if let Some(Err(error)) = key.written() {
                format!("`{name}`: {error}")
            } else {
                continue;
            };
            problems.push(("signatures.keys", what));
        }
        problems
    }
}
