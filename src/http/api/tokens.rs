//! Tokens for programs: personal ones, and those of robots.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Input;
use super::{PAGE, moment};
use crate::app::App;
use crate::auth::{NewSecret, Own, Principal, TokenWish};
use crate::config::HumanDuration;
use crate::http::Error;
use crate::http::extract::{Paging, Query};
use crate::meta::{Limit, Limits, Token};

/// How long the old secret of a rotated token stays good, if nothing else is said.
const OVERLAP: Duration = Duration::from_hours(24);

/// Some actions on some repositories.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitView {
    /// Repositories: `team/app`, `team/*`, `team/**`.
    #[schema(example = "team/**")]
    pattern: String,
    /// `pull`, `push`, `delete`, `sign`, `manage`, or ACR's names for them.
    #[schema(example = json!(["pull"]))]
    actions: Vec<String>,
}

/// A token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenView {
    id: i64,
    name: String,
    /// The account that it belongs to.
    owner: String,
    /// `user` or `robot`.
    owner_kind: String,
    /// What it is limited to on top of what its owner may do; nothing for no limit.
    limits: Vec<LimitView>,
    /// Networks that it may be used from; nothing for anywhere.
    addresses: Vec<String>,
    expires_at: Option<String>,
    created_at: String,
    created_by: String,
    /// To within some seconds.
    last_used_at: Option<String>,
    last_used_from: Option<String>,
    /// Two while it is rotated.
    live_secrets: u64,
}

/// A token with its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NewTokenView {
    /// Shown now and never again. A password for `docker login` with any user name, or a bearer token.
    secret: String,
    token: TokenView,
}

/// A page of tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Tokens {
    tokens: Vec<TokenView>,
    /// The `last` of the next page.
    next: Option<i64>,
}

/// A token to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// What it is for.
    name: String,
    /// The account that it is to belong to; one's own if it is left out.
    owner: Option<String>,
    /// What it is limited to; nothing for no limit but what its owner may do.
    #[serde(default)]
    limits: Vec<LimitView>,
    /// Networks that it may be used from, such as `10.0.0.0/8`; an address stands for itself.
    #[serde(default)]
    addresses: Vec<String>,
    /// How long it is good, such as `90d`; for ever if it is left out.
    expires_in: Option<String>,
}

/// How a token is rotated.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    /// How long the old secret stays good, such as `1h`; a day if it is left out, `0s` for not at all.
    overlap: Option<String>,
}

impl From<&Limit> for LimitView {
    fn from(limit: &Limit) -> Self {
        Self {
            pattern: limit.pattern.to_string(),
            actions: limit.actions.iter().map(|action| action.to_string()).collect(),
        }
    }
}

impl From<&Token> for TokenView {
    fn from(token: &Token) -> Self {
        Self {
            id: token.id,
            name: token.name.clone(),
            owner: token.owner.to_string(),
            owner_kind: token.owner_kind.as_str().to_owned(),
            limits: token.limits.0.iter().map(Into::into).collect(),
            addresses: token.addresses.iter().map(ToString::to_string).collect(),
            expires_at: token.expires_at.map(moment),
            created_at: moment(token.created_at),
            created_by: token.created_by.clone(),
            last_used_at: token.last_used_at.map(moment),
            last_used_from: token.last_used_from.map(|address| address.to_string()),
            live_secrets: token.secrets,
        }
    }
}

impl From<NewSecret> for NewTokenView {
    fn from(new: NewSecret) -> Self {
        Self { secret: new.secret.expose().clone(), token: (&new.token).into() }
    }
}

fn limits(wanted: Vec<LimitView>) -> Result<Limits, Error> {
    let limits = wanted.into_iter().map(|limit| {
        Ok(Limit {
            pattern: limit.pattern.parse().map_err(Error::invalid)?,
            actions: limit.actions.try_into().map_err(Error::invalid)?,
        })
    });
    limits.collect::<Result<_, Error>>().map(Limits)
}

fn network(text: &str) -> Result<IpNet, Error> {
    let alone = || text.parse::<std::net::IpAddr>().ok().map(IpNet::from);
    text.parse::<IpNet>().ok().or_else(alone).map(|network| network.trunc()).ok_or_else(|| {
        Error::invalid(format!(
            "`{text}` is no network: write it as `10.0.0.0/8` or `2001:db8::/32`"
        ))
    })
}

fn duration(text: &str) -> Result<Duration, Error> {
    text.parse::<HumanDuration>().map(HumanDuration::get).map_err(Error::invalid)
}

