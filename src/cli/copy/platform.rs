//! Picking one platform out of an index.

use futures::StreamExt as _;
use futures::future::BoxFuture;

use crate::oci::manifest::{Content, MAX_MANIFEST_BYTES};
use crate::oci::{Descriptor, Platform, Reference};
use crate::remote::transfer::{Blob, Source};
use crate::remote::{Error, Fetched};

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
