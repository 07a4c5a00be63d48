//! All that a repository holds, as retention judges it; and dropping it as it was judged.

use std::collections::HashMap;

use super::event::Actor;
use super::guard::Guard;
use super::repository::{self, RepositoryId};
use super::tag::{self, By};
use super::tx::Tx;
use super::{Deleted, Error, Meta, Protection, manifest};
use crate::clock::Timestamp;
use crate::oci::{Digest, RepositoryName, Tag};

/// All that a repository holds at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Its tags, by name.
    pub tags: Vec<HeldTag>,
    /// Its manifests.
    pub manifests: Vec<HeldManifest>,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldTag {
    /// The tag.
    pub name: Tag,
    /// What it points at.
    pub digest: Digest,
    /// When it was last moved.
    pub moved_at: Timestamp,
    /// What forbids to delete it.
    pub protection: Option<Box<Protection>>,
}

/// A manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldManifest {
    /// Its digest.
    pub digest: Digest,
    /// When it was first pushed to this repository.
    pub pushed_at: Timestamp,
    /// When it was last pulled from it.
    pub pulled_at: Option<Timestamp>,
    /// What it refers to.
    pub subject: Option<Digest>,
    /// The kind of artifact that it is.
    pub artifact_type: Option<String>,
    /// Manifests of the repository that it is made of.
    pub children: Vec<Digest>,
    /// What forbids to delete it.
    pub protection: Option<Box<Protection>>,
}

/// A pull that was noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotedPull {
    /// From which repository.
    pub repository: RepositoryName,
    /// Which manifest.
    pub digest: Digest,
    /// When.
    pub at: Timestamp,
}

fn load(tx: &mut Tx<'_>, id: RepositoryId, guard: &Guard<'_>) -> Result<Contents, Error> {
    let tags = tx.query(
        "SELECT tag.name, manifest.digest, tag.updated_at
           FROM tag
           JOIN manifest ON manifest.id = tag.manifest_id
          WHERE tag.repository_id = $1
          ORDER BY tag.name",
        (id,),
        |row| {
            let (name, digest) = (row.get("name")?, row.get("digest")?);
            let protection = guard.of_tag(&name, &digest);
            Ok(HeldTag { name, digest, moved_at: row.get("updated_at")?, protection })
        },
    )?;
    let mut children = HashMap::<Digest, Vec<Digest>>::new();
    let edges = tx.query(
        "SELECT parent.digest AS parent, reference.child AS child
           FROM repository_manifest AS owned
           JOIN manifest AS parent ON parent.id = owned.manifest_id
           JOIN manifest_reference AS reference ON reference.parent_id = parent.id
          WHERE owned.repository_id = $1
            AND reference.kind = 'manifest'",
        (id,),
        |row| Ok((row.get::<Digest>("parent")?, row.get::<Digest>("child")?)),
    )?;
    for (parent, child) in edges {
        children.entry(parent).or_default().push(child);
    }
    let manifests = tx.query(
        "SELECT manifest.digest, manifest.artifact_type, owned.pushed_at, owned.pulled_at, owned.subject
           FROM repository_manifest AS owned
           JOIN manifest ON manifest.id = owned.manifest_id
          WHERE owned.repository_id = $1
          ORDER BY manifest.digest",
        (id,),
        |row| {
            let digest: Digest = row.get("digest")?;
            Ok(HeldManifest {
                children: children.remove(&digest).unwrap_or_default(),
                protection: guard.of_digest(&digest),
                digest,
                pushed_at: row.get("pushed_at")?,
                pulled_at: row.get("pulled_at")?,
                subject: row.get("subject")?,
                artifact_type: row.get("artifact_type")?,
            })
        },
    )?;
    Ok(Contents { tags, manifests })
}

