//! Records as they are exchanged: <https://ossf.github.io/osv-schema/>.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::advisory::{Advisory, Affected, Event, InvalidAdvisory, MAX_RECORD, Range, RangeKind};
use crate::severity::Vector;

/// More of each is not kept.
const MAX_URLS: usize = 10;
const MAX_NAMES: usize = 500;
const MAX_SUMMARY: usize = 300;

#[derive(Deserialize)]
struct Record {
    id: String,
    #[serde(default)]
    modified: String,
    withdrawn: Option<String>,
    #[serde(default)]
    aliases: Option<Vec<String>>,
    #[serde(default)]
    upstream: Option<Vec<String>>,
    #[serde(default)]
    related: Option<Vec<String>>,
    summary: Option<String>,
    details: Option<String>,
    #[serde(default)]
    severity: Option<Vec<Score>>,
    #[serde(default)]
    affected: Option<Vec<Package>>,
    #[serde(default)]
    references: Option<Vec<Reference>>,
    #[serde(default)]
    database_specific: Option<Value>,
}

#[derive(Deserialize)]
struct Score {
    r#type: String,
    score: String,
}

#[derive(Deserialize)]
struct Package {
    #[serde(rename = "package")]
    name: Option<Name>,
    #[serde(default)]
    ranges: Option<Vec<Span>>,
    #[serde(default)]
    versions: Option<Vec<String>>,
    #[serde(default)]
    severity: Option<Vec<Score>>,
    #[serde(default)]
    ecosystem_specific: Option<Value>,
    #[serde(default)]
    database_specific: Option<Value>,
}

#[derive(Deserialize)]
struct Name {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct Span {
    r#type: String,
    #[serde(default)]
    events: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
    limit: Option<String>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    r#type: String,
    url: String,
}

pub(crate) fn parse(record: &[u8]) -> Result<Advisory, InvalidAdvisory> {
    if record.len() > MAX_RECORD {
        return Err(InvalidAdvisory::TooLarge);
    }
    let record: Record = serde_json::from_slice(record).map_err(InvalidAdvisory::Json)?;
    if record.id.trim().is_empty() {
        return Err(InvalidAdvisory::Missing("id"));
    }
    let packages = record.affected.unwrap_or_default();
    let affected: Vec<_> = packages.into_iter().filter_map(affected).collect();
    let mut upstream = names(record.upstream);
    if upstream.is_empty() && is_of_distribution(&record.id) {
        // Before schema 1.7 the advisories of distributions had their CVEs among what is related.
        upstream = names(record.related);
        upstream.retain(|name| name.starts_with("CVE-"));
    }
    Ok(Advisory {
        id: record.id,
        modified: record.modified,
        withdrawn: record.withdrawn,
        aliases: names(record.aliases),
        upstream,
        summary: summary(record.summary.as_deref(), record.details.as_deref()),
        severity: vectors(record.severity),
        rating: word(record.database_specific.as_ref(), &["severity", "cvss_severity"]),
        urls: urls(record.references.unwrap_or_default()),
        affected,
    })
}

fn is_of_distribution(id: &str) -> bool {
    let prefixes = [
        "DSA-",
        "DLA-",
        "DTSA-",
        "USN-",
        "RHSA-",
        "RHBA-",
        "RHEA-",
        "ALSA-",
        "ALBA-",
        "ALEA-",
        "RLSA-",
        "RXSA-",
        "SUSE-",
        "openSUSE-",
        "MGASA-",
        "OESA-",
        "LSN-",
        "AZL-",
        "PHSA-",
    ];
    prefixes.iter().any(|prefix| id.starts_with(prefix))
}

fn affected(package: Package) -> Option<Affected> {
    let name = package.name?;
    let mut ranges = Vec::new();
    for span in package.ranges.unwrap_or_default() {
        let kind = match span.r#type.as_str() {
            "SEMVER" => RangeKind::Semver,
            "ECOSYSTEM" => RangeKind::Ecosystem,
            _ => continue,
        };
        let events: Vec<_> = span.events.into_iter().flat_map(events).collect();
        ranges.push(Range { kind, events });
    }
    let (ecosystem, database) = (package.ecosystem_specific, package.database_specific);
    let rating = word(ecosystem.as_ref(), &["severity", "urgency", "ubuntu_priority"])
        .or_else(|| word(database.as_ref(), &["severity", "urgency", "ubuntu_priority"]));
    let informational = [&database, &ecosystem].into_iter().any(|specific| {
        specific
            .as_ref()
            .and_then(|specific| specific.get("informational"))
            .is_some_and(|value| !value.is_null())
    });
    Some(Affected {
        ecosystem: name.ecosystem,
        name: name.name,
        ranges,
        versions: package.versions.unwrap_or_default(),
        severity: vectors(package.severity),
        rating,
        binaries: binaries(ecosystem.as_ref()),
        informational,
    })
}

