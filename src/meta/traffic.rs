//! How much is pulled and pushed, and how storage grows: by day, kept for good.
//!
//! Pulls are counted in memory and written every second, so that none of them waits for the disk.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::repository::RepositoryId;
use super::tx::Tx;
use super::{Error, Meta};
use crate::clock::Timestamp;
use crate::oci::RepositoryName;

const DAY_MILLIS: i64 = 86_400_000;

/// Pulls that are not written down yet: how many, and when the last one was.
#[derive(Debug, Default)]
pub(super) struct Pulls(Mutex<HashMap<RepositoryName, (u64, Timestamp)>>);

/// Pulls and pushes of one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayOfTraffic {
    /// Its first moment, in UTC.
    pub day: Timestamp,
    /// Manifests that were pulled.
    pub pulls: u64,
    /// Manifests that were pushed.
    pub pushes: u64,
}

/// How much there was at the end of a day, or is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayOfGrowth {
    /// When it was counted.
    pub at: Timestamp,
    /// Blobs, each counted once.
    pub blobs: u64,
    /// Their bytes.
    pub blob_bytes: u64,
    /// Repositories.
    pub repositories: u64,
    /// Manifests of all repositories.
    pub manifests: u64,
    /// Tags of all repositories.
    pub tags: u64,
}

fn day_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(DAY_MILLIS)
}

fn first_moment(day: i64) -> Timestamp {
    Timestamp::from_millis(day.saturating_mul(DAY_MILLIS))
}

/// Counts a push of a manifest.
pub(super) fn count_push(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    now: Timestamp,
) -> Result<(), Error> {
    tx.execute("UPDATE repository SET pushed_at = $1 WHERE id = $2", (now, repository))?;
    tx.execute(
        "INSERT INTO traffic (repository_id, day, pushes)
         VALUES ($1, $2, 1)
             ON CONFLICT (repository_id, day) DO UPDATE SET pushes = pushes + 1",
        (repository, day_of(now)),
    )
    .map(drop)
}

fn count_pulls(
    tx: &mut Tx<'_>,
    name: &RepositoryName,
    pulls: u64,
    at: Timestamp,
) -> Result<(), Error> {
    let Some(repository) = super::repository::find(tx, name)? else { return Ok(()) };
    tx.execute("UPDATE repository SET pulled_at = $1 WHERE id = $2", (at, repository))?;
    tx.execute(
        "INSERT INTO traffic (repository_id, day, pulls)
         VALUES ($1, $2, $3)
             ON CONFLICT (repository_id, day) DO UPDATE SET pulls = pulls + excluded.pulls",
        (repository, day_of(at), pulls),
    )
    .map(drop)
}

impl Meta {
    /// Counts a pull of a manifest, without waiting.
    pub fn note_pull(&self, name: &RepositoryName) {
        let now = self.clock.now();
        let mut pulls = self.pulls.0.lock();
        match pulls.get_mut(name) {
            Some((count, last)) => (*count, *last) = (*count + 1, now),
            None => drop(pulls.insert(name.clone(), (1, now))),
        }
    }

    /// Writes the pulls down that were counted since the last time.
    pub fn flush_pulls(&self) {
        let pulls = std::mem::take(&mut *self.pulls.0.lock());
        if pulls.is_empty() {
            return;
        }
        self.db.write_behind(move |tx| {
            pulls.iter().try_for_each(|(name, (count, at))| count_pulls(tx, name, *count, *at))
        });
    }

    /// Pulls and pushes of each day since `since` on which there were any, the earliest first: of one repository, or of
    /// all.
    pub async fn list_traffic(
        &self,
        of: Option<RepositoryName>,
        since: Timestamp,
    ) -> Result<Vec<DayOfTraffic>, Error> {
        let since = day_of(since);
        self.db
            .read(move |tx| {
                tx.query(
                    "SELECT traffic.day, sum(traffic.pulls) AS pulls, sum(traffic.pushes) AS pushes
                       FROM traffic
                       JOIN repository ON repository.id = traffic.repository_id
                      WHERE traffic.day >= $1
                        AND ($2 IS NULL OR repository.name = $2)
                      GROUP BY traffic.day
                      ORDER BY traffic.day",
                    (since, &of),
                    |row| {
                        Ok(DayOfTraffic {
                            day: first_moment(row.get("day")?),
                            pulls: row.get("pulls")?,
                            pushes: row.get("pushes")?,
                        })
                    },
                )
            })
            .await
    }

    /// Counts what there is, as what this day ends with. It reads the sizes of all blobs: for the worker, not for a
    /// request.
    pub async fn note_growth(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let counted = self
            .db
            .read(move |tx| {
                let blobs = tx.find(
                    "SELECT count(*) AS blobs, coalesce(sum(size), 0) AS bytes FROM blob",
                    (),
                    |row| Ok((row.get::<u64>("blobs")?, row.get::<u64>("bytes")?)),
                )?;
                let rest = tx.find(
                    "SELECT count(*) AS repositories, coalesce(sum(manifests), 0) AS manifests, coalesce(sum(tags), 0) AS tags
                       FROM repository",
                    (),
                    |row| {
                        Ok((
                            row.get::<u64>("repositories")?,
                            row.get::<u64>("manifests")?,
                            row.get::<u64>("tags")?,
                        ))
                    },
                )?;
                Ok((blobs.unwrap_or_default(), rest.unwrap_or_default()))
            })
            .await?;
        let ((blobs, bytes), (repositories, manifests, tags)) = counted;
        self.db
            .write(move |tx| {
                tx.execute(
                    "INSERT INTO growth (day, at, blobs, blob_bytes, repositories, manifests, tags)
                     VALUES ($1, $2, $3, $4, $5, $6, $7)
                         ON CONFLICT (day) DO UPDATE
                        SET at = excluded.at, blobs = excluded.blobs, blob_bytes = excluded.blob_bytes,
                            repositories = excluded.repositories, manifests = excluded.manifests, tags = excluded.tags",
                    (day_of(now), now, blobs, bytes, repositories, manifests, tags),
                )
                .map(drop)
            })
            .await
    }

    /// What was counted on each day since `since`, the earliest first.
    pub async fn list_growth(&self, since: Timestamp) -> Result<Vec<DayOfGrowth>, Error> {
        let since = day_of(since);
        self.db
            .read(move |tx| {
                tx.query(
                    "SELECT at, blobs, blob_bytes, repositories, manifests, tags
                       FROM growth
                      WHERE day >= $1
                      ORDER BY day",
                    (since,),
                    |row| {
                        Ok(DayOfGrowth {
                            at: row.get("at")?,
                            blobs: row.get("blobs")?,
                            blob_bytes: row.get("blob_bytes")?,
                            repositories: row.get("repositories")?,
                            manifests: row.get("manifests")?,
                            tags: row.get("tags")?,
                        })
                    },
                )
            })
            .await
    }
}
