//! What can be brought back: tags that were moved or deleted, and manifests that were deleted.
//!
//! Clients see nothing of it. What is in here keeps alive what it refers to, until its time is over.

use super::blob;
use super::event::{Actor, EventKind};
use super::garbage::{self, Collected};
use super::guard::{Guard, Protection};
use super::repository::{self, RepositoryId};
use super::tag::{self, By, Target};
use super::tx::Tx;
use super::{Error, Meta, loose, signed};
use crate::clock::Timestamp;
use crate::oci::{Digest, MediaType, RepositoryName, Tag};

/// What came of bringing something back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undeleted {
    /// It is there again.
    Done {
        /// The manifest.
        digest: Digest,
        /// Tags that point at it again.
        tags: Vec<Tag>,
    },
    /// There is nothing of the kind to bring back.
    Unknown,
    /// There is a tag of this name, and it points at this.
    Exists(Digest),
    /// Blobs that the manifest needs are gone.
    Missing(Vec<Digest>),
    /// A lock or a rule holds the tag where it is, or keeps everything out.
    Protected(Box<Protection>),
}

/// Where a tag is to point again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RollBack {
    /// Where it pointed before its last step.
    Before,
    /// At this manifest.
    To(Digest),
    /// Where it pointed at this moment.
    At(Timestamp),
}

/// Keeps what a tag pointed at before it was moved or deleted.
pub(super) fn keep_tag(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    name: &Tag,
    manifest: i64,
    reason: &str,
    by: By<'_>,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO trash_tag (repository_id, name, manifest_id, reason, deleted_at, deleted_by)
         VALUES ($1, $2, $3, $4, $5, $6)",
        (repository, name, manifest, reason, by.now, &*by.actor.name),
    )
    .map(drop)
}

/// Moves a manifest of a repository to its trash.
pub(super) fn keep_manifest(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    manifest: i64,
    by: By<'_>,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO trash_manifest (repository_id, manifest_id, media_type, subject, pushed_at, pushed_by, deleted_at, deleted_by)
         SELECT repository_id, manifest_id, media_type, subject, pushed_at, pushed_by, $1, $2
           FROM repository_manifest
          WHERE repository_id = $3
            AND manifest_id = $4
             ON CONFLICT (repository_id, manifest_id) DO UPDATE
            SET deleted_at = excluded.deleted_at, deleted_by = excluded.deleted_by",
        (by.now, &*by.actor.name, repository, manifest),
    )?;
    tx.execute(
        "DELETE FROM repository_manifest WHERE repository_id = $1 AND manifest_id = $2",
        (repository, manifest),
    )
    .map(drop)
}

/// A manifest that was pushed again is not in the trash any more.
pub(super) fn take_out(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    manifest: i64,
) -> Result<(), Error> {
    tx.execute(
        "DELETE FROM trash_manifest WHERE repository_id = $1 AND manifest_id = $2",
        (repository, manifest),
    )
    .map(drop)
}

fn find_manifest(tx: &mut Tx<'_>, digest: &Digest) -> Result<Option<i64>, Error> {
    tx.find("SELECT id FROM manifest WHERE digest = $1", (digest,), |row| row.get("id"))
}

fn is_owned(tx: &mut Tx<'_>, repository: RepositoryId, manifest: i64) -> Result<bool, Error> {
    let found = tx.find(
        "SELECT 1 AS one FROM repository_manifest WHERE repository_id = $1 AND manifest_id = $2",
        (repository, manifest),
        |row| row.get::<i64>("one"),
    )?;
    Ok(found.is_some())
}

fn missing_blobs(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    manifest: i64,
) -> Result<Vec<Digest>, Error> {
    let needed: Vec<Digest> = tx.query(
        "SELECT child FROM manifest_reference WHERE parent_id = $1 AND kind IN ('config', 'layer')",
        (manifest,),
        |row| row.get("child"),
    )?;
    let mut missing = Vec::new();
    for digest in needed {
        if !blob::is_linked(tx, repository, &digest)? {
            missing.push(digest);
        }
    }
    Ok(missing)
}

