//! Groups of users and robots.

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
use crate::meta::{Group, Member};

/// A group.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GroupView {
    name: String,
    description: String,
    /// The sign-in provider whose claims made it; nobody for those that were made here.
    provider: Option<String>,
    member_count: u64,
    created_at: String,
}

/// Somebody in a group.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MemberView {
    name: String,
    /// `local`, or the provider whose claims put them there.
    source: String,
}

/// A group with its members.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WholeGroup {
    group: GroupView,
    members: Vec<MemberView>,
}

/// A page of groups.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Groups {
    groups: Vec<GroupView>,
    /// The `last` of the next page.
    next: Option<String>,
}

/// A group to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewGroup {
    name: String,
    #[serde(default)]
    description: String,
}

/// What of a group is to be changed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupChange {
    description: String,
}

impl From<Group> for GroupView {
    fn from(group: Group) -> Self {
        Self {
            name: group.name,
            description: group.description,
            provider: group.provider,
            member_count: group.members,
            created_at: moment(group.created_at),
        }
    }
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        Self { name: member.name, source: member.source }
    }
}

/// List groups
#[utoipa::path(
    get,
    path = "/groups",
    tag = "groups",
    params(("n" = Option<u64>, Query), ("last" = Option<String>, Query)),
    responses((status = 200, body = Groups))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<Groups>, Error> {
    let administer = app.auth.administer(&principal)?;
    let paging = Paging::read(&query, PAGE)?;
    let page = paging.cut(administer.groups(&paging.after, paging.limit_and_one()).await?);
    let next = page.next(|group| group.name.clone());
    Ok(Json(Groups { groups: page.items.into_iter().map(Into::into).collect(), next }))
}

/// Make a group
#[utoipa::path(
    post,
    path = "/groups",
    tag = "groups",
    request_body = NewGroup,
    responses((status = 201, body = GroupView))
)]
pub(super) async fn add(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(new): Input<NewGroup>,
) -> Result<(StatusCode, Json<GroupView>), Error> {
    let administer = app.auth.administer(&principal)?;
    let group = administer.add_group(&new.name, &new.description).await?;
    Ok((StatusCode::CREATED, Json(group.into())))
}

/// Show a group with its members
#[utoipa::path(
    get,
    path = "/groups/{name}",
    tag = "groups",
    params(("name" = String, Path)),
    responses((status = 200, body = WholeGroup))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<Json<WholeGroup>, Error> {
    let (group, members) = app.auth.administer(&principal)?.group(&name).await?;
    let members = members.into_iter().map(Into::into).collect();
    Ok(Json(WholeGroup { group: group.into(), members }))
}

/// Change a group
#[utoipa::path(
    patch,
    path = "/groups/{name}",
    tag = "groups",
    params(("name" = String, Path)),
    request_body = GroupChange,
    responses((status = 200, body = GroupView))
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    Input(wanted): Input<GroupChange>,
) -> Result<Json<GroupView>, Error> {
    let administer = app.auth.administer(&principal)?;
    Ok(Json(administer.describe_group(&name, &wanted.description).await?.into()))
}

/// Remove a group
///
/// With the rules about it.
#[utoipa::path(
    delete,
    path = "/groups/{name}",
    tag = "groups",
    params(("name" = String, Path)),
    responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    app.auth.administer(&principal)?.remove_group(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Put an account into a group
#[utoipa::path(
    put,
    path = "/groups/{name}/members/{member}",
    tag = "groups",
    params(("name" = String, Path), ("member" = String, Path)),
    responses((status = 204))
)]
pub(super) async fn add_member(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path((name, member)): Path<(String, String)>,
) -> Result<StatusCode, Error> {
    app.auth.administer(&principal)?.set_member(&name, &member, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take an account out of a group
///
/// What a provider's claims say is left to the provider.
#[utoipa::path(
    delete,
    path = "/groups/{name}/members/{member}",
    tag = "groups",
    params(("name" = String, Path), ("member" = String, Path)),
    responses((status = 204))
)]
pub(super) async fn remove_member(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path((name, member)): Path<(String, String)>,
) -> Result<StatusCode, Error> {
    app.auth.administer(&principal)?.set_member(&name, &member, false).await?;
    Ok(StatusCode::NO_CONTENT)
}
