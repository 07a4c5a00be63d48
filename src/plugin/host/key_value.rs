//! `key-value`: a small store of a plugin's own.

use std::time::Duration;

use super::super::bindings::berth::plugin::key_value::Host;
use super::super::bindings::berth::plugin::types::Error;
use super::super::state::{Desk, State};
use crate::meta::{self, KvQuota, KvSet, Meta};

/// Longest key, in bytes.
const LONGEST_KEY: usize = 512;
/// Most keys that are listed at once.
const PAGE: u32 = 1000;

type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl Desk {
    /// The database and the plugin's name and quota in it, if it may use it.
    fn store(&self) -> Result<(Meta, String, KvQuota), Error> {
        let Some(size) = self.guest.granted.key_value() else {
            return Err(self.refuse("key-value"));
        };
        let quota = KvQuota { bytes: size.get(), keys: (size.get() / 64).max(16) };
        Ok((self.guest.meta.clone(), self.guest.name.as_str().to_owned(), quota))
    }
}

fn checked(key: &str) -> Result<(), Error> {
    match key.len() {
        1..=LONGEST_KEY => Ok(()),
        length => Err(Error::Invalid(format!("a key has 1 to {LONGEST_KEY} bytes, not {length}"))),
    }
}

fn failed(error: &meta::Error) -> Error {
    // What is wrong with the database is for Berth's own log.
    tracing::error!(%error, "a plugin's store failed: {error}");
    Error::Unavailable("the store does not answer".into())
}

impl Host for State {
    async fn get(&mut self, key: String) -> Answer<Option<Vec<u8>>> {
        let desk = self.desk.clone();
        let found = async {
            checked(&key)?;
            let (meta, plugin, _) = desk.store()?;
            meta.find_plugin_value(&plugin, &key).await.map_err(|error| failed(&error))
        };
        Ok(found.await)
    }

    async fn set(&mut self, key: String, value: Vec<u8>, ttl_seconds: Option<u32>) -> Answer<()> {
        let desk = self.desk.clone();
        let set = async {
            checked(&key)?;
            let (meta, plugin, quota) = desk.store()?;
            let set = KvSet { key, value, ttl: ttl_seconds.map(seconds), only_if: None };
            let stored = meta.set_plugin_value(&plugin, set, quota).await;
            stored_or_full(stored.map_err(|error| failed(&error))?, quota).map(drop)
        };
        Ok(set.await)
    }

    async fn delete(&mut self, key: String) -> Answer<()> {
        let desk = self.desk.clone();
        let deleted = async {
            checked(&key)?;
            let (meta, plugin, _) = desk.store()?;
            meta.delete_plugin_value(&plugin, &key).await.map_err(|error| failed(&error))
        };
        Ok(deleted.await)
    }

    async fn compare_and_set(
        &mut self,
        key: String,
        old: Option<Vec<u8>>,
        new: Vec<u8>,
        ttl_seconds: Option<u32>,
    ) -> Answer<bool> {
        let desk = self.desk.clone();
        let set = async {
            checked(&key)?;
            let (meta, plugin, quota) = desk.store()?;
            let ttl = ttl_seconds.map(seconds);
            let set = KvSet { key, value: new, ttl, only_if: Some(old) };
            let stored = meta.set_plugin_value(&plugin, set, quota).await;
            stored_or_full(stored.map_err(|error| failed(&error))?, quota)
        };
        Ok(set.await)
    }

    async fn keys(
        &mut self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Answer<Vec<String>> {
        let desk = self.desk.clone();
        let listed = async {
            let (meta, plugin, _) = desk.store()?;
            let after = after.unwrap_or_default();
            let keys = meta.list_plugin_keys(&plugin, &prefix, &after, limit.min(PAGE).into());
            keys.await.map_err(|error| failed(&error))
        };
        Ok(listed.await)
    }
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

fn stored_or_full(stored: meta::KvStored, quota: KvQuota) -> Result<bool, Error> {
    match stored {
        meta::KvStored::Done => Ok(true),
        meta::KvStored::OtherValue => Ok(false),
        meta::KvStored::Full => Err(Error::LimitExceeded(format!(
            "the store is full: it holds {} bytes and {} keys",
            quota.bytes, quota.keys
        ))),
    }
}
