//! Replication: what is pushed here is brought to other places, as rules say.
//!
//! Each tag (or digest) and target has a job of its own. It reads what the tag points at when it runs, so that one job stands
//! for all moves of a tag that came before it; and what it does is harmless when it is done twice. What a job needs to go on
//! after it was interrupted is at the target: blobs that are there are not sent again.

mod admin;
mod all;
mod place;
mod plugin;
mod registry;
mod schedule;
mod source;
mod wants;
mod ways;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use admin::{Checked, RunWish};
pub use ways::Replication;

pub(super) use all::{KIND as ALL_KIND, replicate_all};
pub(super) use wants::caused_by;

use place::{Found, There};
use plugin::PluginTarget;
use registry::RegistryTarget;
use source::Here;
use wants::Chosen;
use ways::{To, Way};

use super::Worker;
use super::jobs::Kind;
use super::running::{Failure, Finished, Running};
use crate::meta::{self, REPLICATE, Replicated, ReplicationTarget, Wanted};
use crate::oci::{Digest, Reference, RepositoryName, Tag};
use crate::plugin::CallContext;
use crate::remote::transfer::{Plan, Source as _, Target as _, Transfer};
use crate::remote::{self, Fetched};

pub(super) const KIND: Kind = Kind {
    name: REPLICATE,
    at_once: 8,
    wait: Duration::from_secs(5),
    longest_wait: Duration::from_mins(10),
};

/// After so many attempts, what another attempt hardly mends is left to people.
const HOPELESS_AFTER: u32 = 8;

/// How long a job waits whose target is busy with others.
const BUSY: Duration = Duration::from_secs(1);

/// How long a job of a paused target waits. Whoever lets the target go on lets its jobs be tried at once.
const PAUSED: Duration = Duration::from_hours(6);

/// A tag that moves as often while it is copied is left to the next attempt.
const MOVES: usize = 3;

/// What was done, for people.
#[derive(Debug)]
struct Brought {
    outcome: Replicated,
    said: String,
}

impl Brought {
    fn unwanted(said: impl Into<String>) -> Self {
        Self { outcome: Replicated::Unwanted, said: said.into() }
    }
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Remote(#[from] remote::Error),
    #[error(transparent)]
    Meta(#[from] meta::Error),
    #[error("{0}")]
    Final(String),
    #[error("{0}")]
    Plugin(String),
    #[error("it was moved again and again while it was copied")]
    Moving,
}

impl Trouble {
    fn into_failure(self, attempts: u32, is_plugin: bool) -> Failure {
        use remote::Error as E;
        let reason = self.to_string();
        match self {
            Self::Final(_) => Failure::Permanent(reason),
            Self::Moving => Failure::Later(BUSY),
            Self::Meta(_) | Self::Plugin(_) => Failure::Retry(reason),
            Self::Remote(error) => match error {
                _ if error.retry_after().is_some() => Failure::Later(
                    error
                        .retry_after()
                        .unwrap_or_default()
                        .clamp(Duration::from_secs(1), Duration::from_hours(1)),
                ),
                // The network, the other side's state, or who we are there: all of it may be mended, by others or by hand.
                E::Unreachable { .. }
                | E::Tls { .. }
                | E::Interrupted { .. }
                | E::Stalled { .. }
                | E::Unauthorized { .. }
                | E::Denied { .. }
                | E::TooManyRequests { .. }
                | E::Server { .. } => Failure::Retry(reason),
                // A plugin does not tell one kind of failure from another.
                _ if attempts < HOPELESS_AFTER || is_plugin => Failure::Retry(reason),
                _ => Failure::Permanent(reason),
            },
        }
    }
}

/// Brings one tag or digest to one target.
pub(super) async fn replicate(worker: &Worker, running: &Running) -> Result<Finished, Failure> {
    let wanted: Wanted = running.payload()?;
    let Some(target) = worker.meta.find_replication_target_by_id(wanted.target).await? else {
        return Ok(Finished::with("the target is gone"));
    };
    if target.wish.is_paused {
        return Err(Failure::Later(PAUSED));
    }
    let way = worker.replication.way(&target).map_err(Failure::retry)?;
    let Ok(_place) = way.jobs.try_acquire() else { return Err(Failure::Later(BUSY)) };
    let sent = AtomicU64::new(0);
    let bring =
        Bringing { worker, target: &target, way: &way, wanted: &wanted, running, sent: &sent };
    let brought = tokio::select! {
        brought = bring.run() => brought,
        () = running.stop.cancelled() => return Err(Failure::Cancelled),
    };
    let bytes = sent.load(Ordering::Relaxed);
    worker.replication.count(bytes, brought.is_err());
    match brought {
        Ok(Brought { outcome, said }) => {
            worker.meta.note_replication(&wanted, outcome, bytes, &said).await?;
            Ok(Finished::with(said))
        }
        Err(trouble) => {
            let reason = trouble.to_string();
            running.log(&reason);
            worker.meta.note_replication(&wanted, Replicated::Failed, bytes, &reason).await?;
            Err(trouble.into_failure(running.job().attempts, matches!(way.to, To::Plugin(_))))
        }
    }
}

/// One attempt.
struct Bringing<'a> {
    worker: &'a Worker,
    target: &'a ReplicationTarget,
    way: &'a Way,
    wanted: &'a Wanted,
    running: &'a Running,
    sent: &'a AtomicU64,
}

impl Bringing<'_> {
    fn there(&self) -> Result<There, Trouble> {
        let settings = &self.target.wish.settings;
        let name = settings.name_there(&self.wanted.repository).ok_or_else(|| {
            Trouble::Final(format!(
                "`{}` makes no name of {}: change the target's naming",
                settings.naming, self.wanted.repository
            ))
        })?;
        Ok(match &self.way.to {
            To::Registry(remote) => There::Registry(RegistryTarget {
                meta: self.worker.meta.clone(),
                id: self.target.id,
                settings: settings.clone(),
                here: self.wanted.repository.clone(),
                there: remote.repository(name),
                way: self.way.clone(),
            }),
            To::Plugin(plugin) => There::Plugin(PluginTarget {
                target: self.worker.replication.plugin(plugin).map_err(Trouble::Plugin)?,
                context: CallContext::new(format!("job-{}", self.running.job().id)),
                there: name,
                here: Here::new(self.worker, self.wanted.repository.clone()),
                way: self.way.clone(),
            }),
        })
    }

