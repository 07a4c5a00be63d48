//! Schema versions: numbered SQL files, forward only, each in one transaction.

use std::path::Path;

use rusqlite::Connection;

use super::Error;
use crate::oci::Algorithm;

const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("migrations/0001_initial.sql")),
    (2, include_str!("migrations/0002_access.sql")),
    (3, include_str!("migrations/0003_trust.sql")),
    (4, include_str!("migrations/0004_directory.sql")),
    (5, include_str!("migrations/0005_jobs.sql")),
    (6, include_str!("migrations/0006_plugin.sql")),
    (7, include_str!("migrations/0007_installed_plugin.sql")),
    (8, include_str!("migrations/0008_scan.sql")),
    (9, include_str!("migrations/0009_replication.sql")),
    (10, include_str!("migrations/0010_lock.sql")),
    (11, include_str!("migrations/0011_retention.sql")),
    (12, include_str!("migrations/0012_web.sql")),
    (13, include_str!("migrations/0013_upkeep.sql")),
    (14, include_str!("migrations/0014_backup.sql")),
    (15, include_str!("migrations/0015_quota.sql")),
    (16, include_str!("migrations/0016_scrub.sql")),
];

/// The latest schema that this program knows.
pub(super) fn latest() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, _)| *version)
}

/// Brings the database up to this program's schema. Before a database that holds anything is changed, a copy of it is
/// laid beside it (`berth.db.before-2`).
pub(super) fn migrate(connection: &mut Connection, path: &Path, now: i64) -> Result<(), Error> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration (
             version    INTEGER PRIMARY KEY,
             digest     TEXT    NOT NULL,
             applied_at INTEGER NOT NULL
         ) STRICT",
    )?;
    let applied: Vec<(i64, String)> = connection
        .prepare("SELECT version, digest FROM migration ORDER BY version")?
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let known = latest();
    if let Some((found, _)) = applied.last().filter(|(found, _)| *found > known) {
        return Err(Error::NewerSchema { path: path.to_owned(), found: *found, known });
    }
    for (version, sql) in MIGRATIONS {
        let digest = Algorithm::Sha256.digest(sql.as_bytes());
        if let Some((_, seen)) = applied.iter().find(|(seen, _)| seen == version) {
            if seen != digest.as_str() {
                return Err(Error::ChangedMigration { path: path.to_owned(), version: *version });
            }
            continue;
        }
        if !applied.is_empty() {
            let copy = path.with_extension(format!("db.before-{version}"));
            if !copy.exists() {
                connection.execute("VACUUM INTO $1", [copy.to_string_lossy()])?;
            }
        }
        let tx = connection.transaction()?;
        tx.execute_batch(sql)?;
        tx.execute(
            "INSERT INTO migration (version, digest, applied_at) VALUES ($1, $2, $3)",
            (version, digest.as_str(), now),
        )?;
        tx.commit()?;
    }
    Ok(())
}
