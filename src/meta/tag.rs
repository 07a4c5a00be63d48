//! Tags and every step of their history.

use super::event::{self, Actor, EventKind, NewEvent};
use super::guard::Guard;
use super::repository::{self, RepositoryId};
use super::tx::{Row, Tx};
use super::{Deleted, Error, Meta, loose, trash};
use crate::clock::Timestamp;
use crate::oci::{Digest, MediaType, RepositoryName, Tag};

/// What a list of tags tells of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagDetails {
    /// The tag.
    pub name: Tag,
    /// What it points at.
    pub digest: Digest,
    /// The media type of that.
    pub media_type: MediaType,
    /// Bytes of the manifest and of everything that it describes.
    pub size_bytes: u64,
    /// When it was last moved.
    pub updated_at: Timestamp,
    /// Who moved it.
    pub updated_by: String,
}

/// One step of a tag's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagEvent {
    /// Rises with time.
    pub id: u64,
    /// `push` or `delete`.
    pub action: String,
    /// What it was moved to, or what it pointed at when it was deleted.
    pub digest: Digest,
    /// What it pointed at before.
    pub previous: Option<Digest>,
    /// Who did it.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

/// A step of some tag's history in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryTagEvent {
    /// Whose.
    pub tag: Tag,
    /// What happened.
    pub event: TagEvent,
}

/// What a tag points at.
pub(super) fn find_target(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    name: &Tag,
) -> Result<Option<Digest>, Error> {
    Ok(find_row(tx, repository, name)?.map(|(_, digest)| digest))
}

/// As [`find_target`], with the manifest's row.
fn find_row(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    name: &Tag,
) -> Result<Option<(i64, Digest)>, Error> {
    tx.find(
        "SELECT manifest.id, manifest.digest
           FROM tag
           JOIN manifest ON manifest.id = tag.manifest_id
          WHERE tag.repository_id = $1
            AND tag.name = $2",
        (repository, name),
        |row| Ok((row.get("id")?, row.get("digest")?)),
    )
}

/// Who changes something in a repository, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct By<'a> {
    pub(super) actor: &'a Actor,
    pub(super) repository: &'a RepositoryName,
    pub(super) now: Timestamp,
}

impl By<'_> {
    /// Writes the change down.
    pub(super) fn note(
        self,
        tx: &mut Tx<'_>,
        kind: EventKind,
        target: &str,
        detail: serde_json::Value,
    ) -> Result<(), Error> {
        let event = NewEvent::of(kind, self.repository, target).with(detail);
        event::append(tx, event, self.actor, self.now).map(drop)
    }
}

/// What a tag is to point at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) digest: &'a Digest,
    pub(super) media_type: &'a MediaType,
    /// Bytes of the manifest.
    pub(super) size: u64,
}

/// Points a tag at a manifest. To point it where it points already changes nothing and is no event.
pub(super) fn point(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    name: &Tag,
    manifest: i64,
    target: Target<'_>,
    by: By<'_>,
) -> Result<(), Error> {
    let digest = target.digest;
    let before = find_row(tx, repository, name)?;
    let previous = before.as_ref().map(|(_, digest)| digest.clone());
    if previous.as_ref() == Some(digest) {
        return Ok(());
    }
    if let Some((left, _)) = before {
        trash::keep_tag(tx, repository, name, left, "moved", by)?;
        loose::manifest(tx, repository, left, by.now)?;
    }
    loose::hold_manifest(tx, repository, manifest)?;
    tx.execute(
        "INSERT INTO tag (repository_id, name, manifest_id, updated_at, updated_by)
         VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (repository_id, name) DO UPDATE
            SET manifest_id = excluded.manifest_id,
                updated_at = excluded.updated_at,
                updated_by = excluded.updated_by",
        (repository, name, manifest, by.now, &*by.actor.name),
    )?;
    if previous.is_none() {
        repository::count(tx, repository, 1, 0, 0, Some(by))?;
    }
    record(tx, repository, name, "push", digest, previous.as_ref(), by)?;
    let detail = serde_json::json!({
        "digest": digest, "previous": previous, "media_type": target.media_type, "size": target.size,
    });
    by.note(tx, EventKind::TagPush, name.as_str(), detail)
}