    async fn run(&self) -> Result<Brought, Trouble> {
        let reference: Reference = self.wanted.reference.parse().map_err(
            |error: crate::oci::reference::InvalidReference| Trouble::Final(error.to_string()),
        )?;
        if self.way.is(&self.worker.meta.mark().await?).await? {
            return Err(Trouble::Final("the target is this registry itself".into()));
        }
        let here = Here::new(self.worker, self.wanted.repository.clone());
        for _ in 0..MOVES {
            let Some(manifest) = here.find_manifest(&reference).await? else {
                return self.delete(&reference).await;
            };
            let chosen = match self.choose(&here, &reference, &manifest).await? {
                Ok(chosen) => chosen,
                Err(reason) => return Ok(Brought::unwanted(reason)),
            };
            if let Err(reason) = self.admit(&reference).await? {
                return Ok(Brought::unwanted(reason));
            }
            if self.copy(&here, &reference, &manifest, chosen).await? {
                return Ok(Brought {
                    said: format!("{} is there", manifest.digest),
                    outcome: Replicated::There(Some(manifest.digest)),
                });
            }
            self.running.log("it was moved while it was copied");
        }
        Err(Trouble::Moving)
    }

    /// What of it is to be copied, or why nothing is.
    async fn choose(
        &self,
        here: &Here,
        reference: &Reference,
        manifest: &Fetched,
    ) -> Result<Result<Chosen, String>, Trouble> {
        let rules = self.worker.meta.list_replication_rules().await?;
        let rules = rules.iter().filter(|rule| rule.target_id == self.target.id);
        let chosen =
            wants::choose(rules, here, &self.wanted.repository, reference, manifest).await?;
        match chosen {
            Some(chosen) => {
                if let (Some(subject), false) = (&chosen.subject, self.wanted.is_asked) {
                    // What refers to something goes where that is. If it is on its way, what refers to it goes with it.
                    let subject = Reference::Digest(subject.clone());
                    if matches!(self.there()?.find(&subject).await?, Found::Nothing) {
                        return Ok(Err("what it refers to is not there".into()));
                    }
                }
                Ok(Ok(chosen))
            }
            None if self.wanted.is_asked => Ok(Ok(Chosen::default())),
            None => Ok(Err("no rule wants it there any more".into())),
        }
    }

    /// Whether it may leave: what is held back does not, nor what a plugin keeps here. Says why not.
    async fn admit(&self, reference: &Reference) -> Result<Result<(), String>, Trouble> {
        use crate::registry::Error as E;
        let (worker, repository) = (self.worker, &self.wanted.repository);
        let found = worker.meta.find_manifest(repository, reference).await?;
        if let Some(held) = found.as_ref().and_then(|found| found.held.as_ref()) {
            return Ok(Err(format!("it is held back here: {}", held.reason)));
        }
        let request = format!("job-{}", self.running.job().id);
        let name = self.target.wish.name.as_str();
        match worker.registry.admit_replication(&request, repository, reference, name).await {
            Ok(warnings) => {
                warnings.iter().for_each(|warning| self.running.log(warning));
                Ok(Ok(()))
            }
            // It was deleted meanwhile; its event follows.
            Err(E::ManifestUnknown { .. }) => Ok(Ok(())),
            Err(error @ (E::DeniedByPlugin { .. } | E::HeldByPlugin { .. })) => {
                Ok(Err(error.to_string()))
            }
            Err(error) => Err(Trouble::Plugin(error.to_string())),
        }
    }

