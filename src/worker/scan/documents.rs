//! What lies beside a scanned image: SBOMs, and whatever else its scanner has written, as referrers.
//!
//! The same packages give the same bytes, and so the same digest: to write them again changes nothing. What a scanner wrote
//! before and does not say any more is removed.

use std::collections::BTreeMap;

use berth_sbom::{Subject, cyclonedx, spdx};
use bytes::Bytes;
use serde_json::json;

use super::super::Worker;
use super::super::running::Failure;
use super::{SCANNER, inventory};
use crate::auth::{Auth, Grant};
use crate::meta::Referrer;
use crate::oci::{Action, Algorithm, Digest, MediaType, Reference, RepositoryName};
use crate::plugin::{Document, FoundPackage};
use crate::registry::{BodyPart, NewManifest, Push};

/// Which scanner has written a document.
const BY: &str = "org.berth.scanner";
/// Referrers that are looked through for older ones.
const MOST: u64 = 1000;

/// Writes the documents of an image. `others` are the scanner's own; without them those that lie there stay.
pub(super) async fn write(
    worker: &Worker,
    repository: &RepositoryName,
    digest: &Digest,
    scanner: &str,
    others: Option<Vec<Document>>,
) -> Result<(), Failure> {
    let Some(report) = worker.meta.find_scan(digest, scanner).await? else { return Ok(()) };
    let keeps_others = others.is_none();
    let mut documents = others.unwrap_or_default();
    if report.packages > 0 {
        let packages = packages(worker, report.id).await?;
        let inventory = inventory::of_report(&packages, &report.attributes);
        let pushed = worker.meta.find_pushed_at(repository, digest).await?;
        let Some(pushed) = pushed else { return Ok(()) };
        let subject = Subject {
            name: repository.to_string(),
            digest: Some(digest.to_string()),
            created: whole_seconds(&pushed.to_string()),
        };
        let made = tokio::task::spawn_blocking(move || {
            [
                (cyclonedx::MEDIA_TYPE, cyclonedx::write(&inventory, &subject)),
                (spdx::MEDIA_TYPE, spdx::write(&inventory, &subject)),
            ]
        });
        for (kind, content) in made.await.map_err(Failure::retry)? {
            documents.push(Document {
                artifact_type: kind.to_owned(),
                media_type: kind.to_owned(),
                annotations: BTreeMap::new(),
                content,
            });
        }
    }
    let grant = grant(&worker.auth, Action::Push, repository).await?;
    let push = worker.registry.push_as(grant);
    let mut written = Vec::new();
    for document in documents {
        written.push(put(&push, repository, worker, digest, scanner, document).await?);
    }
    remove_older(worker, repository, digest, scanner, &written, keeps_others).await
}

async fn grant(auth: &Auth, action: Action, repository: &RepositoryName) -> Result<Grant, Failure> {
    auth.grant_to_berth(action, repository.clone(), SCANNER).await.map_err(Failure::retry)
}

/// `2026-11-25T07:00:00Z`, of whatever has parts of seconds.
fn whole_seconds(moment: &str) -> String {
    match moment.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => moment.to_owned(),
    }
}

pub(super) async fn packages(worker: &Worker, report: i64) -> Result<Vec<FoundPackage>, Failure> {
    const PAGE: u64 = 5000;
    let mut found = Vec::new();
    loop {
        let page = worker.meta.list_packages(report, found.len() as u64, PAGE).await?;
        let is_last = (page.len() as u64) < PAGE;
        for package in page {
            found.push(serde_json::from_value(package.detail).map_err(Failure::permanent)?);
        }
        if is_last {
            return Ok(found);
        }
    }
}

/// Stores one document; gives the digest of its manifest.
async fn put(
    push: &Push<'_>,
    repository: &RepositoryName,
    worker: &Worker,
    subject: &Digest,
    scanner: &str,
    document: Document,
) -> Result<Digest, Failure> {
    let found = worker.meta.find_manifest(repository, &Reference::Digest(subject.clone())).await?;
    let found = found.ok_or_else(|| Failure::Permanent("the image is gone".into()))?;
    let content = Bytes::from(document.content);
    let empty = Bytes::from_static(b"{}");
    let mut annotations = document.annotations;
    annotations.insert(BY.to_owned(), scanner.to_owned());
    let digest = Algorithm::Sha256.digest(&content);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "artifactType": document.artifact_type,
        "config": {
            "mediaType": MediaType::OCI_EMPTY, "digest": Algorithm::Sha256.digest(&empty), "size": empty.len(),
        },
        "layers": [{ "mediaType": document.media_type, "digest": digest, "size": content.len() }],
        "subject": { "mediaType": found.media_type, "digest": subject, "size": found.body.len() },
        "annotations": annotations,
    });
    let bytes = Bytes::from(manifest.to_string());
    let its_digest = Algorithm::Sha256.digest(&bytes);
    let reference = Reference::Digest(its_digest.clone());
    if worker.meta.find_manifest(repository, &reference).await?.is_some() {
        return Ok(its_digest);
    }
    for bytes in [empty, content] {
        let digest = Algorithm::Sha256.digest(&bytes);
        if worker.meta.find_blob(repository, &digest).await?.is_none() {
            let length = Some(bytes.len() as u64);
            let stream = futures::stream::iter([Ok::<_, std::convert::Infallible>(bytes)]);
            let body = BodyPart { stream, range: None, length };
            push.put_blob(body, &digest).await?;
        }
    }
    push.manifest(NewManifest {
        reference,
        tags: Vec::new(),
        media_type: None,
        bytes,
        preconditions: Vec::new(),
    })
    .await?;
    Ok(its_digest)
}

/// Removes what this scanner laid beside the image before.
async fn remove_older(
    worker: &Worker,
    repository: &RepositoryName,
    subject: &Digest,
    scanner: &str,
    written: &[Digest],
    keeps_others: bool,
) -> Result<(), Failure> {
    let (all, _) = worker.meta.list_referrers(repository, subject, None, 0, MOST, 16 << 20).await?;
    let is_sbom = |referrer: &Referrer| {
        let kind = referrer.artifact_type.as_deref();
        kind == Some(cyclonedx::MEDIA_TYPE) || kind == Some(spdx::MEDIA_TYPE)
    };
    let is_older = |referrer: &&Referrer| {
        let by = referrer.annotations.as_ref().and_then(|annotations| annotations.get(BY));
        by.is_some_and(|by| by == scanner)
            && !written.contains(&referrer.digest)
            && (is_sbom(referrer) || !keeps_others)
    };
    let older: Vec<_> = all.iter().filter(is_older).collect();
    if older.is_empty() {
        return Ok(());
    }
    let grant = grant(&worker.auth, Action::Delete, repository).await?;
    let remove = worker.registry.remove_as(grant);
    for referrer in older {
        remove.manifest(&referrer.digest, true).await?;
    }
    Ok(())
}
