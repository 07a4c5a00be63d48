//! Programs that have an account: they get in by tokens alone.

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
use crate::meta::{Account, AccountChange, AccountKind};

/// A program.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RobotView {
    name: String,
    description: String,
    groups: Vec<String>,
    is_disabled: bool,
    created_at: String,
}

/// A page of robots.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Robots {
    robots: Vec<RobotView>,
    /// The `last` of the next page.
    next: Option<String>,
}

/// A robot to be made. What it may do is said by rules about `robot:NAME`, and it gets in by tokens.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRobot {
    name: String,
    #[serde(default)]
    description: String,
}

/// What of a robot is to be changed; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RobotChange {
    description: Option<String>,
    is_disabled: Option<bool>,
}

impl From<&Account> for RobotView {
    fn from(account: &Account) -> Self {
        Self {
            name: account.name.to_string(),
            description: account.full_name.clone(),
            groups: account.groups.iter().map(ToString::to_string).collect(),
            is_disabled: account.is_disabled,
            created_at: moment(account.created_at),
        }
    }
}

/// List robots
#[utoipa::path(
    get,
    path = "/robots",
    tag = "robots",
    params(("n" = Option<u64>, Query), ("last" = Option<String>, Query)),
    responses((status = 200, body = Robots))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<Robots>, Error> {
    let administer = app.auth.administer(&principal)?;
    let paging = Paging::read(&query, PAGE)?;
    let found =
        administer.accounts(AccountKind::Robot, &paging.after, paging.limit_and_one()).await?;
    let page = paging.cut(found);
    let next = page.next(|account| account.name.to_string());
    Ok(Json(Robots { robots: page.items.iter().map(Into::into).collect(), next }))
}

/// Make a robot
#[utoipa::path(
    post,
    path = "/robots",
    tag = "robots",
    request_body = NewRobot,
    responses((status = 201, body = RobotView))
)]
pub(super) async fn add(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(new): Input<NewRobot>,
) -> Result<(StatusCode, Json<RobotView>), Error> {
    let administer = app.auth.administer(&principal)?;
    let account = administer.add_robot(&new.name, new.description).await?;
    Ok((StatusCode::CREATED, Json((&*account).into())))
}

/// Show a robot
#[utoipa::path(
    get,
    path = "/robots/{name}",
    tag = "robots",
    params(("name" = String, Path)),
    responses((status = 200, body = RobotView))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<Json<RobotView>, Error> {
    let administer = app.auth.administer(&principal)?;
    Ok(Json((&*administer.account(AccountKind::Robot, &name).await?).into()))
}

/// Change a robot
#[utoipa::path(
    patch,
    path = "/robots/{name}",
    tag = "robots",
    params(("name" = String, Path)),
    request_body = RobotChange,
    responses((status = 200, body = RobotView))
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    Input(wanted): Input<RobotChange>,
) -> Result<Json<RobotView>, Error> {
    let administer = app.auth.administer(&principal)?;
    let change = AccountChange {
        full_name: wanted.description,
        is_disabled: wanted.is_disabled,
        ..AccountChange::default()
    };
    let account = administer.change_account(AccountKind::Robot, &name, change).await?;
    Ok(Json((&*account).into()))
}

/// Remove a robot
///
/// With its tokens and the rules about it; what it pushed stays.
#[utoipa::path(
    delete,
    path = "/robots/{name}",
    tag = "robots",
    params(("name" = String, Path)),
    responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    app.auth.administer(&principal)?.remove_account(AccountKind::Robot, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
