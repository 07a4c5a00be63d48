//! Looking at targets and rules, changing them, and running them: for those who administer the registry.

use std::collections::BTreeSet;

use super::ways::To;
use super::{all, wanted};
use crate::auth::{AdminError, Administer};
use crate::clock::Cron;
use crate::meta::{
    ReplicationPlace, ReplicationRule, ReplicationState, ReplicationTarget, ReplicationWish,
    RuleSettings, StateCursor, StateFilter, TargetCredentials, TargetWish,
};
use crate::oci::{Platform, Reference, RepositoryName};
use crate::remote::Registry;
use crate::secret::Secret;
use crate::worker::Worker;

/// What came of looking whether a target can be used.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Whether it can.
    pub is_good: bool,
    /// What was found.
    pub said: String,
}

/// What is to be brought to targets now.
#[derive(Clone, Debug, Default)]
pub struct RunWish {
    /// Of this repository; otherwise of all that rules are about.
    pub repository: Option<RepositoryName>,
    /// This tag or digest.
    pub reference: Option<Reference>,
    /// To this target; otherwise to all that rules name.
    pub target: Option<String>,
}

fn checked_name(what: &'static str, name: &str) -> Result<(), AdminError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return Err(AdminError::InvalidName {
            what,
            name: name.chars().take(100).collect(),
            rule: "use up to 64 letters, digits, `.`, `_` and `-`",
        });
    }
    Ok(())
}

fn unknown(what: &'static str, name: &str) -> AdminError {
    AdminError::Unknown { what, name: name.chars().take(100).collect() }
}

fn invalid(error: impl std::fmt::Display) -> AdminError {
    AdminError::Invalid(error.to_string())
}

const TARGET: &str = "replication target";
const RULE: &str = "replication rule";

fn check_target(wish: &TargetWish) -> Result<(), AdminError> {
    checked_name("a replication target", &wish.name)?;
    let settings = &wish.settings;
    let probe: RepositoryName = "team/app".parse().expect("a constant name is well-formed");
    let is_open = settings.naming.contains("{repository}") || settings.naming.contains("{name}");
    if !is_open || settings.name_there(&probe).is_none() {
        return Err(AdminError::Invalid(format!(
            "`{}` names no repositories: write `{{repository}}` or `{{name}}` in it, such as `mirror/{{repository}}`",
            settings.naming.chars().take(200).collect::<String>()
        )));
    }
    if !(1..=64).contains(&settings.parallel) {
        return Err(AdminError::Invalid("between 1 and 64 blobs are sent at a time".into()));
    }
    if settings.bytes_per_second.is_some_and(|rate| rate < 64 << 10) {
        return Err(AdminError::Invalid("64 KiB a second is the least that works".into()));
    }
    if settings.chunk_bytes.is_some_and(|chunk| chunk < 64 << 10) {
        return Err(AdminError::Invalid("64 KiB is the least that is sent in a piece".into()));
    }
    match &wish.place {
        ReplicationPlace::Registry(url) => {
            let is_url = url.starts_with("https://") || url.starts_with("http://");
            if !is_url || url.parse::<Registry>().is_err() {
                return Err(AdminError::Invalid(format!(
                    "`{}` is no registry's address: write `https://HOST` or `https://HOST:PORT`; what stands before the \
                     names of repositories goes into the naming",
                    url.chars().take(200).collect::<String>()
                )));
            }
            Ok(())
        }
        ReplicationPlace::Plugin(name) => {
            name.parse::<crate::plugin::PluginName>().map(drop).map_err(invalid)
        }
    }
}

fn check_rule(wish: &ReplicationWish) -> Result<(), AdminError> {
    checked_name("a replication rule", &wish.name)?;
    let RuleSettings { versions, platforms, labels, schedule, .. } = &wish.settings;
    if let Some(range) = versions {
        range.parse::<semver::VersionReq>().map_err(|error| {
            AdminError::Invalid(format!("`{range}` is no range of versions: {error}"))
        })?;
    }
    for platform in platforms {
        platform.parse::<Platform>().map_err(invalid)?;
    }
    if labels.iter().any(|label| label.is_empty() || label.starts_with('=')) {
        return Err(AdminError::Invalid("write a label as `KEY` or `KEY=VALUE`".into()));
    }
    if let Some(schedule) = schedule {
        schedule.parse::<Cron>().map_err(invalid)?;
    }
    Ok(())
}

