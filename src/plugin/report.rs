//! What a scanner says about an image.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bindings::berth::plugin::report as wit;
use super::bindings::exports::berth::plugin::scanner_hook as hook;
use crate::clock::Timestamp;
use crate::meta::{ScanReport, SeverityCounts};

/// How bad a finding is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nobody has said.
    #[default]
    Unknown,
    /// Hardly worth a look.
    Negligible,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl Severity {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Negligible => "negligible",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// A piece of software in an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version, as its own world writes it.
    pub version: String,
    /// Which world that is: `deb`, `npm`, ...
    pub kind: String,
    /// Package URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    /// The processors that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// SPDX expressions, or what the package says instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<String>,
    /// What it was built from, where that has a name of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_name: Option<String>,
    /// The version of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_version: Option<String>,
    /// Files that show it is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<String>,
    /// Index of the layer that brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
    /// What else the scanner says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// Something a person should know about an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `CVE-2026-1234`, or the scanner's own rule.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Name of the package that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// The version that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The first version without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_version: Option<String>,
    /// Package URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    /// The file that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Where to read on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// What else the scanner says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// Something to be kept with the image, as a referrer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it is.
    pub artifact_type: String,
    /// How it is written.
    pub media_type: String,
    /// Annotations of its manifest.
    pub annotations: BTreeMap<String, String>,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// What came of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What is in the image.
    pub packages: Vec<Package>,
    /// What a person should know.
    pub findings: Vec<Finding>,
    /// What is to be kept with the image.
    pub documents: Vec<Document>,
    /// What the answer depends on besides the image; if it changes, it is time to scan again.
    pub attributes: BTreeMap<String, String>,
}

/// What a scanner has found in an image before, for policies to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanResult {
    /// Which scanner.
    pub scanner: String,
    /// When it was done.
    pub finished_at: Timestamp,
    /// What it found.
    pub findings: Vec<Finding>,
    /// What the answer depended on.
    pub attributes: BTreeMap<String, String>,
}

impl From<wit::Severity> for Severity {
    fn from(severity: wit::Severity) -> Self {
        match severity {
            wit::Severity::Unknown => Self::Unknown,
            wit::Severity::Negligible => Self::Negligible,
            wit::Severity::Low => Self::Low,
            wit::Severity::Medium => Self::Medium,
            wit::Severity::High => Self::High,
            wit::Severity::Critical => Self::Critical,
        }
    }
}

impl From<Severity> for wit::Severity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Unknown => Self::Unknown,
            Severity::Negligible => Self::Negligible,
            Severity::Low => Self::Low,
            Severity::Medium => Self::Medium,
            Severity::High => Self::High,
            Severity::Critical => Self::Critical,
        }
    }
}

impl From<wit::Finding> for Finding {
    fn from(finding: wit::Finding) -> Self {
        Self {
            id: finding.id,
            severity: finding.severity.into(),
            title: finding.title,
            description: finding.description,
            package: finding.package,
            version: finding.version,
            fixed_version: finding.fixed_version,
            purl: finding.purl,
            path: finding.path,
            links: finding.links,
            attributes: finding.attributes.into_iter().collect(),
        }
    }
}

impl From<&Finding> for wit::Finding {
    fn from(finding: &Finding) -> Self {
        let finding = finding.clone();
        Self {
            id: finding.id,
            severity: finding.severity.into(),
            title: finding.title,
            description: finding.description,
            package: finding.package,
            version: finding.version,
            fixed_version: finding.fixed_version,
            purl: finding.purl,
            path: finding.path,
            links: finding.links,
            attributes: finding.attributes.into_iter().collect(),
        }
    }
}

impl From<wit::Package> for Package {
    fn from(package: wit::Package) -> Self {
        Self {
            name: package.name,
            version: package.version,
            kind: package.kind,
            purl: package.purl,
            architecture: package.architecture,
            licenses: package.licenses,
            source_name: package.source_name,
            source_version: package.source_version,
            locations: package.locations,
            layer: package.layer,
            attributes: package.attributes.into_iter().collect(),
        }
    }
}

impl From<hook::ScanReport> for Report {
    fn from(report: hook::ScanReport) -> Self {
        let document = |document: hook::Document| Document {
            artifact_type: document.artifact_type,
            media_type: document.media_type,
            annotations: document.annotations.into_iter().collect(),
            content: document.content,
        };
        Self {
            packages: report.packages.into_iter().map(Into::into).collect(),
            findings: report.findings.into_iter().map(Into::into).collect(),
            documents: report.documents.into_iter().map(document).collect(),
            attributes: report.attributes.into_iter().collect(),
        }
    }
}

impl ScanResult {
    pub(super) fn summary(&self) -> wit::ScanSummary {
        let count = |severity| {
            let number =
                self.findings.iter().filter(|finding| finding.severity == severity).count();
            u32::try_from(number).unwrap_or(u32::MAX)
        };
        wit::ScanSummary {
            scanner: self.scanner.clone(),
            finished_ms: u64::try_from(self.finished_at.as_millis()).unwrap_or(0),
            counts: wit::SeverityCounts {
                unknown: count(Severity::Unknown),
                negligible: count(Severity::Negligible),
                low: count(Severity::Low),
                medium: count(Severity::Medium),
                high: count(Severity::High),
                critical: count(Severity::Critical),
            },
            attributes: self.attributes.clone().into_iter().collect(),
        }
    }
}

/// What a policy reads of the reports about an image, or about those of an index: of each scanner that has looked at all of
/// them, the largest numbers.
pub(super) fn summaries(reports: &[ScanReport]) -> Vec<wit::ScanSummary> {
    /// What is known of a scanner; nothing if it has not looked at all of the images.
    type Known = Option<(Timestamp, SeverityCounts, BTreeMap<String, String>)>;
    let mut found: BTreeMap<&str, Known> = BTreeMap::new();
    for report in reports {
        let entry = report.finished_at.map(|at| (at, report.counts, report.attributes.clone()));
        let merged = match (found.remove(&*report.scanner), entry) {
            (None, entry) => entry,
            (Some(Some((at, counts, attributes))), Some((other, more, _))) => {
                Some((at.min(other), counts.or(more), attributes))
            }
            _ => None,
        };
        found.insert(&report.scanner, merged);
    }
    let number = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let summary = |(scanner, (at, counts, attributes)): (
        &str,
        (Timestamp, SeverityCounts, BTreeMap<_, _>),
    )| {
        wit::ScanSummary {
            scanner: scanner.to_owned(),
            finished_ms: u64::try_from(at.as_millis()).unwrap_or(0),
            counts: wit::SeverityCounts {
                unknown: number(counts.unknown),
                negligible: number(counts.negligible),
                low: number(counts.low),
                medium: number(counts.medium),
                high: number(counts.high),
                critical: number(counts.critical),
            },
            attributes: attributes.into_iter().collect(),
        }
    };
    found.into_iter().filter_map(|(scanner, scan)| Some((scanner, scan?))).map(summary).collect()
}
