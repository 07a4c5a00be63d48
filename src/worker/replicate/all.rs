//! Looking at all that a rule is about: on a schedule, and when somebody asks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::wanted;
use crate::meta::{NewJob, ReplicationRule, Wanted};
use crate::oci::RepositoryName;
use crate::worker::Worker;
use crate::worker::jobs::Kind;
use crate::worker::running::{Failure, Finished, Running};

pub(in crate::worker) const KIND: Kind = Kind {
    name: "replicate-all",
    at_once: 1,
    wait: Duration::from_secs(10),
    longest_wait: Duration::from_mins(10),
};

/// Repositories and tags that are read together.
const AT_ONCE: u64 = 500;
/// Greater than the name of any repository.
const END: &str = "~";

#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    rule: String,
    /// Whether what should be there is looked at again, too.
    is_thorough: bool,
}

/// The job that looks at all that a rule is about.
pub(super) fn job(rule: &str, is_thorough: bool) -> NewJob {
    let payload = Payload { rule: rule.to_owned(), is_thorough };
    NewJob {
        subject: format!("replicate-all/{rule}"),
        unique_key: Some(format!("{rule}/{is_thorough}")),
        ..NewJob::new(KIND.name, serde_json::json!(payload))
    }
}

/// Wants all that a rule is about.
pub(in crate::worker) async fn replicate_all(
    worker: &Worker,
    running: &Running,
) -> Result<Finished, Failure> {
    let Payload { rule, is_thorough } = running.payload()?;
    let Some(rule) = worker.meta.find_replication_rule(&rule).await? else {
        return Ok(Finished::with("the rule is gone"));
    };
    let (mut from, mut count) = (String::new(), 0);
    loop {
        running.check()?;
        let page = worker.meta.list_repositories(&from, END, AT_ONCE).await?;
        let Some(last) = page.last() else { break };
        from = format!("{}\0", last.name);
        for repository in page.iter().filter(|one| rule.wish.settings.covers(&one.name)) {
            count += of_repository(worker, &rule, &repository.name, is_thorough).await?;
        }
    }
    Ok(Finished::with(format!("{count} tags are looked at")))
}

/// Wants what a rule is about in one repository; says how much that is.
pub(super) async fn of_repository(
    worker: &Worker,
    rule: &ReplicationRule,
    repository: &RepositoryName,
    is_thorough: bool,
) -> Result<usize, crate::meta::Error> {
    let (meta, settings) = (&worker.meta, &rule.wish.settings);
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let tags = meta.list_tags(repository, &after, AT_ONCE).await?.unwrap_or_default();
        let Some(last) = tags.last() else { break };
        after = last.as_str().to_owned();
        let mut found = Vec::new();
        for tag in tags.iter().filter(|tag| settings.covers_tag(tag) && !tag.is_signature()) {
            let one = wanted(rule.target_id, repository, tag);
            if is_thorough || !is_even(worker, &one).await? {
                found.push(one);
            }
        }
        count += found.len();
        meta.want_replication(found, "replication").await?;
    }
    if settings.deletions {
        let mut gone = Vec::new();
        for reference in meta.list_replicated(rule.target_id, repository).await? {
            let one = wanted(rule.target_id, repository, reference);
            if here(worker, &one).await?.is_none() {
                gone.push(one);
            }
        }
        count += gone.len();
        meta.want_replication(gone, "replication").await?;
    }
    Ok(count)
}

async fn here(worker: &Worker, wanted: &Wanted) -> Result<Option<String>, crate::meta::Error> {
    match wanted.reference.parse() {
        Ok(reference) => worker.meta.find_digest(&wanted.repository, &reference).await,
        Err(_) => Ok(None),
    }
}

/// Whether a target has what is here, as far as is known.
async fn is_even(worker: &Worker, wanted: &Wanted) -> Result<bool, crate::meta::Error> {
    let state = worker.meta.find_replication_state(wanted).await?;
    let state = state.filter(|state| state.behind_since.is_none());
    let Some(there) = state.and_then(|state| state.there) else { return Ok(false) };
    Ok(here(worker, wanted).await? == Some(there))
}
