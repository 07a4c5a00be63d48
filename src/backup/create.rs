//! Taking a backup while the registry serves.
//!
//! From before the snapshot until the manifest is written, no object of a blob is removed from the store
//! ([`Meta::hold_blobs`](crate::meta::Meta::hold_blobs)): what the snapshot names can be read, whatever is deleted meanwhile.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use berth_parcel::{Form, Recipient};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::ReaderStream;
use tokio_util::task::AbortOnDropHandle;

use super::index::Line;
use super::manifest::{BackupFile, FORM, Manifest, file_of, new_id};
use super::scratch::{Alone, Scratch};
use super::shelf::{Portion, name_of, scope};
use super::{Backups, Error, Pruned, Target, Watch, pipe};
use crate::blob::{self, BlobStore, Bytestream};
use crate::config::IncludeKey;
use crate::meta::{Actor, EventKind, Snapshot, StoredBlob};
use crate::oci::{Algorithm, Digest};

/// Blobs that are sent at the same time.
const AT_ONCE: usize = 4;

/// How long a hold lasts without being renewed, and how often it is.
const HELD_FOR: Duration = Duration::from_mins(15);
const HELD_EVERY: Duration = Duration::from_mins(3);

/// By so much of its beginning it is judged whether a blob is worth compressing.
const SAMPLE: usize = 64 << 10;

const MARKER: &str = "berth-backup.json";

/// A backup that was taken, and what became of older ones.
#[derive(Clone, Debug)]
pub struct Created {
    /// What belongs to it.
    pub manifest: Manifest,
    /// What was removed; or why that did not succeed, which takes nothing from the new one.
    pub pruned: Result<Pruned, String>,
}

/// What one backup works with.
pub(super) struct Job<'a> {
    pub(super) backups: &'a Backups,
    pub(super) target: &'a Target,
    pub(super) watch: &'a Watch,
    pub(super) id: String,
    pub(super) scope: String,
    pub(super) recipients: Vec<Recipient>,
    pub(super) scratch: Scratch,
}

/// What was sent.
#[derive(Default)]
struct Sent {
    done: u64,
    blobs: u64,
    bytes: u64,
    damaged: Vec<Digest>,
}

impl Backups {
    /// Takes a backup, then removes those that are too many.
    pub async fn create(
        &self,
        target: &Target,
        actor: &Actor,
        watch: &Watch,
    ) -> Result<Created, Error> {
        let alone = Alone::take(&self.config.storage.data)?;
        let instance = self.meta.instance().await?;
        claim(target, &instance).await?;
        target.depot.tidy().await?;
        let recipients = self
            .config
            .backup
            .recipients()
            .map_err(|error| Error::file("backup.recipients", error))?;
        let id = new_id(self.clock.now());
        let job = Job {
            backups: self,
            target,
            watch,
            scope: scope(&recipients),
            recipients,
            scratch: alone.scratch()?,
            id,
        };
        let hold = format!("backup/{}", job.id);
        self.meta.hold_blobs(&hold, HELD_FOR).await?;
        let renewing = AbortOnDropHandle::new(tokio::spawn(renew(self.clone(), hold.clone())));
        let made = job.run(instance).await;
        drop(renewing);
        self.meta.release_blobs(&hold).await?;
        let manifest = made?;
        let detail = serde_json::json!({
            "place": target.to_string(),
            "blobs": manifest.summary.blobs,
            "sent_bytes": manifest.sent_bytes,
            "damaged": manifest.damaged.len(),
            "blob_bytes": manifest.summary.blob_bytes,
        });
        self.meta.note_backup(EventKind::BackupCreate, &manifest.id, detail, actor).await?;
        let pruned = self.prune_alone(target, watch).await.map_err(|error| error.to_string());
        Ok(Created { manifest, pruned })
    }
}

/// Keeps what is being copied where it is. A backup that dies lets go after [`HELD_FOR`].
async fn renew(backups: Backups, hold: String) {
    let mut ticks = tokio::time::interval(HELD_EVERY);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        if let Err(error) = backups.meta.hold_blobs(&hold, HELD_FOR).await {
            tracing::error!(%error, "could not hold what is being backed up: {error}");
        }
    }
}

