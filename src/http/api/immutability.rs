//! Rules that make tags immutable.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::{Input, number};
use super::moment;
use crate::app::App;
use crate::auth::{Need, Principal};
use crate::http::Error;
use crate::meta::{Immutability, NewImmutability};

/// A rule that makes tags immutable: they may be pushed again with the same digest alone, and not be deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImmutabilityView {
    id: i64,
    /// Patterns of repositories.
    repositories: Vec<String>,
    except_repositories: Vec<String>,
    /// Patterns of tags.
    tags: Vec<String>,
    except_tags: Vec<String>,
    why: String,
    created_at: String,
    created_by: String,
}

/// The rules that make tags immutable.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rules {
    rules: Vec<ImmutabilityView>,
}

/// A rule to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImmutabilityWish {
    /// `team/app`, `team/*`, `team/**`.
    repositories: Vec<String>,
    #[serde(default)]
    except_repositories: Vec<String>,
    /// `v*`; every tag if this is left out.
    tags: Option<Vec<String>>,
    /// `*-dev`.
    #[serde(default)]
    except_tags: Vec<String>,
    #[serde(default)]
    why: String,
}

impl From<Immutability> for ImmutabilityView {
    fn from(rule: Immutability) -> Self {
        Self {
            id: rule.id,
            repositories: texts(&rule.new.repositories),
            except_repositories: texts(&rule.new.except_repositories),
            tags: texts(&rule.new.tags),
            except_tags: texts(&rule.new.except_tags),
            why: rule.new.why,
            created_at: moment(rule.created_at),
            created_by: rule.created_by,
        }
    }
}

pub(super) fn texts(items: &[impl ToString]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

pub(super) fn parsed<T>(texts: &[String]) -> Result<Vec<T>, Error>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    texts.iter().map(|text| text.parse().map_err(|error: T::Err| Error::invalid(error))).collect()
}

/// List the rules that make tags immutable
///
/// Those about repositories that the one who asks manages.
#[utoipa::path(get, path = "/immutability", tag = "immutability", responses((status = 200, body = Rules)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<Rules>, Error> {
    let rules = app.auth.immutability(&principal).await?;
    Ok(Json(Rules { rules: rules.into_iter().map(Into::into).collect() }))
}

/// Make tags immutable
///
/// Needs `manage` on every pattern of repositories. Tags of signatures and referrers (`sha256-…`, `.sig`, `.att`, `.sbom`)
/// are never immutable.
#[utoipa::path(
    post,
    path = "/immutability",
    tag = "immutability",
    request_body = ImmutabilityWish,
    responses((status = 201, body = ImmutabilityView))
)]
pub(super) async fn add(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(wish): Input<ImmutabilityWish>,
) -> Result<(StatusCode, Json<ImmutabilityView>), Error> {
    let repositories = parsed(&wish.repositories)?;
    let keep = app.auth.keep(&principal, &repositories)?;
    let rule = keep.add_immutability(NewImmutability {
        repositories,
        except_repositories: parsed(&wish.except_repositories)?,
        tags: parsed(&wish.tags.unwrap_or_else(|| vec!["*".into()]))?,
        except_tags: parsed(&wish.except_tags)?,
        why: wish.why,
    });
    Ok((StatusCode::CREATED, Json(rule.await?.into())))
}

/// Show a rule that makes tags immutable
#[utoipa::path(
    get,
    path = "/immutability/{id}",
    tag = "immutability",
    params(("id" = i64, Path)),
    responses((status = 200, body = ImmutabilityView))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<ImmutabilityView>, Error> {
    Ok(Json(find(&app, &principal, &id).await?.into()))
}

/// Remove a rule that makes tags immutable
#[utoipa::path(
    delete,
    path = "/immutability/{id}",
    tag = "immutability",
    params(("id" = i64, Path)),
    responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<StatusCode, Error> {
    let rule = find(&app, &principal, &id).await?;
    app.auth.keep(&principal, &rule.new.repositories)?.remove_immutability(&rule).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A rule about repositories that the one who asks manages. Others learn of none.
async fn find(app: &App, principal: &Principal, id: &str) -> Result<Immutability, Error> {
    principal.decide(&Need::Login)?;
    let rule = app.auth.find_immutability(number(id)?).await?;
    if app.auth.keep(principal, &rule.new.repositories).is_err() {
        return Err(Error::not_found(format!("there is no immutability rule `{}`", rule.id)));
    }
    Ok(rule)
}
