//! The names of blobs in a place, and in which portions they are looked at.

use std::collections::HashMap;

use berth_parcel::{Form, Recipient};

use super::{Error, Target};
use crate::oci::{Algorithm, Digest};

/// With fewer blobs than this, all of them are looked at together.
const FEW: u64 = 20_000;

/// The scope of blobs that are not encrypted.
const PLAIN: &str = "plain";

/// The folder for what is encrypted to these recipients.
pub(super) fn scope(recipients: &[Recipient]) -> String {
    if recipients.is_empty() {
        return PLAIN.to_owned();
    }
    let mut sorted: Vec<String> = recipients.iter().map(ToString::to_string).collect();
    sorted.sort();
    sorted.dedup();
    let digest = Algorithm::Sha256.digest(sorted.join("\n").as_bytes());
    format!("age-{}", &digest.hex()[..16])
}

/// A portion of all blobs: those whose digests begin so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Portion {
    algorithm: Algorithm,
    begins: String,
}

impl Portion {
    /// All portions of so many blobs.
    pub(super) fn all(blobs: u64) -> Vec<Self> {
        let begins: Vec<String> = if blobs < FEW {
            vec![String::new()]
        } else {
            (0..256).map(|byte| format!("{byte:02x}")).collect()
        };
        let of =
            |algorithm| begins.iter().map(move |begins| Self { algorithm, begins: begins.clone() });
        of(Algorithm::Sha256).chain(of(Algorithm::Sha512)).collect()
    }

    /// How digests in it begin.
    pub(super) fn digests(&self) -> String {
        format!("{}:{}", self.algorithm.as_str(), self.begins)
    }

    fn folder(&self, scope: &str) -> String {
        let folder = format!("blobs/{scope}/{}/", self.algorithm.as_str());
        if self.begins.is_empty() { folder } else { format!("{folder}{}/", self.begins) }
    }

    /// The files of this portion: names and sizes.
    pub(super) async fn list(
        &self,
        target: &Target,
        scope: &str,
    ) -> Result<Vec<crate::blob::Kept>, Error> {
        Ok(target.depot.list(&self.folder(scope)).await?)
    }

    /// What of this portion is kept already, by digest: name and size.
    pub(super) async fn kept(
        &self,
        target: &Target,
        scope: &str,
    ) -> Result<HashMap<Digest, (String, u64)>, Error> {
        let files = self.list(target, scope).await?;
        let read = |file: crate::blob::Kept| {
            let (hex, _) = Form::split(file.name.rsplit('/').next()?);
            let digest = format!("{}:{hex}", self.algorithm.as_str()).parse().ok()?;
            Some((digest, (file.name, file.size)))
        };
        Ok(files.into_iter().filter_map(read).collect())
    }
}

/// The name of a blob's file.
pub(super) fn name_of(scope: &str, digest: &Digest, form: Form) -> String {
    let (algorithm, hex) = (digest.algorithm().as_str(), digest.hex());
    format!("blobs/{scope}/{algorithm}/{}/{hex}{}", &hex[..2], form.suffix())
}
