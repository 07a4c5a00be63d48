//! What is noted while a call runs, and what is left of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;

use super::meter::Meter;
use super::{CallError, Hook, PluginName};
use crate::clock::Timestamp;
use crate::oci::Digest;

/// Lines of one call that are kept.
const CALL_LINES: usize = 200;
/// Bytes of one line.
pub(super) const LINE_BYTES: usize = 4 << 10;
/// Bytes of all lines of one call.
const CALL_BYTES: usize = 64 << 10;
/// Lines of one plugin that are kept, over all calls.
const BOOK_LINES: usize = 1000;
/// Bytes of all those.
const BOOK_BYTES: usize = 512 << 10;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Every step.
    Trace,
    /// For whoever looks for a mistake.
    Debug,
    /// What happens.
    Info,
    /// What is not as it should be.
    Warn,
    /// What a person should look at.
    Error,
}

impl Level {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// A line of a plugin's log.
#[derive(Clone, Debug, Serialize)]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// Of which call.
    #[serde(serialize_with = "as_text")]
    pub request_id: Arc<str>,
    /// Of which hook.
    pub hook: Option<Hook>,
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
    /// What there is to search for.
    pub fields: Vec<(String, String)>,
}

fn as_text<S: serde::Serializer>(text: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(text)
}

impl LogLine {
    fn bytes(&self) -> usize {
        let fields = self.fields.iter().map(|(key, value)| key.len() + value.len());
        self.message.len() + fields.sum::<usize>() + 64
    }
}

/// The last lines of a plugin, over all calls.
#[derive(Debug, Default)]
pub(super) struct Logbook(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    lines: VecDeque<Arc<LogLine>>,
    bytes: usize,
}

impl Logbook {
    fn add(&self, line: Arc<LogLine>) {
        let mut book = self.0.lock();
        book.bytes += line.bytes();
        book.lines.push_back(line);
        while book.lines.len() > BOOK_LINES || book.bytes > BOOK_BYTES {
            let Some(oldest) = book.lines.pop_front() else { return };
            book.bytes -= oldest.bytes();
        }
    }

    /// The lines, the oldest first.
    pub(super) fn lines(&self) -> Vec<Arc<LogLine>> {
        self.0.lock().lines.iter().cloned().collect()
    }
}

/// What is noted while a call runs.
#[derive(Debug)]
pub(super) struct Trace {
    pub(super) meter: Arc<Meter>,
    request_id: Arc<str>,
    hook: Option<Hook>,
    book: Arc<Logbook>,
    peak_memory: AtomicU64,
    requests: AtomicU32,
    log: Mutex<CallLog>,
}

#[derive(Debug, Default)]
struct CallLog {
    lines: Vec<Arc<LogLine>>,
    bytes: usize,
    dropped: u64,
}

impl Trace {
    pub(super) fn new(
        request_id: Arc<str>,
        hook: Option<Hook>,
        book: Arc<Logbook>,
        meter: Arc<Meter>,
    ) -> Self {
        Self {
            meter,
            request_id,
            hook,
            book,
            peak_memory: AtomicU64::new(0),
            requests: AtomicU32::new(0),
            log: Mutex::default(),
        }
    }

    pub(super) fn memory(&self, bytes: u64) {
        self.peak_memory.fetch_max(bytes, Ordering::Relaxed);
    }

    pub(super) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds a line, cut to a bearable length; too many are only counted.
    pub(super) fn log(
        &self,
        at: Timestamp,
        level: Level,
        message: String,
        fields: Vec<(String, String)>,
    ) {
        let mut room = LINE_BYTES;
        let mut cut = |text: String| {
            let text = shortened(harmless(text), room);
            room -= text.len();
            text
        };
        let message = cut(message);
        let fields =
            fields.into_iter().take(32).map(|(key, value)| (cut(key), cut(value))).collect();
        let (request_id, hook) = (Arc::clone(&self.request_id), self.hook);
        let line = Arc::new(LogLine { at, request_id, hook, level, message, fields });
        let mut log = self.log.lock();
        if log.lines.len() >= CALL_LINES || log.bytes + line.bytes() > CALL_BYTES {
            log.dropped += 1;
            return;
        }
        log.bytes += line.bytes();
        log.lines.push(Arc::clone(&line));
        drop(log);
        self.book.add(line);
    }
}

/// Lines may have several; nothing else in them moves a cursor.
fn harmless(text: String) -> String {
    let moves = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if text.contains(moves) { text.replace(moves, "\u{fffd}") } else { text }
}

