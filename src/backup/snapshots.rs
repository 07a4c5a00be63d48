//! Snapshots of the database beside the blobs in a bucket: with them, and the bucket alone, a lost machine comes back.
//!
//! They hold no blobs, which are where the database says already. So they are small, and there may be many: the latest ones
//! stay, and of older ones the last of each day.

use std::collections::{HashMap, HashSet};

use berth_parcel::Form;

use super::create::{Job, claim};
use super::manifest::{FORM, Manifest, new_id};
use super::prune;
use super::scratch::Alone;
use super::{Backups, Error, Target, Watch};
use crate::clock::Timestamp;
use crate::meta::{Snapshot, StoredBlob};

/// Of so many days the last snapshot is kept.
const DAYS: usize = 14;

/// Blobs that are named because they lack; more say nothing new.
const NAMED: usize = 1000;

impl Backups {
    /// Writes a snapshot beside the blobs, then removes those that are too many.
    pub async fn take_snapshot(&self, target: &Target, watch: &Watch) -> Result<Manifest, Error> {
        let alone = Alone::take_for_snapshots(&self.config.storage.data)?;
        let instance = self.meta.instance().await?;
        claim(target, &instance).await?;
        let recipients = self
            .config
            .backup
            .recipients()
            .map_err(|error| Error::file("backup.recipients", error))?;
        let job = Job {
            backups: self,
            target,
            watch,
            scope: String::new(),
            recipients,
            scratch: alone.scratch()?,
            id: new_id(self.clock.now()),
        };
        let manifest = job.run_in_place(instance).await?;
        prune_snapshots(target, self.config.backup.keep_snapshots as usize).await?;
        Ok(manifest)
    }
}

impl Job<'_> {
    async fn run_in_place(&self, instance: String) -> Result<Manifest, Error> {
        self.watch.at("snapshot", 0, 0, 0)?;
        let path = self.scratch.file("database");
        let at = self.backups.clock.now();
        self.backups.meta.snapshot(&path).await?;
        let opened = path.clone();
        let (summary, damaged) = super::create::blocking(move || {
            let snapshot = Snapshot::open(&opened)?;
            Ok((snapshot.summary()?, snapshot.list_damaged()?))
        })
        .await?;
        let encrypted = !self.recipients.is_empty();
        let database = self.send_file(&path, "database", Form { compressed: true, encrypted });
        let database = database.await?;
        let key = self.send_key(encrypted).await?;
        let manifest = Manifest {
            form: FORM,
            id: self.id.clone(),
            at,
            berth: env!("CARGO_PKG_VERSION").to_owned(),
            instance,
            database,
            blobs: None,
            key,
            scope: String::new(),
            recipients: self.recipients.iter().map(ToString::to_string).collect(),
            summary,
            sent_blobs: 0,
            sent_bytes: 0,
            damaged,
        };
        manifest.write(self.target).await?;
        Ok(manifest)
    }
}

async fn prune_snapshots(target: &Target, latest: usize) -> Result<(), Error> {
    let (listed, strays) = target.list_all().await?;
    for name in strays {
        target.depot.delete(&name).await?;
    }
    let manifests: Vec<&Manifest> =
        listed.iter().filter_map(|listed| listed.manifest.as_ref().ok()).collect();
    let moments: Vec<Timestamp> = manifests.iter().map(|manifest| manifest.at).collect();
    let kept = kept(&moments, latest);
    for (_, manifest) in manifests.iter().enumerate().filter(|(index, _)| !kept.contains(index)) {
        prune::remove(manifest, target).await?;
    }
    Ok(())
}

/// Which of these moments, in their order, stay: the latest, and the last one of each of the last days that have any.
fn kept(moments: &[Timestamp], latest: usize) -> HashSet<usize> {
    let mut kept: HashSet<usize> =
        (moments.len().saturating_sub(latest.max(1))..moments.len()).collect();
    let day = |moment: &Timestamp| moment.as_seconds().div_euclid(86_400);
    let mut days = Vec::new();
    for (index, moment) in moments.iter().enumerate().rev() {
        if days.contains(&day(moment)) {
            continue;
        }
        if days.len() == DAYS {
            break;
        }
        days.push(day(moment));
        kept.insert(index);
    }
    kept
}

impl Target {
    /// What of these blobs is not where their rows say.
    pub(super) async fn lacks(&self, blobs: &[StoredBlob]) -> Result<Vec<String>, Error> {
        let Some(depot) = &self.blobs else { return Ok(Vec::new()) };
        let found: HashMap<String, u64> =
            depot.list("blobs/").await?.into_iter().map(|file| (file.name, file.size)).collect();
        let mut lacks = Vec::new();
        for StoredBlob { digest, size, location, .. } in blobs {
            let what = match found.get(location.as_str()) {
                Some(found) if found == size => continue,
                Some(found) => format!("its object has {found} bytes, not {size}"),
                None => "its object is not in the bucket any more".to_owned(),
            };
            if lacks.len() < NAMED {
                lacks.push(format!("{digest}: {what}"));
            }
        }
        Ok(lacks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_stay_and_one_for_each_day() {
        // Every six hours for thirty days.
        let moments: Vec<Timestamp> =
            (0..120).map(|number| Timestamp::from_millis(number * 6 * 3_600_000)).collect();
        let kept = kept(&moments, 5);
        assert!((115..120).all(|index| kept.contains(&index)));
        let mut older: Vec<usize> = kept.into_iter().filter(|index| *index < 115).collect();
        older.sort_unstable();
        // The last of the days 16 to 29; those of the last two are among the latest.
        let days: Vec<usize> = (16..=27).map(|day| day * 4 + 3).collect();
        assert_eq!(older, days);
    }

    #[test]
    fn of_few_all_stay() {
        let moments: Vec<Timestamp> = (0..3).map(Timestamp::from_millis).collect();
        assert_eq!(kept(&moments, 24).len(), 3);
        assert!(kept(&[], 24).is_empty());
    }
}
