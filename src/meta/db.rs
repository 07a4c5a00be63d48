//! The database's threads: one that writes, and readers.
//!
//! The writer takes what is queued, runs each transaction in a savepoint, commits them together with one fsync, raises
//! the epochs of what they touched, and only then answers: what was acknowledged is durable (I1), and no cache gives
//! what was true before (see [`super::cache`]).

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
use super::{Error, migrate};

/// A transaction is never larger than this many queued changes, so that the first one does not wait for ever.
const LARGEST_GROUP: usize = 512;

/// How soon a change by another process, such as `berth user add`, is noticed.
const FOREIGN_CHANGES: Duration = Duration::from_millis(200);

/// Answers whoever waits for a change: with the failure given, or with what the change itself came to.
type Settle = Box<dyn FnOnce(Option<Error>) + Send>;

/// A queued change and who waits for it.
trait Change: Send {
    /// Runs it; `Ok` still has to be committed before it is settled, `Err` has failed by itself.
    fn run(self: Box<Self>, tx: &mut Tx<'_>) -> Result<Settle, Settle>;

    /// Answers without having run it.
    fn refuse(self: Box<Self>, error: Error);
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
    fn run(self: Box<Self>, tx: &mut Tx<'_>) -> Result<Settle, Settle> {
        let Self { change, answer } = *self;
        match change(tx) {
            Ok(value) => Ok(Box::new(move |failure| answer(failure.map_or(Ok(value), Err)))),
            Err(error) => Err(Box::new(move |failure| answer(Err(failure.unwrap_or(error))))),
        }
    }

    fn refuse(self: Box<Self>, error: Error) {
        (self.answer)(Err(error));
    }
}

/// A handle of the database; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Db {
    queue: Sender<Box<dyn Change>>,
    readers: Arc<Readers>,
    pub(super) epochs: Arc<Epochs>,
    pub(super) stats: Arc<Stats>,
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
    /// Opens or makes the database at `path` and starts its writer.
    pub(super) fn open(path: &Path, now: i64) -> Result<Self, Error> {
        let mut connection = Connection::open(path)?;
        prepare(&connection)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        migrate::migrate(&mut connection, path, now)?;
        let (queue, changes) = channel();
        let epochs = Arc::new(Epochs::new());
        let stats = Arc::new(Stats::default());
        let writer = Writer {
            connection,
            epochs: Arc::clone(&epochs),
            stats: Arc::clone(&stats),
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
        Ok(Self { queue, readers: Arc::new(readers), epochs, stats })
    }

    /// Runs `change` in a transaction and waits until it is durable. Dropping the future abandons the answer, not the
    /// change.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, wait) = oneshot::channel();
        self.enqueue(change, move |result| drop(answer.send(result)))?;
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
        if let Err(error) = self.enqueue(change, report) {
            tracing::error!(%error, "a change that nobody waited for was lost: {error}");
        }
    }

    fn enqueue<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
        answer: impl FnOnce(Result<T, Error>) + Send + 'static,
    ) -> Result<(), Error> {
        self.queue.send(Box::new(Queued { change, answer })).map_err(|_| Error::Closed)
    }

    /// Runs `read` on a reader's connection, in one snapshot, off the executor's threads.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let readers = Arc::clone(&self.readers);
        let permit = Arc::clone(&self.readers.permits);
        let permit = permit.acquire_owned().await.map_err(|_| Error::Closed)?;
        let run = move || {
            // Held until the work is done, not until somebody stops waiting for it.
            let _permit = permit;
            let connection = readers.take()?;
            connection.execute_batch("BEGIN")?;
            let result = read(&mut Tx::new(&connection));
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

fn prepare(connection: &Connection) -> Result<(), Error> {
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

struct Writer {
    connection: Connection,
    epochs: Arc<Epochs>,
    stats: Arc<Stats>,
    /// SQLite's `data_version`: it moves when another process commits.
    foreign: i64,
}

impl Writer {
    fn run(mut self, changes: &Receiver<Box<dyn Change>>) {
        loop {
            let first = changes.recv_timeout(FOREIGN_CHANGES);
            self.notice_foreign_changes();
            match first {
                Ok(first) => self.commit_group(first, changes),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // The last handle is gone: leave one file behind instead of three.
        drop(self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"));
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

    fn commit_group(&mut self, first: Box<dyn Change>, changes: &Receiver<Box<dyn Change>>) {
        let mut committing: Vec<Settle> = Vec::new();
        let mut touched = Vec::new();
        if let Err(error) = self.sql("BEGIN IMMEDIATE") {
            first.refuse(error);
            return;
        }
        let mut next = Some(first);
        let mut failed: Vec<Settle> = Vec::new();
        let mut aborted = false;
        while let Some(change) = next.take() {
            match self.run_one(change, &mut touched) {
                Ok(settle) => committing.push(settle),
                Err(settle) => failed.push(settle),
            }
            // SQLite rolls a whole transaction back when the disk is full or an I/O operation fails.
            if self.connection.is_autocommit() {
                aborted = true;
                break;
            }
            if committing.len() + failed.len() < LARGEST_GROUP {
                next = changes.try_recv().ok();
            }
        }
        let committed = if aborted { Err(Error::Full) } else { self.commit(committing.len()) };
        match committed {
            Ok(()) => {
                touched.into_iter().for_each(|stripe| self.epochs.raise(stripe));
                committing.into_iter().for_each(|settle| settle(None));
            }
            Err(error) => {
                tracing::error!(%error, changes = committing.len(), "a group of changes could not be committed: {error}");
                let full = matches!(error, Error::Full);
                committing
                    .into_iter()
                    .for_each(|settle| settle(Some(if full { Error::Full } else { Error::Busy })));
            }
        }
        failed.into_iter().for_each(|settle| settle(None));
    }

    fn run_one(&self, change: Box<dyn Change>, touched: &mut Vec<usize>) -> Result<Settle, Settle> {
        if let Err(error) = self.sql("SAVEPOINT change") {
            return Err(Box::new(move |_| change.refuse(error)));
        }
        let mut tx = Tx::new(&self.connection);
        // A change that panics is rolled back and refused; the writer lives on.
        let run = AssertUnwindSafe(|| change.run(&mut tx));
        let result = catch_unwind(run).unwrap_or_else(|_| {
            tracing::error!("a change panicked and was rolled back");
            Err(Box::new(|_| {}))
        });
        let stripes = tx.into_touched();
        match result {
            Ok(settle) => match self.sql("RELEASE change") {
                Ok(()) => {
                    touched.extend(stripes);
                    Ok(settle)
                }
                Err(error) => Err(Box::new(move |_| settle(Some(error)))),
            },
            Err(settle) => {
                if !self.connection.is_autocommit() {
                    drop(self.sql("ROLLBACK TO change"));
                    drop(self.sql("RELEASE change"));
                }
                Err(settle)
            }
        }
    }

    fn commit(&self, changes: usize) -> Result<(), Error> {
        let start = Instant::now();
        let result = self.sql("COMMIT");
        if result.is_err() && !self.connection.is_autocommit() {
            drop(self.sql("ROLLBACK"));
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
