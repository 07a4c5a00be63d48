//! From a document, also of another tool, to an inventory.

use std::collections::HashMap;

use serde::Deserialize;

use super::{BUILT, FOUND, OWNED};
use crate::cyclonedx::{qualifier_of_architecture, upstream};
use crate::json::{Many, One, ReadError, Text, parse};
use crate::purl::Purl;
use crate::{Distro, Inventory, Note, Package, Source};

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Document {
    packages: Many<Item>,
    has_extracted_licensing_infos: Many<Extracted>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Item {
    name: Text,
    version_info: Text,
    summary: Text,
    primary_package_purpose: Text,
    source_info: Text,
    license_declared: Text,
    external_refs: Many<ExternalRef>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ExternalRef {
    reference_type: Text,
    reference_locator: Text,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Extracted {
    license_id: Text,
    extracted_text: Text,
}

/// Reads the packages of a document. Packages without a package URL are left out.
pub fn read(document: &[u8]) -> Result<Inventory, ReadError> {
    let document: One<Document> = parse(document)?;
    let extracted = document.0.has_extracted_licensing_infos.0.into_iter();
    let extracted: HashMap<_, _> =
        extracted.filter_map(|each| Some((each.license_id.0?, each.extracted_text.0?))).collect();
    let mut inventory = Inventory::default();
    let mut unnamed = 0usize;
    for item in document.0.packages.0 {
        let purpose = item.primary_package_purpose.as_str();
        if purpose == "OPERATING-SYSTEM" || purpose == "OPERATING_SYSTEM" {
            let found = item.name.0.map(|id| Distro {
                id: id.to_ascii_lowercase(),
                version: item.version_info.0.unwrap_or_default(),
                name: item.summary.0,
                ..Distro::default()
            });
            inventory.distro = inventory.distro.or(found);
            continue;
        }
        let mut purls = item.external_refs.0.iter().filter(|each| each.reference_type.is("purl"));
        let Some(purl) =
            purls.find_map(|each| each.reference_locator.as_str().parse::<Purl>().ok())
        else {
            unnamed += usize::from(purpose != "CONTAINER");
            continue;
        };
        if purl.kind.as_str() == "oci" || purl.kind.as_str() == "docker" {
            continue; // the image itself
        }
        if inventory.distro.is_none() {
            let qualifier = purl.qualifiers.get("distro");
            inventory.distro = qualifier.and_then(|text| Distro::from_qualifier(text));
        }
        inventory.packages.push(package(&item, &purl, &extracted));
    }
    if unnamed > 0 {
        let what = format!("{unnamed} packages have no package URL and were left out");
        inventory.notes.push(Note { path: String::new(), what });
    }
    inventory.sort();
    Ok(inventory)
}

fn package(item: &Item, purl: &Purl, extracted: &HashMap<String, String>) -> Package {
    let full = purl.full_name();
    let plain = |name: &str| name.to_lowercase().replace('_', "-");
    let name = item.name.0.clone().filter(|name| plain(name) == plain(&full)).unwrap_or(full);
    let mut package = Package::new(purl.kind.clone(), name, purl.full_version());
    if package.version.is_empty() {
        package.version = item.version_info.0.clone().unwrap_or_default();
    }
    package.architecture = purl.qualifiers.get(qualifier_of_architecture(&purl.kind)).cloned();
    package.source = upstream(purl, &package);
    for line in item.source_info.as_str().lines() {
        if let Some(source) = line.strip_prefix(BUILT) {
            // Trivy writes the same line.
            let source = source.split_once(' ').map(|(name, version)| Source {
                name: name.to_owned(),
                version: version.trim().to_owned(),
            });
            package.source = package.source.or(source);
        } else if let Some(path) = line.strip_prefix(FOUND) {
            package.locations.push(path.trim_start_matches('/').to_owned());
        } else if let Some(owner) = line.strip_prefix(OWNED) {
            package.owner = owner.parse().ok();
        } else if let Some(syft) = line.strip_prefix("acquired package info from ") {
            let paths = syft.split_once(": ").map_or("", |(_, paths)| paths).split(", ");
            let paths = paths.filter(|path| path.starts_with('/'));
            package.locations.extend(paths.map(|path| path.trim_start_matches('/').to_owned()));
        }
    }
    package.licenses = licenses(item.license_declared.as_str(), extracted);
    package
}

/// The parts of an expression that all hold, each with its text if it is a reference.
fn licenses(expression: &str, extracted: &HashMap<String, String>) -> Vec<String> {
    if matches!(expression, "" | "NOASSERTION" | "NONE") {
        return Vec::new();
    }
    let mut depth = 0i32;
    let mut parts = vec![String::new()];
    for word in expression.split_inclusive([' ', '(', ')']) {
        if depth == 0 && word.trim() == "AND" {
            parts.push(String::new());
            continue;
        }
        match word.as_bytes().last() {
            Some(b'(') => depth += 1,
            Some(b')') => depth -= 1,
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push_str(word);
        }
    }
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let inner = part.strip_prefix('(').and_then(|part| part.strip_suffix(')'));
            let part = inner.filter(|inner| !inner.contains(['(', ')'])).unwrap_or(part);
            extracted.get(part).map_or(part, String::as_str).to_owned()
        })
        .collect()
}
