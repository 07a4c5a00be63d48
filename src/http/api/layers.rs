//! What is in a layer, or in another archive: read when somebody asks.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::http::extract::{InPath, Query};
use crate::oci::{Digest, ErrorCode, RepositoryName};
use crate::plugin::{ListedFile, ListingError, list_files, read_file};

/// Unpacking takes a processor each.
static TURNS: Semaphore = Semaphore::const_new(2);

/// A blob that is shown as text.
const MOST_TEXT_BYTES: u64 = 4 << 20;

/// The files of a layer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Files {
    files: Vec<FileView>,
}

/// A file of a layer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FileView {
    path: String,
    /// `file`, `directory`, `symlink`, `hardlink`, `device` or `other`.
    kind: String,
    size_bytes: u64,
    mode: u32,
    uid: u32,
    gid: u32,
    /// Where a link leads.
    target: Option<String>,
}

/// Text of a file or a blob.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Text {
    /// What is no UTF-8 is replaced.
    text: String,
}

impl From<ListedFile> for FileView {
    fn from(file: ListedFile) -> Self {
        Self {
            path: file.path,
            kind: file.kind.to_owned(),
            size_bytes: file.size,
            mode: file.mode,
            uid: file.uid,
            gid: file.gid,
            target: file.target,
        }
    }
}

fn refuse(error: ListingError) -> Error {
    match error {
        ListingError::Io(cause) if cause.raw_os_error().is_some() => Error::internal(cause),
        ListingError::NoSuchFile(_) => Error::not_found(error),
        other => Error::client(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::Unsupported, other),
    }
}

/// List the files of a layer
///
/// The archive is unpacked for it, which may take a while: up to a minute and 50,000 files.
#[utoipa::path(
    get,
    path = "/repositories/{name}/layers/{digest}/files",
    tag = "manifests",
    params(("name" = String, Path, example = "team%2Fapp"), ("digest" = String, Path)),
    responses((status = 200, body = Files))
)]
pub(super) async fn files(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    digest: Result<InPath<Digest>, Error>,
) -> Result<Json<Files>, Error> {
    let pull = app.registry.pull_from(&principal, name)?;
    let InPath(digest) = digest?;
    let blob = pull.blob(&digest).await?;
    let _turn = TURNS.acquire().await.map_err(Error::internal)?;
    let files = list_files(blob.content, blob.size).await.map_err(refuse)?;
    Ok(Json(Files { files: files.into_iter().map(Into::into).collect() }))
}

/// Show text of a layer
///
/// With `path` of a file in its archive, up to 1 MiB of it; without, the blob itself if it has 4 MiB at most.
#[utoipa::path(
    get,
    path = "/repositories/{name}/layers/{digest}/text",
    tag = "manifests",
    params(
        ("name" = String, Path, example = "team%2Fapp"),
        ("digest" = String, Path),
        ("path" = Option<String>, Query)
    ),
    responses((status = 200, body = Text))
)]
pub(super) async fn content(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    digest: Result<InPath<Digest>, Error>,
    query: Query,
) -> Result<Json<Text>, Error> {
    let pull = app.registry.pull_from(&principal, name)?;
    let InPath(digest) = digest?;
    let blob = pull.blob(&digest).await?;
    let bytes = if let Some(path) = query.get("path") {
        let _turn = TURNS.acquire().await.map_err(Error::internal)?;
        read_file(blob.content, blob.size, path).await.map_err(refuse)?
    } else {
        if blob.size > MOST_TEXT_BYTES {
            let message = format!("the blob has {} bytes: pull it to look at it", blob.size);
            return Err(Error::invalid(message));
        }
        blob.content.read(blob.size).await.map_err(Error::internal)?.into()
    };
    Ok(Json(Text { text: String::from_utf8_lossy(&bytes).into_owned() }))
}
