//! Bringing advisories in: from a file, or from where they are published. All of a source is replaced at once, or nothing.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use berth_advisories::{Advisory, InvalidAdvisory, Options, export};
use berth_sbom::Inventory;
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use tokio::io::AsyncWriteExt as _;

use super::super::Worker;
use super::super::jobs::Kind;
use super::super::running::{Failure, Finished, Running};
use super::inventory;
use crate::meta::{
    self, Actor, AdvisoryShelf, AdvisorySource, AdvisoryWriter, NewJob, ScanFinding,
};
use crate::remote::{Reach, Terms};
use crate::secret::random_text;

/// Brings the advisories of one source.
pub(in super::super) const FETCH: Kind = Kind {
    name: "advisories",
    at_once: 1,
    wait: Duration::from_mins(1),
    longest_wait: Duration::from_hours(1),
};

/// The largest export that is taken: all of OSV is less.
pub const LARGEST_EXPORT: u64 = 4 << 30;

/// What scheduled imports bear with: so many of a thousand records that cannot be used.
const BORNE: u64 = 10;

/// Redirects that are followed.
const REDIRECTS: usize = 5;

/// What is to be imported.
#[derive(Clone, Debug)]
pub struct ImportWish {
    /// What the source is called.
    pub name: String,
    /// Where it comes from, for people.
    pub origin: String,
    /// What the server said that this version is called.
    pub etag: Option<String>,
    /// Leave records out that cannot be used, instead of refusing all.
    pub skip_invalid: bool,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum AdvisoryError {
    /// The name cannot be used.
    #[error(
        "`{0}` cannot be the name of a source: use up to 64 lower-case letters, digits, `.`, `_` and `-`"
    )]
    Name(String),
    /// A record is none.
    #[error("nothing was imported: {record}: {cause}. `--skip-invalid` leaves such records out")]
    Record {
        /// Which one.
        record: String,
        /// Why not.
        cause: InvalidAdvisory,
    },
    /// The file is none of those that are read.
    #[error(
        "nothing was imported: {0}: an export is a zip archive of OSV records, or records in JSON one after another"
    )]
    Export(String),
    /// Too many records cannot be used.
    #[error(
        "nothing was imported: {skipped} of {all} records cannot be used, the first one {first}"
    )]
    TooManyInvalid {
        /// How many.
        skipped: u64,
        /// Of how many.
        all: u64,
        /// One of them, and why.
        first: String,
    },
    /// There is nothing in it.
    #[error("nothing was imported: there is no advisory in it")]
    Empty,
    /// A file operation failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database failed.
    #[error(transparent)]
    Meta(#[from] meta::Error),
    /// The process stops.
    #[error("Berth is stopping")]
    Stopped,
}

/// All advisories that count, for matching.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) generation: u64,
    shelf: AdvisoryShelf,
}

impl Known {
    /// What advisories say of packages. This blocks.
    pub(super) fn find(
        &self,
        packages: &Inventory,
    ) -> Result<impl Iterator<Item = ScanFinding> + use<>, meta::Error> {
        let found =
            berth_advisories::find(packages, &Options::default(), |key| self.shelf.load(key))?;
        Ok(found.into_iter().map(|found| super::row(&inventory::finding(found), true)))
    }
}

/// What there is.
#[derive(Clone, Debug)]
pub struct AdvisoryStatus {
    /// Rises whenever advisories change.
    pub generation: u64,
    /// Where they come from.
    pub sources: Vec<AdvisorySource>,
    /// How many entries there are about packages of each ecosystem.
    pub ecosystems: Vec<(String, u64)>,
}

impl Worker {
    fn advisory_directory(&self) -> PathBuf {
        self.config.storage.data.join("advisories")
    }

