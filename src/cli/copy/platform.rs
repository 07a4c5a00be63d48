//! Picking one platform out of an index.

use std::fmt;
use std::str::FromStr;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use serde::Deserialize;

use crate::oci::manifest::{Content, MAX_MANIFEST_BYTES};
use crate::oci::{Descriptor, Reference};
use crate::remote::transfer::{Blob, Source};
use crate::remote::{Error, Fetched};

/// `linux/arm64/v8`, as `--platform` takes it and as an index and an image's configuration write it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Platform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    /// Whether an image for `offered` is what is meant. Without a variant, the base one is (64-bit ARM calls it `v8`).
    fn fits(&self, offered: &Self) -> bool {
        let same = self.os == offered.os && self.architecture == offered.architecture;
        let wanted = self.variant.as_deref();
        let has = offered.variant.as_deref();
        let base = |variant: Option<&str>| self.architecture == "arm64" && variant == Some("v8");
        same && (wanted == has
            || (wanted.is_none() && base(has))
            || (base(wanted) && has.is_none()))
    }

    /// The same, but for an index where no other variant of the architecture is offered.
    fn nearly_fits(&self, offered: &Self) -> bool {
        self.variant.is_none() && self.os == offered.os && self.architecture == offered.architecture
    }
}

impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant.to_owned())),
            _ => {
                return Err(format!(
                    "`{text}` is no platform: write `os/arch` or `os/arch/variant`, such as `linux/arm64`"
                ));
            }
        };
        if parts.iter().any(|part| part.is_empty()) {
            return Err(format!("`{text}` is no platform: a part of it is empty"));
        }
        // What machines call themselves, in the names that Go gave them.
        let architecture = match architecture {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Ok(Self { os: os.into(), architecture: architecture.into(), variant })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

/// The manifest for `platform` in an index, or the manifest itself if its configuration says that it is for it.
pub(super) fn pick<'a, S: Source>(
    source: &'a S,
    fetched: Fetched,
    platform: &'a Platform,
) -> BoxFuture<'a, anyhow::Result<Fetched>> {
    Box::pin(async move {
        let manifest = fetched.parse()?;
        let entries = match manifest.content() {
            Content::Image { config, .. } => {
                let found = platform_of(source, config).await?;
                anyhow::ensure!(
                    platform.fits(&found) || platform.nearly_fits(&found),
                    "there is no image for {platform}: the only one is for {found}"
                );
                return Ok(fetched);
            }
            Content::Index { manifests } => manifests,
        };
        let offered: Vec<(&Descriptor, Platform)> = entries
            .iter()
            .filter_map(|entry| {
                let written = entry.platform.as_ref()?;
                Some((entry, serde_json::from_str(written.get()).ok()?))
            })
            .collect();
        let exact = offered.iter().find(|(_, offered)| platform.fits(offered));
        let near = || offered.iter().find(|(_, offered)| platform.nearly_fits(offered));
        let Some((entry, _)) = exact.or_else(near) else {
            let names: Vec<String> = offered
                .iter()
                .map(|(_, platform)| platform.to_string())
                .filter(|name| name != "unknown/unknown")
                .collect();
            anyhow::bail!(
                "there is no image for {platform}: the index offers {}",
                names.join(", ")
            );
        };
        let reference = Reference::Digest(entry.digest.clone());
        let child = source.find_manifest(&reference).await?;
        let child = child.ok_or_else(|| {
            anyhow::anyhow!(
                "the source lacks {}, which its index names for {platform}",
                entry.digest
            )
        })?;
        if entry.media_type.is_index() { pick(source, child, platform).await } else { Ok(child) }
    })
}

async fn platform_of<S: Source>(source: &S, config: &Descriptor) -> anyhow::Result<Platform> {
    let size = config.size.unwrap_or(0);
    anyhow::ensure!(
        size <= MAX_MANIFEST_BYTES as u64,
        "the image's configuration is too large to look for its platform"
    );
    let blob = Blob { digest: config.digest.clone(), size };
    let mut stream = source.open_blob(&blob, 0).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece?);
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        Error::Layout(format!("the image's configuration cannot be read: {error}")).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn platforms_fit_with_the_usual_names() {
        for (wanted, offered, fits) in [
            ("linux/amd64", "linux/amd64", true),
            ("linux/x86_64", "linux/amd64", true),
            ("linux/arm64", "linux/arm64/v8", true),
            ("linux/arm64/v8", "linux/arm64", true),
            ("linux/arm/v7", "linux/arm/v6", false),
            ("linux/arm", "linux/arm/v7", false),
            ("windows/amd64", "linux/amd64", false),
        ] {
            assert_eq!(platform(wanted).fits(&platform(offered)), fits, "{wanted} {offered}");
        }
        assert!(platform("linux/arm").nearly_fits(&platform("linux/arm/v7")));
        for bad in ["", "linux", "linux/", "a/b/c/d"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
        assert_eq!(platform("linux/arm/v7").to_string(), "linux/arm/v7");
    }
}
