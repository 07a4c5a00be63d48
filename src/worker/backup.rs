//! Takes backups and looks them through: jobs, on a schedule or because somebody asks.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Worker;
use super::jobs::Kind;
use super::running::{Failure, Finished, Running};
use super::snapshots::SnapshotState;
use crate::auth::{AdminError, Administer};
use crate::backup::{self, Backups, Created, Depth, Listed, Target, Watch, Which};
use crate::clock::{Cron, Timestamp};
use crate::config::ByteSize;
use crate::meta::{Actor, BackupRecord, EventKind, Job, JobFilter, JobState, NewJob};

pub(super) const CREATE: Kind = Kind {
    name: "backup",
    at_once: 1,
    wait: Duration::from_mins(5),
    longest_wait: Duration::from_hours(1),
};

pub(super) const VERIFY: Kind = Kind {
    name: "backup-verify",
    at_once: 1,
    wait: Duration::from_mins(5),
    longest_wait: Duration::from_hours(1),
};

/// With their waits a bit more than half an hour; then somebody is told.
const ATTEMPTS: u32 = 4;

/// Somebody else takes one: that is looked at again after so long.
const BUSY: Duration = Duration::from_mins(1);

/// When a job should end, the file that is being sent has so long.
const LAST_FILE: Duration = Duration::from_secs(10);

/// Problems that a job's log names.
const NAMED: usize = 500;

