//! What plugins keep, and which compiled files are Berth's own.

use std::time::Duration;

use super::blob::signed;
use super::tx::Tx;
use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::oci::Digest;

/// How much a plugin may keep.
#[derive(Clone, Copy, Debug)]
pub struct KvQuota {
    /// Bytes of keys and values.
    pub bytes: u64,
    /// Keys.
    pub keys: u64,
}

/// A value to be kept.
#[derive(Clone, Debug)]
pub struct KvSet {
    /// Its key.
    pub key: String,
    /// The value.
    pub value: Vec<u8>,
    /// For how long; for ever without it.
    pub ttl: Option<Duration>,
    /// Only if the key has this value now, or none.
    pub only_if: Option<Option<Vec<u8>>>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvStored {
    /// It is kept.
    Done,
    /// The key has another value than the caller thinks.
    OtherValue,
    /// The quota has no room for it.
    Full,
}

struct Kept {
    value: Vec<u8>,
    expires_at: Option<Timestamp>,
}

impl Kept {
    fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| at > now)
    }
}

fn find(tx: &mut Tx<'_>, plugin: &str, key: &str) -> Result<Option<Kept>, Error> {
    tx.find(
        "SELECT value, expires_at FROM plugin_kv WHERE plugin = $1 AND key = $2",
        (plugin, key),
        |row| Ok(Kept { value: row.get("value")?, expires_at: row.get("expires_at")? }),
    )
}

fn total(tx: &mut Tx<'_>, plugin: &str) -> Result<(u64, u64), Error> {
    let found =
        tx.find("SELECT keys, bytes FROM plugin_kv_total WHERE plugin = $1", (plugin,), |row| {
            Ok((row.get("keys")?, row.get("bytes")?))
        })?;
    Ok(found.unwrap_or((0, 0)))
}

fn count(tx: &mut Tx<'_>, plugin: &str, keys: i64, bytes: i64) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO plugin_kv_total (plugin, keys, bytes)
         VALUES ($1, $2, $3)
             ON CONFLICT (plugin) DO UPDATE
            SET keys = plugin_kv_total.keys + excluded.keys, bytes = plugin_kv_total.bytes + excluded.bytes",
        (plugin, keys, bytes),
    )?;
    Ok(())
}

/// Removes what has expired, of one plugin or of all, at most `limit` keys; says how many they were.
fn purge(
    tx: &mut Tx<'_>,
    plugin: Option<&str>,
    now: Timestamp,
    limit: u64,
) -> Result<usize, Error> {
    let gone = tx.query(
        "DELETE FROM plugin_kv
          WHERE (plugin, key) IN (SELECT plugin, key
                                    FROM plugin_kv
                                   WHERE expires_at <= $1
                                     AND ($2 IS NULL OR plugin = $2)
                                   LIMIT $3)
         RETURNING plugin, octet_length(key) + octet_length(value) AS bytes",
        (now, plugin, limit),
        |row| Ok((row.get::<String>("plugin")?, row.get::<i64>("bytes")?)),
    )?;
    for (plugin, bytes) in &gone {
        count(tx, plugin, -1, -bytes)?;
    }
    Ok(gone.len())
}

fn set(
    tx: &mut Tx<'_>,
    plugin: &str,
    set: &KvSet,
    quota: KvQuota,
    now: Timestamp,
) -> Result<KvStored, Error> {
    let mut old = find(tx, plugin, &set.key)?;
    if old.as_ref().is_some_and(|kept| !kept.is_live(now)) {
        remove(tx, plugin, &set.key)?;
        old = None;
    }
    if let Some(expected) = &set.only_if
        && old.as_ref().map(|kept| &kept.value) != expected.as_ref()
    {
        return Ok(KvStored::OtherValue);
    }
    let size = |value: &[u8]| (set.key.len() + value.len()) as u64;
    let (added, replaced) = (size(&set.value), old.as_ref().map_or(0, |kept| size(&kept.value)));
    let fits = |(keys, bytes): (u64, u64)| {
        keys + u64::from(old.is_none()) <= quota.keys
            && (bytes + added).saturating_sub(replaced) <= quota.bytes
    };
    if !fits(total(tx, plugin)?) {
        purge(tx, Some(plugin), now, 10_000)?;
        if !fits(total(tx, plugin)?) {
            return Ok(KvStored::Full);
        }
    }
    tx.execute(
        "INSERT INTO plugin_kv (plugin, key, value, expires_at)
         VALUES ($1, $2, $3, $4)
             ON CONFLICT (plugin, key) DO UPDATE
            SET value = excluded.value, expires_at = excluded.expires_at",
        (plugin, &set.key, set.value.as_slice(), set.ttl.map(|ttl| now + ttl)),
    )?;
    count(tx, plugin, i64::from(old.is_none()), signed(added) - signed(replaced))?;
    Ok(KvStored::Done)
}

