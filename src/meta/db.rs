//! The database's threads: one that writes, and readers.
//!
//! The writer takes what is queued, runs each transaction in a savepoint, commits them together with one fsync, raises
//! the epochs of what they touched, and only then answers: what was acknowledged is durable (I1), and no cache gives
//! what was true before (see [`super::cache`]).

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Semaphore, oneshot};

use super::cache::Epochs;
use super::tx::Tx;
use super::{Error, keys, migrate};
use crate::secret::Keyring;

/// A transaction is never larger than this many queued changes, so that the first one does not wait for ever.
const LARGEST_GROUP: usize = 512;

/// A change that nobody waits for is committed with the next one that somebody does, or after this long: a commit of its
/// own would be a sync that gains nothing.
const BEHIND: Duration = Duration::from_millis(10);

/// What a change overwrites is kept in memory, to be undone by itself, up to this many bytes, and in a file from there on.
///
/// SQLite moves it to that file in pieces of this size, and writes 128 KiB less one byte at most at once: of larger ones it
/// says that the disk is full.
const UNDO_BYTES: i32 = 127 << 10;

/// How soon a change by another process, such as `berth user add`, is noticed.
const FOREIGN_CHANGES: Duration = Duration::from_millis(200);

/// Answers whoever waits for a change: with the failure given, or with what the change itself came to.
type Settle = Box<dyn FnOnce(Option<Error>) + Send>;

/// A queued change and who waits for it.
trait Change: Send {
    /// Runs it; `Ok` still has to be committed before it is settled, `Err` has failed by itself.
    fn run(self: Box<Self>, tx: &mut Tx<'_>) -> Result<Settle, Failed>;

    /// Answers without having run it.
    fn refuse(self: Box<Self>, error: Error);
}

/// What the writer is told.
enum Message {
    Change(Box<dyn Change>),
    /// A change that nobody waits for.
    Behind(Box<dyn Change>),
    Close(oneshot::Sender<()>),
}

/// A change that has failed by itself.
struct Failed {
    settle: Settle,
    /// For want of space, which is then what the others of its group failed for.
    is_full: bool,
}

struct Queued<C, A> {
    change: C,
    answer: A,
}

impl<T, C, A> Change for Queued<C, A>
where
    T: Send + 'static,
    C: FnOnce(&mut Tx<'_>) -> Result<T, Error> + Send,
    A: FnOnce(Result<T, Error>) + Send + 'static,
{
    fn run(self: Box<Self>, tx: &mut Tx<'_>) -> Result<Settle, Failed> {
        let Self { change, answer } = *self;
        match change(tx) {
            Ok(value) => Ok(Box::new(move |failure| answer(failure.map_or(Ok(value), Err)))),
            Err(error) => Err(Failed {
                is_full: matches!(error, Error::Full),
                settle: Box::new(move |failure| answer(Err(failure.unwrap_or(error)))),
            }),
        }
    }

    fn refuse(self: Box<Self>, error: Error) {
        (self.answer)(Err(error));
    }
}

/// A handle of the database; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Db {
    queue: Sender<Message>,
    readers: Arc<Readers>,
    pub(super) epochs: Arc<Epochs>,
    pub(super) stats: Arc<Stats>,
    keys: Arc<Keyring>,
}

/// Figures of the writer, since the start.
#[derive(Debug, Default)]
pub struct Stats {
    /// Transactions committed.
    pub changes: AtomicU64,
    /// Commits, each of one group of transactions.
    pub commits: AtomicU64,
    /// Microseconds spent in commits.
    pub commit_micros: AtomicU64,
}

#[derive(Debug)]
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Db {
    /// Opens or makes the database at `path`, with the keys that its secrets are sealed with, and starts its writer.
    pub(super) fn open(path: &Path, key_file: &Path, now: i64) -> Result<Self, Error> {
        keep_undo_in_memory();
        let mut connection = Connection::open(path)?;
        prepare(&connection)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        migrate::migrate(&mut connection, path, now)?;
        let keys = Arc::new(keys::load(&connection, key_file)?);
        let (queue, changes) = channel();
        let epochs = Arc::new(Epochs::new());
        let stats = Arc::new(Stats::default());
        let writer = Writer {
            connection,
            epochs: Arc::clone(&epochs),
            stats: Arc::clone(&stats),
            keys: Arc::clone(&keys),
            foreign: 0,
        };
        std::thread::Builder::new()
            .name("berth-writer".into())
            .spawn(move || writer.run(&changes))
            .map_err(|source| Error::Directory { path: path.to_owned(), source })?;
        let readers = Readers {
            path: path.to_owned(),
            idle: Mutex::new(Vec::new()),
            permits: Arc::new(Semaphore::new(
                std::thread::available_parallelism().map_or(4, |cores| cores.get().max(4)),
            )),
        };
        Ok(Self { queue, readers: Arc::new(readers), epochs, stats, keys })
    }

    /// What its secrets are sealed with.
    pub(super) fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// Runs `change` in a transaction and waits until it is durable. Dropping the future abandons the answer, not the
    /// change.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, wait) = oneshot::channel();
        let answer = move |result| drop(answer.send(result));
        self.enqueue(Message::Change(Box::new(Queued { change, answer })))?;
        wait.await.map_err(|_| Error::Closed)?
    }

