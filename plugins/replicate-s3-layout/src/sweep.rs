//! What of a layout nobody needs any more: the blobs that no listed manifest leads to.
//!
//! Tags are needed, and what refers to something that is needed. All manifests of the layout are read for that, as a bucket
//! counts nothing; so blobs are looked at when something is deleted, and not each time something is put.

use std::collections::BTreeSet;

use berth_plugin::{Error, log};
use serde_json::Value;

use crate::layout::Index;
use crate::s3::Bucket;

/// As large as manifests may be.
const LARGEST_MANIFEST: usize = 4 << 20;

/// Removes what is not needed, from the list and from the bucket; `index` is written before anything goes.
pub fn sweep(bucket: &Bucket, repository: &str, mut index: Index) -> Result<(), Error> {
    let Some(needed) = needed(bucket, repository, &index)? else {
        // Written all the same: the tag is to be gone.
        return index.write(bucket, repository);
    };
    for (digest, _) in index.listed() {
        if !needed.contains(&digest) {
            index.remove(&digest);
        }
    }
    index.write(bucket, repository)?;
    let folder = format!("{repository}/blobs/");
    for key in bucket.list(&folder)? {
        if digest_of(&key[folder.len()..]).is_some_and(|digest| !needed.contains(&digest)) {
            bucket.delete(&key)?;
        }
    }
    Ok(())
}

/// The digest of `sha256/HEX`; none of what another layout, whose name begins so, has below it.
fn digest_of(name: &str) -> Option<String> {
    let (algorithm, hex) = name.split_once('/')?;
    let is_hex = hex.len() >= 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| format!("{algorithm}:{hex}"))
}

/// All that the listed manifests lead to; none if a manifest cannot be read, as then nobody knows.
fn needed(
    bucket: &Bucket,
    repository: &str,
    index: &Index,
) -> Result<Option<BTreeSet<String>>, Error> {
    let (mut needed, mut waiting) = (BTreeSet::new(), Vec::new());
    for (digest, is_tagged) in index.listed() {
        if is_tagged {
            if !follow(bucket, repository, digest, &mut needed)? {
                return Ok(None);
            }
        } else {
            let Some(manifest) = read(bucket, repository, &digest)? else { return Ok(None) };
            let subject = manifest["subject"]["digest"].as_str().unwrap_or_default();
            waiting.push((digest, subject.to_owned()));
        }
    }
    // What refers to something that is needed may be referred to itself.
    loop {
        let (now, later): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(_, subject)| needed.contains(subject));
        if now.is_empty() {
            return Ok(Some(needed));
        }
        for (digest, _) in now {
            if !follow(bucket, repository, digest, &mut needed)? {
                return Ok(None);
            }
        }
        waiting = later;
    }
}

/// Adds a manifest and all below it; says whether each of them could be read.
fn follow(
    bucket: &Bucket,
    repository: &str,
    manifest: String,
    needed: &mut BTreeSet<String>,
) -> Result<bool, Error> {
    let mut open = vec![manifest];
    while let Some(digest) = open.pop() {
        if !needed.insert(digest.clone()) {
            continue;
        }
        let Some(manifest) = read(bucket, repository, &digest)? else { return Ok(false) };
        let own = |part: &Value| part["digest"].as_str().map(str::to_owned);
        let list = |name: &str| manifest[name].as_array().cloned().unwrap_or_default();
        needed.extend(own(&manifest["config"]));
        needed.extend(list("layers").iter().filter_map(own));
        open.extend(list("manifests").iter().filter_map(own));
    }
    Ok(true)
}

fn read(bucket: &Bucket, repository: &str, digest: &str) -> Result<Option<Value>, Error> {
    let bytes = bucket.get(&crate::blob_key(repository, digest)?, LARGEST_MANIFEST)?;
    let manifest = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if manifest.is_none() {
        log::warn(&format!(
            "{repository} lists {digest}, which cannot be read: no blob of it is removed"
        ));
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blobs_of_the_layout_itself_are_its_own() {
        let hex = "0".repeat(64);
        assert_eq!(digest_of(&format!("sha256/{hex}")), Some(format!("sha256:{hex}")));
        assert_eq!(digest_of(&format!("sha256/{hex}/blobs/sha256/{hex}")), None);
        assert_eq!(digest_of("sha256/oci-layout"), None);
    }
}
