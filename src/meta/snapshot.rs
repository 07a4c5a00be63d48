//! A copy of the database as it was at one moment: what backups hold, and what a restore begins with.
//!
//! Everything here blocks, and looks at all rows: nobody else uses the copy.

use std::collections::HashSet;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::event::{self, Actor, EventKind, NewEvent};
use super::tx::Tx;
use super::{Error, Location, Meta, StoredBlob, migrate, sealed};
use crate::clock::Timestamp;
use crate::oci::Digest;
use crate::secret::Keyring;

/// Problems of one sort that are named; more say nothing new.
const NAMED: usize = 100;

/// A copy of the database that nobody serves.
#[derive(Debug)]
pub struct Snapshot {
    connection: Connection,
    path: PathBuf,
}

/// What a snapshot holds.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Summary {
    /// The version of the schema.
    pub schema: i64,
    /// The last event.
    pub event: u64,
    /// Repositories.
    pub repositories: u64,
    /// Tags.
    pub tags: u64,
    /// Manifests.
    pub manifests: u64,
    /// Blobs.
    pub blobs: u64,
    /// Bytes of them.
    pub blob_bytes: u64,
}

/// What is wrong in a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphCheck {
    /// It is not what Berth wrote.
    pub problems: Vec<String>,
    /// The registry itself was so: an index without one of its manifests, a blob that somebody deleted by force.
    pub notes: Vec<String>,
}

impl Meta {
    /// Writes a snapshot into a file that only its owner can read. Pushes and pulls go on meanwhile.
    pub async fn snapshot(&self, path: &Path) -> Result<(), Error> {
        let made = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path);
        made.map_err(|source| Error::Directory { path: path.to_owned(), source })?;
        self.db.copy_to(path.to_owned()).await
    }
}

