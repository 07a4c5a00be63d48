//! Scans: an image that was pushed is looked at by every scanner that covers its repository; what they find is matched with
//! advisories, kept, and laid beside the image.

mod advisories;
mod documents;
mod inventory;
mod rematch;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Worker;
use super::jobs::Kind;
use super::running::{Failure, Finished, Running};
use crate::auth::Grant;
use crate::meta::{
    self, Actor, Event, EventKind, NewJob, ScanFinding, ScanOutcome, ScanPackage, ScanState,
};
use crate::oci::{Digest, Manifest, Reference, RepositoryName};
use crate::plugin::{
    CallContext, CallError, Finding, FoundPackage, ImageSource, Refusal, Report, ScannerInForce,
};

pub use advisories::{AdvisoryError, AdvisoryStatus, ImportWish, LARGEST_EXPORT};
pub(super) use advisories::{FETCH, fetch, fetch_all};
pub(super) use rematch::{REMATCH, rematch};

/// Layers are unpacked and read on two threads at most, beside everything else.
pub(super) const SCAN: Kind = Kind {
    name: "scan",
    at_once: 2,
    wait: Duration::from_secs(10),
    longest_wait: Duration::from_mins(10),
};

/// Who is written down for what scans change.
pub(super) const SCANNER: &str = "scanner";

/// One scanner looks at one image.
#[derive(Debug, Serialize, Deserialize)]
struct Wanted {
    repository: RepositoryName,
    digest: Digest,
    scanner: String,
    /// Also if it has been looked at already.
    again: bool,
}

/// What came of asking for scans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScansRequested {
    /// The images that are looked at.
    pub images: Vec<Digest>,
    /// By these scanners.
    pub scanners: Vec<String>,
}

impl Worker {
    /// What a push causes: scans by all scanners that cover the repository.
    pub(super) async fn scans_caused_by(&self, event: &Event) -> Result<Vec<NewJob>, meta::Error> {
        let is_push = event.kind == EventKind::ManifestPush.as_str();
        let (Some(repository), Some(digest)) = (&event.repository, &event.target) else {
            return Ok(Vec::new());
        };
        let (Ok(repository), Ok(digest)) =
            (repository.parse::<RepositoryName>(), digest.parse::<Digest>())
        else {
            return Ok(Vec::new());
        };
        if !is_push {
            return Ok(Vec::new());
        }
        let scanners = self.scanners_of(&repository);
        if scanners.is_empty() || !self.is_image(&repository, &digest).await? {
            return Ok(Vec::new());
        }
        let jobs = self.want(&repository, &digest, &scanners, false).await?;
        Ok(jobs.into_iter().map(|job| NewJob { event_id: Some(event.id), ..job }).collect())
    }

    /// Asks every scanner that covers the repository to look at an image, or at those that an index lists.
    pub async fn request_scans(
        &self,
        grant: &Grant,
        digest: &Digest,
    ) -> Result<ScansRequested, meta::Error> {
        let repository = grant.repository();
        let scanners = self.scanners_of(repository);
        let mut requested = ScansRequested {
            scanners: scanners.iter().map(|scanner| scanner.name.to_string()).collect(),
            images: Vec::new(),
        };
        for image in self.images_of(repository, digest).await? {
            for job in self.want(repository, &image, &scanners, true).await? {
                self.meta.add_job(job, grant.actor()).await?;
            }
            requested.images.push(image);
        }
        Ok(requested)
    }

    /// The scanners in force that cover a repository.
    fn scanners_of(&self, repository: &RepositoryName) -> Vec<ScannerInForce> {
        self.plugins.scanners_of(repository)
    }

