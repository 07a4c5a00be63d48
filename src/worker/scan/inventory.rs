//! Between what plugins say, what advisories are matched with, and what documents list.

use std::collections::BTreeMap;

use berth_advisories::Severity;
use berth_sbom::{Distro, Inventory, Kind, Note, Package, Purl, Source};

use crate::plugin::{self, Finding, FoundPackage};

/// How scanners tell of the distribution, among the attributes of a report.
const DISTRO: &str = "distro.";
/// … and of what they left out.
const NOTE: &str = "note.";
/// … and, among those of a package, of the package that brought it.
const OWNER: &str = "owner";

/// The inventory behind a scanner's report.
pub(super) fn of_report(
    packages: &[FoundPackage],
    attributes: &BTreeMap<String, String>,
) -> Inventory {
    let notes = attributes.iter().filter(|(key, _)| key.starts_with(NOTE)).map(|(_, note)| {
        let (path, what) = note.split_once(": ").unwrap_or(("", note));
        Note { path: path.to_owned(), what: what.to_owned() }
    });
    let mut inventory = Inventory {
        distro: distro(attributes).or_else(|| packages.iter().find_map(distro_of_purl)),
        packages: packages.iter().map(package).collect(),
        notes: notes.collect(),
    };
    inventory.sort();
    inventory
}

fn distro(attributes: &BTreeMap<String, String>) -> Option<Distro> {
    let get = |key: &str| attributes.get(&format!("{DISTRO}{key}")).cloned();
    Some(Distro {
        id: get("id")?,
        version: get("version").unwrap_or_default(),
        like: get("like").unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
        codename: get("codename"),
        name: get("name"),
        cpe: get("cpe"),
    })
}

fn distro_of_purl(package: &FoundPackage) -> Option<Distro> {
    let purl: Purl = package.purl.as_deref()?.parse().ok()?;
    Distro::from_qualifier(purl.qualifiers.get("distro")?)
}

fn package(found: &FoundPackage) -> Package {
    let source = found.source_name.is_some() || found.source_version.is_some();
    let source = source.then(|| Source {
        name: found.source_name.clone().unwrap_or_else(|| found.name.clone()),
        version: found.source_version.clone().unwrap_or_else(|| found.version.clone()),
    });
    Package {
        source,
        architecture: found.architecture.clone(),
        licenses: found.licenses.clone(),
        locations: found.locations.clone(),
        owner: found.attributes.get(OWNER).and_then(|owner| owner.parse().ok()),
        ..Package::new(Kind::of(&found.kind), found.name.clone(), found.version.clone())
    }
}

/// What an advisory says, in the words of reports.
pub(super) fn finding(found: berth_advisories::Finding) -> Finding {
    let mut attributes = BTreeMap::new();
    if !found.aliases.is_empty() {
        attributes.insert("aliases".to_owned(), found.aliases.join(" "));
    }
    if let Some(vector) = found.vector {
        attributes.insert("cvss".to_owned(), vector);
    }
    if let Some(score) = found.score {
        attributes.insert("score".to_owned(), score.to_string());
    }
    Finding {
        id: found.id,
        severity: word(found.severity),
        title: found.summary,
        description: None,
        package: Some(found.name),
        version: Some(found.installed),
        fixed_version: found.fixed,
        purl: Some(found.package),
        path: found.locations.into_iter().next(),
        links: found.urls,
        attributes,
    }
}

/// A plugin's word for a severity, as rows have it.
pub(super) fn severity(word: plugin::Severity) -> Severity {
    Severity::parse(word.as_str()).unwrap_or_default()
}

fn word(severity: Severity) -> plugin::Severity {
    match severity {
        Severity::Unknown => plugin::Severity::Unknown,
        Severity::Negligible => plugin::Severity::Negligible,
        Severity::Low => plugin::Severity::Low,
        Severity::Medium => plugin::Severity::Medium,
        Severity::High => plugin::Severity::High,
        Severity::Critical => plugin::Severity::Critical,
    }
}
