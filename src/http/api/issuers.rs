//! Issuers: whose tokens are looked at.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::input::Input;
use super::moment;
use crate::app::App;
use crate::auth::{Principal, SERVICE};
use crate::clock::Timestamp;
use crate::http::Error;
use crate::meta::Issuer;

/// Somebody whose tokens are looked at.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IssuerView {
    name: String,
    /// What stands in the claim `iss`, letter for letter.
    url: String,
    /// Where its keys are; nothing if they are found by discovery, or given here.
    jwks_uri: Option<String>,
    /// Its keys, where they are given here and not fetched.
    #[schema(value_type = Option<Object>)]
    keys: Option<Value>,
    /// PEM: certificate authorities that are trusted beside the system's.
    authorities: String,
    /// The algorithms that are taken; nothing for all that its keys allow.
    algorithms: Vec<String>,
    /// One of them has to be in a token's `aud`.
    audiences: Vec<String>,
    is_disabled: bool,
    created_at: String,
    created_by: String,
}

/// All issuers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Issuers {
    issuers: Vec<IssuerView>,
}

/// An issuer to be trusted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IssuerWish {
    /// What stands in the claim `iss`, letter for letter.
    #[schema(example = "https://token.actions.githubusercontent.com")]
    url: String,
    /// Where its keys are; they are found by discovery if it is left out.
    jwks_uri: Option<String>,
    /// Its keys, a JSON Web Key Set; nothing is fetched then.
    #[schema(value_type = Option<Object>)]
    keys: Option<Value>,
    /// PEM: certificate authorities that are trusted beside the system's.
    #[serde(default)]
    authorities: String,
    /// The algorithms that are taken, such as `RS256`; all that its keys allow if it is left out.
    #[serde(default)]
    algorithms: Vec<String>,
    /// One of them has to be in a token's `aud`; the registry's own address if it is left out, `berth` if that is not set.
    audiences: Option<Vec<String>>,
    #[serde(default)]
    is_disabled: bool,
}

/// What is shut out, or let in again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TrustSwitch {
    pub(super) is_disabled: bool,
}

impl From<Issuer> for IssuerView {
    fn from(issuer: Issuer) -> Self {
        Self {
            name: issuer.name,
            url: issuer.url,
            jwks_uri: issuer.jwks_uri,
            keys: issuer.keys.and_then(|keys| serde_json::from_str(&keys).ok()),
            authorities: issuer.authorities,
            algorithms: issuer.algorithms,
            audiences: issuer.audiences,
            is_disabled: issuer.is_disabled,
            created_at: moment(issuer.created_at),
            created_by: issuer.created_by,
        }
    }
}

impl IssuerWish {
    fn named(self, name: String, app: &App) -> Issuer {
        let own = || app.config.server.public_url.clone().unwrap_or_else(|| SERVICE.to_owned());
        Issuer {
            name,
            url: self.url,
            jwks_uri: self.jwks_uri,
            keys: self.keys.map(|keys| keys.to_string()),
            authorities: self.authorities,
            algorithms: self.algorithms,
            audiences: self.audiences.unwrap_or_else(|| vec![own()]),
            is_disabled: self.is_disabled,
            created_at: Timestamp::from_millis(0),
            created_by: String::new(),
        }
    }
}

/// List issuers
#[utoipa::path(
    get,
    path = "/federation/issuers",
    tag = "federation",
    responses((status = 200, body = Issuers))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<Issuers>, Error> {
    let issuers = app.auth.administer(&principal)?.issuers().await?;
    Ok(Json(Issuers { issuers: issuers.into_iter().map(Into::into).collect() }))
}

/// Show an issuer
#[utoipa::path(
    get,
    path = "/federation/issuers/{name}",
    tag = "federation",
    params(("name" = String, Path)),
    responses((status = 200, body = IssuerView))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<Json<IssuerView>, Error> {
    Ok(Json(app.auth.administer(&principal)?.issuer(&name).await?.into()))
}

/// Trust an issuer
///
/// Makes it, or changes the one of its name. Registry tokens that were issued for its tokens end with a change.
#[utoipa::path(
    put,
    path = "/federation/issuers/{name}",
    tag = "federation",
    params(("name" = String, Path)),
    request_body = IssuerWish,
    responses((status = 200, body = IssuerView))
)]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    Input(wish): Input<IssuerWish>,
) -> Result<Json<IssuerView>, Error> {
    let administer = app.auth.administer(&principal)?;
    Ok(Json(administer.put_issuer(wish.named(name, &app)).await?.into()))
}

/// Refuse the tokens of an issuer, or no longer
#[utoipa::path(
    patch,
    path = "/federation/issuers/{name}",
    tag = "federation",
    params(("name" = String, Path)),
    request_body = TrustSwitch,
    responses((status = 200, body = IssuerView))
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    Input(wish): Input<TrustSwitch>,
) -> Result<Json<IssuerView>, Error> {
    let administer = app.auth.administer(&principal)?;
    Ok(Json(administer.disable_issuer(&name, wish.is_disabled).await?.into()))
}

/// Remove an issuer
///
/// The rules about it have to go first.
#[utoipa::path(
    delete,
    path = "/federation/issuers/{name}",
    tag = "federation",
    params(("name" = String, Path)),
    responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    app.auth.administer(&principal)?.remove_issuer(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}
