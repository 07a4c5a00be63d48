//! What a plugin prints: languages whose runtime has a standard output use it for their own messages. It goes to the
//! plugin's log, line by line.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::{AsyncWrite, empty};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use super::super::state::Desk;
use super::super::trace::{LINE_BYTES, Level};

/// One of the two outputs.
#[derive(Clone)]
pub(in super::super) struct Printed {
    desk: Desk,
    level: Level,
    /// What has no end of line yet.
    begun: Arc<Mutex<Vec<u8>>>,
}

impl Printed {
    pub(in super::super) fn new(desk: Desk, level: Level) -> Self {
        Self { desk, level, begun: Arc::default() }
    }

    fn print(&self, bytes: &[u8]) {
        let mut begun = self.begun.lock();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE_BYTES.saturating_sub(begun.len());
            begun.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                let line = String::from_utf8_lossy(&begun).trim_end().to_owned();
                begun.clear();
                let now = self.desk.guest.clock.now();
                self.desk.trace.log(now, self.level, line, Vec::new());
            }
        }
    }
}

impl Drop for Printed {
    /// The last line may have no end.
    fn drop(&mut self) {
        if Arc::strong_count(&self.begun) == 1 && !self.begun.lock().is_empty() {
            self.print(b"\n");
        }
    }
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    /// Only for WASI 0.1 and 0.3, which are not served.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(empty())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl OutputStream for Printed {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

#[async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}