    /// All advisories that count now.
    pub(super) async fn advisories(&self) -> Result<Known, meta::Error> {
        let (generation, sources) = self.meta.list_advisory_sources().await?;
        let directory = self.advisory_directory();
        let open = move || AdvisoryShelf::open(&directory, &sources);
        let shelf = tokio::task::spawn_blocking(open).await.map_err(|_| meta::Error::Closed)??;
        Ok(Known { generation, shelf })
    }

    /// What there is.
    pub async fn advisory_status(&self) -> Result<AdvisoryStatus, AdvisoryError> {
        let (generation, sources) = self.meta.list_advisory_sources().await?;
        let known = self.advisories().await?;
        let count = tokio::task::spawn_blocking(move || known.shelf.ecosystems());
        let ecosystems = count.await.map_err(|_| AdvisoryError::Stopped)??;
        Ok(AdvisoryStatus { generation, sources, ecosystems })
    }

    /// A file of its own for an export that is on its way.
    pub async fn incoming_advisories(&self) -> Result<PathBuf, AdvisoryError> {
        let directory = self.advisory_directory();
        let made = tokio::fs::create_dir_all(&directory).await;
        made.map_err(|source| AdvisoryError::Io { path: directory.clone(), source })?;
        Ok(directory.join(format!("incoming-{}", random_text(16))))
    }

    /// Imports an export from a file, and has everything matched anew. The file stays.
    pub async fn import_advisories(
        &self,
        wish: ImportWish,
        export: &Path,
        by: &Actor,
    ) -> Result<AdvisorySource, AdvisoryError> {
        if !is_source_name(&wish.name) {
            return Err(AdvisoryError::Name(wish.name.chars().take(100).collect()));
        }
        let directory = self.advisory_directory();
        let file = format!("{}-{}.db", wish.name, random_text(12));
        let (from, to) = (export.to_owned(), directory.join(&file));
        let skip_invalid = wish.skip_invalid;
        let work = move || {
            let read = (|| {
                std::fs::create_dir_all(&directory)
                    .map_err(|source| AdvisoryError::Io { path: directory.clone(), source })?;
                let mut writer = AdvisoryWriter::create(&to)?;
                let skipped = read(&from, &mut writer, skip_invalid)?;
                let (advisories, bytes) = writer.finish()?;
                if advisories == 0 {
                    Err(AdvisoryError::Empty)
                } else {
                    Ok((advisories, skipped, bytes))
                }
            })();
            if read.is_err() {
                let _ = std::fs::remove_file(&to);
            }
            read
        };
        let done = tokio::task::spawn_blocking(work).await.map_err(|_| AdvisoryError::Stopped)?;
        let (advisories, skipped, bytes) = done?;
        let source = AdvisorySource {
            name: wish.name,
            origin: wish.origin,
            file,
            generation: 0,
            advisories,
            skipped,
            bytes,
            etag: wish.etag,
            imported_at: self.clock.now(),
            imported_by: String::new(),
        };
        let (source, older) = self.meta.replace_advisories(source, by).await?;
        self.forget_file(older).await;
        self.meta.add_job(Self::rematch_job(), by).await?;
        tracing::info!(
            advisory.source = %source.name,
            "imported {} advisories of {} from {}",
            source.advisories,
            source.name,
            source.origin
        );
        Ok(source)
    }

    /// Removes a source; says whether there was one.
    pub async fn remove_advisories(&self, name: &str, by: &Actor) -> Result<bool, AdvisoryError> {
        let Some(file) = self.meta.remove_advisories(name, by).await? else { return Ok(false) };
        self.forget_file(Some(file)).await;
        self.meta.add_job(Self::rematch_job(), by).await?;
        Ok(true)
    }

    /// What reads it now goes on with it.
    async fn forget_file(&self, file: Option<String>) {
        let Some(file) = file else { return };
        let path = self.advisory_directory().join(file);
        if let Err(error) = tokio::fs::remove_file(&path).await {
            tracing::warn!(%error, "could not remove {}: {error}", path.display());
        }
    }

