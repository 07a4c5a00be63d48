//! Refused requests, on their way into the audit trail.
//!
//! A client that is refused tries again, and an attacker tries for hours: what is the same in all but its time is counted
//! for a moment and written down once, so that refusals do not fill the disk that changes need.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::meta::{Actor, EventKind, Meta};
use crate::oci::RepositoryName;

/// Kinds of refusals that are kept apart for a moment; more of them are written at once.
const APART: usize = 1000;

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refused {
    /// Who asked, as far as it is known.
    pub actor: String,
    /// From where.
    pub address: IpAddr,
    /// The repository that it was about.
    pub repository: Option<RepositoryName>,
    /// What they wanted: `push on team/app`.
    pub wanted: String,
    /// What refused it.
    pub because: String,
    /// What was answered.
    pub status: u16,
}

/// Writes refusals down; clones share what is not yet written.
#[derive(Clone, Debug)]
pub struct Audit {
    meta: Meta,
    waiting: Arc<Mutex<HashMap<Refused, Waiting>>>,
}

#[derive(Debug)]
struct Waiting {
    count: u64,
    /// The first one's id.
    request: Arc<str>,
}

impl Audit {
    pub(super) fn new(meta: Meta) -> Self {
        Self { meta, waiting: Arc::default() }
    }

    /// Notes a refused request.
    pub fn refused(&self, refused: Refused, request: &Arc<str>) {
        let full = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let entry = waiting
                .entry(refused)
                .or_insert_with(|| Waiting { count: 0, request: Arc::clone(request) });
            entry.count += 1;
            waiting.len() >= APART
        };
        if full {
            self.flush();
        }
    }

    /// Writes down what waits; the worker does so every second.
    pub fn flush(&self) {
        let waiting = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *waiting)
        };
        for (refused, Waiting { count, request }) in waiting {
            let detail = serde_json::json!({ "status": refused.status, "count": count });
            let by = Actor {
                name: refused.actor.into(),
                address: Some(refused.address),
                request: Some(request),
                rule: Some(refused.because.into()),
            };
            self.meta.note_event(
                EventKind::RequestRefuse,
                refused.repository,
                Some(refused.wanted),
                Some(detail),
                by,
            );
        }
    }
}
