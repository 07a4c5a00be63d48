//! Looking a backup through: everything that a restore does, without keeping what it reads.

use std::collections::HashMap;
use std::path::Path;

use berth_parcel::{Form, Identity};
use futures::StreamExt as _;

use super::index::{self, Line};
use super::manifest::{BackupFile, Manifest};
use super::scratch::Scratch;
use super::{Error, Target, Watch, create::blocking, pipe, restore};
use crate::meta::{Snapshot, StoredBlob};
use crate::oci::Digest;
use crate::secret::Keyring;

/// Blobs that are read at the same time.
const AT_ONCE: usize = 4;

/// Things of one sort that are named.
const NAMED: usize = 1000;

/// How much of a backup is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Whether every file is there, and as long as it was.
    Files,
    /// Every byte.
    Bytes,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The backup.
    pub manifest: Manifest,
    /// Blobs that were looked at.
    pub blobs: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Whether contents were compared with their digests; without an identity, those of an encrypted backup cannot be.
    pub contents: bool,
    /// What cannot be restored as it was. Nothing: the backup is good.
    pub problems: Vec<String>,
    /// What was so in the registry itself, and is restored as it was.
    pub notes: Vec<String>,
    /// Files that are damaged: once they are gone, the next backup sends them again.
    pub damaged_files: Vec<String>,
}

impl Verified {
    /// Whether all of it can be restored.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Looks a backup through. `beside` is a directory with room for its database.
pub async fn verify(
    target: &Target,
    manifest: Manifest,
    depth: Depth,
    identities: &[Identity],
    beside: &Path,
    watch: &Watch,
) -> Result<Verified, Error> {
    let opens = !manifest.is_encrypted() || !identities.is_empty();
    let mut verified = Verified {
        blobs: 0,
        bytes: 0,
        contents: opens && depth == Depth::Bytes,
        problems: Vec::new(),
        notes: Vec::new(),
        damaged_files: Vec::new(),
        manifest,
    };
    for digest in &verified.manifest.damaged {
        verified.notes.push(format!("the registry itself could not read the blob {digest}"));
    }
    if !opens {
        let note =
            "the backup is encrypted and no identity was given: only names and sizes were compared";
        verified.notes.push(note.to_owned());
    }
    let scratch = Scratch::new(beside)?;
    watch.at("database", 0, verified.manifest.summary.blobs, 0)?;
    let mut wanted = HashMap::new();
    let in_place = verified.manifest.is_in_place();
    if opens {
        verified.check_database(target, identities, &scratch, &mut wanted).await?;
    } else {
        let file = verified.manifest.database.clone();
        verified.check_size(target, &file).await?;
    }
    let mut lines = Vec::new();
    let manifest = verified.manifest.clone();
    match index::read(target, &manifest, |line| lines.push(line)).await {
        Ok(()) => {}
        Err(Error::File { name, what }) => verified.problems.push(format!("{name}: {what}")),
        Err(error) => return Err(error),
    }
    if in_place {
        verified.check_in_place(target, std::mem::take(&mut wanted)).await?;
        return Ok(verified);
    }
    for line in &lines {
        wanted.remove(&line.digest);
    }
    for digest in wanted.into_keys().filter(|digest| !manifest.damaged.contains(digest)) {
        verified.name(format!("the blob {digest} is in the database and not in the backup"));
    }
    let (contents, of) = (verified.contents, lines.len() as u64);
    let checking = futures::stream::iter(lines)
        .map(|line| async move { (check_blob(target, &line, contents, identities).await, line) });
    let mut checking = std::pin::pin!(checking.buffer_unordered(AT_ONCE));
    while let Some((checked, line)) = checking.next().await {
        verified.blobs += 1;
        match checked {
            Ok(read) => verified.bytes += read,
            Err(Error::File { name, what }) => {
                verified.name(format!("{name}: {what}"));
                verified.damaged_files.push(name);
            }
            Err(error) => return Err(error),
        }
        watch.at("blobs", verified.blobs, of, verified.bytes)?;
        drop(line);
    }
    Ok(verified)
}

async fn check_blob(
    target: &Target,
    line: &Line,
    contents: bool,
    identities: &[Identity],
) -> Result<u64, Error> {
    let Line { digest, size, name, stored } = line;
    match target.depot.size(name).await? {
        None => return Err(Error::file(name, "it is missing")),
        Some(found) if found != *stored => {
            return Err(Error::file(name, format!("it has {found} bytes, not {stored}")));
        }
        Some(_) => {}
    }
    if !contents {
        return Ok(0);
    }
    let bytes = target.depot.read(name).await?;
    let bytes = bytes.ok_or_else(|| Error::file(name, "it is missing"))?;
    let plain = pipe::unpack(bytes, Form::split(name).1, identities.to_vec());
    let seen = pipe::digest(plain, digest.algorithm(), |_| {}).await;
    let seen = seen.map_err(|error| Error::file(name, error))?;
    if seen.digest == *digest && seen.size == *size {
        Ok(*stored)
    } else {
        Err(Error::file(name, format!("it holds {}, not {digest}", seen.digest)))
    }
}

impl Verified {
    fn name(&mut self, problem: String) {
        if self.problems.len() < NAMED {
            self.problems.push(problem);
        }
    }

