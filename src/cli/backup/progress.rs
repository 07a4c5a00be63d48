//! How far it has come, on a terminal; and the way to end it.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::backup::{Progress, Watch};
use crate::cli::output::size;

/// How often a line is written anew.
const EVERY: Duration = Duration::from_millis(200);

/// Tells of progress on a terminal, and ends the work on Ctrl-C.
pub(super) fn watch() -> Watch {
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stopping.cancel();
        }
    });
    if !std::io::stderr().is_terminal() {
        return Watch::new(stop, |_| {});
    }
    let last: Mutex<Option<Instant>> = Mutex::new(None);
    Watch::new(stop, move |progress| {
        let Ok(mut last) = last.lock() else { return };
        if last.is_some_and(|last| last.elapsed() < EVERY) {
            return;
        }
        *last = Some(Instant::now());
        let _ = write!(std::io::stderr(), "\r\x1b[K{}", line(&progress));
        let _ = std::io::stderr().flush();
    })
}

/// Takes the line away.
pub(super) fn clear() {
    if std::io::stderr().is_terminal() {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
}

fn line(progress: &Progress) -> String {
    let Progress { step, blobs, of, bytes } = progress;
    format!("{step}: {blobs} of {of} blobs, {}", size(*bytes))
}
