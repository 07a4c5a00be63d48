//! Byte ranges: `Range` of a blob (RFC 9110 §14) and `Content-Range` of an upload's chunk, which is written differently.

use std::fmt;
use std::str::FromStr;

/// The `Content-Range` of a chunk: `first-last`, both inclusive, without a unit and without a total
/// (distribution-spec, Pushing a blob in chunks). `bytes 0-9/10` is understood too, as some clients send it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// Offset of the first byte.
    pub first: u64,
    /// Offset of the last byte.
    pub last: u64,
}

/// Text that is no content range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`Content-Range` of a chunk is `first-last`, such as `0-1023`")]
pub struct InvalidContentRange;

impl ContentRange {
    /// How many bytes the chunk has.
    #[must_use]
    pub const fn len(self) -> u64 {
        self.last - self.first + 1
    }
}

impl FromStr for ContentRange {
    type Err = InvalidContentRange;

    fn from_str(text: &str) -> Result<Self, InvalidContentRange> {
        let text = text.strip_prefix("bytes ").unwrap_or(text);
        let text = text.split('/').next().unwrap_or_default();
        let (first, last) = text.split_once('-').ok_or(InvalidContentRange)?;
        let (first, last) =
            (number(first).ok_or(InvalidContentRange)?, number(last).ok_or(InvalidContentRange)?);
        if last < first || last == u64::MAX {
            Err(InvalidContentRange)
        } else {
            Ok(Self { first, last })
        }
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// A part of a blob that exists: `start..end`, not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// Offset of the first byte.
    pub start: u64,
    /// Offset behind the last byte.
    pub end: u64,
}

impl ByteRange {
    /// How many bytes it has; never zero.
    #[must_use]
    pub const fn len(self) -> u64 {
        self.end - self.start
    }
}

/// What a `Range` header asks of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requested {
    /// No range, another unit, or one that is not worth honouring: the whole blob.
    Whole,
    /// One range.
    One(ByteRange),
    /// Several, in the order asked for and never merged: containers/image counts the parts.
    Many(Vec<ByteRange>),
    /// None of them lies in the blob: 416.
    Unsatisfiable,
}

/// More parts than this are answered with the whole blob.
pub const MAX_RANGES: usize = 1024;

/// Reads a `Range` header for a blob of `size` bytes.
///
/// Ends beyond the blob are cut; `500-0` is unsatisfiable, as the conformance suite wants; a list that cannot be read is
/// ignored, as RFC 9110 §14.2 says; parts that together exceed the blob overlap, and are not worth honouring.
#[must_use]
pub fn requested(header: &str, size: u64) -> Requested {
    let Some(list) = header.trim().strip_prefix("bytes=") else { return Requested::Whole };
    let mut ranges = Vec::new();
    let mut total = 0u128;
    for (index, spec) in list.split(',').enumerate() {
        if index == MAX_RANGES {
            return Requested::Whole;
        }
        match parse_spec(spec.trim(), size) {
            Spec::Malformed => return Requested::Whole,
            Spec::Outside => {}
            Spec::Range(range) => {
                total += u128::from(range.len());
                ranges.push(range);
            }
        }
    }
    match ranges[..] {
        [] => Requested::Unsatisfiable,
        [range] => Requested::One(range),
        _ if total > u128::from(size) => Requested::Whole,
        _ => Requested::Many(ranges),
    }
}

enum Spec {
    Range(ByteRange),
    Outside,
    Malformed,
}

fn parse_spec(spec: &str, size: u64) -> Spec {
    let Some((first, last)) = spec.split_once('-') else { return Spec::Malformed };
    let range = match (first, last) {
        ("", suffix) => match number(suffix) {
            Some(0) => return Spec::Outside,
            Some(suffix) => ByteRange { start: size.saturating_sub(suffix), end: size },
            None => return Spec::Malformed,
        },
        (first, "") => match number(first) {
            Some(start) => ByteRange { start, end: size },
            None => return Spec::Malformed,
        },
        (first, last) => match (number(first), number(last)) {
            (Some(start), Some(last)) => ByteRange { start, end: last.saturating_add(1).min(size) },
            _ => return Spec::Malformed,
        },
    };
    if range.start < range.end { Spec::Range(range) } else { Spec::Outside }
}

/// Digits only: `+5`, which `u64::from_str` takes, is not a number here. One that is too large counts as the largest.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(start: u64, end: u64) -> Requested {
        Requested::One(ByteRange { start, end })
    }

    #[test]
    fn ranges_are_read_as_the_conformance_suite_wants() {
        for (header, expected) in [
            ("bytes=500-1499", one(500, 1500)),
            ("bytes=500-", one(500, 3000)),
            ("bytes=-500", one(2500, 3000)),
            ("bytes=2000-5000", one(2000, 3000)),
            ("bytes=0-0", one(0, 1)),
            ("bytes=0-1", one(0, 2)),
            ("bytes=-5000", one(0, 3000)),
            ("bytes=0-99999999999999999999999", one(0, 3000)),
            ("bytes=500-0", Requested::Unsatisfiable),
            ("bytes=5000-10000", Requested::Unsatisfiable),
            ("bytes=3000-", Requested::Unsatisfiable),
            ("bytes=-0", Requested::Unsatisfiable),
            ("bytes=5000-,1-1", one(1, 2)),
            ("bytes=a-b", Requested::Whole),
            ("bytes=", Requested::Whole),
            ("bytes=+1-2", Requested::Whole),
            ("items=0-1", Requested::Whole),
            ("", Requested::Whole),
            ("bytes=0-2000,0-2000", Requested::Whole),
        ] {
            assert_eq!(requested(header, 3000), expected, "{header}");
        }
        let parts = vec![ByteRange { start: 10, end: 20 }, ByteRange { start: 0, end: 5 }];
        assert_eq!(requested("bytes=10-19, 0-4", 3000), Requested::Many(parts));
        let adjacent = vec![ByteRange { start: 0, end: 1 }, ByteRange { start: 1, end: 2 }];
        assert_eq!(requested("bytes=0-0,1-1", 3000), Requested::Many(adjacent), "never merged");
    }

    #[test]
    fn an_empty_blob_has_no_range() {
        for header in ["bytes=0-", "bytes=-1", "bytes=0-0"] {
            assert_eq!(requested(header, 0), Requested::Unsatisfiable, "{header}");
        }
    }

    #[test]
    fn a_chunks_range_has_no_unit() {
        assert_eq!("0-9".parse(), Ok(ContentRange { first: 0, last: 9 }));
        assert_eq!("bytes 0-9/10".parse(), Ok(ContentRange { first: 0, last: 9 }));
        for bad in ["", "-", "9", "9-", "-9", "9-0", "a-b", "0-18446744073709551615", "bytes=0-9"] {
            assert!(bad.parse::<ContentRange>().is_err(), "{bad}");
        }
    }
}
