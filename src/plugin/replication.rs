//! Replication targets: places that content is copied to, one step at a time.

use std::collections::HashSet;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use wasmtime::Store;

use super::bindings::berth::plugin::types;
use super::bindings::exports::berth::plugin::replication_hook as wit;
use super::call::{Answered, CallContext};
use super::host::{descriptor, stream};
use super::loaded::Loaded;
use super::state::State;
use super::{CallError, Hook, PluginName, Plugins};
use crate::blob::Content;
use crate::oci::{Descriptor, Digest, Reference, RepositoryName};

/// A place that content is copied to. It stays the same one for as long as this is held, whatever is put in its place.
#[derive(Clone, Debug)]
pub struct ReplicationTarget {
    plugins: Plugins,
    loaded: Arc<Loaded>,
}

impl Plugins {
    /// The target that a plugin is.
    pub fn target(&self, name: &PluginName) -> Result<ReplicationTarget, CallError> {
        let loaded = self.0.find(name)?;
        loaded.bound(Hook::ReplicationTarget)?;
        Ok(ReplicationTarget { plugins: self.clone(), loaded })
    }
}

impl ReplicationTarget {
    /// What the target has under a tag or digest.
    pub async fn find_manifest(
        &self,
        context: &CallContext,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<Digest>, CallError> {
        let (repository, reference) = (repository.to_string(), reference.to_string());
        let found = self
            .step(context, move |guest, store, lines| {
                async move { guest.call_find_manifest(store, &lines, &repository, &reference).await }.boxed()
            })
            .await?;
        found.map(|digest| read_digest(&digest)).transpose()
    }

    /// Which of these blobs the target lacks.
    pub async fn missing(
        &self,
        context: &CallContext,
        repository: &RepositoryName,
        blobs: &[Digest],
    ) -> Result<HashSet<Digest>, CallError> {
        let repository = repository.to_string();
        let asked: Vec<String> = blobs.iter().map(|digest| digest.as_str().to_owned()).collect();
        let missing = self
            .step(context, move |guest, store, lines| {
                async move { guest.call_missing(store, &lines, &repository, &asked).await }.boxed()
            })
            .await?;
        let missing: HashSet<Digest> =
            missing.iter().map(|digest| read_digest(digest)).collect::<Result<_, _>>()?;
        match missing.iter().find(|digest| !blobs.contains(digest)) {
            Some(digest) => Err(CallError::Malformed(format!(
                "it lacks {digest}, which it was not asked about"
            ))),
            None => Ok(missing),
        }
    }

    /// Brings a blob there.
    pub async fn put_blob(
        &self,
        context: &CallContext,
        repository: &RepositoryName,
        blob: &Descriptor,
        content: Content,
        size: u64,
    ) -> Result<(), CallError> {
        let (repository, blob) = (repository.to_string(), descriptor(blob));
        let content = stream::content(content, size);
        let content = content.await.map_err(|error| CallError::Host(error.to_string()))?;
        self.step(context, move |guest, store, lines| {
            async move {
                let content = store.data_mut().table.push(content)?;
                guest.call_put_blob(store, &lines, &repository, &blob, content).await
            }
            .boxed()
        })
        .await
    }

    /// Brings a manifest there, after everything that it refers to. Returns the digest that the target gives it.
    pub async fn put_manifest(
        &self,
        context: &CallContext,
        repository: &RepositoryName,
        reference: &Reference,
        manifest: &Descriptor,
        content: &[u8],
    ) -> Result<Digest, CallError> {
        let (repository, reference) = (repository.to_string(), reference.to_string());
        let (manifest, content) = (descriptor(manifest), content.to_vec());
        read_digest(
            &self
                .step(context, move |guest, store, lines| {
                    async move {
                        guest
                            .call_put_manifest(
                                store,
                                &lines,
                                &repository,
                                &reference,
                                &manifest,
                                &content,
                            )
                            .await
                    }
                    .boxed()
                })
                .await?,
        )
    }

    /// Removes a tag, or a manifest by digest.
    pub async fn delete(
        &self,
        context: &CallContext,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<(), CallError> {
        let (repository, reference) = (repository.to_string(), reference.to_string());
        self.step(context, move |guest, store, lines| {
            async move { guest.call_delete(store, &lines, &repository, &reference).await }.boxed()
        })
        .await
    }

    async fn step<W: Send + 'static>(
        &self,
        context: &CallContext,
        step: impl for<'a> FnOnce(
            wit::Guest,
            &'a mut Store<State>,
            types::CallContext,
        ) -> BoxFuture<'a, Answered<W>>
        + Send
        + 'static,
    ) -> Result<W, CallError> {
        let hook = Hook::ReplicationTarget;
        let lines = context.to_wit(&self.loaded.bound(hook)?.turnstile.limits);
        let exports = Arc::clone(&self.loaded.exports);
        self.plugins
            .0
            .caller
            .call(
                &self.loaded,
                hook,
                context,
                move |store, instance| {
                    async move {
                        let Some(target) = &exports.replication else {
                            wasmtime::bail!("the hook is not exported")
                        };
                        let guest = target.load(&mut *store, instance)?;
                        step(guest, store, lines).await
                    }
                    .boxed()
                },
                Ok,
            )
            .await
    }
}

fn read_digest(digest: &str) -> Result<Digest, CallError> {
    digest
        .parse()
        .map_err(|error: crate::oci::digest::InvalidDigest| CallError::Malformed(error.to_string()))
}