/// Text of at most so many bytes, cut between two characters.
pub(super) fn shortened(mut text: String, most: usize) -> String {
    if text.len() > most {
        let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an answer.
    Answered,
    /// Without one.
    Failed(CallError),
    /// Whoever waited for it went away.
    Cancelled,
}

impl Ending {
    /// A word for figures, of a bounded set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed(error) => error.kind(),
            Self::Cancelled => "cancelled",
        }
    }
}

/// What is left of a call, for figures, the audit log and `berth plugin test`.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// Which plugin.
    pub plugin: PluginName,
    /// Which component of it.
    pub component: Digest,
    /// Which hook; `None` for the calls that install it.
    pub hook: Option<Hook>,
    /// What the call was about.
    pub request_id: Arc<str>,
    /// W3C trace context of what it was about, if it had one.
    pub traceparent: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// How long it waited for its turn.
    pub queued: Duration,
    /// How long it took, waiting included.
    pub duration: Duration,
    /// Processor time.
    pub cpu: Duration,
    /// The most memory that its instance had.
    pub peak_memory: u64,
    /// HTTP requests that it made.
    pub requests: u32,
    /// How it ended.
    pub ending: Ending,
    /// What it logged.
    pub log: Vec<Arc<LogLine>>,
    /// Lines beyond what is kept.
    pub dropped_lines: u64,
}

impl CallRecord {
    /// The trace that the call is a part of.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        self.traceparent.as_deref()?.split('-').nth(1)
    }
}

/// Who wants to know of every call.
pub type Observer = Arc<dyn Fn(&CallRecord) + Send + Sync>;

/// Makes the record of a call when it ends, however it ends.
pub(super) struct Recorder {
    pub(super) record: Option<CallRecord>,
    pub(super) trace: Arc<Trace>,
    pub(super) began: std::time::Instant,
    pub(super) observer: Option<Observer>,
}

impl Recorder {
    /// Notes that the call's turn has come.
    pub(super) fn turn(&mut self) {
        if let Some(record) = &mut self.record {
            record.queued = self.began.elapsed();
        }
    }

    pub(super) fn end(mut self, ending: Ending) -> CallRecord {
        self.settle(ending).expect("a call ends once")
    }

    fn settle(&mut self, ending: Ending) -> Option<CallRecord> {
        let mut record = self.record.take()?;
        record.duration = self.began.elapsed();
        record.cpu = self.trace.meter.used();
        record.peak_memory = self.trace.peak_memory.load(Ordering::Relaxed);
        record.requests = self.trace.requests.load(Ordering::Relaxed);
        record.ending = ending;
        let mut log = self.trace.log.lock();
        record.log = std::mem::take(&mut log.lines);
        record.dropped_lines = log.dropped;
        drop(log);
        if let Some(observe) = &self.observer {
            observe(&record);
        }
        Some(record)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.settle(Ending::Cancelled);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_talkative_call_costs_bounded_memory() {
        let book = Arc::new(Logbook::default());
        let trace = Trace::new("r".into(), None, Arc::clone(&book), Arc::default());
        for number in 0..10_000 {
            let message = format!("{number} {}", "ü".repeat(5_000));
            trace.log(
                Timestamp::from_millis(0),
                Level::Info,
                message,
                vec![("k".into(), "v".into())],
            );
        }
        let log = trace.log.lock();
        assert!(log.bytes <= CALL_BYTES && log.lines.len() <= CALL_LINES);
        assert_eq!(log.dropped, 10_000 - log.lines.len() as u64);
        assert!(log.lines[0].message.len() <= LINE_BYTES);
        assert_eq!(book.lines().len(), log.lines.len());
    }

    #[test]
    fn a_line_moves_no_cursor() {
        assert_eq!(harmless("two\nlines\t\u{1b}[2J\r".into()), "two\nlines\t\u{fffd}[2J\u{fffd}");
    }

    #[test]
    fn the_logbook_keeps_the_last_lines() {
        let book = Arc::new(Logbook::default());
        for number in 0..2_000 {
            let trace = Trace::new("r".into(), None, Arc::clone(&book), Arc::default());
            trace.log(Timestamp::from_millis(number), Level::Info, number.to_string(), Vec::new());
        }
        let lines = book.lines();
        assert_eq!((lines.len(), lines[0].message.as_str()), (BOOK_LINES, "1000"));
    }
}
