//! Bytes that come one after the other: layers, files, answers.

use std::io;

use crate::InputStream;
use crate::bindings::host::wasi::io::streams::StreamError;

/// What is read at once: as much as stays in the processor's cache.
const PIECE: u64 = 64 << 10;

/// A stream as the standard library reads it.
#[derive(Debug)]
pub struct Reader {
    stream: InputStream,
    rest: Vec<u8>,
    at: usize,
}

impl Reader {
    /// Reads from a stream.
    pub fn new(stream: InputStream) -> Self {
        Self { stream, rest: Vec::new(), at: 0 }
    }
}

impl io::Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.rest.len() {
            self.rest = match self.stream.blocking_read(PIECE) {
                Ok(piece) => piece,
                Err(StreamError::Closed) => return Ok(0),
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(io::Error::other(error.to_debug_string()));
                }
            };
            self.at = 0;
        }
        let taken = buffer.len().min(self.rest.len() - self.at);
        buffer[..taken].copy_from_slice(&self.rest[self.at..self.at + taken]);
        self.at += taken;
        Ok(taken)
    }
}
