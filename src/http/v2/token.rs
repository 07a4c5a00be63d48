//! Registry tokens: Docker's token flow (GET) and OAuth2 (POST).

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{HeaderMap, StatusCode, header};

use crate::app::App;
use crate::auth::{Credentials, DeviceAnswer, Issued, Origin, Principal};
use crate::http::Error;
use crate::http::extract::{Form, Query, credentials};
use crate::http::request::Info;
use crate::oci::{ErrorCode, Scope};
use crate::secret::Secret;

/// `GET /token`: a token for the user of the Basic credentials, or an anonymous one that covers nothing private. Asking
/// for more than is allowed is no error (distribution, token specification).
pub(super) async fn get(
    State(app): State<Arc<App>>,
    principal: Principal,
    query: Query,
) -> Result<Response, Error> {
    let wanted: Vec<Scope> = query.all("scope").flat_map(Scope::parse_list).collect();
    let issued = app.auth.issue(&principal, &wanted).await?;
    let refresh = if query.get("offline_token") == Some("true") && !principal.is_anonymous() {
        app.auth.issue_refresh(&principal, query.get("client_id").unwrap_or("unknown")).await?
    } else {
        None
    };
    Ok(answer(&issued, refresh.as_ref()))
}

/// RFC 8693
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// RFC 8628
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const SUBJECT_TOKENS: [&str; 3] = [
    "urn:ietf:params:oauth:token-type:jwt",
    "urn:ietf:params:oauth:token-type:id_token",
    ACCESS_TOKEN,
];

/// `POST /token`: OAuth2 with `grant_type` `password`, `refresh_token`, token exchange or device code.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    origin: Origin,
    Extension(info): Extension<Info>,
    headers: HeaderMap,
    Form(form): Form,
) -> Result<Response, Error> {
    let bad =
        |message: &str| Error::client(StatusCode::BAD_REQUEST, ErrorCode::Unsupported, message);
    let field = |name: &str| form.get(name).map(String::as_str);
    let principal = match field("grant_type") {
        Some("password") => {
            let name = field("username").ok_or_else(|| bad("`username` is missing"))?.to_owned();
            let password = Secret::new(
                field("password").ok_or_else(|| bad("`password` is missing"))?.to_owned(),
            );
            app.auth.authenticate(&Credentials::Basic { name, password }, &origin).await?
        }
        Some("refresh_token") => {
            let token = field("refresh_token").ok_or_else(|| bad("`refresh_token` is missing"))?;
            app.auth.refresh(&Secret::new(token.to_owned()), &origin).await?
        }
        Some(TOKEN_EXCHANGE) => exchange(&app, &origin, &form).await?,
        Some(DEVICE_CODE) => return device(&app, &origin, &info, &form).await,
        // Some clients put the password into the header instead.
        None if headers.contains_key(header::AUTHORIZATION) => {
            app.auth.authenticate(&credentials(&headers), &origin).await?
        }
        _ => {
            let message =
                "`grant_type` is `password`, `refresh_token`, token exchange or device code";
            return Err(Error::oauth("unsupported_grant_type", message));
        }
    };
    info.set_actor(principal.actor());
    let issued =
        app.auth.issue(&principal, &Scope::parse_list(field("scope").unwrap_or_default())).await?;
    let refresh =
        if field("access_type") == Some("offline") && field("grant_type") == Some("password") {
            app.auth.issue_refresh(&principal, field("client_id").unwrap_or("unknown")).await?
        } else {
            // A client that refreshes may forget a token which the answer does not repeat.
            field("refresh_token").map(|token| Secret::new(token.to_owned()))
        };
    if field("grant_type") == Some(TOKEN_EXCHANGE) {
        let mut body = describe(&issued, None);
        body["issued_token_type"] = ACCESS_TOKEN.into();
        body["token_type"] = "Bearer".into();
        return Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response());
    }
    Ok(answer(&issued, refresh.as_ref()))
}

/// A token of somebody else's for one of ours (RFC 8693).
async fn exchange(
    app: &App,
    origin: &Origin,
    form: &HashMap<String, String>,
) -> Result<Principal, Error> {
    let wrong = |message: &str| Error::oauth("invalid_request", message);
    let kind = form.get("subject_token_type").map(String::as_str).unwrap_or_default();
    if !SUBJECT_TOKENS.contains(&kind) {
        return Err(wrong("`subject_token_type` is that of a JWT, an ID token or an access token"));
    }
    if form.contains_key("actor_token") {
        return Err(wrong("`actor_token` is not supported: nobody acts for somebody else here"));
    }
    if form.get("requested_token_type").is_some_and(|wanted| wanted != ACCESS_TOKEN) {
        return Err(wrong("`requested_token_type` can be that of an access token alone"));
    }
    let token = form.get("subject_token").ok_or_else(|| wrong("`subject_token` is missing"))?;
    let shown = Credentials::Bearer(Secret::new(token.clone()));
    let principal = app.auth.authenticate(&shown, origin).await;
    let principal = principal.map_err(|error| Error::from(error).in_oauth("invalid_request"))?;
    if principal.is_by_registry_token() {
        return Err(wrong("a registry token cannot be exchanged for another one"));
    }
    Ok(principal)
}

/// What a machine is told that waits for somebody to let it in (RFC 8628 §3.5).
async fn device(
    app: &App,
    origin: &Origin,
    info: &Info,
    form: &HashMap<String, String>,
) -> Result<Response, Error> {
    let code = form.get("device_code");
    let code = code.ok_or_else(|| Error::oauth("invalid_request", "`device_code` is missing"))?;
    let new = match app.auth.ask_device(&Secret::new(code.clone()), origin).await? {
        DeviceAnswer::Approved(new) => new,
        DeviceAnswer::Waiting => {
            return Err(Error::oauth("authorization_pending", "nobody has let it in yet"));
        }
        DeviceAnswer::TooSoon => {
            return Err(Error::oauth("slow_down", "wait five seconds longer from now on"));
        }
        DeviceAnswer::Denied => {
            return Err(Error::oauth("access_denied", "whoever was asked refused it"));
        }
        DeviceAnswer::Over => {
            return Err(Error::oauth("expired_token", "nobody let it in in time: begin again"));
        }
    };
    info.set_actor(new.token.owner.to_string());
    let left = new.token.expires_at.map(|end| end.since(app.clock.now()).as_secs());
    let body = serde_json::json!({
        "access_token": new.secret.expose(),
        "token_type": "Bearer",
        "expires_in": left,
        "username": &*new.token.owner,
        "token_name": new.token.name,
    });
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

/// `GET /.well-known/jwks.json`: the keys that verify the tokens, for others to trust.
pub(super) async fn jwks(State(app): State<Arc<App>>) -> Result<Response, Error> {
    Ok(Json(app.auth.jwks().await?).into_response())
}

fn answer(issued: &Issued, refresh: Option<&Secret<String>>) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(describe(issued, refresh))).into_response()
}

fn describe(issued: &Issued, refresh: Option<&Secret<String>>) -> serde_json::Value {
    let scopes: Vec<_> = issued.scopes.iter().map(ToString::to_string).collect();
    let mut body = serde_json::json!({
        "token": issued.token.expose(),
        "access_token": issued.token.expose(),
        "scope": scopes.join(" "),
        "expires_in": issued.lifetime.as_secs(),
        "issued_at": issued.issued_at.to_string(),
    });
    if let Some(refresh) = refresh {
        body["refresh_token"] = refresh.expose().as_str().into();
    }
    body
}
