//! Retention: which tags are kept, which are dropped, and what was.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::immutability::{parsed, texts};
use super::input::{Input, number};
use super::{PAGE, moment};
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::http::extract::{Paging, Query};
use crate::meta::{Policy, RetentionRule, RetentionRun};
use crate::oci::RepositoryName;
use crate::registry::{Decision, Item};

/// A policy: what keeps wins over what drops, and what nothing drops is kept.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PolicyView {
    name: String,
    repositories: Vec<String>,
    except_repositories: Vec<String>,
    /// Rules such as `{"newest": 10}`.
    #[schema(value_type = Vec<Object>)]
    keep: Vec<RetentionRule>,
    /// Rules such as `{"older_than": "90d", "among": "pr-*"}`.
    #[schema(value_type = Vec<Object>)]
    drop: Vec<RetentionRule>,
    updated_at: String,
    updated_by: String,
}

/// The policies.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Policies {
    policies: Vec<PolicyView>,
}

/// A policy to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyWish {
    /// `team/app`, `team/*`, `team/**`.
    repositories: Vec<String>,
    #[serde(default)]
    except_repositories: Vec<String>,
    /// `newest`, `semver`, `pushed_within`, `pulled_within`, `tag` or `referrer`; with `among`, of these tags alone.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    keep: Vec<RetentionRule>,
    /// `older_than`, `not_pulled_for`, `untagged`, `tag` or `beyond_newest`; with `among`, of these tags alone.
    #[schema(value_type = Vec<Object>)]
    drop: Vec<RetentionRule>,
}

/// What would happen.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DryRunWish {
    /// Only in this repository.
    repository: Option<String>,
    /// In those behind this one.
    #[serde(default)]
    last: String,
    /// With this policy alone, which need not be in force.
    policy: Option<PolicyWish>,
}

/// What becomes of a tag, or of a manifest that no tag leads to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DecisionView {
    repository: String,
    /// Nothing for a manifest without tags.
    tag: Option<String>,
    digest: String,
    is_dropped: bool,
    /// Which rule says so: `policy NAME keep 1`, `policy NAME drop 2`, `lock 3`, `immutability rule 4`, `nothing`.
    rule: String,
    /// What that says.
    words: String,
}

/// What would become of everything in some repositories.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DryRun {
    decisions: Vec<DecisionView>,
    /// The `last` of the next page.
    next: Option<String>,
}

/// A run.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RetentionRunView {
    /// The job that it is.
    job: i64,
    started_at: String,
    /// Nothing while it goes on, or if it broke off.
    finished_at: Option<String>,
    repositories: u64,
    dropped_tags: u64,
    dropped_manifests: u64,
    kept_tags: u64,
}

/// A page of runs, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RetentionRuns {
    runs: Vec<RetentionRunView>,
    /// The `before` of the next page.
    next: Option<i64>,
}

/// A run that was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Asked {
    /// The job that it is; nothing if another one waits already.
    job: Option<i64>,
}

impl From<Policy> for PolicyView {
    fn from(policy: Policy) -> Self {
        Self {
            name: policy.name,
            repositories: texts(&policy.repositories),
            except_repositories: texts(&policy.except_repositories),
            keep: policy.keep,
            drop: policy.discard,
            updated_at: moment(policy.updated_at),
            updated_by: policy.updated_by,
        }
    }
}

impl From<RetentionRun> for RetentionRunView {
    fn from(run: RetentionRun) -> Self {
        Self {
            job: run.job,
            started_at: moment(run.started_at),
            finished_at: run.finished_at.map(moment),
            repositories: run.totals.repositories,
            dropped_tags: run.totals.tags,
            dropped_manifests: run.totals.manifests,
            kept_tags: run.totals.kept,
        }
    }
}

impl DecisionView {
    fn new(repository: &RepositoryName, decision: Decision) -> Self {
        let (tag, digest) = match decision.item {
            Item::Tag(tag) => (Some(tag.name.to_string()), tag.digest),
            Item::Manifest(manifest) => (None, manifest.digest),
        };
        Self {
            repository: repository.to_string(),
            tag,
            digest: digest.to_string(),
            is_dropped: decision.is_dropped,
            rule: decision.rule,
            words: decision.words,
        }
    }
}

fn policy(app: &App, name: &str, wish: PolicyWish) -> Result<Policy, Error> {
    Ok(Policy {
        name: name.to_owned(),
        repositories: parsed(&wish.repositories)?,
        except_repositories: parsed(&wish.except_repositories)?,
        keep: wish.keep,
        discard: wish.drop,
        updated_at: app.clock.now(),
        updated_by: String::new(),
    })
}

/// List retention policies
///
/// Those about repositories that the one who asks manages.
#[utoipa::path(get, path = "/retention/policies", tag = "retention", responses((status = 200, body = Policies)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<Policies>, Error> {
    let policies = app.auth.policies(&principal).await?;
    Ok(Json(Policies { policies: policies.into_iter().map(Into::into).collect() }))
}

