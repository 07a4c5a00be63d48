//! Repositories. One exists from the first thing that is stored in it until it is deleted as a whole.

use super::event::{self, Actor, EventKind, NewEvent};
use super::guard::Guard;
use super::tag::By;
use super::tx::{FromColumn, Row, ToValue, Tx, Value};
use super::{Deleted, Error, Meta, garbage, loose, quota_count, signed};
use crate::clock::Timestamp;
use crate::oci::RepositoryName;

/// A repository's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RepositoryId(i64);

impl ToValue for RepositoryId {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(self.0)
    }
}

impl FromColumn for RepositoryId {
    fn from_column(value: rusqlite::types::ValueRef<'_>) -> Result<Self, String> {
        i64::from_column(value).map(Self)
    }
}

/// What a list of repositories tells of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its name.
    pub name: RepositoryName,
    /// How many tags it has.
    pub tags: u64,
    /// How many manifests it owns.
    pub manifests: u64,
    /// Bytes of the blobs and manifests that it owns; blobs shared with other repositories count in each.
    pub size_bytes: u64,
    /// When the first thing was stored in it.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When a manifest was last pushed.
    pub pushed_at: Option<Timestamp>,
    /// When a manifest was last pulled.
    pub pulled_at: Option<Timestamp>,
    /// What it is about, as Markdown.
    pub description: String,
}

const COLUMNS: &str =
    "name, tags, manifests, size_bytes, created_at, updated_at, pushed_at, pulled_at, description";

pub(super) fn find(tx: &mut Tx<'_>, name: &RepositoryName) -> Result<Option<RepositoryId>, Error> {
    tx.find("SELECT id FROM repository WHERE name = $1", (name,), |row| row.get("id"))
}

/// The repositories that own a manifest.
pub(super) fn list_owners(tx: &mut Tx<'_>, manifest: i64) -> Result<Vec<RepositoryName>, Error> {
    tx.query(
        "SELECT repository.name
           FROM repository_manifest AS owned
           JOIN repository ON repository.id = owned.repository_id
          WHERE owned.manifest_id = $1
          ORDER BY repository.name
          LIMIT 10000",
        (manifest,),
        |row| row.get("name"),
    )
}

/// The repository, made if it does not exist, and marked as changed now.
pub(super) fn ensure(
    tx: &mut Tx<'_>,
    name: &RepositoryName,
    now: Timestamp,
) -> Result<RepositoryId, Error> {
    let found = tx.find(
        "INSERT INTO repository (name, created_at, updated_at)
         VALUES ($1, $2, $2)
             ON CONFLICT (name) DO UPDATE SET updated_at = excluded.updated_at
         RETURNING id, created_at",
        (name, now),
        |row| Ok((row.get("id")?, row.get::<Timestamp>("created_at")?)),
    )?;
    tx.touch(name.as_str());
    let (id, created_at) = found.ok_or_else(|| Error::Corrupt {
        column: "id".into(),
        what: "an upsert returned no row".into(),
    })?;
    if created_at == now {
        quota_count::join(tx, id, name)?;
    }
    Ok(id)
}

/// Adds tags and manifests to what is known of a repository, or takes them away. What is added is somebody's (`by`), and has to
/// fit into the quotas.
pub(super) fn count(
    tx: &mut Tx<'_>,
    id: RepositoryId,
    tags: i64,
    manifests: i64,
    bytes: i64,
    by: Option<By<'_>>,
) -> Result<(), Error> {
    add(tx, id, tags, manifests, bytes)?;
    quota_count::count(tx, id, bytes, tags, by)
}

/// Adds a blob to what is known of a repository.
pub(super) fn count_blob(
    tx: &mut Tx<'_>,
    id: RepositoryId,
    blob: i64,
    size: u64,
    by: By<'_>,
) -> Result<(), Error> {
    add(tx, id, 0, 0, signed(size))?;
    quota_count::link(tx, id, blob, size, by)
}

/// Takes a blob away from what is known of a repository.
pub(super) fn uncount_blob(
    tx: &mut Tx<'_>,
    id: RepositoryId,
    blob: i64,
    size: u64,
) -> Result<(), Error> {
    add(tx, id, 0, 0, -signed(size))?;
    quota_count::unlink(tx, id, blob, size)
}

