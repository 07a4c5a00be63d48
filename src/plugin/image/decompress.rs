//! Reading layers as they are stored, and as they were before they were compressed. All of it blocks.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use flate2::bufread::MultiGzDecoder;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// What is read from the store at once.
const PIECE: usize = 256 << 10;
/// The most memory that a zstd frame may ask for; what `zstd --ultra` needs, and the default of the reference decoder.
const ZSTD_WINDOW: u64 = 128 << 20;

/// Bytes as they are stored.
pub(super) enum Stored {
    File {
        file: Arc<File>,
        at: u64,
        end: u64,
    },
    Object {
        runtime: tokio::runtime::Handle,
        stream: BoxStream<'static, io::Result<Bytes>>,
        rest: Bytes,
    },
}

impl Read for Stored {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File { file, at, end } => {
                let left = usize::try_from(*end - *at).unwrap_or(usize::MAX).min(buffer.len());
                let read = file.read_at(&mut buffer[..left], *at)?;
                if read == 0 && left > 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                *at += read as u64;
                Ok(read)
            }
            Self::Object { runtime, stream, rest } => {
                while rest.is_empty() {
                    match runtime.block_on(stream.next()) {
                        Some(piece) => *rest = piece?,
                        None => return Ok(0),
                    }
                }
                let taken = rest.len().min(buffer.len());
                rest.copy_to_slice(&mut buffer[..taken]);
                Ok(taken)
            }
        }
    }
}

/// How something is compressed, as its first bytes tell; media types are not always right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    pub(super) fn of(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A frame, or one that is to be skipped.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// The bytes before they were compressed.
pub(super) fn decompress(stored: Stored) -> io::Result<(Compression, Box<dyn Read>)> {
    let mut stored = BufReader::with_capacity(PIECE, stored);
    let compression = Compression::of(stored.fill_buf()?);
    let plain: Box<dyn Read> = match compression {
        Compression::None => Box::new(stored),
        Compression::Gzip => Box::new(MultiGzDecoder::new(stored)),
        Compression::Zstd => Box::new(Zstd::new(stored)),
    };
    Ok((compression, plain))
}

/// What a file of this machine held before it was compressed; nothing if it is not.
pub(crate) fn unpack_file(file: Arc<File>) -> io::Result<Option<Box<dyn Read>>> {
    let end = file.metadata()?.len();
    let (compression, plain) = decompress(Stored::File { file, at: 0, end })?;
    Ok((compression != Compression::None).then_some(plain))
}

/// Reads frame after frame: zstd:chunked and pzstd write many, and some that are to be skipped.
struct Zstd<R> {
    source: R,
    frame: FrameDecoder,
    is_open: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(ZSTD_WINDOW);
        Self { source, frame, is_open: false }
    }

    /// Begins the next frame with content; `false` if there is none.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.frame.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = (&mut self.source).take(u64::from(length));
                    io::copy(&mut skipped, &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.is_open {
                self.is_open = self.begin()?;
                if !self.is_open {
                    return Ok(0);
                }
            }
            while self.frame.can_collect() == 0 && !self.frame.is_finished() {
                self.frame
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(io::Error::other)?;
            }
            let read = self.frame.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            self.is_open = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn stored(bytes: Vec<u8>) -> Stored {
        let rest = Bytes::from(bytes);
        // The stream is never asked: all of it is there.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let handle = runtime.handle().clone();
        std::mem::forget(runtime);
        Stored::Object { runtime: handle, stream: futures::stream::empty().boxed(), rest }
    }

    fn read(bytes: Vec<u8>) -> io::Result<(Compression, Vec<u8>)> {
        let (compression, mut plain) = decompress(stored(bytes))?;
        let mut read = Vec::new();
        plain.read_to_end(&mut read)?;
        Ok((compression, read))
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn several_members_and_frames_are_one_layer() {
        let (a, b) = (b"first ".repeat(10_000), b"second".repeat(20_000));
        let both = [a.clone(), b.clone()].concat();
        assert_eq!(read(both.clone()).unwrap(), (Compression::None, both.clone()));
        let members = [gzip(&a), gzip(&b)].concat();
        assert_eq!(read(members).unwrap(), (Compression::Gzip, both.clone()));
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0], &b"xyz"[..]].concat();
        let frames = [skipped.clone(), zstd(&a), skipped.clone(), zstd(&b), skipped].concat();
        assert_eq!(read(frames).unwrap(), (Compression::Zstd, both));
        assert_eq!(read(Vec::new()).unwrap(), (Compression::None, Vec::new()));
    }

    #[test]
    fn what_is_cut_off_is_an_error_and_no_end() {
        let content = b"content".repeat(10_000);
        for whole in [gzip(&content), zstd(&content)] {
            let half = whole[..whole.len() / 2].to_vec();
            assert!(read(half).is_err());
        }
        assert!(read([0x1f, 0x8b].to_vec()).is_err());
        assert!(read([0x28, 0xb5, 0x2f, 0xfd, 0xff, 0xff, 0xff].to_vec()).is_err());
    }
}
