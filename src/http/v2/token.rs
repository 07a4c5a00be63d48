//! Registry tokens: Docker's token flow (GET) and OAuth2 (POST).

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::Extensions;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

use crate::app::App;
use crate::auth::{Credentials, Issued, Origin, Principal};
use crate::http::Error;
use crate::http::body::RequestStream;
use crate::http::extract::{Query, credentials, read_form};
use crate::http::request::Peer;
use crate::oci::{ErrorCode, Scope};
use crate::secret::Secret;

/// A form holds a password or a token, and scopes.
const LARGEST_FORM: usize = 64 << 10;

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

/// `POST /token`: OAuth2 with `grant_type` `password` or `refresh_token`.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    origin: Origin,
    extensions: Extensions,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let bad =
        |message: &str| Error::client(StatusCode::BAD_REQUEST, ErrorCode::Unsupported, message);
    let peer =
        extensions.get::<Peer>().ok_or_else(|| Error::internal("a request without a peer"))?;
    let body = RequestStream::new(body, peer.idle_timeout).read_whole(1024, LARGEST_FORM).await;
    let body = body.map_err(|error| bad(&format!("the body broke off: {error}")))?;
    let form =
        body.and_then(|body| read_form(&body)).ok_or_else(|| bad("the body is not a form"))?;
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
        // Some clients put the password into the header instead.
        None if headers.contains_key(header::AUTHORIZATION) => {
            app.auth.authenticate(&credentials(&headers), &origin).await?
        }
        _ => return Err(bad("`grant_type` is `password` or `refresh_token`")),
    };
    let issued =
        app.auth.issue(&principal, &Scope::parse_list(field("scope").unwrap_or_default())).await?;
    let refresh =
        if field("access_type") == Some("offline") && field("grant_type") == Some("password") {
            app.auth.issue_refresh(&principal, field("client_id").unwrap_or("unknown")).await?
        } else {
            // A client that refreshes may forget a token which the answer does not repeat.
            field("refresh_token").map(|token| Secret::new(token.to_owned()))
        };
    Ok(answer(&issued, refresh.as_ref()))
}

/// `GET /.well-known/jwks.json`: the keys that verify the tokens, for others to trust.
pub(super) async fn jwks(State(app): State<Arc<App>>) -> Result<Response, Error> {
    Ok(Json(app.auth.jwks().await?).into_response())
}

fn answer(issued: &Issued, refresh: Option<&Secret<String>>) -> Response {
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
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
