//! Images that are held back, and the rules that hold them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use berth_advisories::Severity;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Input;
use super::{PAGE, moment};
use crate::app::App;
use crate::auth::{AdminError, Principal};
use crate::clock::Timestamp;
use crate::http::Error;
use crate::http::extract::{InPath, Paging, Query};
use crate::meta::{HeldImage, QuarantineRule, Subject};
use crate::oci::{Digest, RepositoryName, RepositoryPattern, Tag};

/// An image that is held back.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HeldImageView {
    #[schema(value_type = String)]
    repository: RepositoryName,
    #[schema(value_type = String)]
    digest: Digest,
    /// Tags that point at it.
    #[schema(value_type = Vec<String>)]
    tags: Vec<Tag>,
    /// The rule that holds it, or `plugin:NAME`.
    rule: String,
    /// Why, for people.
    reason: String,
    held_at: String,
}

/// A page of images that are held, those that came first before others.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HeldImages {
    images: Vec<HeldImageView>,
    /// The `last` of the next page.
    next: Option<String>,
}

/// Why something is let go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct QuarantineRelease {
    /// For the audit trail.
    #[serde(default)]
    reason: String,
}

/// A rule that holds pushed images back.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QuarantineRuleView {
    name: String,
    #[schema(value_type = Vec<String>)]
    repositories: Vec<RepositoryPattern>,
    /// Findings of this severity or worse hold an image; nothing if to be scanned is enough.
    severity: Option<String>,
    /// Who may pull by digest meanwhile.
    scanners: Vec<String>,
    made_at: String,
    made_by: String,
}

/// All rules.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QuarantineRules {
    rules: Vec<QuarantineRuleView>,
}

/// A rule to be made or changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct QuarantineRuleWish {
    /// Patterns of repositories, such as `prod/**`.
    repositories: Vec<String>,
    /// Findings of this severity or worse hold an image; nothing: to be scanned is enough.
    severity: Option<String>,
    /// Who may pull by digest meanwhile: `robot:trivy`, `group:security`.
    #[serde(default)]
    scanners: Vec<String>,
}

impl From<HeldImage> for HeldImageView {
    fn from(image: HeldImage) -> Self {
        Self {
            repository: image.repository,
            digest: image.digest,
            tags: image.tags,
            rule: image.rule,
            reason: image.reason,
            held_at: moment(image.held_at),
        }
    }
}

impl From<QuarantineRule> for QuarantineRuleView {
    fn from(rule: QuarantineRule) -> Self {
        Self {
            name: rule.name,
            repositories: rule.repositories,
            severity: rule.severity.map(|severity| severity.to_string()),
            scanners: rule.scanners,
            made_at: moment(rule.made_at),
            made_by: rule.made_by,
        }
    }
}

/// List images that are held back
///
/// In repositories that one may pull from, those that came first before others.
#[utoipa::path(
    get,
    path = "/quarantine",
    tag = "quarantine",
    params(("n" = Option<u64>, Query), ("last" = Option<String>, Query)),
    responses((status = 200, body = HeldImages))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<HeldImages>, Error> {
    let catalog = app.registry.catalog(&principal)?;
    let paging = Paging::read(&query, PAGE)?;
    let page = catalog.held(place(&paging.after)?, paging.limit).await?;
    let next = page.next(|image| {
        let (at, (repository, manifest)) = image.place();
        format!("{}.{repository}.{manifest}", at.as_millis())
    });
    Ok(Json(HeldImages { images: page.items.into_iter().map(Into::into).collect(), next }))
}

type Place = (Timestamp, (i64, i64));

fn place(text: &str) -> Result<Option<Place>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let numbers: Vec<i64> = text.split('.').filter_map(|part| part.parse().ok()).collect();
    match numbers[..] {
        [at, repository, manifest] => {
            Ok(Some((Timestamp::from_millis(at), (repository, manifest))))
        }
        _ => Err(Error::invalid("`last` is what the page before gave as `next`")),
    }
}

