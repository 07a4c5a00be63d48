//! Where a plugin comes from, and what is found there.

use std::fmt;
use std::str::FromStr;

use super::bytes::Place;
use super::signature::signer;
use super::{Installer, refused};
use crate::auth::{AdminError, Administer};
use crate::oci::{Digest, Reference, RepositoryName};
use crate::plugin::{Artifact, Bundled, MOST_COMPONENT_BYTES, Package};
use crate::remote::{Credentials, Options, Registry, Remote};
use crate::signature::PublicKey;

/// Where a plugin comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It comes with Berth: `bundled:NAME`.
    Bundled(String),
    /// It was uploaded: the digest of its component.
    Uploaded(Digest),
    /// A repository of this registry, if it names no other: `plugins/label-policy:1`.
    Reference {
        /// The registry.
        registry: Option<Registry>,
        /// The repository.
        repository: RepositoryName,
        /// Which artifact in it.
        reference: Reference,
    },
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix(Bundled::SCHEME) {
            return Ok(Self::Bundled(name.to_owned()));
        }
        if text.starts_with("sha256:") {
            let digest = text.parse().map_err(|error| format!("`{text}`: {error}"))?;
            return Ok(Self::Uploaded(digest));
        }
        let (registry, rest) = match text.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
                let registry = first.parse().map_err(|error| format!("`{first}`: {error}"))?;
                (Some(registry), rest)
            }
            _ => (None, text),
        };
        let (name, reference) = match rest.split_once('@') {
            // The digest says more than a tag before it.
            Some((name, digest)) => (name.split(':').next().unwrap_or(name), digest),
            None => rest.rsplit_once(':').unwrap_or((rest, "latest")),
        };
        Ok(Self::Reference {
            registry,
            repository: name.parse().map_err(|error| format!("{error}"))?,
            reference: reference.parse().map_err(|error| format!("{error}"))?,
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundled(name) => write!(f, "{}{name}", Bundled::SCHEME),
            Self::Uploaded(digest) => digest.fmt(f),
            Self::Reference { registry, repository, reference } => {
                if let Some(registry) = registry {
                    write!(f, "{}/", registry.as_str())?;
                }
                let separator = if matches!(reference, Reference::Digest(_)) { '@' } else { ':' };
                write!(f, "{repository}{separator}{reference}")
            }
        }
    }
}

/// A wish for a plugin: where from, and what it has to be.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Where from.
    pub source: Source,
    /// The digest that it has to have: of the artifact, or of the component.
    pub digest: Option<Digest>,
    /// The key that has to have signed it, instead of one that the configuration trusts.
    pub key: Option<PublicKey>,
    /// What the other registry wants to see.
    pub credentials: Option<Credentials>,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) package: Package,
    pub(super) origin: String,
    pub(super) artifact: Option<Digest>,
    pub(super) signed_by: Option<String>,
}

impl Installer {
    /// Fetches a plugin, and checks digest and signature; nothing is kept.
    pub(super) async fn fetch(&self, asked: &Asked) -> Result<Offer, AdminError> {
        let offer = match &asked.source {
            Source::Bundled(name) => {
                let bundled = Bundled::find(name).ok_or_else(|| AdminError::Unknown {
                    what: "bundled plugin",
                    name: name.chars().take(100).collect(),
                })?;
                let package = bundled.package().map_err(refused)?;
                let origin = asked.source.to_string();
                return pinned(Offer { package, origin, artifact: None, signed_by: None }, asked);
            }
            Source::Uploaded(digest) => {
                let package = self.plugins.kept_package(digest).await.map_err(refused)?;
                Offer { package, origin: "a file".into(), artifact: None, signed_by: None }
            }
            Source::Reference { registry, repository, reference } => {
                let place = self.place(registry.as_ref(), repository, asked).await?;
                self.fetch_artifact(&place, reference, asked).await?
            }
        };
        if offer.signed_by.is_none() && (asked.key.is_some() || self.config.require_signature) {
            return Err(AdminError::Invalid(format!(
                "{} is not signed by a key that is trusted here: see `plugins.trusted_keys`, or name one with `--key`",
                asked.source
            )));
        }
        pinned(offer, asked)
    }