/// Removes a tag; says what it pointed at.
pub(super) fn remove(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    name: &Tag,
    by: By<'_>,
) -> Result<Option<Digest>, Error> {
    let Some((left, digest)) = find_row(tx, repository, name)? else { return Ok(None) };
    trash::keep_tag(tx, repository, name, left, "deleted", by)?;
    loose::manifest(tx, repository, left, by.now)?;
    tx.execute("DELETE FROM tag WHERE repository_id = $1 AND name = $2", (repository, name))?;
    repository::count(tx, repository, -1, 0, 0, None)?;
    record(tx, repository, name, "delete", &digest, Some(&digest), by)?;
    let detail = serde_json::json!({ "digest": digest });
    by.note(tx, EventKind::TagDelete, name.as_str(), detail)?;
    Ok(Some(digest))
}

/// Deletes a tag as somebody wants it, unless something holds it.
pub(super) fn delete(tx: &mut Tx<'_>, name: &Tag, by: By<'_>) -> Result<Deleted, Error> {
    let Some(repository) = repository::find(tx, by.repository)? else {
        return Ok(Deleted::Unknown);
    };
    let Some(target) = find_target(tx, repository, name)? else { return Ok(Deleted::Unknown) };
    if let Some(hold) = Guard::load(tx, by.repository, by.now)?.of_tag(name, &target) {
        return Ok(Deleted::Protected(hold));
    }
    remove(tx, repository, name, by)?;
    repository::ensure(tx, by.repository, by.now)?;
    Ok(Deleted::Done)
}

fn record(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    name: &Tag,
    action: &str,
    digest: &Digest,
    previous: Option<&Digest>,
    by: By<'_>,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO tag_event (repository_id, name, action, digest, previous, actor, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        (repository, name, action, digest, previous, &*by.actor.name, by.now),
    )
    .map(drop)
}

pub(super) fn list_pointing_at(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    manifest: i64,
) -> Result<Vec<Tag>, Error> {
    tx.query(
        "SELECT name FROM tag WHERE repository_id = $1 AND manifest_id = $2",
        (repository, manifest),
        |row| row.get("name"),
    )
}

fn details(row: &Row<'_>) -> Result<TagDetails, Error> {
    Ok(TagDetails {
        name: row.get("name")?,
        digest: row.get("digest")?,
        media_type: row.get("media_type")?,
        size_bytes: row.get::<u64>("content_bytes")? + row.get::<u64>("body_bytes")?,
        updated_at: row.get("updated_at")?,
        updated_by: row.get("updated_by")?,
    })
}

fn tag_event(row: &Row<'_>) -> Result<TagEvent, Error> {
    Ok(TagEvent {
        id: row.get("id")?,
        action: row.get("action")?,
        digest: row.get("digest")?,
        previous: row.get("previous")?,
        actor: row.get("actor")?,
        at: row.get("at")?,
    })
}

impl Meta {
    /// Up to `limit` tags in the order of their bytes, those after `after`; `None` if there is no such repository.
    pub async fn list_tags(
        &self,
        name: &RepositoryName,
        after: &str,
        limit: u64,
    ) -> Result<Option<Vec<Tag>>, Error> {
        let (name, after) = (name.clone(), after.to_owned());
        self.db
            .read(move |tx| {
                let Some(repository) = repository::find(tx, &name)? else { return Ok(None) };
                let tags = tx.query(
                    "SELECT name
                       FROM tag
                      WHERE repository_id = $1
                        AND name > $2
                      ORDER BY name
                      LIMIT $3",
                    (repository, &after, limit),
                    |row| row.get("name"),
                )?;
                Ok(Some(tags))
            })
            .await
    }

