//! What is known of the signatures of a manifest: of those that refer to it, and of those under the tags that cosign makes of its
//! digest.
//!
//! Whoever pushes a signature decides how large it is and how many there are, and whoever looks at an image waits for it. So
//! there is a limit on both, and what is behind it is told to be unchecked.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Error, Pull};
use crate::meta::Referrer;
use crate::oci::manifest::Content as Parts;
use crate::oci::{Descriptor, Digest, Manifest, Reference, Tag};
use crate::signature::{Form, PublicKey, Verdict, verify};

/// Of one signature; statements are small, attestations are not always.
const MOST_BYTES: u64 = 2 << 20;
/// Of all signatures of one manifest.
const MOST_BYTES_TOGETHER: u64 = 8 << 20;
/// Signatures of one manifest that are checked.
const MOST_SIGNATURES: usize = 50;

/// What a signature is worth here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureState {
    /// The trusted key of this name has made it.
    Verified(String),
    /// No trusted key has.
    UnknownKey,
    /// It is about something else, or does not fit.
    Invalid(String),
    /// It was not looked at.
    Unchecked(String),
}

/// One that lies under a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedSignature {
    /// The tag, made of the digest of what is signed.
    pub tag: Tag,
    /// What holds the statement.
    pub digest: Digest,
    /// What it is worth.
    pub state: SignatureState,
}

/// All that was found of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signatures {
    /// Under tags.
    pub tagged: Vec<TaggedSignature>,
    /// By the digests of the referrers that are signatures.
    pub referring: BTreeMap<Digest, SignatureState>,
}

/// How a referrer of this kind is signed; `None` if it is no signature.
fn reads(artifact_type: &str) -> Option<Result<(), &'static str>> {
    match artifact_type {
        "application/vnd.dev.cosign.artifact.sig.v1+json"
        | "application/vnd.dev.cosign.artifact.att.v1+json" => Some(Ok(())),
        "application/vnd.cncf.notary.signature" => {
            Some(Err("signatures of notation are not looked at here"))
        }
        other => Form::of(other).map(|_| Ok(())),
    }
}

impl Pull<'_> {
    /// Checks the signatures of a manifest, of which these are the referrers.
    pub async fn signatures(
        &self,
        artifact: &Digest,
        referrers: &[Referrer],
    ) -> Result<Signatures, Error> {
        let mut found = Signatures::default();
        let mut check = Check::new(self, artifact).await;
        for end in ["sig", "att"] {
            let tag = format!("{}-{}.{end}", artifact.algorithm().as_str(), artifact.hex());
            let Ok(tag) = tag.parse::<Tag>() else { continue };
            let Some(manifest) = check.manifest(&Reference::Tag(tag.clone())).await? else {
                continue;
            };
            for layer in layers(&manifest) {
                let Some(form) = Form::of(layer.media_type.as_str()) else { continue };
                let state = check.layer(form, layer).await?;
                let (tag, digest) = (tag.clone(), layer.digest.clone());
                found.tagged.push(TaggedSignature { tag, digest, state });
                if found.tagged.len() > MOST_SIGNATURES {
                    break;
                }
            }
        }
        for referrer in referrers {
            let state = match referrer.artifact_type.as_deref().and_then(reads) {
                Some(Ok(())) => check.referrer(&referrer.digest).await?,
                Some(Err(why)) => SignatureState::Unchecked(why.to_owned()),
                None => continue,
            };
            found.referring.insert(referrer.digest.clone(), state);
        }
        Ok(found)
    }
}

fn layers(manifest: &Manifest) -> &[Descriptor] {
    match manifest.content() {
        Parts::Image { layers, .. } => layers,
        Parts::Index { .. } => &[],
    }
}

fn unchecked(why: impl ToString) -> Verdict {
    Verdict::Unchecked(why.to_string())
}

/// What belongs to the one who asks is told as it is; what is wrong here is an error.
fn told(error: Error) -> Result<String, Error> {
    match error {
        Error::Meta(_) | Error::Blob(_) => Err(error),
        other => Ok(other.to_string()),
    }
}

struct Check<'p> {
    pull: &'p Pull<'p>,
    artifact: &'p Digest,
    names: Vec<String>,
    keys: Arc<[PublicKey]>,
    /// Why a key could not be used, or that there is none.
    trouble: Option<String>,
    bytes_left: u64,
    left: usize,
}

