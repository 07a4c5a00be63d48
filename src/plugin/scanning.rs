//! Scanners: plugins that look into images.

use std::sync::Arc;

use futures::FutureExt as _;
use wasmtime::component::Resource;

use super::bindings::exports::berth::plugin::scanner_hook as wit;
use super::call::{Answered, CallContext};
use super::host::image::LentImage;
use super::image::ImageSource;
use super::report::Report;
use super::{CallError, Hook, PluginName, Plugins};
use crate::oci::{Digest, RepositoryName};

/// What is taken of one report.
const MOST_PACKAGES: usize = 100_000;
const MOST_FINDINGS: usize = 100_000;
const MOST_DOCUMENTS: usize = 16;

/// A scanner in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannerInForce {
    /// What it is called.
    pub name: PluginName,
    /// Its own version.
    pub version: String,
    /// The digest of its component.
    pub component: Digest,
}

impl Plugins {
    /// The scanners that look into images of a repository.
    #[must_use]
    pub fn scanners_of(&self, repository: &RepositoryName) -> Vec<ScannerInForce> {
        let active = self.0.active();
        let covering = active.plugins.values().filter(|loaded| {
            loaded.hooks.get(&Hook::Scanner).is_some_and(|bound| bound.binding.covers(repository))
        });
        covering
            .map(|loaded| ScannerInForce {
                name: loaded.name.clone(),
                version: loaded.manifest.version.clone(),
                component: loaded.component.clone(),
            })
            .collect()
    }

    /// Lets a scanner look into an image.
    pub async fn scan(
        &self,
        scanner: &PluginName,
        context: &CallContext,
        image: ImageSource,
    ) -> Result<Report, CallError> {
        let loaded = self.0.find(scanner)?;
        let lines = context.to_wit(&loaded.bound(Hook::Scanner)?.turnstile.limits);
        let exports = Arc::clone(&loaded.exports);
        self.0
            .caller
            .call(
                &loaded,
                Hook::Scanner,
                context,
                move |store, instance| {
                    async move {
                        let Some(scanner) = &exports.scanner else {
                            wasmtime::bail!("the hook is not exported")
                        };
                        let guest = scanner.load(&mut *store, instance)?;
                        let lent = store.data_mut().table.push(LentImage(image))?;
                        let borrowed = Resource::new_borrow(lent.rep());
                        guest.call_scan(store, &lines, borrowed).await as Answered<wit::ScanReport>
                    }
                    .boxed()
                },
                read,
            )
            .await
    }
}

fn read(report: wit::ScanReport) -> Result<Report, CallError> {
    let too_many = |what: &str, most: usize| {
        Err(CallError::Malformed(format!("it has more than {most} {what}")))
    };
    if report.packages.len() > MOST_PACKAGES {
        return too_many("packages", MOST_PACKAGES);
    }
    if report.findings.len() > MOST_FINDINGS {
        return too_many("findings", MOST_FINDINGS);
    }
    if report.documents.len() > MOST_DOCUMENTS {
        return too_many("documents", MOST_DOCUMENTS);
    }
    if report.packages.iter().any(|package| package.name.is_empty() || package.kind.is_empty()) {
        return Err(CallError::Malformed("a package has no name or no kind".into()));
    }
    if report.findings.iter().any(|finding| finding.id.is_empty()) {
        return Err(CallError::Malformed("a finding has no id".into()));
    }
    for document in &report.documents {
        let types = [&document.artifact_type, &document.media_type];
        if types.iter().any(|kind| kind.parse::<crate::oci::MediaType>().is_err()) {
            return Err(CallError::Malformed("the type of a document is no media type".into()));
        }
    }
    Ok(report.into())
}