/// Let an image go
///
/// For those who manage the repository. It is served under its tags from now on, whatever scanners say.
#[utoipa::path(
    post,
    path = "/repositories/{name}/quarantine/{digest}",
    tag = "quarantine",
    params(("name" = String, Path, example = "team%2Fapp"), ("digest" = String, Path)),
    request_body = QuarantineRelease,
    responses((status = 204))
)]
pub(super) async fn release(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    digest: Result<InPath<Digest>, Error>,
    Input(wish): Input<QuarantineRelease>,
) -> Result<StatusCode, Error> {
    let manage = app.auth.manage(&principal, RepositoryPattern::exactly(&name))?;
    let InPath(digest) = digest?;
    let reason = match wish.reason.trim() {
        "" => format!("{} let it go", manage.actor().name),
        reason => reason.chars().take(1000).collect(),
    };
    if app.meta.release_held(&name, &digest, &reason, manage.actor()).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Error::not_found(format!("{name} does not hold {digest} back")))
}

/// List the rules that hold images back
#[utoipa::path(
    get,
    path = "/quarantine/rules",
    tag = "quarantine",
    responses((status = 200, body = QuarantineRules))
)]
pub(super) async fn rules(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<QuarantineRules>, Error> {
    app.auth.administer(&principal)?;
    let rules = app.meta.list_quarantine_rules().await?;
    Ok(Json(QuarantineRules { rules: rules.into_iter().map(Into::into).collect() }))
}

/// Make or change a rule
///
/// It is about what is pushed from now on; what is held already stays so.
#[utoipa::path(
    put,
    path = "/quarantine/rules/{rule}",
    tag = "quarantine",
    params(("rule" = String, Path)),
    request_body = QuarantineRuleWish,
    responses((status = 200, body = QuarantineRuleView))
)]
pub(super) async fn put_rule(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    Input(wish): Input<QuarantineRuleWish>,
) -> Result<Json<QuarantineRuleView>, Error> {
    let administer = app.auth.administer(&principal)?;
    let rule = checked(name, wish)?;
    Ok(Json(app.meta.put_quarantine_rule(rule, administer.actor()).await?.into()))
}

fn checked(name: String, wish: QuarantineRuleWish) -> Result<QuarantineRule, Error> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return Err(AdminError::InvalidName {
            what: "a rule",
            name: name.chars().take(100).collect(),
            rule: "use up to 64 letters, digits, `.`, `_` and `-`",
        }
        .into());
    }
    if wish.repositories.is_empty() {
        return Err(Error::invalid("name at least one pattern of repositories, such as `prod/**`"));
    }
    let patterns = wish.repositories.iter().map(|text| text.parse::<RepositoryPattern>());
    let repositories: Result<Vec<_>, _> = patterns.collect();
    for scanner in &wish.scanners {
        scanner.parse::<Subject>().map_err(|error| Error::invalid(error.to_string()))?;
    }
    let severity = wish.severity.as_deref().map(|text| {
        Severity::parse(text).ok_or_else(|| {
            Error::invalid("`severity` is unknown, negligible, low, medium, high or critical")
        })
    });
    Ok(QuarantineRule {
        name,
        repositories: repositories.map_err(|error| Error::invalid(error.to_string()))?,
        severity: severity.transpose()?,
        scanners: wish.scanners,
        made_at: Timestamp::from_millis(0),
        made_by: String::new(),
    })
}

/// Remove a rule
///
/// What is held already stays so.
#[utoipa::path(
    delete,
    path = "/quarantine/rules/{rule}",
    tag = "quarantine",
    params(("rule" = String, Path)),
    responses((status = 204))
)]
pub(super) async fn remove_rule(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    let administer = app.auth.administer(&principal)?;
    if app.meta.remove_quarantine_rule(&name, administer.actor()).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(AdminError::Unknown { what: "rule", name: name.chars().take(100).collect() }.into())
}