    /// Has the advisories of a URL fetched by a job; gives its number, `None` if one waits already.
    pub async fn fetch_advisories(
        &self,
        name: &str,
        url: &str,
        by: &Actor,
    ) -> Result<Option<i64>, AdvisoryError> {
        if !is_source_name(name) {
            return Err(AdvisoryError::Name(name.chars().take(100).collect()));
        }
        let is_address = url.parse::<http::Uri>().is_ok_and(|url| url.host().is_some());
        if !is_address || !(url.starts_with("https://") || url.starts_with("http://")) {
            return Err(AdvisoryError::Export(format!("`{url}` is no URL")));
        }
        let job = fetch_job(name, url);
        Ok(self.meta.add_job(job, by).await?)
    }
}

fn fetch_job(name: &str, url: &str) -> NewJob {
    let payload = json!(Fetch { name: name.to_owned(), url: url.to_owned() });
    NewJob {
        subject: "advisories".into(),
        unique_key: Some(format!("advisories/{name}")),
        ..NewJob::new(FETCH.name, payload)
    }
}

/// Whether text can name a source; it becomes part of the name of a file.
fn is_source_name(text: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('.')
}

/// Reads an export into a file; gives how many records were left out.
fn read(
    export: &Path,
    writer: &mut AdvisoryWriter,
    skip_invalid: bool,
) -> Result<u64, AdvisoryError> {
    let io = |source| AdvisoryError::Io { path: export.to_owned(), source };
    let mut file = File::open(export).map_err(io)?;
    let mut head = [0; 4];
    let read = file.read(&mut head).map_err(io)?;
    let mut take = Take { writer, skip_invalid, all: 0, skipped: 0, first: String::new() };
    if export::is_archive(&head[..read]) {
        let visited = export::visit(&file, |name, advisory| take.one(name, advisory));
        visited.map_err(|error| match error {
            export::Error::Archive(error) => AdvisoryError::Export(error.to_string()),
            export::Error::Caller(error) => error,
        })?;
    } else {
        let file = File::open(export).map_err(io)?;
        let reader = BufReader::with_capacity(1 << 20, file);
        let records = serde_json::Deserializer::from_reader(reader).into_iter::<Box<RawValue>>();
        for (number, record) in records.enumerate() {
            let record = record.map_err(|error| AdvisoryError::Export(error.to_string()))?;
            let name = format!("record {}", number + 1);
            take.one(&name, Advisory::parse(record.get().as_bytes()))?;
        }
    }
    let (skipped, all) = (take.skipped, take.all);
    if skipped * 1000 > all * BORNE {
        return Err(AdvisoryError::TooManyInvalid { skipped, all, first: take.first });
    }
    Ok(skipped)
}

struct Take<'a> {
    writer: &'a mut AdvisoryWriter,
    skip_invalid: bool,
    all: u64,
    skipped: u64,
    first: String,
}

impl Take<'_> {
    fn one(
        &mut self,
        name: &str,
        advisory: Result<Advisory, InvalidAdvisory>,
    ) -> Result<(), AdvisoryError> {
        self.all += 1;
        match advisory {
            Ok(advisory) => Ok(self.writer.add(advisory)?),
            Err(cause) if self.skip_invalid => {
                self.skipped += 1;
                if self.first.is_empty() {
                    self.first = format!("{name}: {cause}");
                }
                Ok(())
            }
            Err(cause) => Err(AdvisoryError::Record { record: name.to_owned(), cause }),
        }
    }
}

/// Where advisories are published.
#[derive(Debug, Serialize, Deserialize)]
struct Fetch {
    name: String,
    url: String,
}

/// The job that has all sources fetched that the settings name.
pub(in super::super) fn fetch_all() -> NewJob {
    NewJob {
        subject: "advisories".into(),
        unique_key: Some("advisories".into()),
        ..NewJob::new(FETCH.name, json!(null))
    }
}

