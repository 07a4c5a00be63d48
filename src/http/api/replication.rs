//! Replication: what goes to which target, and how far that has come.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Input;
use super::{PAGE, moment};
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::http::extract::{Paging, Query};
use crate::meta::{ReplicationRule, ReplicationState, ReplicationWish, RuleSettings, StateFilter};
use crate::oci::{RepositoryPattern, TagPattern};
use crate::worker::RunWish;

/// What goes to a target.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReplicationRuleView {
    name: String,
    target: String,
    /// Repositories, as globs; none: all.
    repositories: Vec<String>,
    /// Tags, as globs; none: all.
    tags: Vec<String>,
    /// Tags that are versions in this range.
    versions: Option<String>,
    /// Labels or annotations that the image has, as `KEY` or `KEY=VALUE`.
    labels: Vec<String>,
    /// Of an index only the images for these; none: all.
    platforms: Vec<String>,
    /// Whether a push is followed at once.
    on_push: bool,
    /// When all of it is looked at again: a cron expression.
    schedule: Option<String>,
    /// When that is next.
    next_run_at: Option<String>,
    /// Whether what is deleted here is deleted there.
    deletions: bool,
    is_enabled: bool,
    created_at: String,
    created_by: String,
}

/// All rules, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReplicationRules {
    rules: Vec<ReplicationRuleView>,
}

/// A rule to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewReplicationRule {
    name: String,
    target: String,
    #[serde(default)]
    repositories: Vec<String>,
    #[serde(default)]
    tags: Vec<String>,
    versions: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    platforms: Vec<String>,
    on_push: Option<bool>,
    schedule: Option<String>,
    #[serde(default)]
    deletions: bool,
    is_enabled: Option<bool>,
}

/// What of a rule is to be changed; what is left out stays. An empty text takes `versions` or `schedule` away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplicationRuleChange {
    repositories: Option<Vec<String>>,
    tags: Option<Vec<String>>,
    versions: Option<String>,
    labels: Option<Vec<String>>,
    platforms: Option<Vec<String>>,
    on_push: Option<bool>,
    schedule: Option<String>,
    deletions: Option<bool>,
    is_enabled: Option<bool>,
}

/// What is to be brought to targets now; all that rules are about, if nothing is named.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplicationRun {
    repository: Option<String>,
    /// A tag or digest of the repository.
    reference: Option<String>,
    /// Only to this target. What is named goes there whatever rules say.
    target: Option<String>,
}

/// Where it goes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReplicationRunning {
    targets: Vec<String>,
}

/// What a target has of one tag or digest.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReplicationStateView {
    target: String,
    repository: String,
    /// A tag or digest.
    reference: String,
    /// `even`: it has what is here; `behind`: it does not yet; `failing`: the last attempt has failed.
    state: String,
    /// Since when it is behind.
    behind_since: Option<String>,
    /// For how many seconds.
    lag_seconds: u64,
    /// The digest that the target has.
    there: Option<String>,
    /// Since when.
    there_at: Option<String>,
    /// Bytes that were sent for it, in all.
    sent_bytes: u64,
    /// Attempts in a row that failed.
    failures: u64,
    /// Why the last one failed, or what came of it.
    reason: Option<String>,
}

/// A page of what targets have, by target, repository and tag.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReplicationStates {
    states: Vec<ReplicationStateView>,
    /// The `after` of the next page.
    next: Option<String>,
}

impl From<ReplicationRule> for ReplicationRuleView {
    fn from(rule: ReplicationRule) -> Self {
        let wish = rule.wish;
        let RuleSettings {
            repositories,
            tags,
            versions,
            labels,
            platforms,
            on_push,
            schedule,
            deletions,
        } = wish.settings;
        Self {
            name: wish.name,
            target: wish.target,
            repositories: repositories.iter().map(ToString::to_string).collect(),
            tags: tags.iter().map(ToString::to_string).collect(),
            versions,
            labels,
            platforms,
            on_push,
            schedule,
            next_run_at: wish.next_run_at.map(moment),
            deletions,
            is_enabled: wish.is_enabled,
            created_at: moment(rule.created_at),
            created_by: rule.created_by,
        }
    }
}