fn remove(tx: &mut Tx<'_>, plugin: &str, key: &str) -> Result<(), Error> {
    let gone = tx.find(
        "DELETE FROM plugin_kv
          WHERE plugin = $1
            AND key = $2
         RETURNING octet_length(key) + octet_length(value) AS bytes",
        (plugin, key),
        |row| row.get::<i64>("bytes"),
    )?;
    gone.map_or(Ok(()), |bytes| count(tx, plugin, -1, -bytes))
}

/// The first text, in the order of bytes, behind all that begin with `prefix`; `None` if there is none.
fn behind(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        let next = (last..=char::MAX).nth(1);
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}

impl Meta {
    /// A value that a plugin keeps.
    pub async fn find_plugin_value(
        &self,
        plugin: &str,
        key: &str,
    ) -> Result<Option<Vec<u8>>, Error> {
        let (plugin, key, now) = (plugin.to_owned(), key.to_owned(), self.clock.now());
        self.db
            .read(move |tx| {
                let kept = find(tx, &plugin, &key)?;
                Ok(kept.filter(|kept| kept.is_live(now)).map(|kept| kept.value))
            })
            .await
    }

    /// Keeps a value for a plugin, if its quota has room.
    pub async fn set_plugin_value(
        &self,
        plugin: &str,
        value: KvSet,
        quota: KvQuota,
    ) -> Result<KvStored, Error> {
        let (plugin, now) = (plugin.to_owned(), self.clock.now());
        self.db.write(move |tx| set(tx, &plugin, &value, quota, now)).await
    }

    /// Removes a value; one that is not there is no error.
    pub async fn delete_plugin_value(&self, plugin: &str, key: &str) -> Result<(), Error> {
        let (plugin, key) = (plugin.to_owned(), key.to_owned());
        self.db.write(move |tx| remove(tx, &plugin, &key)).await
    }

    /// Up to `limit` keys with a prefix, in the order of their bytes, those after `after`.
    pub async fn list_plugin_keys(
        &self,
        plugin: &str,
        prefix: &str,
        after: &str,
        limit: u64,
    ) -> Result<Vec<String>, Error> {
        let (plugin, prefix, after) = (plugin.to_owned(), prefix.to_owned(), after.to_owned());
        let (end, now) = (behind(&prefix), self.clock.now());
        self.db
            .read(move |tx| {
                tx.query(
                    "SELECT key
                       FROM plugin_kv
                      WHERE plugin = $1
                        AND key > $2
                        AND key >= $3
                        AND ($4 IS NULL OR key < $4)
                        AND (expires_at IS NULL OR expires_at > $5)
                      ORDER BY key
                      LIMIT $6",
                    (&plugin, &after, &prefix, &end, now, limit),
                    |row| row.get("key"),
                )
            })
            .await
    }

    /// Removes values whose time is over, at most `limit`; says how many they were.
    pub async fn purge_plugin_values(&self, limit: u64) -> Result<usize, Error> {
        let now = self.clock.now();
        self.db.write(move |tx| purge(tx, None, now, limit)).await
    }

    /// Removes all that a plugin keeps.
    pub async fn forget_plugin_values(&self, plugin: &str) -> Result<(), Error> {
        let plugin = plugin.to_owned();
        self.db
            .write(move |tx| {
                tx.execute("DELETE FROM plugin_kv WHERE plugin = $1", (&plugin,))?;
                tx.execute("DELETE FROM plugin_kv_total WHERE plugin = $1", (&plugin,))?;
                Ok(())
            })
            .await
    }

    /// The digest of the compiled file of a component, if this Berth has compiled it for this engine.
    pub async fn find_compiled(
        &self,
        component: &Digest,
        engine: &str,
    ) -> Result<Option<Digest>, Error> {
        let (component, engine) = (component.clone(), engine.to_owned());
        self.db
            .read(move |tx| {
                tx.find(
                    "SELECT digest FROM plugin_compiled WHERE component = $1 AND engine = $2",
                    (&component, &engine),
                    |row| row.get("digest"),
                )
            })
            .await
    }

    /// Remembers the digest of a compiled file.
    pub async fn remember_compiled(
        &self,
        component: &Digest,
        engine: &str,
        digest: &Digest,
    ) -> Result<(), Error> {
        let (component, engine) = (component.clone(), engine.to_owned());
        let (digest, now) = (digest.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                tx.execute(
                    "INSERT INTO plugin_compiled (component, engine, digest, compiled_at)
                     VALUES ($1, $2, $3, $4)
                         ON CONFLICT (component, engine) DO UPDATE
                        SET digest = excluded.digest, compiled_at = excluded.compiled_at",
                    (&component, &engine, &digest, now),
                )?;
                Ok(())
            })
            .await
    }

    /// Forgets the compiled files of a component.
    pub async fn forget_compiled(&self, component: &Digest) -> Result<(), Error> {
        let component = component.clone();
        self.db
            .write(move |tx| {
                tx.execute("DELETE FROM plugin_compiled WHERE component = $1", (&component,))?;
                Ok(())
            })
            .await
    }
}