/// Show a retention policy
#[utoipa::path(
    get,
    path = "/retention/policies/{name}",
    tag = "retention",
    params(("name" = String, Path)),
    responses((status = 200, body = PolicyView))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<Json<PolicyView>, Error> {
    Ok(Json(find(&app, &principal, &name).await?.into()))
}

async fn find(app: &App, principal: &Principal, name: &str) -> Result<Policy, Error> {
    let mine = app.auth.policies(principal).await?;
    let shown: String = name.chars().take(100).collect();
    let found = mine.into_iter().find(|policy| policy.name == name);
    found.ok_or_else(|| Error::not_found(format!("there is no retention policy `{shown}`")))
}

/// Make or change a retention policy
///
/// Needs `manage` on every pattern of it, and of the one that it replaces.
#[utoipa::path(
    put,
    path = "/retention/policies/{name}",
    tag = "retention",
    params(("name" = String, Path)),
    request_body = PolicyWish,
    responses((status = 200, body = PolicyView))
)]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    Input(wish): Input<PolicyWish>,
) -> Result<Json<PolicyView>, Error> {
    let policy = policy(&app, &name, wish)?;
    let keep = app.auth.keep(&principal, &policy.repositories)?;
    crate::registry::check_policy(&policy).map_err(Error::invalid)?;
    if let Some(before) = app.auth.find_policy(&name).await? {
        app.auth.keep(&principal, &before.repositories)?;
    }
    Ok(Json(keep.put_policy(policy).await?.into()))
}

/// Remove a retention policy
#[utoipa::path(
    delete,
    path = "/retention/policies/{name}",
    tag = "retention",
    params(("name" = String, Path)),
    responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    let policy = find(&app, &principal, &name).await?;
    app.auth.keep(&principal, &policy.repositories)?.remove_policy(&policy).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Show what retention would do
///
/// For each tag the rule that keeps or drops it, and what no tag leads to and is dropped; nothing is changed. Whole
/// repositories, some on each page. Needs `manage` on the repository, or an administrator for all.
#[utoipa::path(
    post,
    path = "/retention/dry-run",
    tag = "retention",
    request_body = DryRunWish,
    responses((status = 200, body = DryRun))
)]
pub(super) async fn dry_run(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(wish): Input<DryRunWish>,
) -> Result<Json<DryRun>, Error> {
    let only: Option<RepositoryName> =
        wish.repository.map(|name| name.parse()).transpose().map_err(Error::invalid)?;
    match &only {
        Some(name) => drop(app.auth.keep_one(&principal, name)?),
        None => drop(app.auth.administer(&principal)?),
    }
    let policies = match wish.policy {
        Some(wish) => {
            let policy = policy(&app, "new", wish)?;
            crate::registry::check_policy(&policy).map_err(Error::invalid)?;
            vec![policy]
        }
        None => app.meta.list_policies().await?,
    };
    let mut decisions = Vec::new();
    if let Some(name) = only {
        add(&app, &name, &policies, &mut decisions).await?;
        return Ok(Json(DryRun { decisions, next: None }));
    }
    let from = if wish.last.is_empty() { String::new() } else { format!("{}\0", wish.last) };
    let page = app.meta.list_repositories(&from, "~", PAGE).await?;
    let is_last = (page.len() as u64) < PAGE;
    let mut next = None;
    for repository in page {
        if decisions.len() as u64 >= PAGE {
            return Ok(Json(DryRun { decisions, next }));
        }
        add(&app, &repository.name, &policies, &mut decisions).await?;
        next = Some(repository.name.to_string());
    }
    Ok(Json(DryRun { decisions, next: next.filter(|_| !is_last) }))
}

async fn add(
    app: &App,
    name: &RepositoryName,
    policies: &[Policy],
    decisions: &mut Vec<DecisionView>,
) -> Result<(), Error> {
    if let Some(plan) = app.registry.plan_retention(name, policies).await? {
        let views = plan.decisions.into_iter();
        decisions.extend(views.map(|decision| DecisionView::new(name, decision)));
    }
    Ok(())
}

/// List the runs of retention
#[utoipa::path(
    get,
    path = "/retention/runs",
    tag = "retention",
    params(("n" = Option<u64>, Query), ("before" = Option<i64>, Query)),
    responses((status = 200, body = RetentionRuns))
)]
pub(super) async fn runs(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<RetentionRuns>, Error> {
    let administer = app.auth.administer(&principal)?;
    let paging = Paging::read(&query, PAGE)?;
    let before = query.get("before").map(number).transpose()?;
    let found = app.worker.retention_runs(&administer, before, paging.limit_and_one()).await?;
    let page = paging.cut(found);
    let next = page.next(|run| run.job);
    Ok(Json(RetentionRuns { runs: page.items.into_iter().map(Into::into).collect(), next }))
}

/// Run retention now
#[utoipa::path(
    post,
    path = "/retention/runs",
    tag = "retention",
    responses((status = 202, body = Asked))
)]
pub(super) async fn run(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<(StatusCode, Json<Asked>), Error> {
    let administer = app.auth.administer(&principal)?;
    let job = app.worker.run_retention(&administer).await?;
    Ok((StatusCode::ACCEPTED, Json(Asked { job })))
}
