//! Manifests, as people look at them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::moment;
use crate::app::App;
use crate::auth::Principal;
use crate::http::Error;
use crate::http::extract::{InPath, Query};
use crate::meta::Referrer;
use crate::oci::manifest::Content;
use crate::oci::{Digest, Manifest, Reference, RepositoryName};
use crate::registry::{Pull, SignatureState, Signatures};

/// Configurations that are larger are not shown.
const MOST_CONFIG_BYTES: u64 = 1 << 20;
/// Referrers that are listed.
const MOST_REFERRERS: u64 = 500;

/// A manifest of a repository.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ManifestView {
    #[schema(value_type = String)]
    digest: Digest,
    media_type: String,
    artifact_type: Option<String>,
    /// Of the manifest itself.
    size_bytes: u64,
    /// Of the manifest and all that it describes.
    total_bytes: u64,
    pushed_at: String,
    pushed_by: String,
    /// What it is a referrer of.
    subject: Option<String>,
    /// The tags that point at it.
    tags: Vec<String>,
    /// An index of the repository that lists it.
    parent: Option<String>,
    /// The manifest, as it was pushed.
    body: String,
    /// Its configuration as it was pushed, if that is JSON of up to 1 MiB.
    config: Option<String>,
    /// How many referrers it has; 500 at most.
    referrers: u64,
    /// Why it is held back, if it is.
    held: Option<String>,
}

/// What refers to a manifest.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Referrers {
    referrers: Vec<ReferrerView>,
    /// Those that lie under tags made of its digest, as older clients of cosign have it.
    tagged_signatures: Vec<TaggedSignatureView>,
}

/// What a signature is worth, by the keys of `signatures.keys`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SignatureView {
    /// `verified`, `unknown-key`, `invalid` or `unchecked`.
    state: &'static str,
    /// The name of the key that has made it, when it is verified.
    key: Option<String>,
    /// Why it is invalid or unchecked.
    reason: Option<String>,
}

/// A signature or an attestation under a tag.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TaggedSignatureView {
    tag: String,
    /// Of what holds the statement.
    #[schema(value_type = String)]
    digest: Digest,
    signature: SignatureView,
}

impl From<SignatureState> for SignatureView {
    fn from(state: SignatureState) -> Self {
        let (state, key, reason) = match state {
            SignatureState::Verified(key) => ("verified", Some(key), None),
            SignatureState::UnknownKey => ("unknown-key", None, None),
            SignatureState::Invalid(why) => ("invalid", None, Some(why)),
            SignatureState::Unchecked(why) => ("unchecked", None, Some(why)),
        };
        Self { state, key, reason }
    }
}

/// A manifest that says something about another one.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReferrerView {
    #[schema(value_type = String)]
    digest: Digest,
    media_type: String,
    artifact_type: Option<String>,
    size_bytes: u64,
    annotations: Vec<Annotation>,
    /// What it is worth, if it is a signature or a signed attestation.
    signature: Option<SignatureView>,
}

/// One annotation.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Annotation {
    name: String,
    value: String,
}

impl ReferrerView {
    fn new(referrer: Referrer, signatures: &mut Signatures) -> Self {
        let annotations = referrer.annotations.unwrap_or_default();
        Self {
            signature: signatures.referring.remove(&referrer.digest).map(Into::into),
            digest: referrer.digest,
            media_type: referrer.media_type.to_string(),
            artifact_type: referrer.artifact_type,
            size_bytes: referrer.size,
            annotations: annotations
                .into_iter()
                .map(|(name, value)| Annotation { name, value })
                .collect(),
        }
    }
}

/// Show a manifest
///
/// By tag or digest, with its configuration and what is known of it here. What is held back is shown to those alone who manage
/// the repository.
#[utoipa::path(
    get,
    path = "/repositories/{name}/manifests/{reference}",
    tag = "manifests",
    params(("name" = String, Path, example = "team%2Fapp"), ("reference" = String, Path)),
    responses((status = 200, body = ManifestView))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    reference: Result<InPath<Reference>, Error>,
) -> Result<Json<ManifestView>, Error> {
    let pull = app.registry.pull_from(&principal, name)?;
    let InPath(reference) = reference?;
    let stored = pull.manifest_to_look_at(&reference).await?;
    let details = pull.manifest_details(&stored.digest).await?;
    let referrers = pull.referrers(&stored.digest, None, 0, MOST_REFERRERS).await?;
    let size_bytes = stored.body.len() as u64;
    Ok(Json(ManifestView {
        digest: stored.digest.clone(),
        media_type: stored.media_type.to_string(),
        artifact_type: details.artifact_type,
        size_bytes,
        total_bytes: size_bytes + details.content_bytes,
        pushed_at: moment(details.pushed_at),
        pushed_by: details.pushed_by,
        subject: details.subject.map(|digest| digest.to_string()),
        tags: details.tags.iter().map(ToString::to_string).collect(),
        parent: details.parent.map(|digest| digest.to_string()),
        body: String::from_utf8_lossy(&stored.body).into_owned(),
        config: config(&pull, &stored.body).await?,
        referrers: referrers.items.len() as u64,
        held: stored.held.as_ref().map(|held| held.reason.clone()),
    }))
}

/// The configuration that a manifest names, if it can be shown. One that is missing does not hide the manifest.
async fn config(pull: &Pull<'_>, body: &bytes::Bytes) -> Result<Option<String>, Error> {
    let Ok(manifest) = Manifest::parse(body.clone(), None) else { return Ok(None) };
    let Content::Image { config, .. } = manifest.content() else { return Ok(None) };
    if !config.media_type.as_str().ends_with("json") {
        return Ok(None);
    }
    let blob = match pull.blob(&config.digest).await {
        Ok(blob) if blob.size <= MOST_CONFIG_BYTES => blob,
        Ok(_) | Err(crate::registry::Error::BlobUnknown { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let bytes = blob.content.read(blob.size).await.map_err(Error::internal)?;
    Ok(String::from_utf8(bytes.into()).ok())
}

/// List what refers to a manifest
///
/// Signatures, SBOMs, attestations: whatever has it as its subject, 500 at most; and what signatures are worth by the keys that
/// are trusted here.
#[utoipa::path(
    get,
    path = "/repositories/{name}/manifests/{reference}/referrers",
    tag = "manifests",
    params(("name" = String, Path, example = "team%2Fapp"), ("reference" = String, Path)),
    responses((status = 200, body = Referrers))
)]
pub(super) async fn referrers(
    State(app): State<Arc<App>>,
    principal: Principal,
    InPath(name): InPath<RepositoryName>,
    reference: Result<InPath<Reference>, Error>,
    query: Query,
) -> Result<Json<Referrers>, Error> {
    let pull = app.registry.pull_from(&principal, name)?;
    let InPath(reference) = reference?;
    let digest = match reference {
        Reference::Digest(digest) => digest,
        tag @ Reference::Tag(_) => pull.manifest(&tag).await?.digest.clone(),
    };
    let kind = query.get("artifact_type").map(str::to_owned);
    let page = pull.referrers(&digest, kind, 0, MOST_REFERRERS).await?;
    let mut signatures = pull.signatures(&digest, &page.items).await?;
    let view = |one| ReferrerView::new(one, &mut signatures);
    let referrers = page.items.into_iter().map(view).collect();
    let tagged = signatures.tagged.into_iter().map(|one| TaggedSignatureView {
        tag: one.tag.to_string(),
        digest: one.digest,
        signature: one.state.into(),
    });
    Ok(Json(Referrers { referrers, tagged_signatures: tagged.collect() }))
}
