//! What scanners say about images, for whoever may pull them. Images that are held back have reports as well.

use std::collections::BTreeMap;

use berth_advisories::Severity;

use super::{Catalog, Error, Page, Pull};
use crate::clock::Timestamp;
use crate::meta::{
    FindingFilter, Held, HeldImage, Located, ScanFinding, ScanPackage, ScanPlace, ScanReport,
    SeverityCounts,
};
use crate::oci::{Digest, Reference, Tag};

/// What is known of an image.
#[derive(Clone, Debug)]
pub struct Scans {
    /// Its manifest.
    pub digest: Digest,
    /// Why it is held back, if it is.
    pub held: Option<Held>,
    /// What each scanner says about it, or about the images that it lists.
    pub reports: Vec<ScanReport>,
}

impl Pull<'_> {
    /// All reports about an image.
    pub async fn scans(&self, reference: &Reference) -> Result<Scans, Error> {
        let found = self.registry().meta.find_manifest(self.repository(), reference).await?;
        let found = found.ok_or_else(|| Error::ManifestUnknown {
            repository: self.repository().clone(),
            reference: reference.clone(),
        })?;
        let reports = self.registry().meta.list_scans(self.repository(), &found.digest).await?;
        Ok(Scans { digest: found.digest.clone(), held: found.held.clone(), reports })
    }

    /// Findings of a report that are at least so severe, the worst first: up to `limit` behind the first `skip`.
    pub async fn findings(
        &self,
        report: &ScanReport,
        at_least: Severity,
        skip: u64,
        limit: u64,
    ) -> Result<Page<ScanFinding>, Error> {
        let meta = &self.registry().meta;
        let found = meta.list_findings(report.id, at_least, skip, limit.saturating_add(1)).await?;
        Ok(Page::cut(found, limit))
    }

    /// Packages of a report: up to `limit` behind the first `skip`.
    pub async fn packages(
        &self,
        report: &ScanReport,
        skip: u64,
        limit: u64,
    ) -> Result<Page<ScanPackage>, Error> {
        let found =
            self.registry().meta.list_packages(report.id, skip, limit.saturating_add(1)).await?;
        Ok(Page::cut(found, limit))
    }

    /// What was found behind each tag between two, both included.
    pub async fn tag_findings(
        &self,
        first: &Tag,
        last: &Tag,
    ) -> Result<BTreeMap<Tag, SeverityCounts>, Error> {
        Ok(self.registry().meta.tag_findings(self.repository(), first, last).await?)
    }
}

impl Catalog<'_> {
    /// Up to `limit` findings of all repositories that may be seen, the worst first, those behind a place.
    pub async fn findings(
        &self,
        filter: FindingFilter,
        after: Option<ScanPlace>,
        limit: u64,
    ) -> Result<Page<Located<ScanFinding>>, Error> {
        let mut place = after;
        let mut shown = Vec::new();
        loop {
            let wanted = limit.saturating_add(1);
            let page = self.registry().meta.search_findings(filter.clone(), place, wanted).await?;
            let is_last = (page.len() as u64) < wanted;
            place = page.last().map(|last| last.place);
            shown.extend(page.into_iter().filter(|found| self.may_see(&found.repository)));
            if is_last || shown.len() as u64 > limit {
                return Ok(Page::cut(shown, limit));
            }
        }
    }

    /// Up to `limit` images that are held back, those behind a place.
    pub async fn held(
        &self,
        after: Option<(Timestamp, (i64, i64))>,
        limit: u64,
    ) -> Result<Page<HeldImage>, Error> {
        let mut place = after;
        let mut shown = Vec::new();
        loop {
            let wanted = limit.saturating_add(1);
            let page = self.registry().meta.list_held(place, wanted).await?;
            let is_last = (page.len() as u64) < wanted;
            place = page.last().map(HeldImage::place);
            shown.extend(page.into_iter().filter(|image| self.may_see(&image.repository)));
            if is_last || shown.len() as u64 > limit {
                return Ok(Page::cut(shown, limit));
            }
        }
    }

    /// Up to `limit` places where there is a package of this name, those behind a place.
    pub async fn packages(
        &self,
        name: &str,
        after: Option<ScanPlace>,
        limit: u64,
    ) -> Result<Page<Located<ScanPackage>>, Error> {
        let mut place = after;
        let mut shown = Vec::new();
        loop {
            let wanted = limit.saturating_add(1);
            let page = self.registry().meta.search_packages(name, place, wanted).await?;
            let is_last = (page.len() as u64) < wanted;
            place = page.last().map(|last| last.place);
            shown.extend(page.into_iter().filter(|found| self.may_see(&found.repository)));
            if is_last || shown.len() as u64 > limit {
                return Ok(Page::cut(shown, limit));
            }
        }
    }
}