/// A backup; of those that wait there is one.
#[must_use]
pub(super) fn job() -> NewJob {
    NewJob {
        lane: CREATE.name.into(),
        unique_key: Some(CREATE.name.into()),
        most_attempts: ATTEMPTS,
        ..NewJob::new(CREATE.name, json!({}))
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Look {
    /// The backup; none: the latest.
    id: Option<String>,
    /// Names and sizes alone.
    quick: bool,
}

/// How backups stand.
#[derive(Clone, Debug)]
pub struct BackupStanding {
    /// Where they go; `None`: nowhere.
    pub place: Option<String>,
    /// When they are taken.
    pub schedule: Option<Cron>,
    /// When the next one is.
    pub next_run_at: Option<Timestamp>,
    /// How many are kept; 0: all.
    pub keep: u32,
    /// Whether they are encrypted.
    pub is_encrypted: bool,
    /// What was taken, and what was not.
    pub record: BackupRecord,
    /// The job that takes one now, or is about to.
    pub job: Option<Job>,
    /// Snapshots beside the blobs; `None`: there are none to be.
    pub snapshots: Option<SnapshotState>,
    /// What somebody should look at.
    pub warning: Option<String>,
}

/// What should be told, if anything: a failure, or that none was taken although the schedule wanted two since the last.
fn warning(record: &BackupRecord, rule: Option<&Cron>, now: Timestamp) -> Option<String> {
    let since = |last: &Option<crate::meta::LastBackup>| match last {
        Some(last) => format!("the last good one is of {}", last.at),
        None => "there is no good one yet".to_owned(),
    };
    if let Some(failure) = &record.failure {
        return Some(format!(
            "The backup of {} failed, and {}: {}",
            failure.at,
            since(&record.last),
            failure.reason
        ));
    }
    let last = record.last.as_ref()?;
    if let Some(rule) = rule
        && rule.next_after(rule.next_after(last.at)) < now
    {
        return Some(format!(
            "No backup was taken since {}, although `backup.schedule` wanted it: `berth jobs list --kind backup` says why.",
            last.at
        ));
    }
    (last.damaged > 0).then(|| {
        format!(
            "The last backup lacks {} blobs that this registry cannot read any more: push what needs them again.",
            last.damaged
        )
    })
}

fn watch(running: &Running) -> Watch {
    let told = running.clone();
    Watch::new(running.stop.clone(), move |progress| told.progress(json!(progress)))
}

fn failure(error: backup::Error) -> Failure {
    use backup::Error as E;
    match error {
        E::Stopped => Failure::Cancelled,
        E::Busy(_) => Failure::Later(BUSY),
        E::NotConfigured | E::NoPlace(_) | E::OtherRegistry { .. } | E::Unknown { .. } => {
            Failure::permanent(error)
        }
        _ => Failure::retry(error),
    }
}

pub(super) async fn create(worker: &Worker, running: &Running) -> Result<Finished, Failure> {
    let actor = Actor::internal(&running.job().created_by);
    match take(worker, running, &actor).await {
        Ok(created) => Ok(tell(running, &created)),
        Err(error) => {
            let is_last = match &error {
                Failure::Permanent(_) => true,
                Failure::Retry(_) => running.job().attempts >= running.job().most_attempts,
                Failure::Later(_) | Failure::Cancelled => false,
            };
            if is_last {
                let place = Target::of(&worker.config.backup).map(|target| target.to_string());
                let detail =
                    json!({ "reason": error.to_string(), "attempts": running.job().attempts });
                let kind = EventKind::BackupFail;
                worker.meta.note_backup(kind, &place.unwrap_or_default(), detail, &actor).await?;
            }
            Err(error)
        }
    }
}

async fn take(worker: &Worker, running: &Running, actor: &Actor) -> Result<Created, Failure> {
    let target = Target::of(&worker.config.backup).map_err(failure)?;
    let (backups, watch) = (worker.backups(), watch(running));
    until_stopped(running, backups.create(&target, actor, &watch)).await
}

/// Work that ends between two files when it should, or soon in the middle of one: what is written by then is not there.
async fn until_stopped<T>(
    running: &Running,
    work: impl Future<Output = Result<T, backup::Error>>,
) -> Result<T, Failure> {
    let late = async {
        running.stop.cancelled().await;
        tokio::time::sleep(LAST_FILE).await;
    };
    tokio::select! {
        done = work => done.map_err(failure),
        () = late => Err(Failure::Cancelled),
    }
}

fn tell(running: &Running, created: &Created) -> Finished {
    let manifest = &created.manifest;
    for digest in manifest.damaged.iter().take(NAMED) {
        running.log(format!("the registry itself cannot read {digest}"));
    }
    let mut parts = vec![format!(
        "{}: {} blobs, of which {} were sent ({:#})",
        manifest.id,
        manifest.summary.blobs,
        manifest.sent_blobs,
        ByteSize::bytes(manifest.sent_bytes)
    )];
    if !manifest.damaged.is_empty() {
        parts.push(format!("{} could not be read", manifest.damaged.len()));
    }
    match &created.pruned {
        Ok(pruned) if pruned.backups.is_empty() => {}
        Ok(pruned) => parts.push(format!("removed {}", pruned.backups.join(", "))),
        Err(error) => parts.push(format!("older ones could not be removed: {error}")),
    }
    Finished::with(parts.join("; "))
}

pub(super) async fn look(worker: &Worker, running: &Running) -> Result<Finished, Failure> {
    let Look { id, quick } = running.payload()?;
    let target = Target::of(&worker.config.backup).map_err(failure)?;
    let which = id.map_or(Which::Latest, Which::Id);
    let manifest = target.choose(&which).await.map_err(failure)?;
    let depth = if quick { Depth::Files } else { Depth::Bytes };
    // What a crash has left; of these jobs one runs.
    let beside = worker.config.storage.data.join("verify");
    let _ = tokio::fs::remove_dir_all(&beside).await;
    let watch = watch(running);
    let looking = backup::verify(&target, manifest, depth, &[], &beside, &watch);
    let looked = until_stopped(running, looking).await;
    let _ = tokio::fs::remove_dir(&beside).await;
    let verified = looked?;
    for problem in verified.problems.iter().take(NAMED) {
        running.log(format!("problem: {problem}"));
    }
    for note in verified.notes.iter().take(NAMED) {
        running.log(format!("note: {note}"));
    }
    let id = &verified.manifest.id;
    let detail = json!({
        "good": verified.is_good(),
        "contents": verified.contents,
        "problems": verified.problems.len(),
    });
    let actor = Actor::internal(&running.job().created_by);
    worker.meta.note_backup(EventKind::BackupVerify, id, detail, &actor).await?;
    if !verified.is_good() {
        let number = verified.problems.len();
        let first = verified.problems.first().map_or("", String::as_str);
        return Err(Failure::Permanent(format!(
            "{id} cannot be restored as it was: {number} problems, the first is {first}"
        )));
    }
    let how = if verified.contents { "read and compared" } else { "there by name and size" };
    Ok(Finished::with(format!("{id} is good: {} blobs are {how}", verified.blobs)))
}

impl Worker {
    pub(super) fn backups(&self) -> Backups {
        Backups {
            config: self.config.clone(),
            clock: self.clock.clone(),
            meta: self.meta.clone(),
            blobs: self.blobs.clone(),
        }
    }

    /// How backups stand; the place itself is not asked.
    pub async fn backup_standing(&self) -> Result<BackupStanding, crate::meta::Error> {
        let config = &self.config.backup;
        let place = Target::of(config).ok().map(|target| target.to_string());
        let record = self.meta.backup_record().await?;
        let rows = self.meta.list_schedules().await?;
        let row = rows.into_iter().find(|row| row.name == "backup");
        let mut job = None;
        for state in [JobState::Running, JobState::Waiting, JobState::Blocked] {
            let filter = JobFilter {
                kind: Some(CREATE.name.into()),
                state: Some(state),
                ..JobFilter::default()
            };
            job = self.meta.list_jobs(filter, None, 1).await?.pop();
            if job.is_some() {
                break;
            }
        }
        let snapshots = self.snapshots.state(&self.config);
        let warning = warning(&record, config.schedule.as_ref(), self.clock.now())
            .or_else(|| snapshots.as_ref()?.warning());
        Ok(BackupStanding {
            place,
            schedule: config.schedule.clone(),
            next_run_at: row.filter(|_| config.schedule.is_some()).map(|row| row.next_run_at),
            keep: config.keep,
            is_encrypted: !config.recipients.is_empty(),
            record,
            job,
            snapshots,
            warning,
        })
    }

    /// All backups that are there, the oldest first.
    pub async fn list_backups(&self, _: &Administer<'_>) -> Result<Vec<Listed>, backup::Error> {
        Target::of(&self.config.backup)?.list().await
    }

    /// Begins a backup, or finds the one that waits to begin.
    pub async fn start_backup(&self, administer: &Administer<'_>) -> Result<Job, AdminError> {
        self.needs_place()?;
        self.begin(administer, job()).await
    }

    /// Begins to look a backup through, or the latest.
    pub async fn start_verify(
        &self,
        administer: &Administer<'_>,
        id: Option<String>,
        quick: bool,
    ) -> Result<Job, AdminError> {
        self.needs_place()?;
        let new = NewJob {
            lane: CREATE.name.into(),
            subject: id.as_ref().map_or_else(String::new, |id| format!("backup/{id}")),
            most_attempts: ATTEMPTS,
            ..NewJob::new(VERIFY.name, json!(Look { id, quick }))
        };
        self.begin(administer, new).await
    }

    fn needs_place(&self) -> Result<(), AdminError> {
        if self.config.backup.is_configured() {
            return Ok(());
        }
        Err(AdminError::Conflict(backup::Error::NotConfigured.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meta::{BackupFailure, LastBackup};

    fn taken(hour: i64) -> BackupRecord {
        let last = LastBackup {
            id: "a".into(),
            at: Timestamp::from_millis(hour * 3_600_000),
            blobs: 1,
            blob_bytes: 1,
            sent_bytes: 1,
            damaged: 0,
        };
        BackupRecord { last: Some(last), ..BackupRecord::default() }
    }

    #[test]
    fn a_failure_and_a_backup_that_lacks_are_told() {
        let rule: Cron = "0 3 * * *".parse().unwrap();
        let at = |hour: i64| Timestamp::from_millis(hour * 3_600_000);
        // Three o'clock has passed once: it may just run. Twice: it did not.
        assert_eq!(warning(&taken(4), Some(&rule), at(28)), None);
        assert!(
            warning(&taken(4), Some(&rule), at(52)).unwrap().contains("No backup was taken since")
        );
        assert_eq!(warning(&taken(4), None, at(9999)), None);
        let failure = Some(BackupFailure { at: at(5), reason: "no space".into() });
        let said = warning(&BackupRecord { failure: failure.clone(), ..taken(4) }, None, at(6));
        let said = said.unwrap();
        assert!(said.contains("the last good one is of 1970-01-01T04:00:00"), "{said}");
        assert!(said.ends_with(": no space"), "{said}");
        let said = warning(&BackupRecord { failure, ..BackupRecord::default() }, None, at(6));
        assert!(said.unwrap().contains("there is no good one yet"));
        let mut lacking = taken(4);
        lacking.last.as_mut().unwrap().damaged = 2;
        assert!(warning(&lacking, None, at(6)).unwrap().contains("lacks 2 blobs"));
    }
}
