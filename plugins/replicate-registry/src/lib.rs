//! Brings images to any OCI registry, under names that it likes: registries that know only two levels of names, or one
//! repository for everything.
//!
//! Berth can do this without a plugin where `mirror/{repository}` is enough. This one is also an example of what such a target
//! has to do: tokens, uploads, and a list of referrers where the registry keeps none.

mod challenge;
mod names;
mod places;
mod referrers;
mod registry;

use berth_plugin::http::{Request, Response};
use berth_plugin::{
    CallContext, Descriptor, Digest, Error, InputStream, Plugin, Problem, ReplicationTarget, config,
};
use sha2::{Digest as _, Sha256};

use names::Names;
use registry::{Registry, failure};

struct ToRegistry;

/// What Berth has, a registry may have under any of these.
const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, */*";

/// As large as manifests may be.
const LARGEST_MANIFEST: usize = 4 << 20;

/// A repository there.
pub(crate) struct There {
    names: Names,
    registry: Registry,
}

impl There {
    fn of(repository: &str) -> Result<Self, Error> {
        Self::to(repository, "pull,push")
    }

    fn to(repository: &str, actions: &str) -> Result<Self, Error> {
        let names = Names::of(repository)?;
        let registry = Registry::open(&names.repository, actions)?;
        Ok(Self { names, registry })
    }

    fn path(&self, rest: &str) -> String {
        format!("/v2/{}/{rest}", self.names.repository)
    }

    fn send(&self, method: &str, rest: &str) -> Result<Response, Error> {
        self.registry
            .send(|url| Request::new(method, url).header("accept", ACCEPT), &self.path(rest))
    }

    /// Begins an upload; gives where it goes on, or nothing if the blob is there now, taken over from another repository.
    fn begin_upload(&self, blob: &Descriptor) -> Result<Option<String>, Error> {
        let repository = &self.names.repository;
        if let Some(other) = places::find(&blob.digest, blob.size, repository)? {
            let registry = Registry::open(repository, "pull,push")?.reading(&other);
            let path = format!("blobs/uploads/?mount={}&from={other}", blob.digest);
            let make = |url: &str| Request::new("POST", url).header("accept", ACCEPT);
            let answer = registry.send(make, &self.path(&path))?;
            match answer.status {
                201 => {
                    places::remember(&blob.digest, blob.size, repository);
                    return Ok(None);
                }
                // It is not there any more, or is not to be taken from there: this is an upload like others.
                202 => {
                    places::forget(&blob.digest, blob.size);
                    return location(&answer).map(Some);
                }
                _ => places::forget(&blob.digest, blob.size),
            }
        }
        let answer = self.send("POST", "blobs/uploads/")?;
        match answer.status {
            202 => location(&answer).map(Some),
            _ => Err(failure(answer, &blob.digest)),
        }
    }

    /// A manifest, if it is there.
    pub(crate) fn manifest(&self, reference: &str) -> Result<Option<Vec<u8>>, Error> {
        let answer = self.send("GET", &format!("manifests/{reference}"))?;
        match answer.status {
            200 => answer.read_all(LARGEST_MANIFEST).map(Some),
            404 => Ok(None),
            _ => Err(failure(answer, reference)),
        }
    }

    /// Puts a manifest; gives the answer, which says what the registry made of it.
    pub(crate) fn put(
        &self,
        reference: &str,
        media_type: &str,
        content: &[u8],
    ) -> Result<Response, Error> {
        let make =
            |url: &str| Request::new("PUT", url).header("content-type", media_type).body(content);
        let answer = self.registry.send(make, &self.path(&format!("manifests/{reference}")))?;
        match answer.status {
            200..=299 => Ok(answer),
            _ => Err(failure(answer, reference)),
        }
    }
}

fn location(answer: &Response) -> Result<String, Error> {
    let location = answer.header("location").map(str::to_owned);
    location.ok_or_else(|| Error::Invalid("the registry does not say where the upload goes".into()))
}

fn hash(content: &[u8]) -> Digest {
    let hash = Sha256::digest(content);
    hash.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

impl Plugin for ToRegistry {
    const NAME: &'static str = "replicate-registry";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn check_config() -> Vec<Problem> {
        let mut problems: Vec<Problem> = names::problems(&config::list("names"))
            .into_iter()
            .map(|what| Problem::with("names", what))
            .collect();
        let registry = config::get("registry").unwrap_or_default();
        let is_url = registry.starts_with("https://") || registry.starts_with("http://");
        if !is_url || registry.trim_end_matches('/').matches('/').count() > 2 {
            problems.push(Problem::with("registry", "write it as `https://HOST`, without a path"));
        }
        if !config::get("tag").is_none_or(|tag| tag.contains("{tag}")) {
            problems.push(Problem::with("tag", "without {tag}, all tags would get the same name"));
        }
        problems
    }
}

impl ReplicationTarget for ToRegistry {
    fn find_manifest(
        _context: CallContext,
        repository: String,
        reference: String,
    ) -> Result<Option<Digest>, Error> {
        let there = There::of(&repository)?;
        let reference = there.names.reference(&reference);
        let answer = there.send("HEAD", &format!("manifests/{reference}"))?;
        match answer.status {
            200 => {}
            404 => return Ok(None),
            // The answer to `HEAD` does not say why.
            _ => return Ok(there.manifest(&reference)?.map(|content| hash(&content))),
        }
        match answer.header("docker-content-digest") {
            Some(digest) => Ok(Some(digest.to_owned())),
            None => Ok(there.manifest(&reference)?.map(|content| hash(&content))),
        }
    }

    fn missing(
        _context: CallContext,
        repository: String,
        blobs: Vec<Digest>,
    ) -> Result<Vec<Digest>, Error> {
        let there = There::of(&repository)?;
        let mut missing = Vec::new();
        for blob in blobs {
            let answer = there.send("HEAD", &format!("blobs/{blob}"))?;
            match answer.status {
                // Some send clients to where the bytes are.
                200..=399 => {}
                404 => missing.push(blob),
                _ => return Err(failure(answer, &blob)),
            }
        }
        Ok(missing)
    }

    fn put_blob(
        _context: CallContext,
        repository: String,
        blob: Descriptor,
        content: InputStream,
    ) -> Result<(), Error> {
        let there = There::of(&repository)?;
        let Some(location) = there.begin_upload(&blob)? else { return Ok(()) };
        let separator = if location.contains('?') { '&' } else { '?' };
        let path = format!("{location}{separator}digest={}", blob.digest);
        let make = |url: &str| {
            Request::new("PUT", url)
                .header("content-type", "application/octet-stream")
                .stream(content, Some(blob.size))
        };
        let answer = there.registry.send(make, &path)?;
        match answer.status {
            200..=299 => {
                places::remember(&blob.digest, blob.size, &there.names.repository);
                Ok(())
            }
            _ => Err(failure(answer, &blob.digest)),
        }
    }

    fn put_manifest(
        _context: CallContext,
        repository: String,
        reference: String,
        manifest: Descriptor,
        content: Vec<u8>,
    ) -> Result<Digest, Error> {
        let there = There::of(&repository)?;
        let reference = there.names.reference(&reference);
        let answer = there.put(&reference, &manifest.media_type, &content)?;
        let digest = answer.header("docker-content-digest").map(str::to_owned);
        // Who keeps a list of referrers says so.
        if answer.header("oci-subject").is_none() {
            drop(answer);
            referrers::list(&there, &manifest, &content)?;
        }
        Ok(digest.unwrap_or(manifest.digest))
    }

    fn delete(_context: CallContext, repository: String, reference: String) -> Result<(), Error> {
        let there = There::to(&repository, "pull,push,delete")?;
        let reference = there.names.reference(&reference);
        let answer = there.send("DELETE", &format!("manifests/{reference}"))?;
        match answer.status {
            200..=299 | 404 => Ok(()),
            400 | 405 => Err(Error::Invalid(format!(
                "{reference}: the registry does not delete this ({})",
                answer.status
            ))),
            _ => Err(failure(answer, &reference)),
        }
    }
}

berth_plugin::export!(ToRegistry: replication_target);
