//! Manifests, what they refer to, and who refers to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::blob::{self, signed};
use super::event::{Actor, EventKind};
use super::guard::{Guard, Protection};
use super::quarantine::{self, Held, Hold};
use super::repository::{self, RepositoryId};
use super::tag::{self, By, Target};
use super::traffic;
use super::tx::Tx;
use super::{Error, Meta, loose, trash};
use crate::clock::Timestamp;
use crate::oci::{Digest, Manifest, MediaType, Reference, RepositoryName, Tag, manifest::Content};

/// A manifest that a repository owns.
#[derive(Clone, Debug)]
pub struct StoredManifest {
    /// Its digest, under the algorithm it was pushed with.
    pub digest: Digest,
    /// Its media type, as it was pushed.
    pub media_type: MediaType,
    /// Its bytes, as they were pushed.
    pub body: Bytes,
    /// Why it is held back, if it is.
    pub held: Option<Held>,
}

/// A manifest that refers to a subject, as a referrers list shows it.
#[derive(Clone, Debug)]
pub struct Referrer {
    /// Where it stands in the list; it stays the same when others come and go.
    pub position: u64,
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: MediaType,
    /// Its size in bytes.
    pub size: u64,
    /// The kind of artifact that it is.
    pub artifact_type: Option<String>,
    /// Its annotations.
    pub annotations: Option<BTreeMap<String, String>>,
}

/// A condition on what a tag points at before it is moved (`If-Match`, `If-None-Match`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The tag points at one of these.
    PointsAt(Vec<Digest>),
    /// The tag exists.
    Exists,
    /// The tag points at none of these, or does not exist.
    PointsElsewhere(Vec<Digest>),
    /// The tag does not exist.
    Absent,
}

impl Precondition {
    fn holds(&self, current: Option<&Digest>) -> bool {
        match self {
            Self::PointsAt(digests) => current.is_some_and(|current| digests.contains(current)),
            Self::Exists => current.is_some(),
            Self::PointsElsewhere(digests) => {
                current.is_none_or(|current| !digests.contains(current))
            }
            Self::Absent => current.is_none(),
        }
    }
}

/// A manifest to be stored.
#[derive(Clone, Debug)]
pub struct PutManifest {
    /// The manifest, checked.
    pub manifest: Manifest,
    /// Its digest, verified.
    pub digest: Digest,
    /// Tags to point at it.
    pub tags: Vec<Tag>,
    /// What the first tag must point at now.
    pub preconditions: Vec<Precondition>,
    /// Refuse an index with children that the repository does not own.
    pub require_children: bool,
    /// Take it, and hold it back until somebody lets it go.
    pub hold: Option<Hold>,
}

/// A manifest that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Children of an index that the repository does not own.
    pub missing_children: Vec<Digest>,
    /// Why it is held back, if it is.
    pub held: Option<String>,
}

/// Why a manifest was not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The repository does not own what it refers to.
    Missing(Vec<Digest>),
    /// The tag points at something else than the client thinks.
    Precondition {
        /// The tag.
        tag: Tag,
        /// What it points at.
        current: Option<Digest>,
    },
    /// A lock or a rule forbids it.
    Protected(Box<Protection>),
}

/// What came of a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone.
    Done,
    /// The repository does not own it.
    Unknown,
    /// A manifest of the repository needs it.
    NeededBy(Digest),
    /// A lock or a rule forbids it.
    Protected(Box<Protection>),
}

/// Whether a repository owns a manifest.
pub(super) fn is_owned(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    digest: &Digest,
) -> Result<bool, Error> {
    Ok(find_owned(tx, repository, digest)?.is_some())
}

/// The row of a manifest that a repository owns.
pub(super) fn find_owned(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    digest: &Digest,
) -> Result<Option<(i64, u64)>, Error> {
    tx.find(
        "SELECT manifest.id, length(manifest.body) AS body_bytes
           FROM manifest
           JOIN repository_manifest AS owned ON owned.manifest_id = manifest.id
          WHERE manifest.digest = $1
            AND owned.repository_id = $2",
        (digest, repository),
        |row| Ok((row.get("id")?, row.get("body_bytes")?)),
    )
}

fn load(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    digest: &Digest,
) -> Result<Option<StoredManifest>, Error> {
    let found = tx.find(
        "SELECT manifest.id, owned.media_type, manifest.body
           FROM manifest
           JOIN repository_manifest AS owned ON owned.manifest_id = manifest.id
          WHERE manifest.digest = $1
            AND owned.repository_id = $2",
        (digest, repository),
        |row| {
            let found = StoredManifest {
                digest: digest.clone(),
                media_type: row.get("media_type")?,
                body: row.get::<Vec<u8>>("body")?.into(),
                held: None,
            };
            Ok((row.get("id")?, found))
        },
    )?;
    let Some((id, found)) = found else { return Ok(None) };
    Ok(Some(StoredManifest { held: quarantine::find(tx, repository, id)?, ..found }))
}