/// Brings a manifest back from the trash of its repository, if it is in there; says what it cannot be without. Layers that
/// were never Berth's (foreign ones) are in no repository, and were not when it was pushed.
fn restore(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    name: &RepositoryName,
    manifest: i64,
    by: By<'_>,
) -> Result<Option<Vec<Digest>>, Error> {
    if is_owned(tx, repository, manifest)? {
        return Ok(Some(Vec::new()));
    }
    let found = tx.find(
        "SELECT manifest.digest, trash.media_type, length(manifest.body) AS size, manifest.body
           FROM trash_manifest AS trash
           JOIN manifest ON manifest.id = trash.manifest_id
          WHERE trash.repository_id = $1
            AND trash.manifest_id = $2",
        (repository, manifest),
        |row| {
            Ok((
                row.get::<Digest>("digest")?,
                row.get::<MediaType>("media_type")?,
                row.get::<u64>("size")?,
                row.get::<Vec<u8>>("body")?,
            ))
        },
    )?;
    let Some((digest, media_type, size, body)) = found else { return Ok(None) };
    let mut missing = missing_blobs(tx, repository, manifest)?;
    if !missing.is_empty() {
        if let Ok(parsed) = crate::oci::Manifest::parse(body.into(), Some(&media_type)) {
            let required: Vec<_> = parsed.required_blobs().cloned().collect();
            missing.retain(|digest| required.contains(digest));
        }
        if !missing.is_empty() {
            return Ok(Some(missing));
        }
    }
    tx.execute(
        "INSERT INTO repository_manifest (repository_id, manifest_id, media_type, subject, pushed_at, pushed_by, loose_since)
         SELECT repository_id, manifest_id, media_type, subject, pushed_at, pushed_by, $1
           FROM trash_manifest
          WHERE repository_id = $2
            AND manifest_id = $3",
        (by.now, repository, manifest),
    )?;
    take_out(tx, repository, manifest)?;
    loose::hold_content(tx, repository, manifest)?;
    repository::ensure(tx, name, by.now)?;
    repository::count(tx, repository, 0, 1, signed(size), Some(by))?;
    let detail = serde_json::json!({ "media_type": media_type, "size": size, "undeleted": true });
    by.note(tx, EventKind::ManifestPush, digest.as_str(), detail)?;
    Ok(Some(Vec::new()))
}

/// Points a tag at a manifest that the repository owns.
fn point(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    tag: &Tag,
    manifest: i64,
    by: By<'_>,
) -> Result<(), Error> {
    let found = tx.find(
        "SELECT manifest.digest, owned.media_type, length(manifest.body) AS size
           FROM repository_manifest AS owned
           JOIN manifest ON manifest.id = owned.manifest_id
          WHERE owned.repository_id = $1
            AND owned.manifest_id = $2",
        (repository, manifest),
        |row| {
            Ok((
                row.get::<Digest>("digest")?,
                row.get::<MediaType>("media_type")?,
                row.get::<u64>("size")?,
            ))
        },
    )?;
    let Some((digest, media_type, size)) = found else { return Ok(()) };
    repository::ensure(tx, by.repository, by.now)?;
    let target = Target { digest: &digest, media_type: &media_type, size };
    tag::point(tx, repository, tag, manifest, target, by)
}

fn undelete_tag(
    tx: &mut Tx<'_>,
    name: &RepositoryName,
    tag: &Tag,
    by: By<'_>,
) -> Result<Undeleted, Error> {
    let Some(repository) = repository::find(tx, name)? else { return Ok(Undeleted::Unknown) };
    if let Some(current) = tag::find_target(tx, repository, tag)? {
        return Ok(Undeleted::Exists(current));
    }
    let found = tx.find(
        "SELECT trash.id, trash.manifest_id, manifest.digest
           FROM trash_tag AS trash
           JOIN manifest ON manifest.id = trash.manifest_id
          WHERE trash.repository_id = $1
            AND trash.name = $2
          ORDER BY trash.id DESC
          LIMIT 1",
        (repository, tag),
        |row| Ok((row.get::<i64>("id")?, row.get::<i64>("manifest_id")?, row.get("digest")?)),
    )?;
    let Some((id, manifest, digest)) = found else { return Ok(Undeleted::Unknown) };
    if let Some(hold) = Guard::load(tx, name, by.now)?.of_push(
        tx,
        Some(repository),
        std::slice::from_ref(tag),
        &digest,
    )? {
        return Ok(Undeleted::Protected(hold));
    }
    match restore(tx, repository, name, manifest, by)? {
        None => return Ok(Undeleted::Unknown),
        Some(missing) if !missing.is_empty() => return Ok(Undeleted::Missing(missing)),
        Some(_) => {}
    }
    tx.execute("DELETE FROM trash_tag WHERE id = $1", (id,))?;
    point(tx, repository, tag, manifest, by)?;
    Ok(Undeleted::Done { digest, tags: vec![tag.clone()] })
}