impl Snapshot {
    /// Opens a snapshot, to be looked at and to be made ready.
    ///
    /// # Errors
    /// If it is no database of Berth's, or a later version's.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let connection = Connection::open(path)?;
        // Nothing of it is to be kept if the machine stops in between.
        connection.pragma_update(None, "journal_mode", "MEMORY")?;
        let snapshot = Self { connection, path: path.to_owned() };
        let (found, known) = (snapshot.schema()?, migrate::latest());
        if found > known {
            return Err(Error::NewerSchema { path: path.to_owned(), found, known });
        }
        Ok(snapshot)
    }

    /// Opens a database that may be served meanwhile, to be looked at alone.
    ///
    /// # Errors
    /// As [`Snapshot::open`].
    pub fn look(path: &Path) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        let snapshot = Self { connection, path: path.to_owned() };
        let (found, known) = (snapshot.schema()?, migrate::latest());
        if found > known {
            return Err(Error::NewerSchema { path: path.to_owned(), found, known });
        }
        Ok(snapshot)
    }

    /// When something last happened.
    pub fn last_event_at(&self) -> Result<Option<Timestamp>, Error> {
        let at = self.connection.query_row(
            "SELECT max(at) FROM (SELECT at FROM event ORDER BY id DESC LIMIT 1)",
            (),
            |row| row.get::<_, Option<i64>>(0),
        );
        Ok(at?.map(Timestamp::from_millis))
    }

    fn schema(&self) -> Result<i64, Error> {
        Ok(self.count("SELECT coalesce(max(version), 0) FROM migration")?)
    }

    fn count(&self, sql: &str) -> rusqlite::Result<i64> {
        self.connection.query_row(sql, (), |row| row.get(0))
    }

    /// What it holds.
    pub fn summary(&self) -> Result<Summary, Error> {
        let count =
            |sql: &str| -> Result<u64, Error> { Ok(u64::try_from(self.count(sql)?).unwrap_or(0)) };
        Ok(Summary {
            schema: self.schema()?,
            event: count("SELECT coalesce(max(id), 0) FROM event_head")?,
            repositories: count("SELECT count(*) FROM repository")?,
            tags: count("SELECT count(*) FROM tag")?,
            manifests: count("SELECT count(*) FROM manifest")?,
            blobs: count("SELECT count(*) FROM blob")?,
            blob_bytes: count("SELECT coalesce(sum(size), 0) FROM blob")?,
        })
    }

    /// The blobs whose digests begin so, such as `sha256:ab`.
    pub fn list_blobs(&self, prefix: &str) -> Result<Vec<StoredBlob>, Error> {
        let keys = Keyring::random();
        Tx::new(&self.connection, &keys).query(
            "SELECT digest, size, location
               FROM blob
              WHERE digest >= $1
                AND digest < $2
              ORDER BY digest",
            // `g` is behind every hexadecimal digit.
            (prefix, &*format!("{prefix}g")),
            |row| {
                Ok(StoredBlob {
                    digest: row.get("digest")?,
                    size: row.get("size")?,
                    location: row.get("location")?,
                    loose_since: None,
                    is_damaged: false,
                })
            },
        )
    }

    /// All of its blobs.
    pub fn list_all_blobs(&self) -> Result<Vec<StoredBlob>, Error> {
        let mut blobs = self.list_blobs("sha256:")?;
        blobs.extend(self.list_blobs("sha512:")?);
        Ok(blobs)
    }

    /// Whether the keys open what is sealed in it; one without secrets is opened by any.
    pub fn opens_with(&self, keys: Option<&Keyring>) -> Result<bool, Error> {
        let sealed: Option<Vec<u8>> = self
            .connection
            .query_row("SELECT sealed FROM seal_check WHERE one = 1", (), |row| row.get(0))
            .optional()?;
        Ok(match (sealed, keys) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(sealed), Some(keys)) => keys.open("seal_check", &sealed).is_ok(),
        })
    }

    /// Looks at everything: whether SQLite finds it whole, whether manifests are what their digests say, and whether what
    /// tags and manifests refer to is there.
    pub fn check(&self) -> Result<GraphCheck, Error> {
        let mut found = GraphCheck::default();
        let mut statement = self.connection.prepare("PRAGMA quick_check(20)")?;
        let lines = statement.query_map((), |row| row.get::<_, String>(0))?;
        for line in lines.take(NAMED) {
            match line {
                Ok(line) if line == "ok" => {}
                Ok(line) => found.problems.push(format!("the database is damaged: {line}")),
                Err(error) => {
                    found.problems.push(format!("the database is damaged: {error}"));
                    return Ok(found);
                }
            }
        }
        found.problems.extend(self.name(
            "SELECT \"table\" || ' ' || coalesce(rowid, '') || ' refers to ' || parent || ', where it is not' FROM pragma_foreign_key_check LIMIT 100",
        )?);
        found.problems.extend(self.name(
            "SELECT 'the tag ' || repository.name || ':' || tag.name || ' points at a manifest that is not in its repository'
               FROM tag
               JOIN repository ON repository.id = tag.repository_id
               LEFT JOIN repository_manifest AS owned ON owned.repository_id = tag.repository_id
                                                     AND owned.manifest_id = tag.manifest_id
              WHERE owned.manifest_id IS NULL
              LIMIT 100",
        )?);
        found.notes.extend(self.name(
            "SELECT DISTINCT repository.name || '@' || manifest.digest || ' needs the blob ' || reference.child || ', which the repository does not have'
               FROM repository_manifest AS owned
               JOIN repository ON repository.id = owned.repository_id
               JOIN manifest ON manifest.id = owned.manifest_id
               JOIN manifest_reference AS reference ON reference.parent_id = owned.manifest_id
               LEFT JOIN blob ON blob.digest = reference.child
               LEFT JOIN repository_blob AS linked ON linked.blob_id = blob.id
                                                  AND linked.repository_id = owned.repository_id
              WHERE reference.kind IN ('config', 'layer')
                AND linked.blob_id IS NULL
              LIMIT 100",
        )?);
        found.notes.extend(self.name(
            "SELECT DISTINCT repository.name || '@' || parent.digest || ' lists the manifest ' || reference.child || ', which the repository does not have'
               FROM repository_manifest AS owned
               JOIN repository ON repository.id = owned.repository_id
               JOIN manifest AS parent ON parent.id = owned.manifest_id
               JOIN manifest_reference AS reference ON reference.parent_id = owned.manifest_id
               LEFT JOIN manifest AS child ON child.digest = reference.child
               LEFT JOIN repository_manifest AS beside ON beside.manifest_id = child.id
                                                      AND beside.repository_id = owned.repository_id
              WHERE reference.kind = 'manifest'
                AND beside.manifest_id IS NULL
              LIMIT 100",
        )?);
        self.check_bodies(&mut found)?;
        Ok(found)
    }

    /// Whether it is of a version that knows of damaged blobs.
    fn knows_damage(&self) -> Result<bool, Error> {
        let sql = "SELECT count(*) FROM sqlite_master WHERE name = 'damaged_blob'";
        Ok(self.count(sql)? > 0)
    }

    /// Blobs that the registry knew to be missing or damaged.
    pub fn list_damaged(&self) -> Result<Vec<Digest>, Error> {
        if !self.knows_damage()? {
            return Ok(Vec::new());
        }
        let keys = Keyring::random();
        Tx::new(&self.connection, &keys).query(
            "SELECT blob.digest
               FROM damaged_blob
               JOIN blob ON blob.id = damaged_blob.blob_id
              ORDER BY blob.digest",
            (),
            |row| row.get("digest"),
        )
    }

    fn name(&self, sql: &str) -> Result<Vec<String>, Error> {
        let mut statement = self.connection.prepare(sql)?;
        let lines = statement.query_map((), |row| row.get(0))?;
        Ok(lines.collect::<Result<_, _>>()?)
    }

    fn check_bodies(&self, found: &mut GraphCheck) -> Result<(), Error> {
        let mut statement = self.connection.prepare("SELECT digest, body FROM manifest")?;
        let mut rows = statement.query(())?;
        let mut damaged = 0;
        while let Some(row) = rows.next()? {
            let (digest, body): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let is_whole = digest
                .parse::<Digest>()
                .is_ok_and(|digest| digest.algorithm().digest(&body) == digest);
            if !is_whole {
                damaged += 1;
                if damaged <= NAMED {
                    found.problems.push(format!("the manifest {digest} is damaged"));
                }
            }
        }
        Ok(())
    }

    /// Makes it ready to be served elsewhere: blobs are where they were put, and those that were not brought are known to be
    /// missing, so that the next push mends them. Uploads that were under way are forgotten, as their bytes are not in the
    /// backup.
    pub fn settle_elsewhere(
        &self,
        moved: &[(Digest, Location)],
        now: Timestamp,
    ) -> Result<(), Error> {
        let transaction = self.connection.unchecked_transaction()?;
        {
            let mut statement =
                transaction.prepare("UPDATE blob SET location = $1 WHERE digest = $2")?;
            for (digest, location) in moved {
                statement.execute((location.as_str(), digest.as_str()))?;
            }
        }
        if self.knows_damage()? {
            // What was brought was compared with its digest on the way.
            transaction.execute("DELETE FROM damaged_blob", ())?;
            let whole: HashSet<&str> = moved.iter().map(|(digest, _)| digest.as_str()).collect();
            let mut blobs = transaction.prepare("SELECT id, digest FROM blob")?;
            let mut mark = transaction.prepare(
                "INSERT INTO damaged_blob (blob_id, reason, found_at) VALUES ($1, 'missing', $2)",
            )?;
            let mut rows = blobs.query(())?;
            while let Some(row) = rows.next()? {
                if !whole.contains(row.get_ref(1)?.as_str().unwrap_or_default()) {
                    mark.execute((row.get::<_, i64>(0)?, now.as_millis()))?;
                }
            }
        }
        transaction.execute("DELETE FROM upload", ())?;
        transaction.execute("DELETE FROM blob_hold", ())?;
        Ok(transaction.commit()?)
    }

    /// Makes it ready to be served where its blobs are already. Uploads that were under way have their bytes there, too, and
    /// go on or expire.
    pub fn settle_in_place(&self) -> Result<(), Error> {
        self.connection.execute("DELETE FROM blob_hold", ())?;
        Ok(())
    }

    /// Forgets every secret that needs the key file: the keys that sign tokens, and what webhooks, providers and directories
    /// log in with. What cannot work without its own is disabled.
    pub fn forget_secrets(&self) -> Result<(), Error> {
        let transaction = self.connection.unchecked_transaction()?;
        let keys = Keyring::random();
        sealed::forget(&mut Tx::new(&self.connection, &keys))?;
        Ok(transaction.commit()?)
    }

    /// Writes down that this is a restored registry, as an event under its keys.
    pub fn note_restore(
        &self,
        keys: &Keyring,
        what: &str,
        at: Timestamp,
        detail: serde_json::Value,
    ) -> Result<(), Error> {
        let transaction = self.connection.unchecked_transaction()?;
        let event = NewEvent::about(EventKind::BackupRestore, what).with(detail);
        event::append(
            &mut Tx::new(&self.connection, keys),
            event,
            &Actor::internal("restore"),
            at,
        )?;
        Ok(transaction.commit()?)
    }

    /// Closes it, and makes it durable.
    pub fn close(self) -> Result<(), Error> {
        let Self { connection, path } = self;
        connection.close().map_err(|(_, error)| error)?;
        let synced = std::fs::File::open(&path).and_then(|file| file.sync_all());
        synced.map_err(|source| Error::Directory { path, source })
    }
}
