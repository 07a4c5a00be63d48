//! zstd by a library whose compressor takes failures of its reader and writer for impossible.

use std::cell::RefCell;
use std::io::{self, Read, Write};

use ruzstd::decoding::StreamingDecoder;
use ruzstd::encoding::{CompressionLevel, FrameCompressor};

/// Compresses all of `source` as one frame; gives the sink back.
pub(crate) fn compress<W: Write>(source: impl Read, mut sink: W) -> io::Result<W> {
    let failure = RefCell::new(None);
    let mut frame = FrameCompressor::new(CompressionLevel::Fastest);
    frame.set_source(Noted { inner: source, failure: &failure });
    frame.set_drain(Noted { inner: &mut sink, failure: &failure });
    frame.compress();
    drop(frame);
    match failure.into_inner() {
        Some(error) => Err(error),
        None => {
            sink.flush()?;
            Ok(sink)
        }
    }
}

/// Reads what [`compress`], or any other program, has compressed as one frame.
pub(crate) fn decompress<R: Read>(source: R) -> io::Result<impl Read> {
    StreamingDecoder::new(source).map_err(|error| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it is not compressed with zstd: {error}"),
        )
    })
}

/// Notes a failure and then goes on as if everything had ended.
struct Noted<'a, T> {
    inner: T,
    failure: &'a RefCell<Option<io::Error>>,
}

impl<R: Read> Read for Noted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failure.borrow().is_some() {
            return Ok(0);
        }
        loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    *self.failure.borrow_mut() = Some(error);
                    return Ok(0);
                }
                read => return read,
            }
        }
    }
}

impl<W: Write> Write for Noted<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failure.borrow().is_none()
            && let Err(error) = self.inner.write_all(bytes)
        {
            *self.failure.borrow_mut() = Some(error);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
