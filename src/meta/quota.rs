//! Quotas: how much a namespace, or the whole registry, may hold.

use std::sync::Arc;

use super::cache::Epochs;
use super::event::{self, Actor, EventKind, NewEvent};
use super::quota_count::{self, Exceeded, Limited};
use super::tx::{Row, Tx};
use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::oci::{Digest, RepositoryName};

/// The namespace that everything lies in.
pub const EVERYTHING: &str = "*";

/// What a quota allows; what is `None` is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaLimits {
    /// Bytes of blobs and manifests.
    pub bytes: Option<u64>,
    /// Tags.
    pub tags: Option<u64>,
    /// Bytes of one blob.
    pub upload_bytes: Option<u64>,
}

/// A quota and what is used of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Of which namespace; [`EVERYTHING`] is the whole registry.
    pub namespace: String,
    /// What it allows.
    pub limits: QuotaLimits,
    /// Bytes that are used. A blob counts once.
    pub used_bytes: u64,
    /// Tags that are used.
    pub used_tags: u64,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who changed it.
    pub updated_by: String,
}

const COLUMNS: &str = "namespace, max_bytes, max_tags, max_upload_bytes, used_bytes, used_tags, updated_at, updated_by";

fn read(row: &Row<'_>) -> Result<Quota, Error> {
    Ok(Quota {
        namespace: row.get("namespace")?,
        limits: QuotaLimits {
            bytes: row.get("max_bytes")?,
            tags: row.get("max_tags")?,
            upload_bytes: row.get("max_upload_bytes")?,
        },
        used_bytes: row.get("used_bytes")?,
        used_tags: row.get("used_tags")?,
        updated_at: row.get("updated_at")?,
        updated_by: row.get("updated_by")?,
    })
}

fn find(tx: &mut Tx<'_>, namespace: &str) -> Result<Option<Quota>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM quota WHERE namespace = $1");
    tx.find(&sql, (namespace,), read)
}

fn list(tx: &mut Tx<'_>, after: &str, limit: u64) -> Result<Vec<Quota>, Error> {
    let sql =
        format!("SELECT {COLUMNS} FROM quota WHERE namespace > $1 ORDER BY namespace LIMIT $2");
    tx.query(&sql, (after, limit), read)
}

fn set(
    tx: &mut Tx<'_>,
    namespace: &str,
    limits: QuotaLimits,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), Error> {
    let QuotaLimits { bytes, tags, upload_bytes } = limits;
    let changed = tx.execute(
        "UPDATE quota
            SET max_bytes = $1, max_tags = $2, max_upload_bytes = $3,
                warned_bytes = 0, warned_tags = 0, updated_at = $4, updated_by = $5
          WHERE namespace = $6",
        (bytes, tags, upload_bytes, now, &*actor.name, namespace),
    )?;
    if changed == 0 {
        let id = tx.find(
            "INSERT INTO quota (namespace, max_bytes, max_tags, max_upload_bytes, used_bytes, used_tags,
                                warned_bytes, warned_tags, updated_at, updated_by)
             VALUES ($1, $2, $3, $4, 0, 0, 0, 0, $5, $6)
             RETURNING id",
            (namespace, bytes, tags, upload_bytes, now, &*actor.name),
            |row| row.get("id"),
        )?;
        quota_count::begin(tx, id.unwrap_or_default(), namespace)?;
    }
    let detail = serde_json::json!({ "bytes": bytes, "tags": tags, "upload_bytes": upload_bytes });
    let event = NewEvent::about(EventKind::QuotaChange, namespace).with(detail);
    event::append(tx, event, actor, now)?;
    tx.touch_quotas();
    Ok(())
}

impl Meta {
    /// Up to `limit` quotas in the order of their namespaces, those behind `after`.
    pub async fn list_quotas(&self, after: &str, limit: u64) -> Result<Vec<Quota>, Error> {
        let after = after.to_owned();
        self.db.read(move |tx| list(tx, &after, limit)).await
    }

