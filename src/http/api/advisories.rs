//! Advisories: what is known of vulnerabilities, and where it comes from.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use futures::StreamExt as _;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;
use utoipa::ToSchema;

use super::input::Input;
use super::moment;
use crate::app::App;
use crate::auth::{AdminError, Principal};
use crate::http::Error;
use crate::http::body::RequestStream;
use crate::http::extract::Query;
use crate::http::request::Peer;
use crate::meta::AdvisorySource;
use crate::worker::{ImportWish, LARGEST_EXPORT};

/// Where advisories come from.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AdvisorySourceView {
    name: String,
    /// The URL, or the file that somebody gave.
    origin: String,
    /// Of all advisories when this came.
    generation: u64,
    advisories: u64,
    /// Records that could not be used.
    skipped: u64,
    size_bytes: u64,
    imported_at: String,
    imported_by: String,
}

/// How much is known.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AdvisoryEcosystemView {
    name: String,
    /// Pairs of an advisory and a package.
    entries: u64,
}

/// What there is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AdvisoryStatusView {
    /// Rises whenever advisories change.
    generation: u64,
    sources: Vec<AdvisorySourceView>,
    ecosystems: Vec<AdvisoryEcosystemView>,
}

/// Where to fetch advisories from.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AdvisoryFetch {
    #[schema(example = "https://osv-vulnerabilities.storage.googleapis.com/Debian/all.zip")]
    url: String,
}

/// The job that does it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AdvisoryFetchJob {
    /// Its number; nothing if one waits already.
    job: Option<i64>,
}

impl From<AdvisorySource> for AdvisorySourceView {
    fn from(source: AdvisorySource) -> Self {
        Self {
            name: source.name,
            origin: source.origin,
            generation: source.generation,
            advisories: source.advisories,
            skipped: source.skipped,
            size_bytes: source.bytes,
            imported_at: moment(source.imported_at),
            imported_by: source.imported_by,
        }
    }
}

/// Show what is known of vulnerabilities
#[utoipa::path(
    get,
    path = "/advisories",
    tag = "advisories",
    responses((status = 200, body = AdvisoryStatusView))
)]
pub(super) async fn status(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<AdvisoryStatusView>, Error> {
    app.auth.administer(&principal)?;
    let status = app.worker.advisory_status().await?;
    let ecosystem = |(name, entries)| AdvisoryEcosystemView { name, entries };
    Ok(Json(AdvisoryStatusView {
        generation: status.generation,
        sources: status.sources.into_iter().map(Into::into).collect(),
        ecosystems: status.ecosystems.into_iter().map(ecosystem).collect(),
    }))
}

/// Import advisories
///
/// The body is an export in OSV format: a zip archive, or records one after another. It replaces all that the source had
/// before; if anything is wrong with it, nothing changes.
#[utoipa::path(
    put,
    path = "/advisories/{source}",
    tag = "advisories",
    params(
        ("source" = String, Path, example = "debian"),
        ("origin" = Option<String>, Query, description = "where it comes from, for people"),
        ("skip_invalid" = Option<bool>, Query, description = "leave records out that cannot be used")
    ),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 200, body = AdvisorySourceView))
)]
pub(super) async fn import(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    query: Query,
    request: Request,
) -> Result<Json<AdvisorySourceView>, Error> {
    let administer = app.auth.administer(&principal)?;
    let origin = query.get("origin").unwrap_or("an upload");
    let wish = ImportWish {
        name,
        origin: origin.chars().take(1000).collect(),
        etag: None,
        skip_invalid: query.is_on("skip_invalid"),
    };
    let path = app.worker.incoming_advisories().await?;
    let received = receive(&app, request, &path).await;
    let imported = match received {
        Ok(()) => app.worker.import_advisories(wish, &path, administer.actor()).await,
        Err(error) => {
            let _ = tokio::fs::remove_file(&path).await;
            return Err(error);
        }
    };
    let _ = tokio::fs::remove_file(&path).await;
    Ok(Json(imported?.into()))
}

/// Writes a body into a file.
async fn receive(app: &App, request: Request, path: &FilePath) -> Result<(), Error> {
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>();
    let peer = peer.ok_or_else(|| Error::internal("a request without a peer"))?;
    let mut stream = RequestStream::new(body, peer.idle_timeout);
    let mut file = tokio::fs::File::create(path).await.map_err(Error::internal)?;
    let mut bytes = 0_u64;
    while let Some(piece) = stream.next().await {
        let piece =
            piece.map_err(|error| Error::invalid(format!("the body broke off: {error}")))?;
        bytes += piece.len() as u64;
        if bytes > LARGEST_EXPORT {
            return Err(Error::invalid(format!("an export has at most {LARGEST_EXPORT} bytes")));
        }
        let room = app.blobs.space().check_push(piece.len() as u64).await;
        room.map_err(crate::registry::Error::from)?;
        file.write_all(&piece).await.map_err(Error::internal)?;
    }
    file.flush().await.map_err(Error::internal)
}

/// Have advisories fetched
///
/// By a job; if anything is wrong with what comes, nothing changes.
#[utoipa::path(
    post,
    path = "/advisories/{source}",
    tag = "advisories",
    params(("source" = String, Path, example = "debian")),
    request_body = AdvisoryFetch,
    responses((status = 202, body = AdvisoryFetchJob))
)]
pub(super) async fn fetch(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
    Input(wish): Input<AdvisoryFetch>,
) -> Result<(StatusCode, Json<AdvisoryFetchJob>), Error> {
    let administer = app.auth.administer(&principal)?;
    let job = app.worker.fetch_advisories(&name, &wish.url, administer.actor()).await?;
    Ok((StatusCode::ACCEPTED, Json(AdvisoryFetchJob { job })))
}

/// Remove the advisories of a source
#[utoipa::path(
    delete,
    path = "/advisories/{source}",
    tag = "advisories",
    params(("source" = String, Path, example = "debian")),
    responses((status = 204))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(name): Path<String>,
) -> Result<StatusCode, Error> {
    let administer = app.auth.administer(&principal)?;
    if app.worker.remove_advisories(&name, administer.actor()).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let name = name.chars().take(100).collect();
    Err(AdminError::Unknown { what: "source of advisories", name }.into())
}