impl ReplicationStateView {
    fn of(state: ReplicationState, now: crate::clock::Timestamp) -> Self {
        let text = match (state.behind_since, state.failures) {
            (None, _) => "even",
            (Some(_), 0) => "behind",
            (Some(_), _) => "failing",
        };
        Self {
            target: state.target,
            repository: state.repository.to_string(),
            reference: state.reference,
            state: text.to_owned(),
            lag_seconds: state.behind_since.map_or(0, |since| now.since(since).as_secs()),
            behind_since: state.behind_since.map(moment),
            there: state.there,
            there_at: state.there_at.map(moment),
            sent_bytes: state.bytes,
            failures: state.failures,
            reason: state.reason,
        }
    }
}

fn repositories(texts: &[String]) -> Result<Vec<RepositoryPattern>, Error> {
    texts
        .iter()
        .map(|text| {
            text.parse().map_err(|error: crate::oci::pattern::InvalidPattern| Error::invalid(error))
        })
        .collect()
}

fn tags(texts: &[String]) -> Result<Vec<TagPattern>, Error> {
    texts
        .iter()
        .map(|text| {
            text.parse()
                .map_err(|error: crate::oci::tag_pattern::InvalidTagPattern| Error::invalid(error))
        })
        .collect()
}

fn some(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// List replication rules
#[utoipa::path(
    get,
    path = "/replication/rules",
    tag = "replication",
    responses((status = 200, body = ReplicationRules))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<ReplicationRules>, Error> {
    let administer = app.auth.administer(&principal)?;
    let found = app.worker.replication_rules(&administer).await?;
    Ok(Json(ReplicationRules { rules: found.into_iter().map(Into::into).collect() }))
}

/// Make a replication rule
///
/// It is about what is pushed from now on; `POST /replication/run` brings what is there already.
#[utoipa::path(
    post,
    path = "/replication/rules",
    tag = "replication",
    request_body = NewReplicationRule,
    responses((status = 201, body = ReplicationRuleView))
)]
pub(super) async fn add(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(new): Input<NewReplicationRule>,
) -> Result<(StatusCode, Json<ReplicationRuleView>), Error> {
    let administer = app.auth.administer(&principal)?;
    let wish = ReplicationWish {
        name: new.name,
        target: new.target,
        settings: RuleSettings {
            repositories: repositories(&new.repositories)?,
            tags: tags(&new.tags)?,
            versions: some(new.versions),
            labels: new.labels,
            platforms: new.platforms,
            on_push: new.on_push.unwrap_or(true),
            schedule: some(new.schedule),
            deletions: new.deletions,
        },
        is_enabled: new.is_enabled.unwrap_or(true),
        next_run_at: None,
    };
    let made = app.worker.add_replication_rule(&administer, wish).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Show a replication rule
#[utoipa::path(
    get,
    path = "/replication/rules/{name}",
    tag = "replication",
    params(("name" = String, Path)),
    responses((status = 200, body = ReplicationRuleView))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<Json<ReplicationRuleView>, Error> {
    let administer = app.auth.administer(&principal)?;
    Ok(Json(app.worker.replication_rule(&administer, &name).await?.into()))
}

/// Change a replication rule
#[utoipa::path(
    patch,
    path = "/replication/rules/{name}",
    tag = "replication",
    params(("name" = String, Path)),
    request_body = ReplicationRuleChange,
    responses((status = 200, body = ReplicationRuleView))
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    Input(change): Input<ReplicationRuleChange>,
) -> Result<Json<ReplicationRuleView>, Error> {
    let administer = app.auth.administer(&principal)?;
    let known = app.worker.replication_rule(&administer, &name).await?.wish;
    let settings = known.settings;
    let versions =
        if change.versions.is_some() { some(change.versions) } else { settings.versions };
    let schedule =
        if change.schedule.is_some() { some(change.schedule) } else { settings.schedule };
    let patterns = change.repositories.map(|texts| repositories(&texts)).transpose()?;
    let tag_patterns = change.tags.map(|texts| tags(&texts)).transpose()?;
    let wish = ReplicationWish {
        name,
        target: known.target,
        settings: RuleSettings {
            repositories: patterns.unwrap_or(settings.repositories),
            tags: tag_patterns.unwrap_or(settings.tags),
            versions,
            labels: change.labels.unwrap_or(settings.labels),
            platforms: change.platforms.unwrap_or(settings.platforms),
            on_push: change.on_push.unwrap_or(settings.on_push),
            schedule,
            deletions: change.deletions.unwrap_or(settings.deletions),
        },
        is_enabled: change.is_enabled.unwrap_or(known.is_enabled),
        next_run_at: known.next_run_at,
    };
    Ok(Json(app.worker.change_replication_rule(&administer, wish).await?.into()))
}