/// Each object should have one of them; some have more.
fn events(change: Change) -> Vec<Event> {
    let all = [
        change.introduced.map(Event::Introduced),
        change.fixed.map(Event::Fixed),
        change.last_affected.map(Event::LastAffected),
        change.limit.map(Event::Limit),
    ];
    all.into_iter().flatten().collect()
}

fn names(all: Option<Vec<String>>) -> Vec<String> {
    let mut all = all.unwrap_or_default();
    all.retain(|name| !name.is_empty());
    all.truncate(MAX_NAMES);
    all
}

fn vectors(scores: Option<Vec<Score>>) -> Vec<Vector> {
    let scores = scores.unwrap_or_default().into_iter();
    scores.map(|score| Vector { kind: score.r#type, score: score.score }).collect()
}

/// The first of some texts in what a database says for itself.
fn word(specific: Option<&Value>, keys: &[&str]) -> Option<String> {
    let specific = specific?.as_object()?;
    keys.iter()
        .find_map(|key| specific.get(*key)?.as_str())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
}

/// Ubuntu: `binaries: [{"binary_name": …, "binary_version": …}]`; SUSE: `binaries: [{NAME: VERSION}]`.
fn binaries(specific: Option<&Value>) -> Vec<String> {
    let list = specific.and_then(|specific| specific.get("binaries")).and_then(Value::as_array);
    let mut all = Vec::new();
    for each in list.into_iter().flatten().filter_map(Value::as_object) {
        match each.get("binary_name").and_then(Value::as_str) {
            Some(name) => all.push(name.to_owned()),
            None => all.extend(names_of(each)),
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn names_of(object: &Map<String, Value>) -> impl Iterator<Item = String> {
    object.iter().filter(|(_, version)| version.is_string()).map(|(name, _)| name.clone())
}

/// A line: the summary, or how the details begin.
fn summary(summary: Option<&str>, details: Option<&str>) -> String {
    let text = summary.filter(|text| !text.trim().is_empty()).or(details).unwrap_or_default();
    let line = text
        .lines()
        .map(|line| line.trim_start_matches(['#', ' ']))
        .find(|line| !line.trim().is_empty());
    let line = line.unwrap_or_default().trim();
    match line.char_indices().nth(MAX_SUMMARY) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line.to_owned(),
    }
}

/// Pages about it first, then what mends it.
fn urls(references: Vec<Reference>) -> Vec<String> {
    let rank = |reference: &Reference| match reference.r#type.as_str() {
        "ADVISORY" => 0,
        "FIX" => 1,
        "REPORT" => 2,
        _ => 3,
    };
    let mut references: Vec<_> = references
        .into_iter()
        .filter(|each| ["https://", "http://"].iter().any(|start| each.url.starts_with(start)))
        .collect();
    references.sort_by_key(rank);
    references.truncate(MAX_URLS);
    references.into_iter().map(|reference| reference.url).collect()
}
