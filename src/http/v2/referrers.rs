//! The list of a manifest's referrers.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderName};

use super::{location, next_page};
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::http::extract::{InPath, Paging, Query};
use crate::meta::Referrer;
use crate::oci::{Digest, MediaType, RepositoryName};

/// Entries of a page whose size the client leaves to us.
const PAGE: u64 = 500;

/// `GET /v2/{name}/referrers/{digest}`: an index, empty if there are none; never 404, even if the repository does not
/// exist yet.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    InPath(subject): InPath<Digest>,
    query: Query,
) -> Result<Response, Error> {
    let pull = app.registry.pull_from(&principal, name)?;
    let paging = Paging::read(&query, PAGE)?;
    let after: Option<Digest> = paging.after.parse().ok();
    let wanted = query.get("artifactType").filter(|kind| !kind.is_empty()).map(str::to_owned);
    let filtered = wanted.is_some();
    let page = pull.referrers(&subject, wanted, after.as_ref(), paging.limit).await?;
    let last = page.items.last().filter(|_| page.more).map(|referrer| referrer.digest.clone());
    let descriptors: Vec<_> = page.items.iter().map(descriptor).collect();
    let body = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}}"#,
        MediaType::OCI_INDEX,
        descriptors.join(",")
    );
    let link = last.map(|last| {
        let path = location(pull.repository(), &format!("referrers/{subject}"));
        (header::LINK, next_page(&path, &query.encode(&["last"], &[("last", last.as_str())])))
    });
    let applied = filtered
        .then(|| [(HeaderName::from_static("oci-filters-applied"), "artifactType".to_owned())]);
    Ok(([(header::CONTENT_TYPE, MediaType::OCI_INDEX)], applied, link.map(|link| [link]), body)
        .into_response())
}

fn descriptor(referrer: &Referrer) -> String {
    let mut descriptor = serde_json::json!({
        "mediaType": referrer.media_type,
        "digest": referrer.digest,
        "size": referrer.size,
    });
    if let Some(kind) = &referrer.artifact_type {
        descriptor["artifactType"] = kind.as_str().into();
    }
    if let Some(annotations) = &referrer.annotations {
        descriptor["annotations"] = serde_json::json!(annotations);
    }
    descriptor.to_string()
}