/// Remove a replication rule
///
/// What was copied by it stays where it is.
#[utoipa::path(
    delete,
    path = "/replication/rules/{name}",
    tag = "replication",
    params(("name" = String, Path)),
    responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    let administer = app.auth.administer(&principal)?;
    app.worker.remove_replication_rule(&administer, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Bring content to targets now
///
/// All that rules are about, one repository of it, or one tag or digest.
#[utoipa::path(
    post,
    path = "/replication/run",
    tag = "replication",
    request_body = ReplicationRun,
    responses((status = 202, body = ReplicationRunning))
)]
pub(super) async fn run(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(run): Input<ReplicationRun>,
) -> Result<(StatusCode, Json<ReplicationRunning>), Error> {
    let administer = app.auth.administer(&principal)?;
    let repository = run.repository.map(|name| name.parse()).transpose();
    let repository =
        repository.map_err(|error: crate::oci::name::InvalidName| Error::invalid(error))?;
    let reference = run.reference.map(|text| text.parse()).transpose();
    let reference = reference
        .map_err(|error: crate::oci::reference::InvalidReference| Error::invalid(error))?;
    if reference.is_some() && repository.is_none() {
        return Err(Error::invalid("a `reference` is one of a `repository`: name that, too"));
    }
    let wish = RunWish { repository, reference, target: run.target };
    let targets = app.worker.run_replication(&administer, wish).await?;
    Ok((StatusCode::ACCEPTED, Json(ReplicationRunning { targets })))
}

/// Show what targets have
#[utoipa::path(
    get,
    path = "/replication/states",
    tag = "replication",
    params(
        ("target" = Option<String>, Query),
        ("repository" = Option<String>, Query),
        ("reference" = Option<String>, Query, description = "a tag or digest"),
        ("behind" = Option<bool>, Query, description = "only what a target does not have yet"),
        ("n" = Option<u64>, Query),
        ("after" = Option<String>, Query)
    ),
    responses((status = 200, body = ReplicationStates))
)]
pub(super) async fn states(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<ReplicationStates>, Error> {
    let administer = app.auth.administer(&principal)?;
    let paging = Paging::read(&query, PAGE)?;
    let repository = query.get("repository").map(str::parse).transpose();
    let filter = StateFilter {
        target: query.get("target").map(str::to_owned),
        repository: repository
            .map_err(|error: crate::oci::name::InvalidName| Error::invalid(error))?,
        reference: query.get("reference").map(str::to_owned),
        is_behind: query.is_on("behind"),
    };
    // No name of a target, a repository or a tag holds a space.
    let mut after = query.get("after").unwrap_or_default().split(' ').map(str::to_owned);
    let mut part = || after.next().unwrap_or_default();
    let after = (part(), part(), part());
    let limit = paging.limit_and_one();
    let found = app.worker.replication_states(&administer, filter, after, limit).await?;
    let page = paging.cut(found);
    let next = page.next(|one| format!("{} {} {}", one.target, one.repository, one.reference));
    let now = app.clock.now();
    Ok(Json(ReplicationStates {
        states: page.items.into_iter().map(|state| ReplicationStateView::of(state, now)).collect(),
        next,
    }))
}