/// Brings the advisories of a source, unless they are the same as last time.
pub(in super::super) async fn fetch(
    worker: &Worker,
    running: &Running,
) -> Result<Finished, Failure> {
    let Some(Fetch { name, url }) = running.payload()? else {
        let sources = worker.config.advisories.named();
        let following: Vec<_> = sources.map(|(name, url)| fetch_job(name, url)).collect();
        return Ok(Finished { result: Some(format!("{} sources", following.len())), following });
    };
    let (_, sources) = worker.meta.list_advisory_sources().await?;
    let known = sources.iter().find(|source| source.name == name && source.origin == url);
    let etag = known.and_then(|source| source.etag.clone());
    let path = worker.incoming_advisories().await.map_err(Failure::retry)?;
    let fetched = download(worker, &url, etag.as_deref(), &path, running).await;
    let imported = match fetched {
        Ok(Some(etag)) => {
            let wish = ImportWish { name, origin: url, etag, skip_invalid: true };
            let by = Actor::internal("advisories");
            worker.import_advisories(wish, &path, &by).await.map_err(|error| match error {
                AdvisoryError::Meta(_) | AdvisoryError::Io { .. } => Failure::retry(error),
                // Half an export, perhaps: it may be whole next time, and until then the older one counts.
                other => Failure::retry(other),
            })
        }
        Ok(None) => return Ok(Finished::with("nothing new")),
        Err(failure) => Err(failure),
    };
    let _ = tokio::fs::remove_file(&path).await;
    let source = imported?;
    Ok(Finished::with(format!("{} advisories, {} left out", source.advisories, source.skipped)))
}

/// Downloads into a file; `None` if there is nothing new, else what the server calls this version.
async fn download(
    worker: &Worker,
    url: &str,
    etag: Option<&str>,
    path: &Path,
    running: &Running,
) -> Result<Option<Option<String>>, Failure> {
    let mut terms = Terms {
        // An administrator has named it.
        reach: Reach::Loopback,
        addresses: std::collections::HashSet::default(),
        max_response: LARGEST_EXPORT,
        first_byte: Duration::from_secs(30),
        between_bytes: Duration::from_secs(30),
    };
    let mut url = url.to_owned();
    for _ in 0..=REDIRECTS {
        let mut request = http::Request::get(&url).header(http::header::ACCEPT, "*/*");
        if let Some(etag) = etag {
            request = request.header(http::header::IF_NONE_MATCH, etag);
        }
        let request = request.body(None).map_err(Failure::permanent)?;
        let answer = worker.outbound.send(request, &terms).await.map_err(Failure::retry)?;
        let (head, mut body) = answer.into_parts();
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        match head.status.as_u16() {
            200 => {}
            304 => return Ok(None),
            301 | 302 | 303 | 307 | 308 => {
                // Where it sends us to, nobody here has named.
                terms.reach = Reach::Public;
                let to = header(http::header::LOCATION).map(str::to_owned);
                url = to
                    .filter(|to| to.starts_with("https://") || to.starts_with("http://"))
                    .ok_or_else(|| Failure::Retry(format!("{url} redirects nowhere")))?;
                continue;
            }
            status => return Err(Failure::Retry(format!("{url} is answered {status}"))),
        }
        let etag = header(http::header::ETAG).map(str::to_owned);
        let mut file = tokio::fs::File::create(path).await.map_err(Failure::retry)?;
        let mut bytes = 0_u64;
        while let Some(frame) = body.frame().await {
            running.check()?;
            if let Ok(data) = frame.map_err(Failure::retry)?.into_data() {
                bytes += data.len() as u64;
                file.write_all(&data).await.map_err(Failure::retry)?;
                running.progress(json!({ "bytes": bytes }));
            }
        }
        file.flush().await.map_err(Failure::retry)?;
        return Ok(Some(etag));
    }
    Err(Failure::Retry(format!("{url} redirects again and again")))
}