    /// Looks whether the bucket has the blobs of a snapshot; to read them is the registry's own business.
    async fn check_in_place(
        &mut self,
        target: &Target,
        wanted: HashMap<Digest, StoredBlob>,
    ) -> Result<(), Error> {
        let blobs: Vec<StoredBlob> = wanted.into_values().collect();
        self.blobs = blobs.len() as u64;
        self.contents = false;
        self.problems.extend(target.lacks(&blobs).await?);
        Ok(())
    }

    async fn check_size(&mut self, target: &Target, file: &BackupFile) -> Result<(), Error> {
        match target.depot.size(&file.name).await? {
            Some(found) if found == file.stored => {}
            Some(found) => self
                .problems
                .push(format!("{}: it has {found} bytes, not {}", file.name, file.stored)),
            None => self.problems.push(format!("{}: it is missing", file.name)),
        }
        Ok(())
    }

    /// Unpacks the database and looks at every row of it; notes the blobs that it wants.
    async fn check_database(
        &mut self,
        target: &Target,
        identities: &[Identity],
        scratch: &Scratch,
        wanted: &mut HashMap<Digest, StoredBlob>,
    ) -> Result<(), Error> {
        let path = scratch.file("database");
        let unpacked = restore::unpack_file(target, &self.manifest.database, identities, &path);
        match unpacked.await {
            Ok(()) => {}
            Err(Error::File { name, what }) => {
                self.problems.push(format!("{name}: {what}"));
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        let keys = match &self.manifest.key {
            None => None,
            Some(key) => {
                let path = scratch.file("key");
                match restore::unpack_file(target, key, identities, &path).await {
                    Ok(()) => Keyring::load(&path)?,
                    Err(Error::File { name, what }) => {
                        self.problems.push(format!("{name}: {what}"));
                        None
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        let checked = blocking(move || {
            let snapshot = Snapshot::open(&path)?;
            let graph = snapshot.check()?;
            let opens = keys.is_none() || snapshot.opens_with(keys.as_ref())?;
            Ok((graph, opens, snapshot.summary()?, snapshot.list_all_blobs()?))
        })
        .await;
        let (graph, opens, summary, blobs) = match checked {
            Ok(found) => found,
            Err(Error::Meta(error)) => {
                self.problems.push(format!("the database cannot be opened: {error}"));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.problems.extend(graph.problems);
        self.notes.extend(graph.notes);
        if !opens {
            self.problems
                .push("the key file in the backup does not open the secrets in it".to_owned());
        }
        if summary != self.manifest.summary {
            self.problems.push("the database does not hold what the manifest says".to_owned());
        }
        wanted.extend(blobs.into_iter().map(|blob| (blob.digest.clone(), blob)));
        Ok(())
    }
}