    async fn place(
        &self,
        registry: Option<&Registry>,
        repository: &RepositoryName,
        asked: &Asked,
    ) -> Result<Place<'_>, AdminError> {
        let other = registry.filter(|one| !self.own_hosts.iter().any(|own| own == one.as_str()));
        let Some(other) = other else {
            let principal = self.auth.machine().await?;
            return Ok(Place::Own {
                registry: &self.registry,
                principal,
                name: repository.clone(),
            });
        };
        let remote = Remote::new(other.clone(), asked.credentials.clone(), &Options::default());
        let remote = remote.map_err(|error| AdminError::Invalid(error.to_string()))?;
        Ok(Place::Other(remote.repository(repository.clone())))
    }

    async fn fetch_artifact(
        &self,
        place: &Place<'_>,
        reference: &Reference,
        asked: &Asked,
    ) -> Result<Offer, AdminError> {
        let found = place.manifest(reference).await?.ok_or_else(|| AdminError::Unknown {
            what: "artifact",
            name: asked.source.to_string(),
        })?;
        // Whoever names a key wants that one and no other.
        let keys = match &asked.key {
            Some(key) => vec![key.clone()],
            None => self.trusted_keys().await?,
        };
        let signed_by = signer(place, &found.digest, &keys).await?.map(PublicKey::name);
        let component = Artifact::component(&found.manifest).map_err(refused)?;
        let bytes = place.blob(component, MOST_COMPONENT_BYTES).await?;
        let package = Package::read(bytes).map_err(refused)?;
        let origin = asked.source.to_string();
        Ok(Offer { package, origin, artifact: Some(found.digest), signed_by })
    }

    /// The keys that the configuration trusts; their files are read each time, so that one may be replaced.
    async fn trusted_keys(&self) -> Result<Vec<PublicKey>, AdminError> {
        let mut keys = Vec::new();
        for path in &self.config.trusted_keys {
            let read = tokio::fs::read_to_string(path).await.map_err(|error| error.to_string());
            let key =
                read.and_then(|text| PublicKey::parse(&text).map_err(|error| error.to_string()));
            let wrong = |what| AdminError::Invalid(format!("{}: {what}", path.display()));
            keys.push(key.map_err(wrong)?);
        }
        Ok(keys)
    }

    /// Keeps a component that somebody brings as a file, and compiles it; its digest is what it is installed by.
    pub async fn upload(
        &self,
        _: &Administer<'_>,
        component: bytes::Bytes,
    ) -> Result<Digest, AdminError> {
        let package = Package::read(component).map_err(refused)?;
        let prepared = self.plugins.prepare(&package).await.map_err(refused)?;
        Ok(prepared.digest().clone())
    }
}

fn pinned(offer: Offer, asked: &Asked) -> Result<Offer, AdminError> {
    let fits = |wanted: &Digest| {
        Some(wanted) == offer.artifact.as_ref() || wanted == offer.package.digest()
    };
    match &asked.digest {
        Some(wanted) if !fits(wanted) => Err(AdminError::Conflict(format!(
            "{} is not {wanted} (any more): it is {}",
            asked.source,
            offer.artifact.as_ref().unwrap_or(offer.package.digest())
        ))),
        _ => Ok(offer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_printed_as_it_is_read() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for text in [
            "bundled:freeze".to_owned(),
            digest.clone(),
            "plugins/label-policy:1".into(),
            format!("plugins/label-policy@{digest}"),
            "registry.example:5000/acme/policy:1.4.0".into(),
            format!("localhost/acme/policy@{digest}"),
        ] {
            assert_eq!(text.parse::<Source>().unwrap().to_string(), text);
        }
        let named: Source = format!("a.example/b:1@{digest}").parse().unwrap();
        assert_eq!(named.to_string(), format!("a.example/b@{digest}"));
        let latest: Source = "plugins/policy".parse().unwrap();
        assert_eq!(latest.to_string(), "plugins/policy:latest");
        for wrong in ["", "A/b:1", "a/b:", "sha256:12", "a/b@sha256:12"] {
            assert!(wrong.parse::<Source>().is_err(), "{wrong}");
        }
    }
}