    /// The tags of a repository that point at a manifest.
    pub async fn list_tags_at(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<Vec<Tag>, Error> {
        let (name, digest) = (name.clone(), digest.clone());
        self.db
            .read(move |tx| {
                let Some(repository) = repository::find(tx, &name)? else { return Ok(Vec::new()) };
                tx.query(
                    "SELECT tag.name
                       FROM tag
                       JOIN manifest ON manifest.id = tag.manifest_id
                      WHERE tag.repository_id = $1
                        AND manifest.digest = $2
                      ORDER BY tag.name",
                    (repository, &digest),
                    |row| row.get("name"),
                )
            })
            .await
    }

    /// As [`Meta::list_tags`], with what is known of each.
    pub async fn list_tag_details(
        &self,
        name: &RepositoryName,
        after: &str,
        limit: u64,
    ) -> Result<Option<Vec<TagDetails>>, Error> {
        let (name, after) = (name.clone(), after.to_owned());
        self.db
            .read(move |tx| {
                let Some(repository) = repository::find(tx, &name)? else { return Ok(None) };
                let tags = tx.query(
                    "SELECT tag.name, manifest.digest, owned.media_type, manifest.content_bytes,
                            length(manifest.body) AS body_bytes, tag.updated_at, tag.updated_by
                       FROM tag
                       JOIN manifest ON manifest.id = tag.manifest_id
                       JOIN repository_manifest AS owned ON owned.manifest_id = tag.manifest_id
                                                        AND owned.repository_id = tag.repository_id
                      WHERE tag.repository_id = $1
                        AND tag.name > $2
                      ORDER BY tag.name
                      LIMIT $3",
                    (repository, &after, limit),
                    details,
                )?;
                Ok(Some(tags))
            })
            .await
    }

    /// What is known of one tag.
    pub async fn find_tag(
        &self,
        name: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<TagDetails>, Error> {
        let (name, tag) = (name.clone(), tag.clone());
        self.db
            .read(move |tx| {
                tx.find(
                    "SELECT tag.name, manifest.digest, owned.media_type, manifest.content_bytes,
                            length(manifest.body) AS body_bytes, tag.updated_at, tag.updated_by
                       FROM repository
                       JOIN tag ON tag.repository_id = repository.id
                       JOIN manifest ON manifest.id = tag.manifest_id
                       JOIN repository_manifest AS owned ON owned.manifest_id = tag.manifest_id
                                                        AND owned.repository_id = tag.repository_id
                      WHERE repository.name = $1
                        AND tag.name = $2",
                    (&name, &tag),
                    details,
                )
            })
            .await
    }

    /// Up to `limit` steps of a tag's history, the latest first, those before the step `before`. The history outlives
    /// the tag.
    pub async fn list_tag_events(
        &self,
        name: &RepositoryName,
        tag: &Tag,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<TagEvent>, Error> {
        let (name, tag, before) = (name.clone(), tag.clone(), before.unwrap_or(u64::MAX));
        self.db
            .read(move |tx| {
                tx.query(
                    "SELECT event.id, event.action, event.digest, event.previous, event.actor, event.at
                       FROM repository
                       JOIN tag_event AS event ON event.repository_id = repository.id
                      WHERE repository.name = $1
                        AND event.name = $2
                        AND event.id < $3
                      ORDER BY event.id DESC
                      LIMIT $4",
                    (&name, &tag, before, limit),
                    tag_event,
                )
            })
            .await
    }

    /// Up to `limit` steps of the history of all tags of a repository, the latest first, those before the step `before`.
    pub async fn list_repository_tag_events(
        &self,
        name: &RepositoryName,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<RepositoryTagEvent>, Error> {
        let (name, before) = (name.clone(), before.unwrap_or(u64::MAX));
        self.db
            .read(move |tx| {
                tx.query(
                    "SELECT event.id, event.name, event.action, event.digest, event.previous, event.actor, event.at
                       FROM repository
                       JOIN tag_event AS event ON event.repository_id = repository.id
                      WHERE repository.name = $1
                        AND event.id < $2
                      ORDER BY event.id DESC
                      LIMIT $3",
                    (&name, before, limit),
                    |row| Ok(RepositoryTagEvent { tag: row.get("name")?, event: tag_event(row)? }),
                )
            })
            .await
    }

    /// Removes a tag and nothing else.
    pub async fn delete_tag(
        &self,
        name: &RepositoryName,
        tag: &Tag,
        actor: &Actor,
    ) -> Result<Deleted, Error> {
        let (name, tag, actor, now) = (name.clone(), tag.clone(), actor.clone(), self.clock.now());
        self.db
            .write(move |tx| delete(tx, &tag, By { actor: &actor, repository: &name, now }))
            .await
    }
}
