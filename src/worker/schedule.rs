//! What Berth does again and again, when the settings say so: each time a job.
//!
//! When it is due next is kept in the database. So what was missed while nobody served is made up for at the start, once,
//! however often it was missed.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::collect::CollectWish;
use super::{Worker, backup, collect, retention, scan, scrub};
use crate::auth::{AdminError, Administer};
use crate::clock::{Cron, Timestamp};
use crate::config::Config;
use crate::meta::{Error, Job, NewJob, Schedule};

/// The longest that nobody looks: the machine's clock may have been set.
const LOOKS_EVERY: Duration = Duration::from_secs(30);

/// How long to wait after a failure of the database.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Something that is done again and again.
#[derive(Clone, Debug)]
pub struct Scheduled {
    /// What it is called.
    pub name: &'static str,
    /// The setting that says when.
    pub key: &'static str,
    /// When; `None`: only when somebody asks.
    pub rule: Option<Cron>,
    /// What to do.
    pub job: NewJob,
}

/// Everything that is done again and again. To add something is to add a line.
fn scheduled(config: &Config) -> Vec<Scheduled> {
    let line =
        |name, key, rule: &Option<Cron>, job| Scheduled { name, key, rule: rule.clone(), job };
    let gc = collect::job(CollectWish::default());
    vec![
        line("advisories", "advisories.schedule", &config.advisories.schedule, scan::fetch_all()),
        line("backup", "backup.schedule", &config.backup.schedule, backup::job()),
        line("gc", "gc.schedule", &config.gc.schedule, gc),
        line("retention", "retention.schedule", &config.retention.schedule, retention::job()),
        line("scrub", "scrub.schedule", &config.scrub.schedule, scrub::job()),
    ]
}

/// Something that is done again and again, and how that went.
#[derive(Clone, Debug)]
pub struct ScheduleState {
    /// What, and when.
    pub scheduled: Scheduled,
    /// When it is due next; `None` if it is not, or nobody has served since it was set.
    pub next_run_at: Option<Timestamp>,
    /// When it was last due.
    pub last_run_at: Option<Timestamp>,
    /// What came of that, as long as it is kept.
    pub last_job: Option<Job>,
}

impl Worker {
    /// Begins what is due, until `stop` is cancelled.
    pub(super) async fn keep_schedules(self: Arc<Self>, stop: CancellationToken) {
        self.follow_schedules(scheduled(&self.config), stop).await;
    }

    /// As [`Worker::run`] does it, for a list of its own.
    pub async fn follow_schedules(&self, list: Vec<Scheduled>, stop: CancellationToken) {
        let mut turns = self.clock.turns();
        let mut is_set = false;
        while !stop.is_cancelled() {
            let turn = async {
                if !is_set {
                    self.set_schedules(&list).await?;
                    is_set = true;
                }
                self.begin_what_is_due(&list).await
            };
            let wait = match turn.await {
                Ok(Some(next)) => next.since(self.clock.now()).min(LOOKS_EVERY),
                Ok(None) => LOOKS_EVERY,
                Err(error) => {
                    tracing::error!(%error, "could not look for what is due: {error}");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                () = turns.next() => {}
                () = tokio::time::sleep(wait.max(Duration::from_millis(5))) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Writes down what the settings say. What they said before and say no more is forgotten; what is as before keeps its
    /// time, which may have passed.
    async fn set_schedules(&self, list: &[Scheduled]) -> Result<(), Error> {
        let now = self.clock.now();
        for row in self.meta.list_schedules().await? {
            if !list.iter().any(|line| line.name == row.name && line.rule.is_some()) {
                self.meta.remove_schedule(&row.name).await?;
            }
        }
        for line in list {
            if let Some(rule) = &line.rule {
                self.meta.set_schedule(line.name, rule.as_str(), rule.next_after(now)).await?;
            }
        }
        Ok(())
    }

    /// Begins it, and says when something is due next.
    async fn begin_what_is_due(&self, list: &[Scheduled]) -> Result<Option<Timestamp>, Error> {
        let (now, mut earliest) = (self.clock.now(), None::<Timestamp>);
        for row in self.meta.list_schedules().await? {
            let Some(line) = list.iter().find(|line| line.name == row.name) else { continue };
            let Some(rule) = &line.rule else { continue };
            let mut next = row.next_run_at;
            if next <= now {
                next = rule.next_after(now);
                self.meta.run_schedule(line.name, row.next_run_at, next, line.job.clone()).await?;
            }
            earliest = Some(earliest.map_or(next, |earliest| earliest.min(next)));
        }
        Ok(earliest)
    }

    /// Everything that is done again and again.
    pub async fn schedules(&self, _: &Administer<'_>) -> Result<Vec<ScheduleState>, AdminError> {
        let rows = self.meta.list_schedules().await?;
        let mut states = Vec::new();
        for scheduled in scheduled(&self.config) {
            let row = rows.iter().find(|row| row.name == scheduled.name);
            let last_job = match row.and_then(|row| row.last_job_id) {
                Some(id) => self.meta.find_job(id).await?,
                None => None,
            };
            let is_this = |row: &&Schedule| {
                scheduled.rule.as_ref().is_some_and(|rule| rule.as_str() == row.rule)
            };
            states.push(ScheduleState {
                next_run_at: row.filter(is_this).map(|row| row.next_run_at),
                last_run_at: row.and_then(|row| row.last_run_at),
                last_job,
                scheduled,
            });
        }
        Ok(states)
    }
}
