//! People.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Input;
use super::{PAGE, moment};
use crate::app::App;
use crate::auth::{Administer, Origin, Principal};
use crate::http::Error;
use crate::http::extract::{Paging, Query};
use crate::meta::{Account, AccountChange, AccountKind, RoleEverywhere, Session};
use crate::secret::Secret;

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserView {
    name: String,
    full_name: String,
    email: String,
    /// Roles on every repository; rules may give more on some.
    roles: Vec<String>,
    groups: Vec<String>,
    /// Who vouches for them; nobody for those with a password here.
    provider: Option<String>,
    has_password: bool,
    is_disabled: bool,
    created_at: String,
    last_login_at: Option<String>,
}

/// A page of users.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Users {
    users: Vec<UserView>,
    /// The `last` of the next page.
    next: Option<String>,
}

/// A user to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    name: String,
    /// Without one they cannot log in until they get one.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<String>,
    #[serde(default)]
    full_name: String,
    #[serde(default)]
    email: String,
    /// A role on every repository, such as `reader`; without one they may do what rules on some repositories say.
    role: Option<String>,
}

/// What of a user is to be changed; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserChange {
    full_name: Option<String>,
    email: Option<String>,
    /// Disabled users lose what was issued to them, and cannot log in.
    is_disabled: Option<bool>,
    /// The one role on every repository from now on; `none` for none.
    role: Option<String>,
}

/// Another password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordChange {
    /// The password so far, for those who change their own.
    #[schema(value_type = Option<String>, format = Password)]
    before: Option<String>,
    #[schema(value_type = String, format = Password)]
    password: String,
}

/// A browser that is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Browser {
    method: String,
    address: String,
    agent: String,
    created_at: String,
    seen_at: String,
    expires_at: String,
}

/// Browsers that are signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Browsers {
    sessions: Vec<Browser>,
}

impl From<Session> for Browser {
    fn from(session: Session) -> Self {
        Self {
            method: session.method,
            address: session.address,
            agent: session.agent,
            created_at: moment(session.created_at),
            seen_at: moment(session.seen_at),
            expires_at: moment(session.expires_at),
        }
    }
}

async fn view(administer: &Administer<'_>, account: &Account) -> Result<UserView, Error> {
    Ok(UserView {
        name: account.name.to_string(),
        full_name: account.full_name.clone(),
        email: account.email.clone(),
        roles: administer.roles_everywhere(account).await?,
        groups: account.groups.iter().map(ToString::to_string).collect(),
        provider: account.provider.as_deref().map(str::to_owned),
        has_password: account.password_hash.is_some(),
        is_disabled: account.is_disabled,
        created_at: moment(account.created_at),
        last_login_at: account.last_login_at.map(moment),
    })
}

/// List users
#[utoipa::path(
    get,
    path = "/users",
    tag = "users",
    params(("n" = Option<u64>, Query), ("last" = Option<String>, Query)),
    responses((status = 200, body = Users))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<Users>, Error> {
    let administer = app.auth.administer(&principal)?;
    let paging = Paging::read(&query, PAGE)?;
    let found =
        administer.accounts(AccountKind::User, &paging.after, paging.limit_and_one()).await?;
    let page = paging.cut(found);
    let next = page.next(|account| account.name.to_string());
    let mut users = Vec::new();
    for account in &page.items {
        users.push(view(&administer, account).await?);
    }
    Ok(Json(Users { users, next }))
}

/// Make a user
#[utoipa::path(
    post,
    path = "/users",
    tag = "users",
    request_body = NewUser,
    responses((status = 201, body = UserView))
)]
pub(super) async fn add(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(new): Input<NewUser>,
) -> Result<(StatusCode, Json<UserView>), Error> {
    let administer = app.auth.administer(&principal)?;
    let password = new.password.map(Secret::new);
    let account = administer
        .add_user(&new.name, password.as_ref(), new.full_name, new.email, new.role)
        .await?;
    Ok((StatusCode::CREATED, Json(view(&administer, &account).await?)))
}

/// Show a user
#[utoipa::path(
    get,
    path = "/users/{name}",
    tag = "users",
    params(("name" = String, Path)),
    responses((status = 200, body = UserView))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<Json<UserView>, Error> {
    let administer = app.auth.administer(&principal)?;
    let account = administer.account(AccountKind::User, &name).await?;
    Ok(Json(view(&administer, &account).await?))
}

/// Change a user
#[utoipa::path(
    patch,
    path = "/users/{name}",
    tag = "users",
    params(("name" = String, Path)),
    request_body = UserChange,
    responses((status = 200, body = UserView))
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    Input(wanted): Input<UserChange>,
) -> Result<Json<UserView>, Error> {
    let administer = app.auth.administer(&principal)?;
    let change = AccountChange {
        full_name: wanted.full_name,
        email: wanted.email,
        is_disabled: wanted.is_disabled,
        role: wanted.role.map(RoleEverywhere::from),
    };
    let account = administer.change_account(AccountKind::User, &name, change).await?;
    Ok(Json(view(&administer, &account).await?))
}

/// Remove a user
///
/// With their tokens and the rules about them; what they pushed stays.
#[utoipa::path(
    delete,
    path = "/users/{name}",
    tag = "users",
    params(("name" = String, Path)),
    responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    app.auth.administer(&principal)?.remove_account(AccountKind::User, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change a password
///
/// One's own, with the one so far; anybody's for administrators. Ends what was issued for the old one but for tokens.
#[utoipa::path(
    put,
    path = "/users/{name}/password",
    tag = "users",
    params(("name" = String, Path)),
    request_body = PasswordChange,
    responses((status = 204))
)]
pub(super) async fn set_password(
    State(app): State<Arc<App>>,
    principal: Principal,
    origin: Origin,
    Path(name): Path<String>,
    Input(wanted): Input<PasswordChange>,
) -> Result<StatusCode, Error> {
    let own = app.auth.own(&principal, &name)?;
    let before = wanted.before.map(Secret::new);
    own.set_password(before.as_ref(), &Secret::new(wanted.password), &origin).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List where a user is signed in
#[utoipa::path(
    get,
    path = "/users/{name}/sessions",
    tag = "users",
    params(("name" = String, Path)),
    responses((status = 200, body = Browsers))
)]
pub(super) async fn sessions(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<Json<Browsers>, Error> {
    let sessions = app.auth.own(&principal, &name)?.sessions().await?;
    Ok(Json(Browsers { sessions: sessions.into_iter().map(Into::into).collect() }))
}

/// Sign a user out everywhere
///
/// Ends browsers, refresh tokens and registry tokens; tokens for programs stay.
#[utoipa::path(
    delete,
    path = "/users/{name}/sessions",
    tag = "users",
    params(("name" = String, Path)),
    responses((status = 204))
)]
pub(super) async fn end_sessions(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    app.auth.own(&principal, &name)?.end_all_logins().await?;
    Ok(StatusCode::NO_CONTENT)
}
