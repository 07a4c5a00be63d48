//! An image for commands that look into one, in a layout directory: where it is, or where it is brought to.

use std::path::{Path, PathBuf};

use super::ends::{From, To};
use super::layout::Layout;
use super::place::{Location, Place};
use super::{Platform, Progress, explained, load, platform};
use crate::oci::{Digest, Reference};
use crate::remote::Options;
use crate::remote::transfer::{Plan, Transfer};

/// An image in a layout directory.
pub(in crate::cli) struct Found {
    /// The layout.
    pub(in crate::cli) directory: PathBuf,
    /// The tag or digest by which it was named.
    pub(in crate::cli) reference: Option<Reference>,
    /// Its manifest; of an index, that for the platform that was wanted.
    pub(in crate::cli) digest: Digest,
}

/// Looks for an image; what is in no layout directory is copied to `scratch`, of an index the wanted platform alone.
pub(in crate::cli) async fn find_image(
    place: &Place,
    wanted: Option<&Platform>,
    options: &Options,
    scratch: &Path,
    progress: &Progress,
) -> anyhow::Result<Found> {
    let from = From::open(place, options).map_err(explained)?;
    let (reference, tag) = from.choose(place).map_err(explained)?;
    let mut manifest = load(&from, place, &reference).await.map_err(explained)?;
    if let Some(wanted) = wanted {
        manifest = platform::pick(&from, manifest, wanted).await.map_err(explained)?;
    }
    let reference = place.reference().or_else(|| tag.map(Reference::Tag));
    if let Location::Layout(directory) = &place.location {
        return Ok(Found { directory: directory.clone(), reference, digest: manifest.digest });
    }
    let to = To::Layout(Layout::create(scratch)?);
    let transfer = Transfer::new(from, to, Plan::default(), progress.observer());
    let copied = async {
        transfer.copy(&manifest, None).await?;
        transfer.target().keep_untagged(&manifest).await?;
        transfer.target().finish().await
    };
    let copied = copied.await;
    progress.finish();
    copied.map_err(|error| explained(error.into()))?;
    Ok(Found { directory: scratch.to_owned(), reference, digest: manifest.digest })
}