    /// Copies it, the tag last; says no if the tag has been moved meanwhile.
    async fn copy(
        &self,
        here: &Here,
        reference: &Reference,
        manifest: &Fetched,
        chosen: Chosen,
    ) -> Result<bool, Trouble> {
        let is_partial = !chosen.platforms.is_empty();
        let plan = Plan {
            referrers: true,
            platforms: chosen.platforms,
            blobs_at_a_time: self.target.wish.settings.parallel as usize,
        };
        let observer = progress(self.running);
        let transfer = Transfer::new(here.clone(), self.there()?, plan, observer);
        let copied = async {
            transfer.copy(manifest, None).await?;
            if let Some(subject) = &chosen.subject
                && matches!(reference, Reference::Digest(_))
            {
                transfer.target().put_referrer(subject, manifest).await?;
            }
            Ok::<(), remote::Error>(())
        };
        let copied = copied.await;
        self.sent.fetch_add(transfer.summary().transferred_bytes, Ordering::Relaxed);
        copied.map_err(|error| explained(error, is_partial))?;
        let Reference::Tag(tag) = reference else { return Ok(true) };
        let now = self.worker.meta.find_digest(&self.wanted.repository, reference).await?;
        if now.as_deref() != Some(manifest.digest.as_str()) {
            return Ok(false);
        }
        transfer.copy(manifest, Some(tag)).await.map_err(|error| explained(error, is_partial))?;
        let summary = transfer.summary();
        self.running.log(format!(
            "{} blobs sent ({} bytes), {} mounted, {} there already; {} manifests put",
            summary.transferred,
            summary.transferred_bytes,
            summary.mounted,
            summary.present,
            summary.manifests
        ));
        Ok(true)
    }

    /// It is not here any more.
    async fn delete(&self, reference: &Reference) -> Result<Brought, Trouble> {
        let state = self.worker.meta.find_replication_state(self.wanted).await?;
        let Some(there) = state.and_then(|state| state.there) else {
            return Ok(Brought::unwanted("it is neither here nor there"));
        };
        let rules = self.worker.meta.list_replication_rules().await?;
        let is_covered = rules.iter().any(|rule| {
            rule.target_id == self.target.id
                && wants::deletes(rule, &self.wanted.repository, reference)
        });
        if !is_covered && !self.wanted.is_asked {
            return Ok(Brought::unwanted("it was deleted here, and stays there"));
        }
        let place = self.there()?;
        match place.find(reference).await? {
            Found::Nothing => {}
            Found::This(digest) if digest.as_str() == there => {
                place.delete(reference).await.map_err(|error| match error {
                    remote::Error::Refused { status: 400 | 405, message, .. } => {
                        Trouble::Final(format!("the target does not delete tags: {message}"))
                    }
                    other => other.into(),
                })?;
            }
            // Somebody else has put something there: it is not ours to delete.
            Found::This(_) | Found::Something => {
                return Ok(Brought {
                    outcome: Replicated::There(None),
                    said: "it was deleted here; something else is there, and stays".into(),
                });
            }
        }
        Ok(Brought { outcome: Replicated::There(None), said: "deleted".into() })
    }
}

/// Says what an index without some of its images has to do with a refusal.
fn explained(error: remote::Error, is_partial: bool) -> Trouble {
    match error {
        remote::Error::Refused { status: 400 | 404, ref message, .. } if is_partial => {
            Trouble::Final(format!(
                "the target takes no index of which images are missing ({message}): leave out `platforms`, as Berth never \
                 changes an index"
            ))
        }
        other => other.into(),
    }
}

/// Notes how far a copy has come.
fn progress(running: &Running) -> remote::transfer::Observer {
    use remote::transfer::Event;
    let running = running.clone();
    let (blobs, manifests) = (AtomicU64::new(0), AtomicU64::new(0));
    std::sync::Arc::new(move |event| {
        match event {
            Event::BlobDone(..) => blobs.fetch_add(1, Ordering::Relaxed),
            Event::ManifestDone(..) => manifests.fetch_add(1, Ordering::Relaxed),
            Event::BlobStarted(_) | Event::BlobMoved(..) => return,
        };
        running.progress(serde_json::json!({
            "blobs": blobs.load(Ordering::Relaxed), "manifests": manifests.load(Ordering::Relaxed),
        }));
    })
}

/// The manifest that a tag of cosign's, or a fallback tag of referrers, is about.
fn subject_of_tag(tag: &Tag) -> Option<Digest> {
    let (algorithm, rest) = tag.as_str().split_once('-')?;
    let hex = rest.split_once('.').map_or(rest, |(hex, _)| hex);
    tag.is_signature().then(|| format!("{algorithm}:{hex}").parse().ok()).flatten()
}

/// What is copied of a repository here.
fn wanted(target: i64, repository: &RepositoryName, reference: impl ToString) -> Wanted {
    Wanted {
        target,
        repository: repository.clone(),
        reference: reference.to_string(),
        is_asked: false,
    }
}
