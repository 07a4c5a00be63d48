//! The keys that sign registry tokens.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::moment;
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;

/// A key; its private part is shown to nobody.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyView {
    id: String,
    created_at: String,
    /// When another took its place; it verifies what it signed until that is over.
    retired_at: Option<String>,
}

/// All keys that sign or still verify.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Keys {
    keys: Vec<KeyView>,
}

/// The key that signs from now on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NewKey {
    id: String,
}

/// List signing keys
#[utoipa::path(get, path = "/keys", tag = "keys", responses((status = 200, body = Keys)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<Keys>, Error> {
    let keys = app.auth.administer(&principal)?.signing_keys().await?;
    let keys = keys.into_iter().map(|key| KeyView {
        id: key.id,
        created_at: moment(key.created_at),
        retired_at: key.retired_at.map(moment),
    });
    Ok(Json(Keys { keys: keys.collect() }))
}

/// Sign with a new key from now on
///
/// Tokens under the one before stay good until they end.
#[utoipa::path(post, path = "/keys", tag = "keys", responses((status = 201, body = NewKey)))]
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<(StatusCode, Json<NewKey>), Error> {
    let id = app.auth.administer(&principal)?.rotate_key().await?;
    Ok((StatusCode::CREATED, Json(NewKey { id })))
}
