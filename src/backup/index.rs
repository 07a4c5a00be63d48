//! The list of a backup's blobs: a line of JSON for each, compressed. It can be read without a key, so that it is known which
//! files are needed.

use berth_parcel::Form;
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};

use super::manifest::{BackupFile, Manifest};
use super::{Error, Target, pipe};
use crate::oci::{Algorithm, Digest};
use crate::remote::Digester;

/// The longest line; a name and a digest are far shorter.
const LONGEST: usize = 4096;

/// A blob of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) digest: Digest,
    pub(super) size: u64,
    /// The file that holds it.
    pub(super) name: String,
    /// The size of that file.
    pub(super) stored: u64,
}

/// Reads the list, and compares it with what the manifest says of it; there is none where blobs are in place.
pub(super) async fn read(
    target: &Target,
    manifest: &Manifest,
    mut took: impl FnMut(Line),
) -> Result<(), Error> {
    let Some(BackupFile { name, size, digest, .. }) = &manifest.blobs else { return Ok(()) };
    let stored = target.depot.read(name).await?;
    let stored = stored.ok_or_else(|| Error::file(name, "it is missing"))?;
    let mut plain = pipe::unpack(stored, Form { compressed: true, encrypted: false }, Vec::new());
    let mut digester = Digester::new(Algorithm::Sha256);
    let (mut length, mut rest) = (0, Vec::new());
    while let Some(chunk) = plain.next().await {
        let chunk = chunk.map_err(|error| Error::file(name, error))?;
        digester.update(&chunk);
        length += chunk.len() as u64;
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            rest.extend_from_slice(piece);
            if rest.len() > LONGEST {
                return Err(Error::file(name, "it is no list of blobs"));
            }
            if piece.ends_with(b"\n") {
                let line = serde_json::from_slice(&rest);
                took(line.map_err(|error| Error::file(name, format!("it is damaged: {error}")))?);
                rest.clear();
            }
        }
    }
    if length == *size && digester.finish() == *digest {
        Ok(())
    } else {
        Err(Error::file(name, "it is not what the manifest says: its digest is another"))
    }
}