/// Brings a manifest back, with the tags that were deleted together with it and are not there again.
fn undelete_manifest(
    tx: &mut Tx<'_>,
    name: &RepositoryName,
    digest: &Digest,
    by: By<'_>,
) -> Result<Undeleted, Error> {
    let Some(repository) = repository::find(tx, name)? else { return Ok(Undeleted::Unknown) };
    let Some(manifest) = find_manifest(tx, digest)? else { return Ok(Undeleted::Unknown) };
    let deleted: Option<Timestamp> = tx.find(
        "SELECT deleted_at FROM trash_manifest WHERE repository_id = $1 AND manifest_id = $2",
        (repository, manifest),
        |row| row.get("deleted_at"),
    )?;
    let Some(deleted) = deleted else { return Ok(Undeleted::Unknown) };
    let with_it: Vec<(i64, Tag)> = tx.query(
        "SELECT id, name
           FROM trash_tag
          WHERE manifest_id = $1
            AND repository_id = $2
            AND reason = 'deleted'
            AND deleted_at = $3
          ORDER BY id",
        (manifest, repository, deleted),
        |row| Ok((row.get("id")?, row.get("name")?)),
    )?;
    let (mut ids, mut tags) = (Vec::new(), Vec::new());
    for (id, tag) in with_it {
        if tag::find_target(tx, repository, &tag)?.is_none() {
            ids.push(id);
            tags.push(tag);
        }
    }
    let guard = Guard::load(tx, name, by.now)?;
    if let Some(hold) = guard.of_push(tx, Some(repository), &tags, digest)? {
        return Ok(Undeleted::Protected(hold));
    }
    match restore(tx, repository, name, manifest, by)? {
        None => return Ok(Undeleted::Unknown),
        Some(missing) if !missing.is_empty() => return Ok(Undeleted::Missing(missing)),
        Some(_) => {}
    }
    for (id, tag) in ids.into_iter().zip(&tags) {
        tx.execute("DELETE FROM trash_tag WHERE id = $1", (id,))?;
        point(tx, repository, tag, manifest, by)?;
    }
    Ok(Undeleted::Done { digest: digest.clone(), tags })
}

/// What a tag pointed at by its history.
fn was(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    tag: &Tag,
    back: &RollBack,
) -> Result<Option<Digest>, Error> {
    match back {
        RollBack::To(digest) => Ok(Some(digest.clone())),
        RollBack::Before => tx
            .find(
                "SELECT previous
                   FROM tag_event
                  WHERE repository_id = $1
                    AND name = $2
                  ORDER BY id DESC
                  LIMIT 1",
                (repository, tag),
                |row| row.get::<Option<Digest>>("previous"),
            )
            .map(Option::flatten),
        RollBack::At(moment) => {
            let step = tx.find(
                "SELECT action, digest
                   FROM tag_event
                  WHERE repository_id = $1
                    AND name = $2
                    AND at <= $3
                  ORDER BY id DESC
                  LIMIT 1",
                (repository, tag, *moment),
                |row| Ok((row.get::<String>("action")?, row.get::<Digest>("digest")?)),
            )?;
            Ok(step.filter(|(action, _)| action == "push").map(|(_, digest)| digest))
        }
    }
}

fn roll_back(
    tx: &mut Tx<'_>,
    name: &RepositoryName,
    tag: &Tag,
    back: &RollBack,
    by: By<'_>,
) -> Result<Undeleted, Error> {
    let Some(repository) = repository::find(tx, name)? else { return Ok(Undeleted::Unknown) };
    let Some(digest) = was(tx, repository, tag, back)? else { return Ok(Undeleted::Unknown) };
    let Some(manifest) = find_manifest(tx, &digest)? else { return Ok(Undeleted::Unknown) };
    if let Some(hold) = Guard::load(tx, name, by.now)?.of_push(
        tx,
        Some(repository),
        std::slice::from_ref(tag),
        &digest,
    )? {
        return Ok(Undeleted::Protected(hold));
    }
    match restore(tx, repository, name, manifest, by)? {
        None => return Ok(Undeleted::Unknown),
        Some(missing) if !missing.is_empty() => return Ok(Undeleted::Missing(missing)),
        Some(_) => {}
    }
    point(tx, repository, tag, manifest, by)?;
    Ok(Undeleted::Done { digest, tags: vec![tag.clone()] })
}