    /// Queues `change` and does not wait: for what may be lost in the last milliseconds before a crash.
    pub(super) fn write_behind(
        &self,
        change: impl FnOnce(&mut Tx<'_>) -> Result<(), Error> + Send + 'static,
    ) {
        let report = |result: Result<(), Error>| {
            if let Err(error) = result {
                tracing::error!(%error, "a change that nobody waited for was lost: {error}");
            }
        };
        let change = Box::new(Queued { change, answer: report });
        if let Err(error) = self.enqueue(Message::Behind(change)) {
            tracing::error!(%error, "a change that nobody waited for was lost: {error}");
        }
    }

    fn enqueue(&self, message: Message) -> Result<(), Error> {
        self.queue.send(message).map_err(|_| Error::Closed)
    }

    /// Waits for what is queued, and closes every connection. Later changes fail with [`Error::Closed`].
    pub(super) async fn close(&self) {
        self.readers.permits.close();
        self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let (closed, wait) = oneshot::channel();
        if self.queue.send(Message::Close(closed)).is_ok() {
            let _ = wait.await;
        }
    }

    /// Runs `read` on a reader's connection, in one snapshot, off the executor's threads.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (readers, keys) = (Arc::clone(&self.readers), Arc::clone(&self.keys));
        let permit = Arc::clone(&self.readers.permits);
        let permit = permit.acquire_owned().await.map_err(|_| Error::Closed)?;
        let run = move || {
            // Held until the work is done, not until somebody stops waiting for it.
            let _permit = permit;
            let connection = readers.take()?;
            connection.execute_batch("BEGIN")?;
            let result = read(&mut Tx::new(&connection, &keys));
            connection.execute_batch("COMMIT")?;
            readers.give_back(connection);
            result
        };
        tokio::task::spawn_blocking(run).await.map_err(|_| Error::Closed)?
    }
}

impl Readers {
    fn take(&self) -> Result<Connection, Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(connection) => Ok(connection),
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = Connection::open_with_flags(&self.path, flags)?;
                prepare(&connection)?;
                Ok(connection)
            }
        }
    }

    fn give_back(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

/// By default SQLite keeps 64 KiB of what a savepoint overwrites in memory, which the push of one manifest exceeds.
#[expect(
    unsafe_code,
    reason = "a setting of the whole process, for which the driver has no function"
)]
fn keep_undo_in_memory() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // SAFETY: no other thread uses SQLite yet, as every use of it begins with `Db::open`; if one did, SQLite would
        // refuse the setting and go on with the default.
        let result = unsafe {
            rusqlite::ffi::sqlite3_config(rusqlite::ffi::SQLITE_CONFIG_STMTJRNL_SPILL, UNDO_BYTES)
        };
        if result != rusqlite::ffi::SQLITE_OK {
            tracing::debug!(result, "SQLite keeps its own limit of what it undoes in memory");
        }
    });
}