fn missing_blobs(
    tx: &mut Tx<'_>,
    repository: Option<RepositoryId>,
    manifest: &Manifest,
) -> Result<Vec<Digest>, Error> {
    let mut missing = Vec::new();
    for digest in manifest.required_blobs() {
        let owned = match repository {
            Some(repository) => blob::is_usable(tx, repository, digest)?,
            None => false,
        };
        if !owned && !missing.contains(digest) {
            missing.push(digest.clone());
        }
    }
    Ok(missing)
}

/// Children that the repository owns neither as manifests nor, as in `BuildKit`'s cache indexes, as blobs; and what the
/// others add up to.
fn check_children(
    tx: &mut Tx<'_>,
    repository: Option<RepositoryId>,
    manifest: &Manifest,
) -> Result<(Vec<Digest>, u64), Error> {
    let (mut missing, mut bytes) = (Vec::new(), 0);
    for child in manifest.children() {
        let content = match repository {
            Some(repository) => content_bytes(tx, repository, &child.digest)?,
            None => None,
        };
        bytes = content.unwrap_or(0).saturating_add(bytes);
        let owned = content.is_some()
            || match repository {
                Some(repository) => blob::is_linked(tx, repository, &child.digest)?,
                None => false,
            };
        if !owned && !missing.contains(&child.digest) {
            missing.push(child.digest.clone());
        }
    }
    Ok((missing, bytes))
}

fn content_bytes(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    digest: &Digest,
) -> Result<Option<u64>, Error> {
    tx.find(
        "SELECT manifest.content_bytes
           FROM manifest
           JOIN repository_manifest AS owned ON owned.manifest_id = manifest.id
          WHERE manifest.digest = $1
            AND owned.repository_id = $2",
        (digest, repository),
        |row| row.get("content_bytes"),
    )
}

/// The manifest's row, made with its references if these bytes are new.
fn ensure(
    tx: &mut Tx<'_>,
    put: &PutManifest,
    children_bytes: u64,
    now: Timestamp,
) -> Result<i64, Error> {
    let found =
        tx.find("SELECT id FROM manifest WHERE digest = $1", (&put.digest,), |row| row.get("id"))?;
    if let Some(id) = found {
        return Ok(id);
    }
    let manifest = &put.manifest;
    let annotations =
        manifest.annotations().and_then(|annotations| serde_json::to_string(annotations).ok());
    let id: Option<i64> = tx.find(
        "INSERT INTO manifest (digest, artifact_type, annotations, content_bytes, body, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         RETURNING id",
        (
            &put.digest,
            manifest.artifact_type(),
            annotations,
            described_bytes(manifest).saturating_add(children_bytes).min(LARGEST_CLAIM),
            &manifest.bytes()[..],
            now,
        ),
        |row| row.get("id"),
    )?;
    let id = id.ok_or_else(|| Error::Corrupt {
        column: "id".into(),
        what: "an insert returned no row".into(),
    })?;
    for (child, kind) in references(manifest) {
        tx.execute(
            "INSERT INTO manifest_reference (parent_id, child, kind)
             VALUES ($1, $2, $3)
                 ON CONFLICT DO NOTHING",
            (id, child, kind),
        )?;
    }
    Ok(id)
}

/// Descriptors may claim any size; sums of claims must stay numbers that the database can hold.
const LARGEST_CLAIM: u64 = 1 << 60;

/// What the descriptors of a manifest say that its content weighs.
fn described_bytes(manifest: &Manifest) -> u64 {
    let sum = match manifest.content() {
        Content::Image { config, layers } => std::iter::once(config)
            .chain(layers)
            .filter_map(|item| item.size)
            .fold(0, u64::saturating_add),
        Content::Index { manifests } => {
            manifests.iter().filter_map(|item| item.size).fold(0, u64::saturating_add)
        }
    };
    sum.min(LARGEST_CLAIM)
}

fn references(manifest: &Manifest) -> Vec<(&Digest, &'static str)> {
    let mut found = Vec::new();
    match manifest.content() {
        Content::Image { config, layers } => {
            found.push((&config.digest, "config"));
            found.extend(layers.iter().map(|layer| (&layer.digest, "layer")));
        }
        Content::Index { manifests } => {
            found.extend(manifests.iter().map(|child| (&child.digest, "manifest")));
        }
    }
    found.extend(manifest.subject().map(|subject| (&subject.digest, "subject")));
    found
}

