//! Advisories: a file of its own for each source of them, and a row that says which file counts.
//!
//! A file is made whole before its row is written, and is never changed afterwards; what reads an older one goes on with
//! it. So an import either replaces all of a source or changes nothing.

use std::path::{Path, PathBuf};

use berth_advisories::{Advisory, Key};
use rusqlite::{Connection, OpenFlags};

use super::event::{self, Actor, EventKind, NewEvent};
use super::tx::{Row, Tx};
use super::{Error, Meta};
use crate::clock::Timestamp;

/// Where advisories come from, and what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdvisorySource {
    /// Its name, such as `debian`.
    pub name: String,
    /// The URL, or the file that somebody gave.
    pub origin: String,
    /// Its file, in the directory of advisories.
    pub file: String,
    /// Of all advisories when this came.
    pub generation: u64,
    /// How many there are.
    pub advisories: u64,
    /// Records that could not be used.
    pub skipped: u64,
    /// The size of its file.
    pub bytes: u64,
    /// What the server said that this version is called.
    pub etag: Option<String>,
    /// When it came.
    pub imported_at: Timestamp,
    /// Who brought it.
    pub imported_by: String,
}

fn read(row: &Row<'_>) -> Result<AdvisorySource, Error> {
    Ok(AdvisorySource {
        name: row.get("name")?,
        origin: row.get("origin")?,
        file: row.get("file")?,
        generation: row.get("generation")?,
        advisories: row.get("advisories")?,
        skipped: row.get("skipped")?,
        bytes: row.get("bytes")?,
        etag: row.get("etag")?,
        imported_at: row.get("imported_at")?,
        imported_by: row.get("imported_by")?,
    })
}

fn sources(tx: &mut Tx<'_>) -> Result<Vec<AdvisorySource>, Error> {
    tx.query(
        "SELECT name, origin, file, generation, advisories, skipped, bytes, etag, imported_at, imported_by
           FROM advisory_source
          ORDER BY name
          LIMIT 1000",
        (),
        read,
    )
}

fn generation(tx: &mut Tx<'_>) -> Result<u64, Error> {
    let found = tx.find("SELECT generation FROM advisory_head WHERE one = 1", (), |row| {
        row.get("generation")
    })?;
    Ok(found.unwrap_or(0))
}

fn next_generation(tx: &mut Tx<'_>) -> Result<u64, Error> {
    tx.execute("UPDATE advisory_head SET generation = generation + 1 WHERE one = 1", ())?;
    generation(tx)
}

impl Meta {
    /// All sources, and the generation of all that they have together.
    pub async fn list_advisory_sources(&self) -> Result<(u64, Vec<AdvisorySource>), Error> {
        self.db.read(|tx| Ok((generation(tx)?, sources(tx)?))).await
    }

    /// Puts a source in the place of what it had before; gives it as it counts now, and the file that does not any more.
    pub async fn replace_advisories(
        &self,
        source: AdvisorySource,
        by: &Actor,
    ) -> Result<(AdvisorySource, Option<String>), Error> {
        let (by, now) = (by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let known = sources(tx)?.into_iter().find(|known| known.name == source.name);
                let source = AdvisorySource {
                    generation: next_generation(tx)?,
                    imported_at: now,
                    imported_by: by.name.to_string(),
                    ..source
                };
                tx.execute("DELETE FROM advisory_source WHERE name = $1", (&source.name,))?;
                tx.execute(
                    "INSERT INTO advisory_source (name, origin, file, generation, advisories, skipped, bytes, etag, imported_at, imported_by)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                    (
                        &source.name,
                        &source.origin,
                        &source.file,
                        source.generation,
                        source.advisories,
                        source.skipped,
                        source.bytes,
                        &source.etag,
                        now,
                        &source.imported_by,
                    ),
                )?;
                let detail = serde_json::json!({
                    "origin": source.origin, "advisories": source.advisories, "skipped": source.skipped,
                    "generation": source.generation,
                });
                let event = NewEvent::about(EventKind::AdvisoryChange, &source.name).with(detail);
                event::append(tx, event, &by, now)?;
                Ok((source, known.map(|known| known.file)))
            })
            .await
    }

    /// Removes a source; gives its file.
    pub async fn remove_advisories(&self, name: &str, by: &Actor) -> Result<Option<String>, Error> {
        let (name, by, now) = (name.to_owned(), by.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                let known = sources(tx)?.into_iter().find(|known| known.name == name);
                let Some(known) = known else { return Ok(None) };
                tx.execute("DELETE FROM advisory_source WHERE name = $1", (&name,))?;
                let generation = next_generation(tx)?;
                let detail = serde_json::json!({ "removed": true, "generation": generation });
                let event = NewEvent::about(EventKind::AdvisoryChange, &name).with(detail);
                event::append(tx, event, &by, now)?;
                Ok(Some(known.file))
            })
            .await
    }
}

