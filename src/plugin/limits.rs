//! What one call may use. The plugin's manifest says what it needs, the administrator has the last word, and Berth has
//! bounds of its own.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Hook;
use crate::config::{ByteSize, HumanDuration};

/// The most memory that a plugin's instance can be given, which the pool has to be told in advance.
pub(super) const MOST_MEMORY: ByteSize = ByteSize::bytes(1 << 30);
/// Elements of a table: a pointer each. Components of Python and JavaScript have the largest.
pub(super) const TABLE_ELEMENTS: usize = 64 << 10;
/// Core instances, memories and tables within one component: what componentize-py needs, and some more.
pub(super) const INSTANCES: u32 = 100;
pub(super) const MEMORIES: u32 = 16;
pub(super) const TABLES: u32 = 64;
/// Resources that a call may hold at once: images, streams, requests.
pub(super) const HANDLES: usize = 1000;

/// What one call may use, and how many there may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Limits {
    /// Memory of the instance, all of its memories together.
    pub memory: ByteSize,
    /// Processor time.
    pub cpu: HumanDuration,
    /// Time from the call to its answer, waiting in the queue included.
    pub deadline: HumanDuration,
    /// What it may hand to Berth, as its answer or for one host call.
    pub output: ByteSize,
    /// The largest answer to a request of its own.
    pub response: ByteSize,
    /// Calls at the same time.
    pub concurrency: u32,
    /// Calls that may wait for their turn; one more is refused at once.
    pub queue: u32,
}

/// Changes to [`Limits`]: a plugin's wishes, or an administrator's decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct LimitChanges {
    /// Memory of the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<ByteSize>,
    /// Processor time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<HumanDuration>,
    /// Time to the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<HumanDuration>,
    /// What it may hand to Berth at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<ByteSize>,
    /// The largest answer to a request of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<ByteSize>,
    /// Calls at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Calls that may wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<u32>,
}

const fn mib(number: u64) -> ByteSize {
    ByteSize::bytes(number << 20)
}

impl Limits {
    /// What a hook gets if nobody says anything.
    #[must_use]
    pub fn default_for(hook: Hook) -> Self {
        if hook.is_in_request() {
            Self {
                memory: mib(64),
                cpu: HumanDuration::millis(250),
                deadline: HumanDuration::seconds(2),
                output: mib(1),
                response: mib(1),
                concurrency: 16,
                queue: 64,
            }
        } else {
            Self {
                memory: mib(256),
                cpu: HumanDuration::seconds(60),
                deadline: HumanDuration::seconds(600),
                output: mib(16),
                response: mib(32),
                concurrency: 4,
                queue: 16,
            }
        }
    }

    /// The most that a plugin gets by asking for it. An administrator may give more.
    #[must_use]
    pub fn most_for(hook: Hook) -> Self {
        if hook.is_in_request() {
            Self {
                memory: mib(256),
                cpu: HumanDuration::seconds(1),
                deadline: HumanDuration::seconds(10),
                output: mib(4),
                response: mib(8),
                concurrency: 32,
                queue: 256,
            }
        } else {
            Self {
                memory: mib(512),
                cpu: HumanDuration::seconds(600),
                deadline: HumanDuration::seconds(3600),
                output: mib(64),
                response: mib(256),
                concurrency: 8,
                queue: 64,
            }
        }
    }

    /// Those for a call: the hook's own, as the manifest wishes within bounds, as the administrator decides.
    #[must_use]
    pub fn of(hook: Hook, wishes: &LimitChanges, decided: &LimitChanges) -> Self {
        let asked = Self::default_for(hook).changed(wishes).at_most(&Self::most_for(hook));
        let mut limits = asked.changed(decided);
        limits.memory = limits.memory.min(MOST_MEMORY);
        limits.concurrency = limits.concurrency.max(1);
        limits
    }

    fn changed(self, changes: &LimitChanges) -> Self {
        Self {
            memory: changes.memory.unwrap_or(self.memory),
            cpu: changes.cpu.unwrap_or(self.cpu),
            deadline: changes.deadline.unwrap_or(self.deadline),
            output: changes.output.unwrap_or(self.output),
            response: changes.response.unwrap_or(self.response),
            concurrency: changes.concurrency.unwrap_or(self.concurrency),
            queue: changes.queue.unwrap_or(self.queue),
        }
    }

    fn at_most(self, most: &Self) -> Self {
        Self {
            memory: self.memory.min(most.memory),
            cpu: self.cpu.min(most.cpu),
            deadline: self.deadline.min(most.deadline),
            output: self.output.min(most.output),
            response: self.response.min(most.response),
            concurrency: self.concurrency.min(most.concurrency),
            queue: self.queue.min(most.queue),
        }
    }

    /// Processor time as the standard library has it.
    #[must_use]
    pub fn cpu_time(&self) -> Duration {
        self.cpu.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_asks_within_bounds_and_an_administrator_decides() {
        let asked = LimitChanges {
            memory: Some(mib(4096)),
            concurrency: Some(2),
            ..LimitChanges::default()
        };
        let limits = Limits::of(Hook::Scanner, &asked, &LimitChanges::default());
        assert_eq!((limits.memory, limits.concurrency), (mib(512), 2));
        let decided = LimitChanges {
            memory: Some(mib(800)),
            deadline: Some(HumanDuration::seconds(7200)),
            ..LimitChanges::default()
        };
        let limits = Limits::of(Hook::Scanner, &asked, &decided);
        assert_eq!((limits.memory, limits.deadline), (mib(800), HumanDuration::seconds(7200)));
        let decided = LimitChanges { memory: Some(mib(4096)), ..LimitChanges::default() };
        assert_eq!(Limits::of(Hook::Scanner, &asked, &decided).memory, MOST_MEMORY);
    }
}
