//! Values that people write with a unit: durations and sizes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A duration written as `90s`, `5m`, `24h` or `90d`; `250ms` is the smallest unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HumanDuration(Duration);

impl HumanDuration {
    /// So many seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// So many milliseconds.
    #[must_use]
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// As the standard library has it.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

const DURATION_UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl FromStr for HumanDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || {
            format!(
                "`{text}` is not a duration: write a number and `ms`, `s`, `m`, `h` or `d`, such as `90s`"
            )
        };
        let (number, unit) = split_unit(text).ok_or_else(error)?;
        let (_, millis) =
            DURATION_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(error)?;
        Ok(Self(Duration::from_millis(number.checked_mul(*millis).ok_or_else(error)?)))
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let (unit, size) = DURATION_UNITS
            .into_iter()
            .rev()
            .find(|(_, size)| millis >= *size && millis.is_multiple_of(*size))
            .unwrap_or(("s", 1_000));
        write!(f, "{}{unit}", millis / size)
    }
}

impl TryFrom<String> for HumanDuration {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<HumanDuration> for String {
    fn from(duration: HumanDuration) -> Self {
        duration.to_string()
    }
}

/// A number of bytes written as `512MiB`, `2GiB` or `1GB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ByteSize(u64);

const SIZE_UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

impl ByteSize {
    /// So many bytes.
    #[must_use]
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || {
            format!("`{text}` is not a size: write a number and a unit, such as `512MiB` or `2GiB`")
        };
        let (number, unit) = split_unit(text).ok_or_else(error)?;
        let (_, bytes) = SIZE_UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .ok_or_else(error)?;
        Ok(Self(number.checked_mul(*bytes).ok_or_else(error)?))
    }
}

/// The largest binary unit that divides it, so that nothing is lost; `{:#}` is for people, with one decimal.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut binary = SIZE_UNITS[5..].iter().rev();
        if f.alternate() {
            return match binary.find(|(_, size)| self.0 >= *size) {
                Some((unit, size)) => {
                    let tenths = u128::from(self.0) * 10 / u128::from(*size);
                    write!(f, "{}.{} {unit}", tenths / 10, tenths % 10)
                }
                None => write!(f, "{} B", self.0),
            };
        }
        match binary.find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size)) {
            Some((unit, size)) => write!(f, "{}{unit}", self.0 / size),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl TryFrom<String> for ByteSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ByteSize> for String {
    fn from(size: ByteSize) -> Self {
        size.to_string()
    }
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    Some((text[..digits].parse().ok()?, text[digits..].trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print_alike() {
        for text in ["250ms", "90s", "5m", "24h", "90d"] {
            assert_eq!(
                text.parse::<HumanDuration>().unwrap().to_string(),
                *text.replace("24h", "1d"),
                "{text}"
            );
        }
        for bad in ["", "5", "s", "5 weeks", "-5s", "99999999999999999999s", "9999999999999999d"] {
            assert!(bad.parse::<HumanDuration>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_read_and_print_alike() {
        for (text, bytes, printed) in [
            ("2GiB", 2 << 30, "2GiB"),
            ("1 gb", 1_000_000_000, "1000000000B"),
            ("512 MiB", 512 << 20, "512MiB"),
            ("0B", 0, "0B"),
        ] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!((size.get(), size.to_string()), (bytes, printed.to_owned()));
        }
        assert_eq!(format!("{:#}", ByteSize::bytes(1_610_612_737)), "1.5 GiB");
        for bad in ["", "5", "GiB", "5 PB!", "99999999TiB"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad}");
        }
    }
}
