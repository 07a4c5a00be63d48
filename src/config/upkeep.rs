//! `[gc]`, `[trash]`, `[scrub]` and `[retention]`: what Berth looks after by itself, and when.

use serde::{Deserialize, Serialize};

use super::sections::optional;
use super::values::{ByteSize, HumanDuration};
use crate::clock::Cron;

/// `[gc]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gc {
    /// When garbage is collected.
    #[serde(with = "optional")]
    pub schedule: Option<Cron>,
    /// How long a blob that nothing needs is kept.
    pub grace: HumanDuration,
    /// How long a manifest that no tag leads to is kept.
    #[serde(with = "optional")]
    pub untagged: Option<HumanDuration>,
    /// Rows that a collection looks at, and objects that it removes, in a second.
    pub rows_per_second: u32,
    /// Bytes that a collection removes in a second.
    #[serde(with = "optional")]
    pub bytes_per_second: Option<ByteSize>,
}

/// `[trash]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trash {
    /// How long what was deleted can be brought back.
    pub keep: HumanDuration,
}

/// `[scrub]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scrub {
    /// When all blobs are read again.
    #[serde(with = "optional")]
    pub schedule: Option<Cron>,
    /// Bytes that are read in a second.
    #[serde(with = "optional")]
    pub bytes_per_second: Option<ByteSize>,
}

/// `[retention]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// When retention policies are run.
    #[serde(with = "optional")]
    pub schedule: Option<Cron>,
}

impl Default for Gc {
    fn default() -> Self {
        Self {
            schedule: "0 3 * * *".parse().ok(),
            grace: HumanDuration::seconds(86_400),
            untagged: None,
            rows_per_second: 500,
            bytes_per_second: None,
        }
    }
}

impl Default for Trash {
    fn default() -> Self {
        Self { keep: HumanDuration::seconds(7 * 86_400) }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { schedule: "0 4 * * *".parse().ok() }
    }
}

impl Default for Scrub {
    fn default() -> Self {
        Self {
            schedule: "0 4 1 * *".parse().ok(),
            bytes_per_second: Some(ByteSize::bytes(50 << 20)),
        }
    }
}
