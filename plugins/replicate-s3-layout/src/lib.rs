//! Brings images into a bucket, each repository as an OCI image layout: `oci-layout`, `index.json`, `blobs/sha256/…`.
//!
//! Tags and what refers to something stand in `index.json`; what is below them is found by following it. Berth gives one
//! target one job at a time, so nobody else writes to an `index.json` meanwhile.

mod layout;
mod s3;

use berth_plugin::{
    CallContext, Descriptor, Digest, Error, InputStream, Plugin, Problem, ReplicationTarget, config,
};

use layout::Index;
use s3::Bucket;

struct S3Layout;

/// The largest object that is put in one request; larger blobs would need parts.
const LARGEST: u64 = 5 << 30;

fn blob_key(repository: &str, digest: &str) -> Result<String, Error> {
    let (algorithm, hex) =
        digest.split_once(':').ok_or_else(|| Error::Invalid(format!("`{digest}` is no digest")))?;
    Ok(format!("{repository}/blobs/{algorithm}/{hex}"))
}

impl Plugin for S3Layout {
    const NAME: &'static str = "replicate-s3-layout";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn check_config() -> Vec<Problem> {
        let mut problems = Vec::new();
        let endpoint = config::get("endpoint").unwrap_or_default();
        let is_url = endpoint.starts_with("https://") || endpoint.starts_with("http://");
        if !is_url || endpoint.matches('/').count() > 2 {
            problems.push(Problem::with("endpoint", "write it as `https://HOST`, without a path"));
        }
        let prefix = config::get("prefix").unwrap_or_default();
        if !prefix.is_empty() && (!prefix.ends_with('/') || prefix.starts_with('/')) {
            problems.push(Problem::with("prefix", "it ends with `/`, and does not begin with it"));
        }
        problems
    }
}

impl ReplicationTarget for S3Layout {
    fn find_manifest(
        _context: CallContext,
        repository: String,
        reference: String,
    ) -> Result<Option<Digest>, Error> {
        let bucket = Bucket::open()?;
        if reference.contains(':') {
            let there = bucket.has(&blob_key(&repository, &reference)?)?;
            return Ok(there.then_some(reference));
        }
        Ok(Index::read(&bucket, &repository)?.tagged(&reference))
    }

    fn missing(
        _context: CallContext,
        repository: String,
        blobs: Vec<Digest>,
    ) -> Result<Vec<Digest>, Error> {
        let bucket = Bucket::open()?;
        let mut missing = Vec::new();
        for blob in blobs {
            if !bucket.has(&blob_key(&repository, &blob)?)? {
                missing.push(blob);
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
        if blob.size > LARGEST {
            return Err(Error::LimitExceeded(format!(
                "{} has {} bytes: S3 takes 5 GiB in one request",
                blob.digest, blob.size
            )));
        }
        let key = blob_key(&repository, &blob.digest)?;
        // The service compares what comes with this, and so nothing that is damaged gets there.
        let hash = blob.digest.strip_prefix("sha256:").map(str::to_owned);
        Bucket::open()?.put_stream(&key, content, blob.size, hash.as_deref())
    }

    fn put_manifest(
        _context: CallContext,
        repository: String,
        reference: String,
        manifest: Descriptor,
        content: Vec<u8>,
    ) -> Result<Digest, Error> {
        let bucket = Bucket::open()?;
        bucket.put(&blob_key(&repository, &manifest.digest)?, &content)?;
        let tag = (!reference.contains(':')).then_some(reference.as_str());
        if tag.is_some() || layout::has_subject(&content) {
            let mut index = Index::read(&bucket, &repository)?;
            index.add(&manifest, tag);
            bucket.put(&format!("{repository}/oci-layout"), layout::MARKER.as_bytes())?;
            index.write(&bucket, &repository)?;
        }
        Ok(manifest.digest)
    }

    fn delete(_context: CallContext, repository: String, reference: String) -> Result<(), Error> {
        let bucket = Bucket::open()?;
        let mut index = Index::read(&bucket, &repository)?;
        if index.remove(&reference) {
            index.write(&bucket, &repository)?;
        }
        if reference.contains(':') {
            bucket.delete(&blob_key(&repository, &reference)?)?;
        }
        Ok(())
    }
}

berth_plugin::export!(S3Layout: replication_target);