fn prepare(connection: &Connection) -> Result<(), Error> {
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

/// Why no more changes are waited for.
enum Ending {
    Enough,
    Close(oneshot::Sender<()>),
    Disconnected,
}

/// Waits for changes until there is one that somebody waits for, or until those that nobody waits for have rested long
/// enough.
fn gather(group: &mut VecDeque<Box<dyn Change>>, changes: &Receiver<Message>) -> Ending {
    if !group.is_empty() {
        return Ending::Enough;
    }
    let mut deadline = Instant::now() + FOREIGN_CHANGES;
    loop {
        match changes.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Message::Change(change)) => {
                group.push_back(change);
                return Ending::Enough;
            }
            Ok(Message::Behind(change)) => {
                if group.is_empty() {
                    deadline = Instant::now() + BEHIND;
                }
                group.push_back(change);
                if group.len() >= LARGEST_GROUP {
                    return Ending::Enough;
                }
            }
            Ok(Message::Close(closed)) => return Ending::Close(closed),
            Err(RecvTimeoutError::Timeout) => return Ending::Enough,
            Err(RecvTimeoutError::Disconnected) => return Ending::Disconnected,
        }
    }
}

struct Writer {
    connection: Connection,
    epochs: Arc<Epochs>,
    stats: Arc<Stats>,
    keys: Arc<Keyring>,
    /// SQLite's `data_version`: it moves when another process commits.
    foreign: i64,
}

impl Writer {
    fn run(mut self, changes: &Receiver<Message>) {
        let mut group = VecDeque::new();
        loop {
            let ending = gather(&mut group, changes);
            self.notice_foreign_changes();
            let closing = match ending {
                Ending::Disconnected if group.is_empty() => return,
                Ending::Close(closed) => Some(closed),
                Ending::Disconnected | Ending::Enough => None,
            };
            let closing = self.commit_group(&mut group, changes).or(closing);
            if let Some(closed) = closing {
                while !group.is_empty() {
                    self.commit_group(&mut group, changes);
                }
                return self.close(closed);
            }
        }
    }

    /// Leaves one file behind instead of three, and no queued change undone.
    fn close(self, closed: oneshot::Sender<()>) {
        drop(self.connection);
        let _ = closed.send(());
    }