/// Drops a tag, if it is as it was judged.
fn drop_tag(tx: &mut Tx<'_>, judged: &HeldTag, by: By<'_>) -> Result<Deleted, Error> {
    let Some(id) = repository::find(tx, by.repository)? else { return Ok(Deleted::Unknown) };
    let is_same = tx.find(
        "SELECT 1 AS one
           FROM tag
           JOIN manifest ON manifest.id = tag.manifest_id
          WHERE tag.repository_id = $1
            AND tag.name = $2
            AND manifest.digest = $3
            AND tag.updated_at = $4",
        (id, &judged.name, &judged.digest, judged.moved_at),
        |row| row.get::<i64>("one"),
    )?;
    if is_same.is_none() {
        return Ok(Deleted::Unknown);
    }
    tag::delete(tx, &judged.name, by)
}

/// Drops a manifest that no tag leads to, if that is so still and nobody has pulled it since it was judged.
fn drop_manifest(tx: &mut Tx<'_>, judged: &HeldManifest, by: By<'_>) -> Result<Deleted, Error> {
    let Some(id) = repository::find(tx, by.repository)? else { return Ok(Deleted::Unknown) };
    let is_same = tx.find(
        "SELECT 1 AS one
           FROM manifest
           JOIN repository_manifest AS owned ON owned.manifest_id = manifest.id
          WHERE owned.repository_id = $1
            AND manifest.digest = $2
            AND owned.pushed_at = $3
            AND owned.pulled_at IS $4
            AND NOT EXISTS (SELECT 1
                              FROM tag
                             WHERE tag.repository_id = owned.repository_id
                               AND tag.manifest_id = owned.manifest_id)",
        (id, &judged.digest, judged.pushed_at, judged.pulled_at),
        |row| row.get::<i64>("one"),
    )?;
    if is_same.is_none() {
        return Ok(Deleted::Unknown);
    }
    manifest::delete(tx, by.repository, &judged.digest, false, by)
}

impl Meta {
    /// All that a repository holds now; `None` if there is no such repository.
    pub async fn load_contents(&self, name: &RepositoryName) -> Result<Option<Contents>, Error> {
        let (name, now) = (name.clone(), self.clock.now());
        self.db
            .read(move |tx| {
                let Some(id) = repository::find(tx, &name)? else { return Ok(None) };
                let guard = Guard::load(tx, &name, now)?;
                load(tx, id, &guard).map(Some)
            })
            .await
    }

    /// Deletes a tag as anybody would, if it is as it was judged; else it is unknown.
    pub async fn drop_tag(
        &self,
        name: &RepositoryName,
        judged: HeldTag,
        actor: &Actor,
    ) -> Result<Deleted, Error> {
        let (name, actor, now) = (name.clone(), actor.clone(), self.clock.now());
        self.db
            .write(move |tx| drop_tag(tx, &judged, By { actor: &actor, repository: &name, now }))
            .await
    }

    /// Deletes a manifest without tags as anybody would, if it is as it was judged; else it is unknown.
    pub async fn drop_manifest(
        &self,
        name: &RepositoryName,
        judged: HeldManifest,
        actor: &Actor,
    ) -> Result<Deleted, Error> {
        let (name, actor, now) = (name.clone(), actor.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                drop_manifest(tx, &judged, By { actor: &actor, repository: &name, now })
            })
            .await
    }

    /// Writes down when manifests were last pulled; nobody waits for it.
    pub fn note_pulls(&self, pulls: Vec<NotedPull>) {
        if pulls.is_empty() {
            return;
        }
        self.db.write_behind(move |tx| {
            for NotedPull { repository, digest, at } in &pulls {
                tx.execute(
                    "UPDATE repository_manifest
                        SET pulled_at = $1
                      WHERE repository_id = (SELECT id FROM repository WHERE name = $2)
                        AND manifest_id = (SELECT id FROM manifest WHERE digest = $3)
                        AND (pulled_at IS NULL OR pulled_at < $1)",
                    (*at, repository, digest),
                )?;
            }
            Ok(())
        });
    }
}
