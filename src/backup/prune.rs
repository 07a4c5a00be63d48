//! Removing backups that are too many, and blobs that no backup names any more.
//!
//! A manifest goes first: then the backup is no backup any more, whatever stops the rest. Blobs go last, and only when the
//! lists of all backups that stay have been read.

use std::collections::{BTreeSet, HashSet};

use super::scratch::Alone;
use super::shelf::{Portion, scope};
use super::{Backups, Error, Manifest, Target, Watch, index};
use crate::oci::Algorithm;

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The names of backups.
    pub backups: Vec<String>,
    /// Files of blobs, and of backups that were never finished.
    pub files: u64,
    /// Bytes of blobs.
    pub bytes: u64,
}

impl Backups {
    /// Removes all but the latest `backup.keep` backups, and what none of them names.
    pub async fn prune(&self, target: &Target, watch: &Watch) -> Result<Pruned, Error> {
        let _alone = Alone::take(&self.config.storage.data)?;
        self.prune_alone(target, watch).await
    }

    pub(super) async fn prune_alone(
        &self,
        target: &Target,
        watch: &Watch,
    ) -> Result<Pruned, Error> {
        let (listed, strays) = target.list_all().await?;
        let mut pruned = Pruned::default();
        for name in strays {
            target.depot.delete(&name).await?;
            pruned.files += 1;
        }
        let mut scopes: BTreeSet<String> =
            self.config.backup.recipients().iter().map(|recipients| scope(recipients)).collect();
        let readable: Vec<&Manifest> =
            listed.iter().filter_map(|listed| listed.manifest.as_ref().ok()).collect();
        scopes.extend(readable.iter().map(|manifest| manifest.scope.clone()));
        let keep = match self.config.backup.keep {
            0 => readable.len(),
            keep => keep as usize,
        };
        let (gone, kept) = readable.split_at(readable.len().saturating_sub(keep));
        if gone.is_empty() && pruned.files == 0 && readable.len() == listed.len() {
            return Ok(pruned);
        }
        for manifest in gone {
            remove(manifest, target).await?;
            pruned.backups.push(manifest.id.clone());
        }
        // What a manifest names that cannot be read is not known.
        if let Some(unread) = listed.iter().find(|listed| listed.manifest.is_err()) {
            let what = "it cannot be read, so no blobs were removed; remove the folder if that backup is not needed";
            return Err(Error::file(&unread.id, what));
        }
        let mut named = HashSet::new();
        for manifest in kept {
            watch.at("prune", 0, 0, 0)?;
            index::read(target, manifest, |line| {
                named.insert(fingerprint(&line.name));
            })
            .await?;
        }
        let most = readable.iter().map(|manifest| manifest.summary.blobs).max().unwrap_or(0);
        for scope in &scopes {
            for portion in Portion::all(most) {
                watch.at("prune", 0, 0, pruned.bytes)?;
                for file in portion.list(target, scope).await? {
                    if !named.contains(&fingerprint(&file.name)) {
                        target.depot.delete(&file.name).await?;
                        pruned.files += 1;
                        pruned.bytes += file.size;
                    }
                }
            }
        }
        Ok(pruned)
    }
}

pub(super) async fn remove(manifest: &Manifest, target: &Target) -> Result<(), Error> {
    Manifest::remove(&manifest.id, target).await?;
    let files = [Some(&manifest.database), manifest.blobs.as_ref(), manifest.key.as_ref()];
    for file in files.into_iter().flatten() {
        target.depot.delete(&file.name).await?;
    }
    Ok(())
}

/// Half a digest: a million names fit into memory, and no two are alike.
fn fingerprint(name: &str) -> u128 {
    let digest = Algorithm::Sha256.digest(name.as_bytes());
    u128::from_str_radix(&digest.hex()[..32], 16).unwrap_or(0)
}