/// Makes sure that the place is ours, or nobody's.
pub(super) async fn claim(target: &Target, instance: &str) -> Result<(), Error> {
    let Some(text) = target.depot.read_whole(MARKER, 1 << 16).await? else {
        let text = serde_json::json!({ "form": FORM, "instance": instance });
        return Ok(target.depot.write_whole(MARKER, text.to_string().into_bytes()).await?);
    };
    let found: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    match found["instance"].as_str() {
        Some(theirs) if theirs == instance => Ok(()),
        theirs => Err(Error::OtherRegistry {
            place: target.to_string(),
            theirs: theirs.unwrap_or("of an unknown form").to_owned(),
            ours: instance.to_owned(),
        }),
    }
}

impl Job<'_> {
    async fn run(&self, instance: String) -> Result<Manifest, Error> {
        self.watch.at("snapshot", 0, 0, 0)?;
        let path = self.scratch.file("database");
        let at = self.backups.clock.now();
        self.backups.meta.snapshot(&path).await?;
        let opened = path.clone();
        let (snapshot, summary) = blocking(move || {
            let snapshot = Snapshot::open(&opened)?;
            let summary = snapshot.summary()?;
            Ok((snapshot, summary))
        })
        .await?;
        let list = self.scratch.file("blobs");
        let sent = self.send_blobs(snapshot, summary.blobs, &list).await?;
        self.watch.at("database", sent.done, summary.blobs, sent.bytes)?;
        let encrypted = !self.recipients.is_empty();
        let form = Form { compressed: true, encrypted };
        let database = self.send_file(&path, "database", form).await?;
        let blobs = self.send_file(&list, "blobs", Form { encrypted: false, ..form }).await?;
        let key = self.send_key(encrypted).await?;
        let manifest = Manifest {
            form: FORM,
            id: self.id.clone(),
            at,
            berth: env!("CARGO_PKG_VERSION").to_owned(),
            instance,
            database,
            blobs: Some(blobs),
            key,
            scope: self.scope.clone(),
            recipients: self.recipients.iter().map(ToString::to_string).collect(),
            summary,
            sent_blobs: sent.blobs,
            sent_bytes: sent.bytes,
            damaged: sent.damaged,
        };
        manifest.write(self.target).await?;
        Ok(manifest)
    }

    /// Sends what is not there yet, and writes the list of all.
    async fn send_blobs(&self, snapshot: Snapshot, all: u64, list: &Path) -> Result<Sent, Error> {
        let mut file = tokio::fs::File::create(list).await.map_err(Error::io(list))?;
        let mut sent = Sent::default();
        let mut snapshot = Some(snapshot);
        for portion in Portion::all(all) {
            self.watch.at("blobs", sent.done, all, sent.bytes)?;
            let digests = portion.digests();
            let held = snapshot.take().expect("it comes back from each portion");
            let (held, blobs) = blocking(move || {
                let blobs = held.list_blobs(&digests)?;
                Ok((held, blobs))
            })
            .await?;
            snapshot = Some(held);
            if blobs.is_empty() {
                continue;
            }
            let kept = portion.kept(self.target, &self.scope).await?;
            let sending = futures::stream::iter(blobs).map(|blob| {
                let kept = kept.get(&blob.digest).filter(|(name, size)| {
                    // One that was cut, by whomever, is sent again.
                    Form::split(name).1 != Form::default() || *size == blob.size
                });
                self.send_blob(blob, kept)
            });
            let mut sending = std::pin::pin!(sending.buffered(AT_ONCE));
            while let Some((line, is_new, digest)) = sending.try_next().await? {
                sent.done += 1;
                let Some(line) = line else {
                    sent.damaged.push(digest);
                    continue;
                };
                if is_new {
                    sent.blobs += 1;
                    sent.bytes += line.stored;
                }
                let mut text = serde_json::to_vec(&line).expect("a line is plain data");
                text.push(b'\n');
                file.write_all(&text).await.map_err(Error::io(list))?;
                self.watch.at("blobs", sent.done, all, sent.bytes)?;
            }
        }
        file.flush().await.map_err(Error::io(list))?;
        Ok(sent)
    }

    /// Sends a blob unless it is there; gives no line if the registry cannot read it itself.
    async fn send_blob(
        &self,
        blob: StoredBlob,
        kept: Option<&(String, u64)>,
    ) -> Result<(Option<Line>, bool, Digest), Error> {
        let StoredBlob { digest, size, .. } = blob.clone();
        if let Some((name, stored)) = kept {
            let line = Line { digest: digest.clone(), size, name: name.clone(), stored: *stored };
            return Ok((Some(line), false, digest));
        }
        self.watch.at_any()?;
        let Some(source) = self.open(&blob).await? else { return Ok((None, false, digest)) };
        let broke_off = Arc::new(AtomicBool::new(false));
        let noticed = Arc::clone(&broke_off);
        let mut source = source
            .inspect_err(move |error| noticed.store(is_of_the_file(error), Ordering::Release))
            .boxed();
        let head = match take_head(&mut source).await {
            Ok(head) => head,
            Err(error) if is_of_the_file(&error) => return Ok((None, false, digest)),
            Err(error) => return Err(blob::Error::broken(error).into()),
        };
        let form = Form {
            compressed: berth_parcel::shrinks(&head),
            encrypted: !self.recipients.is_empty(),
        };
        let name = name_of(&self.scope, &digest, form);
        let source = futures::stream::iter([Ok(head)]).chain(source).boxed();
        let (packed, seen) =
            pipe::pack(source, digest.algorithm(), form.compressed, self.recipients.clone());
        let written = self.target.depot.write(&name, packed).await;
        let seen = seen.await.map_err(|_| Error::Stopped)?;
        match (written, seen) {
            (Ok(stored), Ok(seen)) if seen.digest == digest && seen.size == size => {
                Ok((Some(Line { digest: digest.clone(), size, name, stored }), true, digest))
            }
            // What came is not what the row says: it must not lie there under this name.
            (Ok(_), _) => {
                self.target.depot.delete(&name).await?;
                Ok((None, false, digest))
            }
            // It could not be read to its end, so nothing was kept.
            (Err(_), _) if broke_off.load(Ordering::Acquire) => Ok((None, false, digest)),
            (Err(error), _) => Err(error.into()),
        }
    }

    /// Opens a blob where the snapshot says, or where it has been moved since.
    async fn open(&self, blob: &StoredBlob) -> Result<Option<Bytestream>, Error> {
        let blobs = &self.backups.blobs;
        let mut found = blobs.load(&blob.location, blob.size).await;
        if matches!(found, Err(blob::Error::Missing(_)))
            && let Some(now) = self.backups.meta.find_blob_anywhere(&blob.digest).await?
        {
            found = blobs.load(&now.location, now.size).await;
        }
        match found {
            Ok(content) => Ok(Some(BlobStore::read(&content, blob.size).await?)),
            Err(blob::Error::Missing(_)) => Ok(None),
            Err(error) if error.is_unreadable() => {
                tracing::error!(blob.digest = %blob.digest, %error, "{}: {error}", blob.digest);
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn send_file(
        &self,
        path: &Path,
        name: &str,
        form: Form,
    ) -> Result<BackupFile, Error> {
        let file = tokio::fs::File::open(path).await.map_err(Error::io(path))?;
        let source = ReaderStream::with_capacity(file, 256 << 10).boxed();
        let recipients = if form.encrypted { self.recipients.clone() } else { Vec::new() };
        let (packed, seen) = pipe::pack(source, Algorithm::Sha256, form.compressed, recipients);
        let name = file_of(&self.id, &format!("{name}{}", form.suffix()));
        let stored = self.target.depot.write(&name, packed).await?;
        let seen = seen.await.map_err(|_| Error::Stopped)?.map_err(Error::io(path))?;
        Ok(BackupFile { name, size: seen.size, digest: seen.digest, stored })
    }

    /// Sends the key file, if it may go along: with it, whoever reads the backup reads its secrets.
    pub(super) async fn send_key(&self, encrypted: bool) -> Result<Option<BackupFile>, Error> {
        let wanted = match self.backups.config.backup.include_key {
            IncludeKey::Always => true,
            IncludeKey::Encrypted => encrypted,
            IncludeKey::Never => false,
        };
        if !wanted {
            return Ok(None);
        }
        let path = self.backups.config.storage.key_path();
        self.send_file(&path, "key", Form { compressed: false, encrypted }).await.map(Some)
    }
}

/// Whether a stream broke off because of what it reads, and not because a bucket does not answer, which may be over soon.
fn is_of_the_file(error: &std::io::Error) -> bool {
    error.get_ref().is_none_or(|cause| !cause.is::<blob::BucketError>())
}

/// The beginning of a stream.
async fn take_head(source: &mut Bytestream) -> std::io::Result<Bytes> {
    let mut head = Vec::new();
    while head.len() < SAMPLE
        && let Some(chunk) = source.try_next().await?
    {
        head.extend_from_slice(&chunk);
    }
    Ok(head.into())
}

/// Runs what blocks off the executor's threads (I8).
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Stopped)?
}