fn add(
    tx: &mut Tx<'_>,
    id: RepositoryId,
    tags: i64,
    manifests: i64,
    bytes: i64,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE repository
            SET tags = tags + $1, manifests = manifests + $2, size_bytes = size_bytes + $3
          WHERE id = $4",
        (tags, manifests, bytes, id),
    )
    .map(drop)
}

fn delete(tx: &mut Tx<'_>, id: RepositoryId, now: Timestamp) -> Result<(), Error> {
    // Manifests that no other repository owns go with it, and its trash, too; blobs are left to garbage collection.
    let manifests: Vec<i64> = tx.query(
        "SELECT manifest_id AS id FROM repository_manifest WHERE repository_id = $1
          UNION
         SELECT manifest_id FROM trash_manifest WHERE repository_id = $1",
        (id,),
        |row| row.get("id"),
    )?;
    loose::blobs_of(tx, id, now)?;
    quota_count::leave(tx, id)?;
    tx.execute("DELETE FROM tag WHERE repository_id = $1", (id,))?;
    tx.execute("DELETE FROM repository WHERE id = $1", (id,))?;
    for manifest in manifests {
        garbage::forget_manifest(tx, manifest)?;
    }
    Ok(())
}

fn summary(row: &Row<'_>) -> Result<Summary, Error> {
    Ok(Summary {
        name: row.get("name")?,
        tags: row.get("tags")?,
        manifests: row.get("manifests")?,
        size_bytes: row.get("size_bytes")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        pushed_at: row.get("pushed_at")?,
        pulled_at: row.get("pulled_at")?,
        description: row.get("description")?,
    })
}

impl Meta {
    /// Up to `limit` repositories in the order of their names, from the name `from` up to, and without, `until`.
    pub async fn list_repositories(
        &self,
        from: &str,
        until: &str,
        limit: u64,
    ) -> Result<Vec<Summary>, Error> {
        let (from, until) = (from.to_owned(), until.to_owned());
        self.db
            .read(move |tx| {
                let sql = format!(
                    "SELECT {COLUMNS}
                       FROM repository
                      WHERE name >= $1
                        AND name < $2
                      ORDER BY name
                      LIMIT $3"
                );
                tx.query(&sql, (&from, &until, limit), summary)
            })
            .await
    }

    /// One repository.
    pub async fn find_repository(&self, name: &RepositoryName) -> Result<Option<Summary>, Error> {
        let name = name.clone();
        self.db
            .read(move |tx| {
                let sql = format!("SELECT {COLUMNS} FROM repository WHERE name = $1");
                tx.find(&sql, (&name,), summary)
            })
            .await
    }

    /// Says what a repository is about; whether there is one.
    pub async fn describe_repository(
        &self,
        name: &RepositoryName,
        description: String,
        actor: &Actor,
    ) -> Result<bool, Error> {
        let (name, actor, now) = (name.clone(), actor.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let changed = tx.execute(
                    "UPDATE repository SET description = $1 WHERE name = $2",
                    (&description, &name),
                )?;
                if changed > 0 {
                    let detail = serde_json::json!({ "description_bytes": description.len() });
                    let event = NewEvent {
                        target: None,
                        ..NewEvent::of(EventKind::RepositoryChange, &name, "").with(detail)
                    };
                    event::append(tx, event, &actor, now)?;
                }
                Ok(changed > 0)
            })
            .await
    }

    /// Deletes a repository with its tags, their history and its manifests.
    pub async fn delete_repository(
        &self,
        name: &RepositoryName,
        actor: &Actor,
    ) -> Result<Deleted, Error> {
        let (name, actor, now) = (name.clone(), actor.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let Some(id) = find(tx, &name)? else { return Ok(Deleted::Unknown) };
                if let Some(hold) = Guard::load(tx, &name, now)?.of_repository(tx, id)? {
                    return Ok(Deleted::Protected(hold));
                }
                delete(tx, id, now)?;
                let event = NewEvent {
                    target: None,
                    ..NewEvent::of(EventKind::RepositoryDelete, &name, "")
                };
                event::append(tx, event, &actor, now)?;
                tx.touch(name.as_str());
                Ok(Deleted::Done)
            })
            .await
    }
}
