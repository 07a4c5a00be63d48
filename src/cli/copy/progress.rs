//! How a copy shows that it is alive: bars on a terminal, lines elsewhere, nothing when it is to be quiet.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::sync::Arc;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;

use crate::cli::output::{say, short_digest, size};
use crate::oci::Digest;
use crate::remote::Stored;
use crate::remote::transfer::{Blob, Event, Observer};

/// Shows the events of a copy.
#[derive(Clone, Debug)]
pub(in crate::cli) enum Progress {
    Quiet,
    Lines,
    Bars(Arc<Bars>),
}

#[derive(Debug)]
pub(in crate::cli) struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    blobs: Mutex<HashMap<Digest, Moving>>,
}

#[derive(Debug)]
struct Moving {
    bar: ProgressBar,
    at: u64,
}

impl Progress {
    pub(in crate::cli) fn new(quiet: bool) -> Self {
        if quiet {
            Self::Quiet
        } else if std::io::stderr().is_terminal() {
            Self::Bars(Arc::new(Bars::new()))
        } else {
            Self::Lines
        }
    }

    pub(in crate::cli) fn observer(&self) -> Observer {
        match self.clone() {
            Self::Quiet => Arc::new(|_| {}),
            Self::Lines => Arc::new(|event| {
                if let Some(line) = line_of(&event) {
                    say(&line);
                }
            }),
            Self::Bars(bars) => Arc::new(move |event| bars.show(&event)),
        }
    }

    /// Says something without disturbing the bars.
    pub(in crate::cli) fn say(&self, line: &str) {
        match self {
            Self::Quiet => {}
            Self::Lines => say(line),
            Self::Bars(bars) => bars.all.suspend(|| say(line)),
        }
    }

    /// Takes the bars away.
    pub(in crate::cli) fn finish(&self) {
        if let Self::Bars(bars) = self {
            bars.total.finish_and_clear();
            let _ = bars.all.clear();
        }
    }
}

fn line_of(event: &Event<'_>) -> Option<String> {
    match event {
        Event::BlobStarted(_) | Event::BlobMoved(..) => None,
        Event::BlobDone(blob, how) => {
            let how = match how {
                Some(Stored::Transferred) => "copied ",
                Some(Stored::Mounted) => "mounted",
                None => "present",
            };
            Some(format!("{how}  {}  {}", short_digest(blob.digest.as_str()), size(blob.size)))
        }
        Event::ManifestDone(manifest, tag) => {
            let tag = tag.map(|tag| format!("  as {tag}")).unwrap_or_default();
            Some(format!("put      {}  manifest{tag}", short_digest(manifest.digest.as_str())))
        }
    }
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let total = all.add(ProgressBar::new(0));
        total.set_style(style(
            "{spinner} {bytes}/{total_bytes} {wide_bar} {binary_bytes_per_sec} {eta}",
        ));
        Self { all, total, blobs: Mutex::default() }
    }

    fn show(&self, event: &Event<'_>) {
        match event {
            Event::BlobStarted(blob) => self.total.inc_length(blob.size),
            Event::BlobMoved(blob, at) => self.advance(blob, *at),
            Event::BlobDone(blob, how) => {
                let at = self.blobs.lock().remove(&blob.digest).map_or(0, |moving| {
                    moving.bar.finish_and_clear();
                    moving.at
                });
                match how {
                    Some(Stored::Transferred) => self.total.inc(blob.size.saturating_sub(at)),
                    // What did not move must not look like speed.
                    _ => self
                        .total
                        .set_length(self.total.length().unwrap_or(0).saturating_sub(blob.size)),
                }
            }
            Event::ManifestDone(..) => self.total.tick(),
        }
    }

    fn advance(&self, blob: &Blob, at: u64) {
        let mut blobs = self.blobs.lock();
        let moving = blobs.entry(blob.digest.clone()).or_insert_with(|| {
            let bar = self.all.insert_before(&self.total, ProgressBar::new(blob.size));
            bar.set_style(style("  {msg} {bytes}/{total_bytes} {wide_bar}"));
            bar.set_message(short_digest(blob.digest.as_str()));
            Moving { bar, at: 0 }
        });
        if at >= moving.at {
            self.total.inc(at - moving.at);
        } else {
            self.total.set_position(self.total.position().saturating_sub(moving.at - at));
        }
        moving.at = at;
        moving.bar.set_position(at);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸ ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Algorithm;

    #[test]
    fn bars_count_every_byte_once() {
        let bars = Bars::new();
        bars.all.set_draw_target(ProgressDrawTarget::hidden());
        let blob = Blob { digest: Algorithm::Sha256.digest(b"a"), size: 100 };
        let other = Blob { digest: Algorithm::Sha256.digest(b"b"), size: 50 };
        bars.show(&Event::BlobStarted(&blob));
        bars.show(&Event::BlobStarted(&other));
        bars.show(&Event::BlobMoved(&blob, 60));
        bars.show(&Event::BlobMoved(&blob, 20));
        bars.show(&Event::BlobMoved(&blob, 90));
        bars.show(&Event::BlobDone(&blob, Some(Stored::Transferred)));
        bars.show(&Event::BlobDone(&other, None));
        assert_eq!((bars.total.position(), bars.total.length()), (100, Some(100)));
    }
}