    /// Sets what a namespace may hold. For a new quota, everything in it is counted once, while nothing else is written.
    pub async fn set_quota(
        &self,
        namespace: &str,
        limits: QuotaLimits,
        actor: &Actor,
    ) -> Result<Option<Quota>, Error> {
        let (namespace, actor, now) = (namespace.to_owned(), actor.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                set(tx, &namespace, limits, &actor, now)?;
                find(tx, &namespace)
            })
            .await
    }

    /// Removes a quota; says whether there was one.
    pub async fn remove_quota(&self, namespace: &str, actor: &Actor) -> Result<bool, Error> {
        let (namespace, actor, now) = (namespace.to_owned(), actor.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let gone = tx.execute("DELETE FROM quota WHERE namespace = $1", (&namespace,))?;
                if gone > 0 {
                    let event = NewEvent::about(EventKind::QuotaChange, &namespace);
                    let event = event.with(serde_json::json!({ "removed": true }));
                    event::append(tx, event, &actor, now)?;
                    tx.touch_quotas();
                }
                Ok(gone > 0)
            })
            .await
    }

    /// The quota, if there is one, that an upload of at least `size` bytes does not fit into. Without its digest nobody knows
    /// whether it counts already: then it is refused only by what is full, or would not hold it if it were empty. What counts
    /// is [`Error::Quota`], when the bytes become a blob.
    pub async fn find_full_quota(
        &self,
        name: &RepositoryName,
        digest: Option<&Digest>,
        size: u64,
    ) -> Result<Option<Exceeded>, Error> {
        let quotas = self.quota_namespaces().await?;
        let covering: Vec<String> = quota_count::covering(name.as_str())
            .filter(|namespace| quotas.iter().any(|quota| &**quota == *namespace))
            .map(str::to_owned)
            .collect();
        if covering.is_empty() {
            return Ok(None);
        }
        let digest = digest.cloned();
        self.db
            .read(move |tx| {
                for namespace in &covering {
                    let found = find(tx, namespace)?;
                    let Some(full) = found.and_then(|quota| full(quota, size, digest.is_some()))
                    else {
                        continue;
                    };
                    // What counts already needs no more room.
                    let counts = match &digest {
                        Some(digest) => is_counted(tx, namespace, digest)?,
                        None => false,
                    };
                    if !counts {
                        return Ok(Some(full));
                    }
                }
                Ok(None)
            })
            .await
    }

    /// The namespaces that have a quota, from memory.
    async fn quota_namespaces(&self) -> Result<Arc<Vec<Box<str>>>, Error> {
        let epoch = self.db.epochs.at(Epochs::QUOTAS);
        if let Some(known) = self.quotas.get("", epoch) {
            return Ok(known);
        }
        let read = |tx: &mut Tx<'_>| {
            tx.query("SELECT namespace FROM quota", (), |row| {
                row.get::<String>("namespace").map(Into::into)
            })
        };
        let read: Arc<Vec<Box<str>>> = Arc::new(self.db.read(read).await?);
        self.quotas.put("", epoch, Arc::clone(&read));
        Ok(read)
    }
}

fn is_counted(tx: &mut Tx<'_>, namespace: &str, digest: &Digest) -> Result<bool, Error> {
    let found = tx.find(
        "SELECT 1 AS one
           FROM quota
           JOIN quota_blob AS counted ON counted.quota_id = quota.id
           JOIN blob ON blob.id = counted.blob_id
          WHERE quota.namespace = $1
            AND blob.digest = $2",
        (namespace, digest),
        |row| row.get::<i64>("one"),
    )?;
    Ok(found.is_some())
}

/// Why an upload of so many bytes does not fit.
fn full(quota: Quota, size: u64, is_known: bool) -> Option<Exceeded> {
    let Quota { namespace, limits, used_bytes, .. } = quota;
    if let Some(limit) = limits.upload_bytes.filter(|limit| size > *limit) {
        let limited = Limited::Upload;
        return Some(Exceeded { namespace, limited, limit, used: 0, wanted: size });
    }
    let needed = if is_known || size == 0 { used_bytes.saturating_add(size.max(1)) } else { size };
    let limit = limits.bytes.filter(|limit| needed > *limit)?;
    let limited = Limited::Bytes;
    Some(Exceeded { namespace, limited, limit, used: used_bytes, wanted: size })
}