fn own(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    id: i64,
    put: &PutManifest,
    by: By<'_>,
) -> Result<(), Error> {
    let subject = put.manifest.subject().map(|subject| &subject.digest);
    let owned = tx.execute(
        "INSERT INTO repository_manifest (repository_id, manifest_id, media_type, subject, pushed_at, pushed_by, loose_since)
         VALUES ($1, $2, $3, $4, $5, $6, $5)
             ON CONFLICT DO NOTHING",
        (repository, id, put.manifest.media_type(), subject, by.now, &*by.actor.name),
    )?;
    if owned == 1 {
        let size = put.manifest.bytes().len() as u64;
        repository::count(tx, repository, 0, 1, signed(size), Some(by))?;
        let detail = serde_json::json!({
            "media_type": put.manifest.media_type(), "size": size, "subject": subject,
            "artifact_type": put.manifest.artifact_type(),
        });
        return by.note(tx, EventKind::ManifestPush, put.digest.as_str(), detail);
    }
    tx.execute(
        "UPDATE repository_manifest
            SET media_type = $1
          WHERE repository_id = $2
            AND manifest_id = $3
            AND media_type <> $1",
        (put.manifest.media_type(), repository, id),
    )?;
    // A tag holds it from now on. Without one its time begins anew, also when nothing but the trash has held it.
    if put.tags.is_empty() { loose::manifest(tx, repository, id, by.now) } else { Ok(()) }
}

fn put(
    tx: &mut Tx<'_>,
    name: &RepositoryName,
    put: &PutManifest,
    by: By<'_>,
) -> Result<Result<Stored, Refusal>, Error> {
    // Every check comes before the first change: a refusal commits nothing.
    let existing = repository::find(tx, name)?;
    if let Some(first) = put.tags.first() {
        let current = match existing {
            Some(repository) => tag::find_target(tx, repository, first)?,
            None => None,
        };
        if !put.preconditions.iter().all(|condition| condition.holds(current.as_ref())) {
            return Ok(Err(Refusal::Precondition { tag: first.clone(), current }));
        }
    }
    let guard = Guard::load(tx, name, by.now)?;
    if let Some(hold) = guard.of_push(tx, existing, &put.tags, &put.digest)? {
        return Ok(Err(Refusal::Protected(hold)));
    }
    let missing = missing_blobs(tx, existing, &put.manifest)?;
    if !missing.is_empty() {
        return Ok(Err(Refusal::Missing(missing)));
    }
    let (missing_children, children_bytes) = check_children(tx, existing, &put.manifest)?;
    if put.require_children && !missing_children.is_empty() {
        return Ok(Err(Refusal::Missing(missing_children)));
    }
    let repository = repository::ensure(tx, name, by.now)?;
    traffic::count_push(tx, repository, by.now)?;
    let id = ensure(tx, put, children_bytes, by.now)?;
    own(tx, repository, id, put, by)?;
    let target = Target {
        digest: &put.digest,
        media_type: put.manifest.media_type(),
        size: put.manifest.bytes().len() as u64,
    };
    // What is served under a tag already is nobody's to hold back.
    let is_served = !tag::list_pointing_at(tx, repository, id)?.is_empty();
    loose::hold_content(tx, repository, id)?;
    trash::take_out(tx, repository, id)?;
    for name in &put.tags {
        tag::point(tx, repository, name, id, target, by)?;
    }
    let held = if put.tags.is_empty() || is_served {
        quarantine::find(tx, repository, id)?.map(|held| held.reason)
    } else {
        quarantine::consider(tx, repository, id, &put.manifest, put.hold.as_ref(), by)?
    };
    Ok(Ok(Stored { missing_children, held }))
}

pub(super) fn delete(
    tx: &mut Tx<'_>,
    name: &RepositoryName,
    digest: &Digest,
    force: bool,
    by: By<'_>,
) -> Result<Deleted, Error> {
    let Some(repository) = repository::find(tx, name)? else { return Ok(Deleted::Unknown) };
    let Some((id, body_bytes)) = find_owned(tx, repository, digest)? else {
        return Ok(Deleted::Unknown);
    };
    if !force && let Some(parent) = blob::find_parent(tx, repository, digest)? {
        return Ok(Deleted::NeededBy(parent));
    }
    if let Some(hold) = Guard::load(tx, name, by.now)?.of_content(tx, repository, digest)? {
        return Ok(Deleted::Protected(hold));
    }
    for tag in tag::list_pointing_at(tx, repository, id)? {
        tag::remove(tx, repository, &tag, by)?;
    }
    trash::keep_manifest(tx, repository, id, by)?;
    repository::ensure(tx, name, by.now)?;
    repository::count(tx, repository, 0, -1, -signed(body_bytes), None)?;
    let detail = serde_json::json!({ "size": body_bytes, "force": force });
    by.note(tx, EventKind::ManifestDelete, digest.as_str(), detail)?;
    Ok(Deleted::Done)
}

