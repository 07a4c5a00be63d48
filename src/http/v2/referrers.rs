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
    subject: Result<InPath<Digest>, Error>,
    query: Query,
) -> Result<Response, Error> {
    let pull = app.registry.pull_from(&principal, name)?;
    let InPath(subject) = subject?;
    let paging = Paging::read(&query, PAGE)?;
    // Our own links carry a position; anything else begins at the beginning.
    let after = paging.after.parse().unwrap_or(0);
    let wanted = query.get("artifactType").filter(|kind| !kind.is_empty()).map(str::to_owned);
    let filtered = wanted.is_some();
    let page = pull.referrers(&subject, wanted, after, paging.limit).await?;
    let last =
        page.items.last().filter(|_| page.more).map(|referrer| referrer.position.to_string());
    let descriptors: Vec<_> = page.items.iter().map(descriptor).collect();
    let body = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}}"#,
        MediaType::OCI_INDEX,
        descriptors.join(",")
    );
    let link = last.map(|last| {
        let path = location(pull.repository(), &format!("referrers/{subject}"));
        (header::LINK, next_page(&path, &query.encode(&["last"], &[("last", &last)])))
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
