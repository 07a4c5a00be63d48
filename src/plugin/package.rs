//! A plugin as a file: a component, with its manifest in a custom section.

use bytes::Bytes;

use super::{Error, Manifest};
use crate::oci::{Algorithm, Digest};

/// The section that holds `plugin.toml`.
pub const MANIFEST_SECTION: &str = "berth:manifest";
/// The largest component that is taken. Compiling costs about a second of processor time for each MiB.
pub const MOST_COMPONENT_BYTES: u64 = 32 << 20;

/// The first bytes of a component, as against a core module.
const COMPONENT_HEADER: [u8; 8] = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];

/// A plugin that was read, and not compiled yet.
#[derive(Clone, Debug)]
pub struct Package {
    manifest: Manifest,
    component: Bytes,
    digest: Digest,
}

impl Package {
    /// Reads a file that has its manifest inside.
    pub fn read(component: Bytes) -> Result<Self, Error> {
        check(&component)?;
        let section = find_section(&component, MANIFEST_SECTION).map_err(not_a_plugin)?;
        let section = section.ok_or_else(|| not_a_plugin("it has no `plugin.toml` in it"))?;
        let text = std::str::from_utf8(section)
            .map_err(|_| not_a_plugin("its `plugin.toml` is no text"))?;
        let manifest = Manifest::parse(text)?;
        let digest = Algorithm::Sha256.digest(&component);
        Ok(Self { manifest, component, digest })
    }

    /// Puts a component and its manifest together.
    pub fn new(manifest: Manifest, component: Bytes) -> Result<Self, Error> {
        check(&component)?;
        let digest = Algorithm::Sha256.digest(&component);
        Ok(Self { manifest, component, digest })
    }

    /// What it says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The component's bytes.
    #[must_use]
    pub fn component(&self) -> &Bytes {
        &self.component
    }

    /// The component's digest, by which a plugin is pinned.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

fn not_a_plugin(what: impl Into<String>) -> Error {
    Error::NotAPlugin(what.into())
}

fn check(component: &[u8]) -> Result<(), Error> {
    let size = component.len() as u64;
    if size > MOST_COMPONENT_BYTES {
        return Err(Error::TooLarge { size, limit: MOST_COMPONENT_BYTES });
    }
    match component.get(..8) {
        Some(header) if header == COMPONENT_HEADER => Ok(()),
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => Err(not_a_plugin(
            "it is a core module of WebAssembly; a plugin is a component (plugins/README.md tells how one is made)",
        )),
        _ => Err(not_a_plugin("it is no component of WebAssembly")),
    }
}

/// The content of a custom section at the top level; the first, if there are several.
fn find_section<'a>(component: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, &'static str> {
    const DAMAGED: &str = "its sections cannot be read";
    let mut rest = component.get(8..).ok_or(DAMAGED)?;
    while let Some((id, after)) = rest.split_first() {
        let (size, after) = leb128(after).ok_or(DAMAGED)?;
        let (content, after) = after.split_at_checked(size).ok_or(DAMAGED)?;
        if *id == 0 {
            let (length, text) = leb128(content).ok_or(DAMAGED)?;
            let (found, content) = text.split_at_checked(length).ok_or(DAMAGED)?;
            if found == name.as_bytes() {
                return Ok(Some(content));
            }
        }
        rest = after;
    }
    Ok(None)
}

/// An unsigned number of up to 32 bits, and what follows it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).ok()?;
            return Some((usize::try_from(value).ok()?, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(name: &str, content: &[u8]) -> Vec<u8> {
        let mut body = vec![u8::try_from(name.len()).unwrap()];
        body.extend(name.as_bytes());
        body.extend(content);
        let length = body.len();
        let mut bytes = vec![
            0,
            u8::try_from(length & 0x7f | 0x80).unwrap(),
            u8::try_from(length >> 7).unwrap(),
        ];
        bytes.extend(body);
        bytes
    }

    #[test]
    fn the_manifest_is_found_among_other_sections() {
        let manifest = "[plugin]\nname = \"a\"\nversion = \"1\"\napi = \"0.1\"\n[hooks.scanner]\n";
        let file = [
            &COMPONENT_HEADER[..],
            &section("name", b"x"),
            &[5, 1, 0],
            &section(MANIFEST_SECTION, manifest.as_bytes()),
        ]
        .concat();
        let package = Package::read(file.clone().into()).unwrap();
        assert_eq!(package.manifest().name.as_str(), "a");
        for cut in 9..file.len() {
            assert!(Package::read(file[..cut].to_vec().into()).is_err(), "{cut}");
        }
    }

    #[test]
    fn what_is_no_plugin_is_told_why() {
        for (bytes, told) in [
            (&b"\0asm\x01\0\0\0"[..], "core module"),
            (b"#!/bin/sh", "no component"),
            (b"", "no component"),
            (b"\0asm\x0d\0\x01\0", "no `plugin.toml`"),
            (b"\0asm\x0d\0\x01\0\0\xff\xff\xff\xff\xff", "cannot be read"),
            (b"\0asm\x0d\0\x01\0\0\x7f", "cannot be read"),
        ] {
            let error = Package::read(Bytes::from_static(bytes)).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_file_makes_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let file = [&COMPONENT_HEADER[..], &bytes].concat();
            let _ = Package::read(file.into());
        }
    }
}
