//! Files as backups keep them: compressed with zstd, encrypted with age, both as their own tools read and write them
//! (`zstd -d`, `age -d -i KEY`).
//!
//! Everything here streams and blocks: a file of any size takes a few hundred kilobytes of memory.

mod age;
mod keys;
mod zstd;

use std::io::{self, Read, Write};

pub use age::{AgeError, Decrypt, Encrypt};
pub use keys::{Identity, InvalidKey, Recipient};

/// How a file is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Compressed with zstd, before it is encrypted.
    pub compressed: bool,
    /// Encrypted with age.
    pub encrypted: bool,
}

impl Form {
    /// What is added to a file's name.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match (self.compressed, self.encrypted) {
            (false, false) => "",
            (true, false) => ".zst",
            (false, true) => ".age",
            (true, true) => ".zst.age",
        }
    }

    /// The form that a name tells of, and the name without it.
    #[must_use]
    pub fn split(name: &str) -> (&str, Self) {
        let (rest, encrypted) =
            name.strip_suffix(".age").map_or((name, false), |rest| (rest, true));
        let (rest, compressed) =
            rest.strip_suffix(".zst").map_or((rest, false), |rest| (rest, true));
        (rest, Self { compressed, encrypted })
    }
}

/// Reads `source` to its end and writes it in its form: compressed if wanted, encrypted if there are recipients.
pub fn pack(
    source: impl Read,
    sink: impl Write,
    compressed: bool,
    recipients: &[Recipient],
) -> io::Result<()> {
    if recipients.is_empty() {
        return pack_into(source, sink, compressed).map(drop);
    }
    let sealed = pack_into(source, Encrypt::new(sink, recipients)?, compressed)?;
    sealed.finish()?.flush()
}

fn pack_into<W: Write>(mut source: impl Read, mut sink: W, compressed: bool) -> io::Result<W> {
    if compressed {
        return zstd::compress(source, sink);
    }
    io::copy(&mut source, &mut sink)?;
    sink.flush()?;
    Ok(sink)
}

/// Reads a file that is kept in `form`.
///
/// # Errors
/// If none of the identities opens it, or it is neither of age's format nor of zstd's. What is damaged further on is an error
/// of the reader.
pub fn unpack<'a>(
    source: impl Read + Send + 'a,
    form: Form,
    identities: &[Identity],
) -> io::Result<Box<dyn Read + Send + 'a>> {
    let opened: Box<dyn Read + Send + 'a> = if form.encrypted {
        Box::new(Decrypt::new(source, identities).map_err(io::Error::other)?)
    } else {
        Box::new(source)
    };
    if form.compressed { Ok(Box::new(zstd::decompress(opened)?)) } else { Ok(opened) }
}

/// Whether it is worth while to compress a file that begins so: most layers are compressed already.
#[must_use]
pub fn shrinks(sample: &[u8]) -> bool {
    let mut packed = Vec::new();
    let done = zstd::compress(sample, &mut packed).is_ok();
    done && packed.len() < sample.len() - sample.len() / 10
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_tell_the_form() {
        for (compressed, encrypted) in [(false, false), (true, false), (false, true), (true, true)]
        {
            let form = Form { compressed, encrypted };
            assert_eq!(Form::split(&format!("a.b{}", form.suffix())), ("a.b", form));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn what_is_packed_is_unpacked(
            bytes in proptest::collection::vec(0u8..4, 0..300_000),
            compressed: bool,
            encrypted: bool,
        ) {
            let identity = Identity::random();
            let recipients = if encrypted { vec![identity.recipient()] } else { Vec::new() };
            let mut packed = Vec::new();
            pack(&bytes[..], &mut packed, compressed, &recipients).unwrap();
            let mut read = Vec::new();
            let form = Form { compressed, encrypted };
            unpack(&packed[..], form, &[identity]).unwrap().read_to_end(&mut read).unwrap();
            prop_assert_eq!(read, bytes);
        }
    }

    #[test]
    fn a_sink_that_fails_is_an_error_and_no_panic() {
        struct Full(usize);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
        let bytes: Vec<u8> = (0..1_000_000_u64).map(|n| ((n * n) >> 7).to_le_bytes()[0]).collect();
        let to = [Identity::random().recipient()];
        for compressed in [false, true] {
            for recipients in [&[][..], &to[..]] {
                let error = pack(&bytes[..], Full(100_000), compressed, recipients).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::StorageFull);
                let error = pack(Broken, Vec::new(), compressed, recipients).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            }
        }
    }
}
