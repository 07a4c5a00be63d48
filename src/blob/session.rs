//! What the store knows of an upload under way.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::Error;
use super::hasher::Hasher;
use crate::oci::Algorithm;

/// An upload's progress. It is saved as JSON with the session's row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    pub(super) size: u64,
    pub(super) hasher: Hasher,
    /// Objects in a bucket, in order; empty on a filesystem.
    pub(super) parts: Vec<Part>,
    /// There may be objects in the bucket that are none of the parts.
    #[serde(default)]
    pub(super) untidy: bool,
    /// The boot of the machine in which the bytes were written. They were not synced: after another boot the file is
    /// what counts, and is hashed anew.
    boot: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) key: String,
    pub(super) size: u64,
}

impl Session {
    /// An upload of nothing yet, hashed with `algorithm`.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self {
            size: 0,
            hasher: Hasher::new(algorithm),
            parts: Vec::new(),
            untidy: false,
            boot: this_boot().to_owned(),
        }
    }

    /// Bytes received so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// As text, for the session's row.
    #[must_use]
    pub fn save(&self) -> String {
        serde_json::to_string(self).expect("a session is plain data")
    }

    /// From a session's row.
    pub fn restore(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|error| Error::Session(error.to_string()))
    }

    /// Whether what the session says of the file was written since the machine started.
    pub(super) fn is_of_this_boot(&self) -> bool {
        self.boot == this_boot()
    }

    /// Starts over with `hasher`, which has seen `size` bytes.
    pub(super) fn replace(&mut self, size: u64, hasher: Hasher) {
        this_boot().clone_into(&mut self.boot);
        self.size = size;
        self.hasher = hasher;
    }
}

/// A name for the time since the machine started.
fn this_boot() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(|| {
        // Where the kernel does not tell, a name that no other process shares makes each restart hash anew.
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map_or_else(|_| crate::secret::random_text(16), |id| id.trim().to_owned())
    })
}
