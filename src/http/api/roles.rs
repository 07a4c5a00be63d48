//! Roles: names for what somebody may do.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Input;
use crate::app::App;
use crate::auth::{Need, Principal};
use crate::http::Error;
use crate::meta::Role;

/// A role.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RoleView {
    name: String,
    actions: Vec<String>,
    description: String,
    /// The built-in ones stay as they are.
    is_built_in: bool,
}

/// All roles.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Roles {
    roles: Vec<RoleView>,
}

/// What a role allows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleWish {
    /// `pull`, `push`, `delete`, `sign`, `manage`, or ACR's names for them.
    actions: Vec<String>,
    #[serde(default)]
    description: String,
}

impl From<Role> for RoleView {
    fn from(role: Role) -> Self {
        Self {
            name: role.name,
            actions: role.actions.iter().map(|action| action.to_string()).collect(),
            description: role.description,
            is_built_in: role.is_built_in,
        }
    }
}

/// List roles
///
/// The built-in ones first.
#[utoipa::path(get, path = "/roles", tag = "access", responses((status = 200, body = Roles)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<Roles>, Error> {
    principal.decide(&Need::Login)?;
    let roles = app.auth.roles().await?;
    Ok(Json(Roles { roles: roles.into_iter().map(Into::into).collect() }))
}

/// Make a role, or change what it allows
///
/// Rules that name it allow from now on what it allows.
#[utoipa::path(
    put,
    path = "/roles/{name}",
    tag = "access",
    params(("name" = String, Path)),
    request_body = RoleWish,
    responses((status = 200, body = RoleView))
)]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    Input(wish): Input<RoleWish>,
) -> Result<Json<RoleView>, Error> {
    let administer = app.auth.administer(&principal)?;
    let actions = wish.actions.try_into().map_err(Error::invalid)?;
    Ok(Json(administer.put_role(&name, actions, &wish.description).await?.into()))
}

/// Remove a role that no rule uses
#[utoipa::path(
    delete,
    path = "/roles/{name}",
    tag = "access",
    params(("name" = String, Path)),
    responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    app.auth.administer(&principal)?.remove_role(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}
