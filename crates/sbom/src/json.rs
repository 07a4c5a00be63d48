//! Reading JSON that another program wrote: a value of an unexpected type is as good as none.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{Inventory, cyclonedx, spdx};

/// Longer documents are not read.
pub(crate) const MAX_DOCUMENT: usize = 128 << 20;
/// More packages are not read.
pub(crate) const MAX_PACKAGES: usize = 250_000;
/// A longer text is not a name, a version or a path.
pub(crate) const MAX_TEXT: usize = 4096;

/// Which format a document is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    CycloneDx,
    Spdx,
}

/// Why a document gives no inventory.
#[derive(Debug)]
pub enum ReadError {
    /// It is not JSON, or ends too early.
    Json(serde_json::Error),
    /// It is JSON, but neither CycloneDX nor SPDX 2.
    UnknownFormat,
    /// It is larger than any document of an image.
    TooLarge,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(f, "the SBOM cannot be read: {error}"),
            Self::UnknownFormat => {
                f.write_str("the SBOM is neither CycloneDX JSON nor SPDX 2 JSON")
            }
            Self::TooLarge => write!(f, "the SBOM is larger than {} MiB", MAX_DOCUMENT >> 20),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Json(error) => Some(error),
            _ => None,
        }
    }
}

impl From<serde_json::Error> for ReadError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

/// Reads a document in either format.
pub fn read(document: &[u8]) -> Result<(Format, Inventory), ReadError> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Head {
        bom_format: Text,
        spdx_version: Text,
    }
    let head: One<Head> = parse(document)?;
    if head.0.bom_format.is("CycloneDX") {
        Ok((Format::CycloneDx, cyclonedx::read(document)?))
    } else if head.0.spdx_version.0.is_some_and(|version| version.starts_with("SPDX-2")) {
        Ok((Format::Spdx, spdx::read(document)?))
    } else {
        Err(ReadError::UnknownFormat)
    }
}

pub(crate) fn parse<'de, T: Deserialize<'de>>(document: &'de [u8]) -> Result<T, ReadError> {
    if document.len() > MAX_DOCUMENT {
        return Err(ReadError::TooLarge);
    }
    Ok(serde_json::from_slice(document)?)
}

/// A text, or nothing if there is something else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) Option<String>);

/// An object; empty if there is something else.
#[derive(Clone, Debug, Default)]
pub(crate) struct One<T>(pub(crate) T);

/// A list of objects; empty if there is something else.
#[derive(Clone, Debug)]
pub(crate) struct Many<T>(pub(crate) Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl Text {
    pub(crate) fn is(&self, text: &str) -> bool {
        self.0.as_deref() == Some(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

/// Everything that a visitor has to take and throw away.
macro_rules! ignore {
    ($($name:ident($type:ty))*) => {
        $(fn $name<E>(self, _: $type) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        })*
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
}

fn drain_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

fn drain_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Text;
            ignore! { visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64) }
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                let fits = !text.is_empty() && text.len() <= MAX_TEXT;
                Ok(Text(fits.then(|| text.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Text, A::Error> {
                drain_seq(seq).map(|()| Text::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Text, A::Error> {
                drain_map(map).map(|()| Text::default())
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for One<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for Reader<T> {
            type Value = One<T>;
            ignore! { visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64) visit_str(&str) }
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<One<T>, A::Error> {
                drain_seq(seq).map(|()| One::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<One<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(One)
            }
        }
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for Reader<T> {
            type Value = Many<T>;
            ignore! { visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64) visit_str(&str) }
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Many<T>, A::Error> {
                let mut all = Vec::new();
                while all.len() < MAX_PACKAGES {
                    match seq.next_element::<One<T>>()? {
                        Some(one) => all.push(one.0),
                        None => return Ok(Many(all)),
                    }
                }
                drain_seq(seq)?;
                Ok(Many(all))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Many<T>, A::Error> {
                drain_map(map).map(|()| Many::default())
            }
        }
        deserializer.deserialize_any(Reader(PhantomData))
    }
}