/// A file that is being made. All of this blocks.
#[derive(Debug)]
pub struct AdvisoryWriter {
    connection: Connection,
    path: PathBuf,
    advisories: u64,
}

impl AdvisoryWriter {
    /// Begins a file; one that is there already is replaced.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let _ = std::fs::remove_file(path);
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = OFF;
             PRAGMA synchronous = OFF;
             CREATE TABLE part (
                 ecosystem TEXT NOT NULL,
                 name      TEXT NOT NULL,
                 advisory  TEXT NOT NULL,
                 body      BLOB NOT NULL,
                 PRIMARY KEY (ecosystem, name, advisory)
             ) STRICT, WITHOUT ROWID;
             BEGIN",
        )?;
        Ok(Self { connection, path: path.to_owned(), advisories: 0 })
    }

    /// Adds an advisory. One that nothing can be looked up in counts, and takes no room.
    pub fn add(&mut self, advisory: Advisory) -> Result<(), Error> {
        let mut insert = self.connection.prepare_cached(
            "INSERT OR REPLACE INTO part (ecosystem, name, advisory, body) VALUES ($1, $2, $3, $4)",
        )?;
        self.advisories += 1;
        for (key, part) in advisory.split() {
            insert.execute((&key.ecosystem, &key.name, &part.id, part.to_bytes()))?;
        }
        Ok(())
    }

    /// Ends it: from now on it is durable. Gives how many advisories there are, and its size.
    pub fn finish(self) -> Result<(u64, u64), Error> {
        let Self { connection, path, advisories } = self;
        connection.execute_batch("COMMIT")?;
        connection.close().map_err(|(_, error)| error)?;
        let durable = || {
            let file = std::fs::File::open(&path)?;
            file.sync_all()?;
            if let Some(directory) = path.parent() {
                std::fs::File::open(directory)?.sync_all()?;
            }
            file.metadata().map(|metadata| metadata.len())
        };
        let bytes = durable().map_err(|source| Error::Directory { path: path.clone(), source })?;
        Ok((advisories, bytes))
    }
}

/// The files of all sources, opened. All of this blocks.
#[derive(Debug, Default)]
pub struct AdvisoryShelf {
    files: Vec<Connection>,
}

impl AdvisoryShelf {
    /// Opens them.
    pub fn open(directory: &Path, sources: &[AdvisorySource]) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = |source: &AdvisorySource| {
            Ok::<_, Error>(Connection::open_with_flags(directory.join(&source.file), flags)?)
        };
        Ok(Self { files: sources.iter().map(open).collect::<Result<_, _>>()? })
    }

    /// All that is known under a key.
    pub fn load(&self, key: &Key) -> Result<Vec<Advisory>, Error> {
        let mut found = Vec::new();
        for file in &self.files {
            let mut select = file.prepare_cached(
                "SELECT body FROM part WHERE ecosystem = $1 AND name = $2 LIMIT 20000",
            )?;
            let mut rows = select.query((&key.ecosystem, &key.name))?;
            while let Some(row) = rows.next()? {
                let body = row.get_ref(0)?.as_blob().unwrap_or_default().to_vec();
                let advisory = Advisory::from_bytes(&body).map_err(|error| Error::Corrupt {
                    column: "part.body".into(),
                    what: error.to_string(),
                })?;
                found.push(advisory);
            }
        }
        Ok(found)
    }

    /// How many packages of each ecosystem there are advisories about.
    pub fn ecosystems(&self) -> Result<Vec<(String, u64)>, Error> {
        let mut all = std::collections::BTreeMap::new();
        for file in &self.files {
            let mut select =
                file.prepare_cached("SELECT ecosystem, COUNT(*) FROM part GROUP BY ecosystem")?;
            let mut rows = select.query(())?;
            while let Some(row) = rows.next()? {
                let number = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
                *all.entry(row.get::<_, String>(0)?).or_insert(0) += number;
            }
        }
        Ok(all.into_iter().collect())
    }
}