/// Which referrers are wanted.
struct ReferrerPage {
    artifact_type: Option<String>,
    after: u64,
    limit: u64,
    bytes: usize,
}

/// The referrers of a page, and whether more follow. Annotations may weigh megabytes each: the page ends with the one that
/// would not fit, before it is kept.
fn list_referrers(
    tx: &mut Tx<'_>,
    name: &RepositoryName,
    subject: &Digest,
    page: &ReferrerPage,
) -> Result<(Vec<Referrer>, bool), Error> {
    let (mut count, mut bytes) = (0, 0);
    tx.query_until(
        "SELECT owned.manifest_id AS position, manifest.digest, owned.media_type, length(manifest.body) AS size,
                manifest.artifact_type, manifest.annotations
           FROM repository
           JOIN repository_manifest AS owned ON owned.repository_id = repository.id
           JOIN manifest ON manifest.id = owned.manifest_id
          WHERE repository.name = $1
            AND owned.subject = $2
            AND owned.manifest_id > $3
            AND ($4 IS NULL OR manifest.artifact_type = $4)
          ORDER BY owned.manifest_id
          LIMIT $5",
        (name, subject, page.after, &page.artifact_type, page.limit.saturating_add(1)),
        |row| {
            let annotations: Option<String> = row.get("annotations")?;
            let artifact_type: Option<String> = row.get("artifact_type")?;
            bytes += annotations.as_ref().map_or(0, String::len) + artifact_type.as_ref().map_or(0, String::len) + 300;
            count += 1;
            if count > page.limit || (bytes > page.bytes && count > 1) {
                return Ok(None);
            }
            let annotations = annotations.map(|text| serde_json::from_str(&text)).transpose();
            Ok(Some(Referrer {
                position: row.get("position")?,
                digest: row.get("digest")?,
                media_type: row.get("media_type")?,
                size: row.get("size")?,
                artifact_type,
                annotations: annotations
                    .map_err(|error| Error::Corrupt { column: "annotations".into(), what: error.to_string() })?,
            }))
        },
    )
}

impl Meta {
    /// A manifest of this repository by tag or digest, from memory when its row has not changed.
    pub async fn find_manifest(
        &self,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<Arc<StoredManifest>>, Error> {
        let key = format!("{name}\0{reference}");
        let epoch = self.db.epochs.of(name.as_str());
        if let Some(manifest) = self.manifests.get(&key, epoch) {
            return Ok(Some(manifest));
        }
        let (name, reference) = (name.clone(), reference.clone());
        let found = self
            .db
            .read(move |tx| {
                let Some(repository) = repository::find(tx, &name)? else { return Ok(None) };
                let digest = match reference {
                    Reference::Digest(digest) => Some(digest),
                    Reference::Tag(tag) => tag::find_target(tx, repository, &tag)?,
                };
                digest.map_or(Ok(None), |digest| load(tx, repository, &digest))
            })
            .await?
            .map(Arc::new);
        if let Some(manifest) = &found {
            self.manifests.put(&key, epoch, Arc::clone(manifest));
        }
        Ok(found)
    }

    /// Stores a manifest and moves tags to it, or refuses and changes nothing.
    pub async fn put_manifest(
        &self,
        name: &RepositoryName,
        wanted: PutManifest,
        actor: &Actor,
    ) -> Result<Result<Stored, Refusal>, Error> {
        let (name, actor, now) = (name.clone(), actor.clone(), self.clock.now());
        self.db
            .write(move |tx| put(tx, &name, &wanted, By { actor: &actor, repository: &name, now }))
            .await
    }

    /// Removes a manifest and all its tags from a repository; they can be brought back ([`Meta::undelete_manifest`]). Refused while an index of the repository lists it, unless
    /// `force`.
    pub async fn delete_manifest(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        force: bool,
        actor: &Actor,
    ) -> Result<Deleted, Error> {
        let (name, digest, actor, now) =
            (name.clone(), digest.clone(), actor.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let by = By { actor: &actor, repository: &name, now };
                delete(tx, &name, &digest, force, by)
            })
            .await
    }

    /// Up to `limit` referrers of `subject`, of about `bytes` together, in the order in which their bytes were first
    /// pushed, those after the referrer `after`; and whether more follow.
    pub async fn list_referrers(
        &self,
        name: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<String>,
        after: u64,
        limit: u64,
        bytes: usize,
    ) -> Result<(Vec<Referrer>, bool), Error> {
        let (name, subject) = (name.clone(), subject.clone());
        let page = ReferrerPage { artifact_type, after, limit, bytes };
        self.db.read(move |tx| list_referrers(tx, &name, &subject, &page)).await
    }
}
