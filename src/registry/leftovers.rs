//! Removing what uploads leave, without ever removing what a row names.

use super::Error;
use crate::blob::{BlobStore, Session};
use crate::meta::Meta;
use crate::oci::UploadId;

/// Removes all that is left of an upload. If its end was interrupted it may have a name as a blob: the database is asked
/// whether a row has it.
pub(super) async fn discard(
    meta: &Meta,
    blobs: &BlobStore,
    id: &UploadId,
    session: Option<&Session>,
) -> Result<(), Error> {
    withdraw(meta, blobs, id).await?;
    Ok(blobs.abandon(id, session).await?)
}

/// Takes back the names as a blob that no row has.
pub(super) async fn withdraw(meta: &Meta, blobs: &BlobStore, id: &UploadId) -> Result<(), Error> {
    for (digest, location) in blobs.published(id).await? {
        let named =
            meta.find_blob_anywhere(&digest).await?.is_some_and(|blob| blob.location == location);
        if !named {
            blobs.delete(&location).await?;
        }
    }
    Ok(())
}
