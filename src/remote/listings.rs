//! Lists of another registry: tags, and the referrers of a manifest.

use bytes::Bytes;
use http::header::{ACCEPT, LINK};
use http::{HeaderValue, Method, StatusCode};
use reqwest::Url;
use serde::Deserialize;

use super::wire::Call;
use super::{Answer, Error, Fetched, Repository};
use crate::oci::manifest::MAX_MANIFEST_BYTES;
use crate::oci::{Algorithm, Descriptor, Digest, MediaType, Reference, Tag};

/// More referrers of one manifest than anybody means to have.
const MAX_REFERRERS: usize = 10_000;

/// Some of a repository's tags.
#[derive(Debug)]
pub struct TagPage {
    /// The tags, in the registry's order.
    pub tags: Vec<Tag>,
    /// Where to go on, if there are more.
    pub next: Option<TagCursor>,
}

/// Where a list of tags goes on.
#[derive(Clone, Debug)]
pub struct TagCursor(Url);

#[derive(Deserialize)]
struct TagsAnswer {
    // Some registries write `null` for an empty list.
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct IndexAnswer {
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

impl Repository {
    /// One page of the tags; the first without a cursor. What is no tag by the specification is passed over.
    pub async fn list_tags(&self, cursor: Option<TagCursor>) -> Result<TagPage, Error> {
        let call = match cursor {
            Some(TagCursor(url)) => Call::new(Method::GET, url),
            None => self.call(Method::GET, "tags/list?n=1000"),
        };
        let answer = self.remote.ask(call, &self.pull_scope(), 16 * 1024 * 1024).await?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => {
                return Err(Error::NameUnknown {
                    registry: self.registry().clone(),
                    repository: self.name.clone(),
                });
            }
            _ => return Err(self.wire().failure(&answer)),
        }
        let parsed: TagsAnswer = self.parsed(&answer)?;
        let tags = parsed.tags.unwrap_or_default();
        let next = self.next(&answer)?.map(TagCursor);
        Ok(TagPage { tags: tags.iter().filter_map(|tag| tag.parse().ok()).collect(), next })
    }

    /// All that refers to `subject`: by the referrers API or, where a registry lacks it, by the fallback tag
    /// (distribution-spec, Listing referrers and Referrers tag schema).
    pub async fn list_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        let mut call = self.call(Method::GET, &format!("referrers/{subject}"));
        call.headers.insert(ACCEPT, HeaderValue::from_static(MediaType::OCI_INDEX));
        let mut found = Vec::new();
        let mut first = true;
        loop {
            let answer = self.remote.ask(call, &self.pull_scope(), MAX_MANIFEST_BYTES).await?;
            let is_index = answer
                .header(http::header::CONTENT_TYPE)
                .is_some_and(|kind| kind.starts_with(MediaType::OCI_INDEX));
            match answer.status.as_u16() {
                200 if is_index => {
                    let page: IndexAnswer = self.parsed(&answer)?;
                    found.extend(page.manifests);
                }
                // 404 is the specified sign that there is no such API; others answer with a page of their web
                // interface, or that they do not know the route.
                200 | 400 | 404 | 405 | 406 | 501 if first => {
                    return self.fallback_referrers(subject).await;
                }
                _ => return Err(self.wire().failure(&answer)),
            }
            if found.len() > MAX_REFERRERS {
                return Err(self
                    .wire()
                    .protocol(format!("{subject} has more than {MAX_REFERRERS} referrers")));
            }
            first = false;
            match self.next(&answer)? {
                Some(url) => call = Call::new(Method::GET, url),
                None => return Ok(found),
            }
        }
    }

    /// What the fallback tag of `subject` lists.
    pub async fn fallback_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        let tag: Tag = subject.referrers_tag().parse().expect("a referrers tag is a tag");
        match self.find_manifest(&Reference::Tag(tag)).await? {
            Some(index) => Ok(index.parse()?.children().to_vec()),
            None => Ok(Vec::new()),
        }
    }

    /// Makes sure that `referrer`, which is in the repository, is listed under its subject. Registries with the
    /// referrers API do that themselves; for the others its clients keep a list under the fallback tag.
    pub async fn keep_referrer(&self, subject: &Digest, referrer: &Fetched) -> Result<(), Error> {
        // One at a time: two that add to the same list would each forget the other's.
        let _alone = self.remote.0.fallback.lock().await;
        let mut listed = self.list_referrers(subject).await?;
        if listed.iter().any(|one| one.digest == referrer.digest) {
            return Ok(());
        }
        let manifest = referrer.parse()?;
        listed.push(Descriptor {
            media_type: manifest.media_type().clone(),
            digest: referrer.digest.clone(),
            size: Some(referrer.bytes.len() as u64),
            urls: Vec::new(),
            artifact_type: manifest.artifact_type().map(str::to_owned),
            annotations: manifest.annotations().cloned(),
            platform: None,
        });
        let tag: Tag = subject.referrers_tag().parse().expect("a referrers tag is a tag");
        self.put_manifest(&index_of(&listed)?, Some(&tag)).await.map(drop)
    }

    fn parsed<T: for<'de> Deserialize<'de>>(&self, answer: &Answer) -> Result<T, Error> {
        serde_json::from_slice(&answer.body)
            .map_err(|error| self.wire().protocol(format!("its list cannot be read: {error}")))
    }

    /// The URL in `Link: <…>; rel="next"`, which must stay on the registry.
    fn next(&self, answer: &Answer) -> Result<Option<Url>, Error> {
        let Some(link) = answer.header(LINK).and_then(next_link) else { return Ok(None) };
        let url = self.wire().follow(&answer.url, link)?;
        if url == answer.url || !self.wire().is_ours(&url) {
            return Err(self.wire().protocol(format!("its list goes on at `{url}`")));
        }
        Ok(Some(url))
    }
}

/// An index of descriptors, as the fallback tag holds it.
fn index_of(manifests: &[Descriptor]) -> Result<Fetched, Error> {
    let index = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX,
        "manifests": manifests,
    });
    let bytes = Bytes::from(index.to_string());
    if bytes.len() > MAX_MANIFEST_BYTES {
        return Err(Error::Layout("the list of referrers grew over 4 MiB".into()));
    }
    let media_type = MediaType::OCI_INDEX.parse().expect("a constant media type is well-formed");
    Ok(Fetched { digest: Algorithm::Sha256.digest(&bytes), media_type: Some(media_type), bytes })
}

/// The target of the `next` relation (RFC 8288); a link without a relation is taken for it.
fn next_link(header: &str) -> Option<&str> {
    let mut rest = header;
    loop {
        let start = rest.find('<')? + 1;
        let end = start + rest[start..].find('>')?;
        let target = &rest[start..end];
        let parameters = &rest[end + 1..];
        let parameters = &parameters[..parameters.find(',').unwrap_or(parameters.len())];
        let relation = parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("rel").then(|| value.trim().trim_matches('"'))
        });
        if relation.is_none_or(|relation| relation.eq_ignore_ascii_case("next")) {
            return Some(target);
        }
        rest = &rest[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_links() {
        for (header, expected) in [
            ("</v2/a/tags/list?n=2&last=b>; rel=\"next\"", Some("/v2/a/tags/list?n=2&last=b")),
            ("</x,y>; rel=prev, </z>; title=\"t\"; REL=next", Some("/z")),
            ("<https://a/b>", Some("https://a/b")),
            ("</x>; rel=\"first\"", None),
            ("", None),
            ("<", None),
            (">;<", None),
        ] {
            assert_eq!(next_link(header), expected, "{header}");
        }
    }
}
