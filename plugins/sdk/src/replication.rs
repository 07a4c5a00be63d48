//! Copying content to somewhere else.

use crate::{CallContext, Descriptor, Digest, Error, InputStream, Plugin};

/// A place that content is copied to. Berth plans, repeats and resumes; each call is one step, and doing it twice must do
/// no harm.
pub trait ReplicationTarget: Plugin {
    /// What the target has under a tag or digest.
    fn find_manifest(
        context: CallContext,
        repository: String,
        reference: String,
    ) -> Result<Option<Digest>, Error>;

    /// Which of these blobs the target lacks.
    fn missing(
        context: CallContext,
        repository: String,
        blobs: Vec<Digest>,
    ) -> Result<Vec<Digest>, Error>;

    /// Brings a blob there.
    fn put_blob(
        context: CallContext,
        repository: String,
        blob: Descriptor,
        content: InputStream,
    ) -> Result<(), Error>;

    /// Brings a manifest there, after everything that it refers to; returns the digest that the target gives it.
    fn put_manifest(
        context: CallContext,
        repository: String,
        reference: String,
        manifest: Descriptor,
        content: Vec<u8>,
    ) -> Result<Digest, Error>;

    /// Removes a tag, or a manifest by digest. One that is not there is no error.
    fn delete(context: CallContext, repository: String, reference: String) -> Result<(), Error>;
}