impl Worker {
    /// All targets.
    pub async fn replication_targets(
        &self,
        _: &Administer<'_>,
    ) -> Result<Vec<ReplicationTarget>, AdminError> {
        Ok(self.meta.list_replication_targets().await?)
    }

    /// A target.
    pub async fn replication_target(
        &self,
        _: &Administer<'_>,
        name: &str,
    ) -> Result<ReplicationTarget, AdminError> {
        let found = self.meta.find_replication_target(name).await?;
        found.ok_or_else(|| unknown(TARGET, name))
    }

    /// Makes a target.
    pub async fn add_replication_target(
        &self,
        administer: &Administer<'_>,
        wish: TargetWish,
        credentials: Option<Secret<TargetCredentials>>,
    ) -> Result<ReplicationTarget, AdminError> {
        check_target(&wish)?;
        let name = wish.name.clone();
        let made = self.meta.add_replication_target(wish, credentials, administer.actor()).await?;
        made.ok_or(AdminError::NameTaken { what: "a replication target", name })
    }

    /// Changes a target; without credentials it keeps those that it has.
    pub async fn change_replication_target(
        &self,
        administer: &Administer<'_>,
        wish: TargetWish,
        credentials: Option<Secret<TargetCredentials>>,
    ) -> Result<ReplicationTarget, AdminError> {
        check_target(&wish)?;
        let name = wish.name.clone();
        let changed =
            self.meta.change_replication_target(wish, credentials, administer.actor()).await?;
        changed.ok_or_else(|| unknown(TARGET, &name))
    }

    /// Removes a target with its rules.
    pub async fn remove_replication_target(
        &self,
        administer: &Administer<'_>,
        name: &str,
    ) -> Result<(), AdminError> {
        let removed = self.meta.remove_replication_target(name, administer.actor()).await?;
        if removed { Ok(()) } else { Err(unknown(TARGET, name)) }
    }

    /// Looks whether a target answers, and takes our credentials.
    pub async fn check_replication_target(
        &self,
        administer: &Administer<'_>,
        name: &str,
    ) -> Result<Checked, AdminError> {
        let target = self.replication_target(administer, name).await?;
        let found = match self.replication.way(&target) {
            Ok(way) => match way.is(&self.meta.mark().await?).await {
                Ok(true) => Err("it is this registry itself".to_owned()),
                Ok(false) => match &way.to {
                    To::Registry(remote) => remote.ping().await.map_err(|error| error.to_string()),
                    To::Plugin(name) => self.replication.plugin(name).map(drop),
                },
                Err(error) => Err(error.to_string()),
            },
            Err(error) => Err(error.to_string()),
        };
        Ok(match found {
            Ok(()) => {
                let said = match &target.wish.place {
                    ReplicationPlace::Registry(_) => "it answers, and takes the credentials",
                    ReplicationPlace::Plugin(_) => "the plugin is there",
                };
                Checked { is_good: true, said: said.into() }
            }
            Err(said) => Checked { is_good: false, said },
        })
    }

    /// All rules.
    pub async fn replication_rules(
        &self,
        _: &Administer<'_>,
    ) -> Result<Vec<ReplicationRule>, AdminError> {
        Ok(self.meta.list_replication_rules().await?)
    }

    /// A rule.
    pub async fn replication_rule(
        &self,
        _: &Administer<'_>,
        name: &str,
    ) -> Result<ReplicationRule, AdminError> {
        self.meta.find_replication_rule(name).await?.ok_or_else(|| unknown(RULE, name))
    }