impl<'p> Check<'p> {
    async fn new(pull: &'p Pull<'p>, artifact: &'p Digest) -> Self {
        let (mut names, mut keys, mut trouble) = (Vec::new(), Vec::new(), None);
        let trusted = &pull.registry().signatures.keys;
        for one in trusted.iter().filter(|one| one.is_for(pull.repository())) {
            let key = match one.written() {
                Some(key) => key.map_err(|error| error.to_string()),
                // Read each time, so that it may be replaced.
                None => match tokio::fs::read_to_string(&one.key).await {
                    Ok(text) => PublicKey::parse(&text).map_err(|error| error.to_string()),
                    Err(error) => Err(error.to_string()),
                },
            };
            match key {
                Ok(key) => {
                    names.push(one.name.clone());
                    keys.push(key);
                }
                Err(what) => {
                    tracing::warn!(key.name = %one.name, "the key `{}` of `signatures.keys` cannot be used: {what}", one.name);
                    trouble = Some(format!("the key `{}` cannot be used", one.name));
                }
            }
        }
        if keys.is_empty() && trouble.is_none() {
            let repository = pull.repository();
            trouble = Some(format!("no key is trusted in {repository}: see `signatures.keys`"));
        }
        let (bytes_left, left) = (MOST_BYTES_TOGETHER, MOST_SIGNATURES);
        Self { pull, artifact, names, keys: keys.into(), trouble, bytes_left, left }
    }

    async fn manifest(&self, reference: &Reference) -> Result<Option<Manifest>, Error> {
        match self.pull.manifest(reference).await {
            Ok(stored) => Ok(Manifest::parse(stored.body.clone(), Some(&stored.media_type)).ok()),
            Err(error) => told(error).map(|_| None),
        }
    }

    /// One good statement makes a referrer good.
    async fn referrer(&mut self, digest: &Digest) -> Result<SignatureState, Error> {
        if self.keys.is_empty() {
            return Ok(self.state(unchecked("")));
        }
        let reference = Reference::Digest(digest.clone());
        let Some(manifest) = self.manifest(&reference).await? else {
            return Ok(self.state(unchecked("its manifest cannot be read")));
        };
        let mut best = None;
        for layer in layers(&manifest) {
            let Some(form) = Form::of(layer.media_type.as_str()) else { continue };
            let verdict = self.verdict(form, layer).await?;
            best = Some(match best {
                Some(best) => verdict.or(best),
                None => verdict,
            });
        }
        let nothing = || unchecked("there is no statement in it of a form that is known here");
        Ok(self.state(best.unwrap_or_else(nothing)))
    }

    async fn layer(&mut self, form: Form, layer: &Descriptor) -> Result<SignatureState, Error> {
        let verdict = self.verdict(form, layer).await?;
        Ok(self.state(verdict))
    }

    fn state(&self, verdict: Verdict) -> SignatureState {
        match (verdict, &self.trouble) {
            (Verdict::Verified(at), _) => SignatureState::Verified(self.names[at].clone()),
            (Verdict::Invalid(why), _) => SignatureState::Invalid(why),
            (Verdict::UnknownKey, Some(why)) => SignatureState::Unchecked(why.clone()),
            (Verdict::UnknownKey, None) => SignatureState::UnknownKey,
            (Verdict::Unchecked(_), Some(why)) if self.keys.is_empty() => {
                SignatureState::Unchecked(why.clone())
            }
            (Verdict::Unchecked(why), _) => SignatureState::Unchecked(why),
        }
    }

    async fn verdict(&mut self, form: Form, layer: &Descriptor) -> Result<Verdict, Error> {
        if self.keys.is_empty() {
            return Ok(unchecked(""));
        }
        if self.left == 0 {
            return Ok(unchecked(format!("only the first {MOST_SIGNATURES} are looked at")));
        }
        self.left -= 1;
        let blob = match self.pull.blob(&layer.digest).await {
            Ok(blob) => blob,
            Err(error) => return told(error).map(unchecked),
        };
        if blob.size > MOST_BYTES.min(self.bytes_left) {
            let most = MOST_BYTES.min(self.bytes_left);
            let size = blob.size;
            return Ok(unchecked(format!("it has {size} bytes, and {most} more are looked at")));
        }
        self.bytes_left -= blob.size;
        let bytes = match blob.content.read(blob.size).await {
            Ok(bytes) => bytes,
            Err(error) => return Ok(unchecked(format!("it cannot be read: {error}"))),
        };
        let (keys, artifact) = (Arc::clone(&self.keys), self.artifact.clone());
        let annotations = layer.annotations.clone();
        let check = move || verify(form, &bytes, annotations.as_ref(), &artifact, &keys);
        Ok(tokio::task::spawn_blocking(check)
            .await
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())))
    }
}
