//! Rules: who may, or may not, do what to which repositories.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::{Input, number};
use super::{PAGE, moment};
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::http::extract::{Paging, Query};
use crate::meta::{Binding, BindingFilter, Effect, NewBinding, Subject, What};
use crate::oci::RepositoryPattern;

/// A rule.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BindingView {
    id: i64,
    /// Whom it is about: `user:ann`, `robot:ci`, `group:devs`, `workload:build`, `authenticated` or `everyone`.
    subject: String,
    /// `allow` or `deny`; a denial wins over whatever others allow.
    effect: String,
    /// The role that it gives, if it names one.
    role: Option<String>,
    /// What it allows or denies.
    actions: Vec<String>,
    /// On which repositories: `team/app`, `team/*`, `team/**`.
    pattern: String,
    note: String,
    created_at: String,
    created_by: String,
}

/// A page of rules.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Bindings {
    bindings: Vec<BindingView>,
    /// The `last` of the next page.
    next: Option<i64>,
}

/// A rule to be made: with a role, or with actions.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BindingWish {
    #[schema(example = "group:devs")]
    subject: String,
    /// `allow` if it is left out.
    #[schema(value_type = Option<String>)]
    effect: Option<Effect>,
    #[schema(example = "writer")]
    role: Option<String>,
    /// Instead of a role: `pull`, `push`, `delete`, `sign`, `manage`, or ACR's names for them.
    actions: Option<Vec<String>>,
    #[schema(example = "team/**")]
    pattern: String,
    #[serde(default)]
    note: String,
}

impl From<Binding> for BindingView {
    fn from(binding: Binding) -> Self {
        let role = match binding.rule.what {
            What::Role(name) => Some(name),
            What::Actions(_) => None,
        };
        Self {
            id: binding.id,
            subject: binding.rule.subject.to_string(),
            effect: binding.rule.effect.as_str().to_owned(),
            role,
            actions: binding.actions.iter().map(|action| action.to_string()).collect(),
            pattern: binding.rule.pattern.to_string(),
            note: binding.rule.note,
            created_at: moment(binding.created_at),
            created_by: binding.created_by,
        }
    }
}

impl TryFrom<BindingWish> for NewBinding {
    type Error = Error;

    fn try_from(wish: BindingWish) -> Result<Self, Error> {
        let what = match (wish.role, wish.actions) {
            (Some(role), None) => What::Role(role),
            (None, Some(actions)) => What::Actions(actions.try_into().map_err(Error::invalid)?),
            _ => return Err(Error::invalid("a rule names a role, or it lists actions")),
        };
        Ok(Self {
            subject: wish.subject.parse().map_err(Error::invalid)?,
            effect: wish.effect.unwrap_or(Effect::Allow),
            what,
            pattern: wish.pattern.parse().map_err(Error::invalid)?,
            note: wish.note.chars().take(1000).collect(),
        })
    }
}

/// List rules
///
/// All of them, for administrators; with `pattern` those that have this very pattern, for whoever manages it.
#[utoipa::path(
    get,
    path = "/bindings",
    tag = "access",
    params(
        ("subject" = Option<String>, Query),
        ("pattern" = Option<String>, Query),
        ("n" = Option<u64>, Query),
        ("last" = Option<i64>, Query)
    ),
    responses((status = 200, body = Bindings))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<Bindings>, Error> {
    let paging = Paging::read(&query, PAGE)?;
    let subject = query.get("subject").map(str::parse::<Subject>).transpose();
    let pattern = query.get("pattern").map(str::parse::<RepositoryPattern>).transpose();
    let filter = BindingFilter {
        subject: subject.map_err(Error::invalid)?,
        pattern: pattern.map_err(Error::invalid)?,
    };
    if let (None, Some(pattern)) = (&filter.subject, &filter.pattern)
        && let Ok(manage) = app.auth.manage(&principal, pattern.clone())
    {
        let bindings = manage.bindings().await?.into_iter().map(Into::into).collect();
        return Ok(Json(Bindings { bindings, next: None }));
    }
    let administer = app.auth.administer(&principal)?;
    let found = administer.bindings(filter, paging.after_number()?, paging.limit_and_one()).await?;
    let page = paging.cut(found);
    let next = page.next(|binding| binding.id);
    Ok(Json(Bindings { bindings: page.items.into_iter().map(Into::into).collect(), next }))
}

/// Make a rule
///
/// It is in force with the next request. The same rule again is the one that is there.
#[utoipa::path(
    post,
    path = "/bindings",
    tag = "access",
    request_body = BindingWish,
    responses((status = 201, body = BindingView))
)]
pub(super) async fn add(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(wish): Input<BindingWish>,
) -> Result<(StatusCode, Json<BindingView>), Error> {
    let rule = NewBinding::try_from(wish)?;
    let manage = app.auth.manage(&principal, rule.pattern.clone())?;
    Ok((StatusCode::CREATED, Json(manage.add_binding(rule).await?.into())))
}

/// The rule of a number, for whoever may change it; whether there is one is not told to others.
async fn find(app: &App, principal: &Principal, id: &str) -> Result<Binding, Error> {
    match app.auth.binding(number(id)?).await {
        Ok(binding) => {
            app.auth.manage(principal, binding.rule.pattern.clone())?;
            Ok(binding)
        }
        Err(error) => {
            app.auth.administer(principal)?;
            Err(error.into())
        }
    }
}

/// Show a rule
#[utoipa::path(
    get,
    path = "/bindings/{id}",
    tag = "access",
    params(("id" = i64, Path)),
    responses((status = 200, body = BindingView))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<BindingView>, Error> {
    Ok(Json(find(&app, &principal, &id).await?.into()))
}

/// Remove a rule
///
/// It is out of force with the next request.
#[utoipa::path(
    delete,
    path = "/bindings/{id}",
    tag = "access",
    params(("id" = i64, Path)),
    responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<StatusCode, Error> {
    let binding = find(&app, &principal, &id).await?;
    let manage = app.auth.manage(&principal, binding.rule.pattern.clone())?;
    manage.remove_binding(&binding).await?;
    Ok(StatusCode::NO_CONTENT)
}