    /// Makes a rule.
    pub async fn add_replication_rule(
        &self,
        administer: &Administer<'_>,
        mut wish: ReplicationWish,
    ) -> Result<ReplicationRule, AdminError> {
        check_rule(&wish)?;
        wish.next_run_at = self.next_run(&wish);
        self.replication_target(administer, &wish.target).await?;
        let name = wish.name.clone();
        let made = self.meta.add_replication_rule(wish, administer.actor()).await?;
        made.ok_or(AdminError::NameTaken { what: "a replication rule", name })
    }

    /// Changes a rule.
    pub async fn change_replication_rule(
        &self,
        administer: &Administer<'_>,
        mut wish: ReplicationWish,
    ) -> Result<ReplicationRule, AdminError> {
        check_rule(&wish)?;
        wish.next_run_at = self.next_run(&wish);
        let name = wish.name.clone();
        let changed = self.meta.change_replication_rule(wish, administer.actor()).await?;
        changed.ok_or_else(|| unknown(RULE, &name))
    }

    /// Removes a rule.
    pub async fn remove_replication_rule(
        &self,
        administer: &Administer<'_>,
        name: &str,
    ) -> Result<(), AdminError> {
        let removed = self.meta.remove_replication_rule(name, administer.actor()).await?;
        if removed { Ok(()) } else { Err(unknown(RULE, name)) }
    }

    /// Brings something to targets now; says to which.
    pub async fn run_replication(
        &self,
        administer: &Administer<'_>,
        wish: RunWish,
    ) -> Result<Vec<String>, AdminError> {
        let target = match &wish.target {
            Some(name) => Some(self.replication_target(administer, name).await?),
            None => None,
        };
        let by = &administer.actor().name;
        let rules = self.meta.list_replication_rules().await?;
        let rules = rules.iter().filter(|rule| {
            rule.wish.is_enabled && target.as_ref().is_none_or(|one| one.id == rule.target_id)
        });
        let mut told = BTreeSet::new();
        match (&wish.repository, &wish.reference) {
            (Some(repository), Some(reference)) => {
                if self.meta.find_digest(repository, reference).await?.is_none() {
                    return Err(unknown("manifest", &format!("{repository} {reference}")));
                }
                // One that is named goes wherever it is told to; without a target, wherever rules send it.
                let mut asked: Vec<(i64, String)> =
                    target.iter().map(|one| (one.id, one.wish.name.clone())).collect();
                if target.is_none() {
                    let sends = |rule: &&ReplicationRule| {
                        let settings = &rule.wish.settings;
                        settings.covers(repository)
                            && match reference {
                                Reference::Tag(tag) => settings.covers_tag(tag),
                                Reference::Digest(_) => true,
                            }
                    };
                    asked.extend(
                        rules.filter(sends).map(|rule| (rule.target_id, rule.wish.target.clone())),
                    );
                }
                for (id, name) in asked {
                    let mut one = wanted(id, repository, reference);
                    one.is_asked = target.is_some();
                    self.meta.want_replication(vec![one], by).await?;
                    told.insert(name);
                }
            }
            (Some(repository), None) => {
                for rule in rules.filter(|rule| rule.wish.settings.covers(repository)) {
                    all::of_repository(self, rule, repository, true).await?;
                    told.insert(rule.wish.target.clone());
                }
            }
            (None, _) => {
                for rule in rules {
                    self.meta.add_job(all::job(&rule.wish.name, true), administer.actor()).await?;
                    told.insert(rule.wish.target.clone());
                }
            }
        }
        if told.is_empty() {
            return Err(AdminError::Invalid(
                "no rule sends this anywhere: name a target, or make a rule with `berth replicate rule add`".into(),
            ));
        }
        Ok(told.into_iter().collect())
    }

    /// What targets have.
    pub async fn replication_states(
        &self,
        _: &Administer<'_>,
        filter: StateFilter,
        after: StateCursor,
        limit: u64,
    ) -> Result<Vec<ReplicationState>, AdminError> {
        Ok(self.meta.list_replication_states(filter, after, limit).await?)
    }
}