    async fn is_image(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<bool, meta::Error> {
        Ok(self.images_of(repository, digest).await?.first() == Some(digest))
    }

    /// The image itself, or those of an index that the repository has.
    async fn images_of(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Vec<Digest>, meta::Error> {
        let Some(manifest) = self.manifest(repository, digest).await? else {
            return Ok(Vec::new());
        };
        if manifest.is_image() {
            return Ok(vec![digest.clone()]);
        }
        let mut images = Vec::new();
        for child in manifest.children() {
            let found = self.manifest(repository, &child.digest).await?;
            if found.is_some_and(|manifest| manifest.is_image()) {
                images.push(child.digest.clone());
            }
        }
        Ok(images)
    }

    async fn manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Manifest>, meta::Error> {
        let reference = Reference::Digest(digest.clone());
        let found = self.meta.find_manifest(repository, &reference).await?;
        Ok(found
            .and_then(|found| Manifest::parse(found.body.clone(), Some(&found.media_type)).ok()))
    }

    /// Writes down that scans are wanted, and gives the jobs that do them.
    async fn want(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        scanners: &[ScannerInForce],
        again: bool,
    ) -> Result<Vec<NewJob>, meta::Error> {
        let mut missing = Vec::new();
        for scanner in scanners {
            let known = self.meta.find_scan(digest, scanner.name.as_str()).await?;
            if again || known.is_none_or(|report| report.state != ScanState::Done) {
                missing.push(scanner.name.to_string());
            }
        }
        self.meta.request_scans(repository, digest, missing).await?;
        let job = |scanner: &ScannerInForce| {
            let (repository, digest) = (repository.clone(), digest.clone());
            let scanner = scanner.name.to_string();
            let key = format!("scan/{repository}/{digest}/{scanner}");
            NewJob {
                subject: format!("scan/{repository}"),
                unique_key: Some(key),
                ..NewJob::new(SCAN.name, json!(Wanted { repository, digest, scanner, again }))
            }
        };
        Ok(scanners.iter().map(job).collect())
    }
}

/// Does one scan.
pub(super) async fn scan(worker: &Worker, running: &Running) -> Result<Finished, Failure> {
    let wanted: Wanted = running.payload()?;
    let outcome = run(&wanted, worker, running).await;
    let by = Actor::internal(SCANNER);
    let (reason, is_final) = match &outcome {
        Ok(_) | Err(Failure::Later(_)) => return outcome,
        Err(Failure::Permanent(reason)) => (reason.clone(), true),
        Err(Failure::Retry(reason)) => {
            let job = running.job();
            (reason.clone(), job.attempts >= job.most_attempts)
        }
        // The process stops, or somebody did not want it any more.
        Err(Failure::Cancelled) => ("it was cancelled".to_owned(), running.is_unwanted().await),
    };
    worker.meta.fail_scan(&wanted.digest, &wanted.scanner, &reason, is_final, &by).await?;
    outcome
}

async fn run(wanted: &Wanted, worker: &Worker, running: &Running) -> Result<Finished, Failure> {
    let (repository, digest) = (&wanted.repository, &wanted.digest);
    if !worker.is_image(repository, digest).await? {
        worker.meta.forget_scan(digest, &wanted.scanner).await?;
        return Ok(Finished::with("the image is gone, or is none"));
    }
    let scanners = worker.scanners_of(repository);
    let scanner = scanners.iter().find(|known| known.name.as_str() == wanted.scanner);
    let Some(scanner) = scanner else {
        return Err(Failure::Permanent(format!(
            "the scanner {} is not in force for {repository}",
            wanted.scanner
        )));
    };
    let known = worker.meta.find_scan(digest, &wanted.scanner).await?;
    let is_done = known.is_some_and(|known| {
        known.state == ScanState::Done
            && known.component.as_deref() == Some(scanner.component.as_str())
    });
    if is_done && !wanted.again {
        // Another repository had it: only what lies beside the image is missing here.
        documents::write(worker, repository, digest, &wanted.scanner, None).await?;
        return Ok(Finished::with("it was scanned before"));
    }
    worker.meta.begin_scan(digest, &wanted.scanner).await?;
    let report = ask(wanted, worker, running, scanner).await?;
    running.check()?;
    let generation = worker.advisories().await?;
    let (packages, documents) = (report.packages.len(), report.documents.clone());
    let outcome = outcome(scanner, report, generation).await?;
    let findings = outcome.findings.len();
    let by = Actor::internal(SCANNER);
    if !worker.meta.finish_scan(digest, &wanted.scanner, outcome, &by).await? {
        return Ok(Finished::with("the image is gone"));
    }
    documents::write(worker, repository, digest, &wanted.scanner, Some(documents)).await?;
    Ok(Finished::with(format!("{packages} packages, {findings} findings")))
}

async fn ask(
    wanted: &Wanted,
    worker: &Worker,
    running: &Running,
    scanner: &ScannerInForce,
) -> Result<Report, Failure> {
    let plugins = &worker.plugins;
    let reference = Reference::Digest(wanted.digest.clone());
    let (meta, blobs) = (worker.meta.clone(), worker.blobs.clone());
    let image =
        ImageSource::find_in_registry(meta, blobs, wanted.repository.clone(), &reference).await;
    let image = image.map_err(Failure::retry)?;
    let context = CallContext::new(format!("job-{}", running.job().id));
    let answer = tokio::select! {
        answer = plugins.scan(&scanner.name, &context, image) => answer,
        () = running.stop.cancelled() => return Err(Failure::Cancelled),
    };
    answer.map_err(|error| match error {
        // The same image will be refused the same way.
        CallError::Refused {
            kind: Refusal::Invalid | Refusal::Denied | Refusal::LimitExceeded,
            ..
        }
        | CallError::Malformed(_) => Failure::permanent(error),
        other => Failure::retry(other),
    })
}

/// What is kept of a report: with what advisories say of its packages.
async fn outcome(
    scanner: &ScannerInForce,
    report: Report,
    advisories: advisories::Known,
) -> Result<ScanOutcome, Failure> {
    let (version, component) = (scanner.version.clone(), scanner.component.to_string());
    let match_all = move || {
        let inventory = inventory::of_report(&report.packages, &report.attributes);
        let matched = advisories.find(&inventory)?;
        let own = report.findings.iter().map(|finding| row(finding, false));
        Ok::<_, meta::Error>(ScanOutcome {
            scanner_version: version,
            component,
            generation: advisories.generation,
            packages: report.packages.iter().map(package_row).collect(),
            findings: own.chain(matched).collect(),
            attributes: report.attributes,
        })
    };
    let matched = tokio::task::spawn_blocking(match_all).await;
    Ok(matched.map_err(Failure::retry)??)
}

/// A finding as it is kept.
fn row(finding: &Finding, is_matched: bool) -> ScanFinding {
    ScanFinding {
        name: finding.id.clone(),
        is_matched,
        severity: inventory::severity(finding.severity),
        package: finding.package.clone(),
        version: finding.version.clone(),
        fixed_version: finding.fixed_version.clone(),
        detail: json!(finding),
    }
}

fn package_row(package: &FoundPackage) -> ScanPackage {
    ScanPackage {
        name: package.name.clone(),
        version: package.version.clone(),
        kind: package.kind.clone(),
        detail: json!(package),
    }
}