/// Ends the time of a manifest in the trash.
fn drop_manifest(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    manifest: i64,
    deleted: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    tx.execute(
        "DELETE FROM trash_tag WHERE manifest_id = $1 AND repository_id = $2",
        (manifest, repository),
    )?;
    take_out(tx, repository, manifest)?;
    // One that was pushed again since then is not let go of.
    if !is_owned(tx, repository, manifest)? {
        loose::content(tx, repository, manifest, deleted, now)?;
        garbage::forget_manifest(tx, manifest)?;
    }
    Ok(())
}

fn empty(
    tx: &mut Tx<'_>,
    repository: Option<RepositoryId>,
    before: Timestamp,
    limit: u64,
    now: Timestamp,
) -> Result<Collected, Error> {
    let mut done = Collected::default();
    let tags: Vec<(i64, RepositoryId, i64, Timestamp)> = tx.query(
        "SELECT id, repository_id, manifest_id, deleted_at
           FROM trash_tag
          WHERE deleted_at <= $1
            AND ($2 IS NULL OR repository_id = $2)
          ORDER BY deleted_at
          LIMIT $3",
        (before, repository, limit),
        |row| {
            Ok((
                row.get("id")?,
                row.get("repository_id")?,
                row.get("manifest_id")?,
                row.get("deleted_at")?,
            ))
        },
    )?;
    for (id, repository, manifest, deleted) in &tags {
        tx.execute("DELETE FROM trash_tag WHERE id = $1", (*id,))?;
        loose::manifest(tx, *repository, *manifest, *deleted)?;
    }
    done.trash += tags.len() as u64;
    if tags.len() as u64 >= limit {
        return Ok(done);
    }
    let manifests: Vec<(RepositoryId, i64, Timestamp)> = tx.query(
        "SELECT repository_id, manifest_id, deleted_at
           FROM trash_manifest
          WHERE deleted_at <= $1
            AND ($2 IS NULL OR repository_id = $2)
          ORDER BY deleted_at
          LIMIT $3",
        (before, repository, limit),
        |row| Ok((row.get("repository_id")?, row.get("manifest_id")?, row.get("deleted_at")?)),
    )?;
    for (repository, manifest, deleted) in &manifests {
        drop_manifest(tx, *repository, *manifest, *deleted, now)?;
    }
    done.trash += manifests.len() as u64;
    done.examined = done.trash;
    Ok(done)
}

impl Meta {
    /// Brings back a tag that was deleted, with its manifest if that was deleted, too.
    pub async fn undelete_tag(
        &self,
        name: &RepositoryName,
        tag: &Tag,
        actor: &Actor,
    ) -> Result<Undeleted, Error> {
        let (name, tag, actor, now) = (name.clone(), tag.clone(), actor.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let by = By { actor: &actor, repository: &name, now };
                undelete_tag(tx, &name, &tag, by)
            })
            .await
    }

    /// Brings back a manifest that was deleted, with the tags that went with it.
    pub async fn undelete_manifest(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        actor: &Actor,
    ) -> Result<Undeleted, Error> {
        let (name, digest, actor, now) =
            (name.clone(), digest.clone(), actor.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let by = By { actor: &actor, repository: &name, now };
                undelete_manifest(tx, &name, &digest, by)
            })
            .await
    }

    /// Points a tag where it pointed before, and brings that back if it was deleted.
    pub async fn roll_back_tag(
        &self,
        name: &RepositoryName,
        tag: &Tag,
        back: RollBack,
        actor: &Actor,
    ) -> Result<Undeleted, Error> {
        let (name, tag, actor, now) = (name.clone(), tag.clone(), actor.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let by = By { actor: &actor, repository: &name, now };
                roll_back(tx, &name, &tag, &back, by)
            })
            .await
    }

    /// Ends the time in the trash of up to `limit` tags and manifests that were deleted before a moment, in one repository or in
    /// all of them.
    pub async fn empty_trash(
        &self,
        repository: Option<&RepositoryName>,
        before: Timestamp,
        limit: u64,
    ) -> Result<Collected, Error> {
        let (name, now) = (repository.cloned(), self.clock.now());
        self.db
            .write(move |tx| {
                let repository = match &name {
                    None => None,
                    Some(name) => match repository::find(tx, name)? {
                        Some(repository) => Some(repository),
                        None => return Ok(Collected::default()),
                    },
                };
                empty(tx, repository, before, limit, now)
            })
            .await
    }
}
