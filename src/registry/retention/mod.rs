//! Retention: what policies keep and drop in a repository, and doing it.
//!
//! The plan is made by one pure function from what a repository holds; a dry run shows it, a run carries it out. What has
//! changed in between is left alone.

mod plan;
mod rule;

pub use plan::{Decision, Item, Plan};
pub use rule::{InvalidRule, check};

use plan::plan;

use super::{Error, Registry};
use crate::meta::{Actor, Deleted, Policy, RunTotals};
use crate::oci::RepositoryName;

/// Who is written down for what retention drops.
pub const RETENTION: &str = "retention";

impl Registry {
    /// What the policies would do to a repository now; `None` if none is about it, or there is no such repository.
    pub async fn plan_retention(
        &self,
        name: &RepositoryName,
        policies: &[Policy],
    ) -> Result<Option<Plan>, Error> {
        let about: Vec<&Policy> = policies.iter().filter(|policy| policy.is_about(name)).collect();
        if about.is_empty() {
            return Ok(None);
        }
        let contents = self.meta.load_contents(name).await?;
        Ok(contents.map(|contents| plan(&contents, &about, self.clock.now())))
    }

    /// Does what the policies say to a repository.
    pub async fn retain(
        &self,
        name: &RepositoryName,
        policies: &[Policy],
    ) -> Result<RunTotals, Error> {
        let Some(plan) = self.plan_retention(name, policies).await? else {
            return Ok(RunTotals::default());
        };
        let mut done =
            RunTotals { repositories: 1, kept: plan.kept().count() as u64, ..RunTotals::default() };
        for decision in plan.dropped() {
            self.blobs.space().make_room().await;
            let by = Actor {
                rule: Some(format!("{}: {}", decision.rule, decision.words).into()),
                ..Actor::internal(RETENTION)
            };
            let (deleted, count) = match &decision.item {
                Item::Tag(tag) => {
                    (self.meta.drop_tag(name, tag.clone(), &by).await?, &mut done.tags)
                }
                Item::Manifest(manifest) => (
                    self.meta.drop_manifest(name, manifest.clone(), &by).await?,
                    &mut done.manifests,
                ),
            };
            // Anything else was changed, pulled, locked or put to use meanwhile, and will be judged again next time.
            if deleted == Deleted::Done {
                *count += 1;
            }
        }
        Ok(done)
    }
}
