//! Manifests of another registry: found, fetched and put with exactly their bytes.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::{Answer, Error, Repository, named_digest};
use crate::oci::manifest::MAX_MANIFEST_BYTES;
use crate::oci::{Action, Algorithm, Digest, Manifest, MediaType, Reference, Scope, Tag};

/// The four that we follow first; a registry may still send what it has.
const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, */*;q=0.5";

/// A manifest as it came, checked against its digest.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// What it is called by its content.
    pub digest: Digest,
    /// What the registry says it is.
    pub media_type: Option<MediaType>,
    /// The very bytes.
    pub bytes: Bytes,
}

impl Fetched {
    /// Reads what the manifest says.
    pub fn parse(&self) -> Result<Manifest, Error> {
        Manifest::parse(self.bytes.clone(), self.media_type.as_ref())
            .map_err(|cause| Error::Manifest { digest: self.digest.clone(), cause })
    }
}

/// What HEAD tells of a manifest.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its digest, if the registry named it.
    pub digest: Option<Digest>,
    /// Its media type.
    pub media_type: Option<MediaType>,
    /// Its size.
    pub size: Option<u64>,
}

/// What came of a manifest that was put.
#[derive(Clone, Copy, Debug)]
pub struct Put {
    /// The registry took note of the manifest's subject, so it will list it among the subject's referrers. If it did
    /// not, the client has to keep the list under a tag.
    pub knows_subject: bool,
}

impl Repository {
    /// Fetches a manifest and checks its digest: the one that was asked for, or the one that the registry names.
    pub async fn find_manifest(&self, reference: &Reference) -> Result<Option<Fetched>, Error> {
        let mut call = self.call(Method::GET, &format!("manifests/{reference}"));
        call.headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
        let answer = self.remote.ask(call, &self.pull_scope(), MAX_MANIFEST_BYTES).await?;
        match answer.status {
            StatusCode::OK => self.checked(reference, answer).map(Some),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.wire().failure(&answer)),
        }
    }

    /// The same, where its absence is an error.
    pub async fn load_manifest(&self, reference: &Reference) -> Result<Fetched, Error> {
        self.find_manifest(reference).await?.ok_or_else(|| Error::ManifestUnknown {
            registry: self.registry().clone(),
            repository: self.name.clone(),
            reference: reference.clone(),
        })
    }

    /// Asks for a manifest without fetching it; Docker Hub does not count this against its limit.
    pub async fn head_manifest(&self, reference: &Reference) -> Result<Option<Found>, Error> {
        let mut call = self.call(Method::HEAD, &format!("manifests/{reference}"));
        call.headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
        let answer = self.remote.ask(call, &self.pull_scope(), MAX_MANIFEST_BYTES).await?;
        match answer.status {
            StatusCode::OK => Ok(Some(Found {
                digest: named_digest(&answer.headers),
                media_type: media_type(&answer.headers),
                size: answer.header(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
            })),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.wire().failure(&answer)),
        }
    }

    /// Puts a manifest, byte for byte, under its digest and, if given, a tag.
    pub async fn put_manifest(&self, manifest: &Fetched, tag: Option<&Tag>) -> Result<Put, Error> {
        let digest = &manifest.digest;
        match tag {
            // A tag's PUT names the manifest by SHA-256, so another digest has to be put itself, and the tag with it.
            Some(tag) if digest.algorithm() != Algorithm::Sha256 => {
                let (put, tagged) = self.put_at(manifest, &format!("{digest}?tag={tag}")).await?;
                if tagged { Ok(put) } else { Ok(self.put_at(manifest, tag.as_str()).await?.0) }
            }
            Some(tag) => Ok(self.put_at(manifest, tag.as_str()).await?.0),
            None => Ok(self.put_at(manifest, digest.as_str()).await?.0),
        }
    }

    /// Removes a tag, or a manifest by digest; says whether there was one.
    pub async fn delete_manifest(&self, reference: &Reference) -> Result<bool, Error> {
        let call = self.call(Method::DELETE, &format!("manifests/{reference}"));
        let scope = [Scope::repository(self.name.as_str(), [Action::Pull, Action::Delete])];
        let answer = self.remote.ask(call, &scope, 64 * 1024).await?;
        match answer.status {
            StatusCode::ACCEPTED | StatusCode::OK | StatusCode::NO_CONTENT => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.wire().failure(&answer)),
        }
    }

    async fn put_at(&self, manifest: &Fetched, place: &str) -> Result<(Put, bool), Error> {
        let mut call = self.call(Method::PUT, &format!("manifests/{place}"));
        let media_type = match &manifest.media_type {
            Some(media_type) => media_type.clone(),
            None => manifest.parse()?.media_type().clone(),
        };
        let value = HeaderValue::from_str(media_type.as_str())
            .expect("a media type consists of visible ASCII characters");
        call.headers.insert(CONTENT_TYPE, value);
        call.body = manifest.bytes.clone();
        let answer = self.remote.ask(call, &self.push_scope(), 64 * 1024).await?;
        if answer.status != StatusCode::CREATED {
            return Err(self.wire().failure(&answer));
        }
        if let Some(named) = named_digest(&answer.headers)
            && named.algorithm() == manifest.digest.algorithm()
            && named != manifest.digest
        {
            return Err(Error::DigestMismatch {
                origin: self.to_string(),
                expected: manifest.digest.clone(),
                actual: named,
            });
        }
        let knows_subject = answer.headers.contains_key("oci-subject");
        Ok((Put { knows_subject }, answer.headers.contains_key("oci-tag")))
    }

    fn checked(&self, reference: &Reference, answer: Answer) -> Result<Fetched, Error> {
        let expected = match reference {
            Reference::Digest(digest) => Some(digest.clone()),
            Reference::Tag(_) => named_digest(&answer.headers),
        };
        let algorithm = expected.as_ref().map_or(Algorithm::Sha256, Digest::algorithm);
        let actual = algorithm.digest(&answer.body);
        match expected {
            Some(expected) if expected != actual => {
                Err(Error::DigestMismatch { origin: self.to_string(), expected, actual })
            }
            _ => Ok(Fetched {
                digest: actual,
                media_type: media_type(&answer.headers),
                bytes: answer.body,
            }),
        }
    }
}

fn media_type(headers: &HeaderMap) -> Option<MediaType> {
    headers.get(CONTENT_TYPE)?.to_str().ok()?.parse().ok()
}
