//! Which key has signed an artifact, in the two forms that cosign writes: a manifest under the tag `sha256-HEX.sig` whose layers
//! are signed statements (simple signing), and a bundle that refers to the artifact (DSSE around an in-toto statement).

use super::bytes::{Place, layers};
use crate::auth::AdminError;
use crate::oci::{Digest, Manifest, Reference, Tag};
use crate::signature::{Form, PublicKey, Verdict, verify};

/// Statements are small.
const MOST_BYTES: u64 = 1 << 20;
/// Signatures of one artifact that are looked at.
const MOST_SIGNATURES: usize = 100;

/// The key of those given that has signed an artifact, if one has.
pub(super) async fn signer<'k>(
    place: &Place<'_>,
    artifact: &Digest,
    keys: &'k [PublicKey],
) -> Result<Option<&'k PublicKey>, AdminError> {
    if keys.is_empty() {
        return Ok(None);
    }
    let tag = format!("{}-{}.sig", artifact.algorithm().as_str(), artifact.hex());
    if let Ok(tag) = tag.parse::<Tag>()
        && let Some(found) = place.manifest(&Reference::Tag(tag)).await?
        && let Some(key) =
            signer_of(place, &found.manifest, Form::SimpleSigning, artifact, keys).await?
    {
        return Ok(Some(key));
    }
    for referrer in place.referrers(artifact).await?.into_iter().take(MOST_SIGNATURES) {
        if referrer.artifact_type.as_deref().and_then(Form::of) != Some(Form::Bundle) {
            continue;
        }
        let reference = Reference::Digest(referrer.digest);
        let Some(found) = place.manifest(&reference).await? else { continue };
        let key = signer_of(place, &found.manifest, Form::Bundle, artifact, keys).await?;
        if key.is_some() {
            return Ok(key);
        }
    }
    Ok(None)
}

async fn signer_of<'k>(
    place: &Place<'_>,
    manifest: &Manifest,
    form: Form,
    artifact: &Digest,
    keys: &'k [PublicKey],
) -> Result<Option<&'k PublicKey>, AdminError> {
    let signed = layers(manifest).iter().take(MOST_SIGNATURES);
    for layer in signed.filter(|layer| Form::of(layer.media_type.as_str()) == Some(form)) {
        let bytes = place.blob(layer, MOST_BYTES).await?;
        let verdict = verify(form, &bytes, layer.annotations.as_ref(), artifact, keys);
        if let Verdict::Verified(at) = verdict {
            return Ok(Some(&keys[at]));
        }
    }
    Ok(None)
}