/// List tokens
///
/// One's own, or with `owner` those of another account.
#[utoipa::path(
    get,
    path = "/tokens",
    tag = "tokens",
    params(
        ("owner" = Option<String>, Query, description = "whose; `*` for everybody's"),
        ("n" = Option<u64>, Query),
        ("last" = Option<i64>, Query)
    ),
    responses((status = 200, body = Tokens))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Json<Tokens>, Error> {
    let paging = Paging::read(&query, PAGE)?;
    let (after, limit) = (paging.after_number()?, paging.limit_and_one());
    let found = match query.get("owner") {
        Some("*") => app.auth.administer(&principal)?.tokens(after, limit).await?,
        owner => {
            let owner = owner.map_or_else(|| own_name(&principal), |name| Ok(name.to_owned()))?;
            app.auth.own(&principal, &owner)?.tokens(after, limit).await?
        }
    };
    let page = paging.cut(found);
    let next = page.next(|token| token.id);
    Ok(Json(Tokens { tokens: page.items.iter().map(Into::into).collect(), next }))
}

fn own_name(principal: &Principal) -> Result<String, Error> {
    let account = principal.account().map(|account| account.name.to_string());
    account.ok_or_else(|| match principal.decide(&crate::auth::Need::OwnAccount) {
        Err(refusal) => refusal.into(),
        Ok(_) => Error::invalid("say whose tokens are meant: `owner`"),
    })
}

/// Make a token
///
/// Its secret is in the answer, and nowhere else ever again.
#[utoipa::path(
    post,
    path = "/tokens",
    tag = "tokens",
    request_body = NewToken,
    responses((status = 201, body = NewTokenView))
)]
pub(super) async fn add(
    State(app): State<Arc<App>>,
    principal: Principal,
    Input(new): Input<NewToken>,
) -> Result<(StatusCode, Json<NewTokenView>), Error> {
    let owner = new.owner.map_or_else(|| own_name(&principal), Ok)?;
    let own = app.auth.own(&principal, &owner)?;
    let lifetime = new.expires_in.as_deref().map(duration).transpose()?;
    let wish = TokenWish {
        name: new.name,
        limits: limits(new.limits)?,
        addresses: new.addresses.iter().map(|text| network(text)).collect::<Result<_, _>>()?,
        expires_at: lifetime.map(|lifetime| app.clock.now() + lifetime),
    };
    Ok((StatusCode::CREATED, Json(own.add_token(wish).await?.into())))
}

/// Show a token
#[utoipa::path(
    get,
    path = "/tokens/{id}",
    tag = "tokens",
    params(("id" = i64, Path)),
    responses((status = 200, body = TokenView))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<TokenView>, Error> {
    let (own, id) = owner_of(&app, &principal, &id).await?;
    Ok(Json((&*own.token(id).await?).into()))
}

/// The handle of the account that a token belongs to. Whoever may not have it does not learn whether the token exists.
async fn owner_of<'a>(
    app: &'a App,
    principal: &Principal,
    id: &str,
) -> Result<(Own<'a>, i64), Error> {
    let number = super::input::number(id)?;
    let owner = app.auth.token_owner(number).await;
    match owner {
        Ok(owner) => Ok((app.auth.own(principal, &owner)?, number)),
        Err(error) => {
            app.auth.administer(principal)?;
            Err(error.into())
        }
    }
}

/// Rotate a token
///
/// Gives it another secret; the old one stays good for a while, so that nothing stops in between.
#[utoipa::path(
    post,
    path = "/tokens/{id}/rotate",
    tag = "tokens",
    params(("id" = i64, Path)),
    request_body = Rotation,
    responses((status = 200, body = NewTokenView))
)]
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
    Input(rotation): Input<Rotation>,
) -> Result<Json<NewTokenView>, Error> {
    let (own, id) = owner_of(&app, &principal, &id).await?;
    let overlap = rotation.overlap.as_deref().map(duration).transpose()?;
    Ok(Json(own.rotate_token(id, overlap.unwrap_or(OVERLAP)).await?.into()))
}

/// Revoke a token
///
/// At once, with whatever was issued for it.
#[utoipa::path(
    delete,
    path = "/tokens/{id}",
    tag = "tokens",
    params(("id" = i64, Path)),
    responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<StatusCode, Error> {
    let (own, id) = owner_of(&app, &principal, &id).await?;
    own.remove_token(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
