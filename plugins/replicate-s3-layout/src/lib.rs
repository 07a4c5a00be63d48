//! Brings images into a bucket, each repository as an OCI image layout: `oci-layout`, `index.json`, `blobs/sha256/…`.
//!
//! Tags and what refers to something stand in `index.json`; what is below them is found by following it. Berth gives one
//! target one job at a time, so nobody else writes to an `index.json` meanwhile.

mod layout;
mod s3;
mod sweep;

use berth_plugin::{
    CallContext, Descriptor, Digest, Error, InputStream, Plugin, Problem, ReplicationTarget, config,
};

use layout::Index;
use s3::Bucket;

struct S3Layout;

/// The largest object that S3 takes in one request; larger blobs go in parts.
const LARGEST: u64 = 5 << 30;
/// A part of these, as long as they are not too many: each is in memory while it is sent.
const PART: u64 = 32 << 20;
/// The least that S3 takes as a part that is not the last one, and the most that there is memory for.
const PARTS: std::ops::RangeInclusive<u64> = 5 << 20..=128 << 20;
/// The most parts of an object.
const MOST_PARTS: u64 = 10_000;

/// How large the parts of a blob are; none if it goes in one piece.
fn part_of(size: u64, setting: u64) -> Result<Option<u64>, Error> {
    let (most, part) = if setting == 0 { (LARGEST, PART) } else { (setting, setting) };
    if size <= most.min(LARGEST) {
        return Ok(None);
    }
    let part = part.max(size.div_ceil(MOST_PARTS));
    if part > *PARTS.end() {
        let most = MOST_PARTS * PARTS.end();
        let what = format!("the blob has {size} bytes, and {most} can be sent");
        return Err(Error::LimitExceeded(what));
    }
    Ok(Some(part))
}

/// The setting `part-size` in bytes.
fn part_size() -> Result<u64, Error> {
    Ok(config::parse::<u64>("part-size")?.unwrap_or(0) << 20)
}

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
        match part_size() {
            Ok(0) => {}
            Ok(size) if PARTS.contains(&size) => {}
            _ => problems.push(Problem::with("part-size", "parts have 5 to 128 MiB, or 0")),
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
        let key = blob_key(&repository, &blob.digest)?;
        if let Some(part) = part_of(blob.size, part_size()?)? {
            return Bucket::open()?.put_parts(&key, content, blob.size, part);
        }
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
        // By digest it need not be listed.
        if index.remove(&reference) || reference.contains(':') {
            sweep::sweep(&bucket, &repository, index)?;
        }
        Ok(())
    }
}

berth_plugin::export!(S3Layout: replication_target);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_goes_in_parts_if_it_has_to() {
        let part = |size, setting| part_of(size, setting).unwrap();
        assert_eq!(part(LARGEST, 0), None);
        assert_eq!(part(LARGEST + 1, 0), Some(PART));
        assert_eq!(part(5 << 20, 5 << 20), None);
        assert_eq!(part((5 << 20) + 1, 5 << 20), Some(5 << 20));
        let size = 500 << 30;
        let part = part(size, 0).unwrap();
        assert!(size.div_ceil(part) <= MOST_PARTS && PARTS.contains(&part));
        assert!(matches!(part_of(5 << 40, 0), Err(Error::LimitExceeded(_))));
    }
}