    fn notice_foreign_changes(&mut self) {
        let version = self
            .connection
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row((), |row| row.get(0)))
            .unwrap_or(self.foreign);
        if version != self.foreign {
            self.foreign = version;
            self.epochs.raise_all();
        }
    }

    /// Runs `group` and what is queued behind it as one transaction; returns the wish to close, if that came up. What is
    /// left in `group` comes next.
    fn commit_group(
        &mut self,
        group: &mut VecDeque<Box<dyn Change>>,
        changes: &Receiver<Message>,
    ) -> Option<oneshot::Sender<()>> {
        let first = group.pop_front()?;
        let mut committing: Vec<Settle> = Vec::new();
        let mut touched = Vec::new();
        if let Err(error) = self.sql("BEGIN IMMEDIATE") {
            first.refuse(error);
            return None;
        }
        let mut next = Some(first);
        let mut failed: Vec<Settle> = Vec::new();
        let mut aborted = None;
        let mut closing = None;
        while let Some(change) = next.take() {
            match self.run_one(change) {
                Ok((settle, stripes)) => {
                    committing.push(settle);
                    touched.extend(stripes);
                }
                Err(failure) => {
                    failed.push(failure.settle);
                    // SQLite rolls a whole transaction back when the disk is full or an I/O operation fails.
                    if self.connection.is_autocommit() {
                        let what = "another change of the same group could not be undone by itself";
                        let full = failure.is_full;
                        aborted = Some(if full { Error::Full } else { Error::Group(what.into()) });
                        break;
                    }
                }
            }
            if committing.len() + failed.len() < LARGEST_GROUP {
                next = group.pop_front();
                if next.is_none() && closing.is_none() {
                    match changes.try_recv() {
                        Ok(Message::Change(change) | Message::Behind(change)) => {
                            next = Some(change);
                        }
                        Ok(Message::Close(closed)) => closing = Some(closed),
                        Err(_) => {}
                    }
                }
            }
        }
        let committed = aborted.map_or_else(|| self.commit(committing.len()), Err);
        match committed {
            Ok(()) => {
                touched.into_iter().for_each(|stripe| self.epochs.raise(stripe));
                committing.into_iter().for_each(|settle| settle(None));
            }
            Err(error) => {
                tracing::error!(%error, changes = committing.len(), "a group of changes could not be committed: {error}");
                let again = || match &error {
                    Error::Full => Error::Full,
                    Error::Busy => Error::Busy,
                    other => Error::Group(other.to_string()),
                };
                committing.into_iter().for_each(|settle| settle(Some(again())));
            }
        }
        failed.into_iter().for_each(|settle| settle(None));
        closing
    }

    /// Runs a change in a savepoint; says what it touched. Whatever cannot be undone by itself undoes the whole group.
    fn run_one(&self, change: Box<dyn Change>) -> Result<(Settle, Vec<usize>), Failed> {
        if let Err(error) = self.sql("SAVEPOINT change") {
            let is_full = matches!(error, Error::Full);
            return Err(Failed { settle: Box::new(move |_| change.refuse(error)), is_full });
        }
        let mut tx = Tx::new(&self.connection, &self.keys);
        // A change that panics is rolled back and refused; the writer lives on.
        let run = AssertUnwindSafe(|| change.run(&mut tx));
        let result = catch_unwind(run).unwrap_or_else(|_| {
            tracing::error!("a change panicked and was rolled back");
            Err(Failed { settle: Box::new(|_| {}), is_full: false })
        });
        let stripes = tx.into_touched();
        match result {
            Ok(settle) => match self.sql("RELEASE change") {
                Ok(()) => Ok((settle, stripes)),
                Err(error) => {
                    self.undo_all();
                    let is_full = matches!(error, Error::Full);
                    Err(Failed { settle: Box::new(move |_| settle(Some(error))), is_full })
                }
            },
            Err(failure) => {
                let undone =
                    self.sql("ROLLBACK TO change").and_then(|()| self.sql("RELEASE change"));
                if undone.is_err() {
                    self.undo_all();
                }
                Err(failure)
            }
        }
    }

    fn undo_all(&self) {
        if !self.connection.is_autocommit() {
            drop(self.sql("ROLLBACK"));
        }
    }

    fn commit(&self, changes: usize) -> Result<(), Error> {
        let start = Instant::now();
        let result = self.sql("COMMIT");
        if result.is_err() {
            self.undo_all();
        }
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.stats.commits.fetch_add(1, Ordering::Relaxed);
        self.stats.changes.fetch_add(changes as u64, Ordering::Relaxed);
        self.stats.commit_micros.fetch_add(micros, Ordering::Relaxed);
        result
    }

    fn sql(&self, sql: &str) -> Result<(), Error> {
        self.connection.prepare_cached(sql)?.execute(())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_may_overwrite_more_than_is_kept_in_memory() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("berth.db");
        let db = Db::open(&path, &directory.path().join("berth.keys"), 0).unwrap();
        let overwrite = |text: &'static str| {
            db.write(move |tx| {
                for number in 0..2000_i64 {
                    tx.execute(
                        "INSERT INTO repository (id, name, created_at, updated_at)
                         VALUES ($1, $2, 0, 0)
                             ON CONFLICT (id) DO UPDATE SET name = excluded.name",
                        (number, &format!("{text}/{number}/{}", "x".repeat(1000))),
                    )?;
                }
                Ok(())
            })
        };
        overwrite("before").await.unwrap();
        overwrite("after").await.unwrap();
        db.close().await;
    }
}
