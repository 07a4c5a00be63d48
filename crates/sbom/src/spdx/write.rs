//! From an inventory to a document.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use serde::Serialize;

use super::{BUILT, FOUND, OWNED};
use crate::{Inventory, Package, Subject, license};

const NO_ASSERTION: &str = "NOASSERTION";
const IMAGE: &str = "SPDXRef-Image";
const SYSTEM: &str = "SPDXRef-OperatingSystem";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are SPDX's")]
struct Document<'a> {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: &'a str,
    document_namespace: String,
    creation_info: CreationInfo<'a>,
    packages: Vec<Item<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    has_extracted_licensing_infos: Vec<Extracted>,
    relationships: Vec<Relationship>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreationInfo<'a> {
    created: &'a str,
    creators: [&'static str; 1],
    #[serde(skip_serializing_if = "String::is_empty")]
    comment: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    #[serde(rename = "SPDXID")]
    id: String,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version_info: &'a str,
    download_location: &'static str,
    files_analyzed: bool,
    primary_package_purpose: &'static str,
    license_concluded: &'static str,
    license_declared: String,
    copyright_text: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    source_info: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checksums: Vec<Checksum<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_refs: Vec<ExternalRef>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checksum<'a> {
    algorithm: &'static str,
    checksum_value: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are SPDX's")]
struct ExternalRef {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are SPDX's")]
struct Extracted {
    license_id: String,
    extracted_text: String,
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are SPDX's")]
struct Relationship {
    spdx_element_id: String,
    relationship_type: &'static str,
    related_spdx_element: String,
}

/// Writes what an image contains. The same inventory and subject give the same bytes.
#[must_use]
pub fn write(inventory: &Inventory, subject: &Subject) -> Vec<u8> {
    let mut extracted = BTreeMap::new();
    let mut packages = vec![image(subject)];
    packages.extend(system(inventory));
    let first = packages.len();
    let mut taken = HashSet::new();
    for each in &inventory.packages {
        packages.push(package(each, inventory, &mut taken, &mut extracted));
    }
    let mut relationships = vec![relation("SPDXRef-DOCUMENT", "DESCRIBES", IMAGE)];
    relationships.extend(packages[1..].iter().map(|item| relation(IMAGE, "CONTAINS", &item.id)));
    let ids = packages[first..].iter().map(|item| item.id.as_str());
    let mut owners = BTreeMap::new();
    for (package, id) in inventory.packages.iter().zip(ids.clone()) {
        owners.entry((&package.kind, package.name.as_str())).or_insert(id);
    }
    for (package, id) in inventory.packages.iter().zip(ids) {
        let owner = package.owner.as_ref();
        let owner = owner.and_then(|owner| owners.get(&(&owner.kind, owner.name.as_str())));
        relationships.extend(
            owner.filter(|owner| **owner != id).map(|owner| relation(owner, "CONTAINS", id)),
        );
    }
    let name = if subject.name.is_empty() { "image" } else { &subject.name };
    let document = Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        id: "SPDXRef-DOCUMENT",
        name,
        document_namespace: namespace(subject),
        creation_info: CreationInfo {
            created: subject.time(),
            creators: [concat!("Tool: berth-", env!("CARGO_PKG_VERSION"))],
            comment: notes(inventory),
        },
        packages,
        has_extracted_licensing_infos: extracted
            .into_iter()
            .map(|(license_id, text)| Extracted {
                license_id,
                name: one_line(&text),
                extracted_text: text,
            })
            .collect(),
        relationships,
    };
    serde_json::to_vec(&document).expect("texts, numbers and lists are always written")
}

/// Two documents have the same name only if they are of the same image and the same time.
fn namespace(subject: &Subject) -> String {
    let time = subject.time();
    match subject.digest.as_deref().zip(subject.hash()) {
        Some((digest, _)) => {
            format!("https://spdx.org/spdxdocs/berth/{}/{time}", digest.replace(':', "/"))
        }
        None => format!("https://spdx.org/spdxdocs/berth/{:016x}/{time}", hash(&subject.name)),
    }
}

fn notes(inventory: &Inventory) -> String {
    let mut text = String::new();
    for note in &inventory.notes {
        let _ = writeln!(text, "/{}: {}", note.path, note.what);
    }
    text
}

fn relation(from: &str, kind: &'static str, to: &str) -> Relationship {
    Relationship {
        spdx_element_id: from.to_owned(),
        relationship_type: kind,
        related_spdx_element: to.to_owned(),
    }
}

fn item<'a>(id: String, name: &'a str, purpose: &'static str) -> Item<'a> {
    Item {
        id,
        name,
        version_info: "",
        download_location: NO_ASSERTION,
        files_analyzed: false,
        primary_package_purpose: purpose,
        license_concluded: NO_ASSERTION,
        license_declared: NO_ASSERTION.to_owned(),
        copyright_text: NO_ASSERTION,
        source_info: String::new(),
        summary: None,
        checksums: Vec::new(),
        external_refs: Vec::new(),
    }
}

fn image(subject: &Subject) -> Item<'_> {
    let name = if subject.name.is_empty() { "image" } else { &subject.name };
    let hash = subject.hash().into_iter();
    Item {
        version_info: subject.digest.as_deref().unwrap_or_default(),
        checksums: hash
            .map(|(_, algorithm, checksum_value)| Checksum { algorithm, checksum_value })
            .collect(),
        ..item(IMAGE.to_owned(), name, "CONTAINER")
    }
}

fn system(inventory: &Inventory) -> Option<Item<'_>> {
    let distro = inventory.distro.as_ref().filter(|distro| !distro.id.is_empty())?;
    let summary = distro.name.as_deref();
    let item = item(SYSTEM.to_owned(), &distro.id, "OPERATING_SYSTEM");
    Some(Item { version_info: &distro.version, summary, ..item })
}

fn package<'a>(
    package: &'a Package,
    inventory: &Inventory,
    taken: &mut HashSet<String>,
    extracted: &mut BTreeMap<String, String>,
) -> Item<'a> {
    let purl = package.purl(inventory.distro.as_ref()).to_string();
    let name = if package.name.is_empty() { "unnamed" } else { &package.name };
    Item {
        version_info: &package.version,
        license_declared: licenses(&package.licenses, extracted),
        source_info: source_info(package),
        external_refs: vec![ExternalRef {
            reference_category: "PACKAGE-MANAGER",
            reference_type: "purl",
            reference_locator: purl.clone(),
        }],
        ..item(id(package, &purl, taken), name, "LIBRARY")
    }
}

fn id(package: &Package, purl: &str, taken: &mut HashSet<String>) -> String {
    let plain = |text: &str| -> String {
        text.chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
            .take(64)
            .collect()
    };
    let kind = plain(package.kind.as_str());
    let base = format!("SPDXRef-Package-{kind}-{}-{:016x}", plain(&package.name), hash(purl));
    let mut id = base.clone();
    let mut next = 2u32;
    while !taken.insert(id.clone()) {
        id = format!("{base}-{next}");
        next += 1;
    }
    id
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn source_info(package: &Package) -> String {
    let mut lines = Vec::new();
    if let Some(source) = &package.source {
        lines.push(format!("{BUILT}{} {}", one_line(&source.name), one_line(&source.version)));
    }
    lines.extend(
        package.owner.iter().map(|owner| format!("{OWNED}{}", one_line(&owner.to_string()))),
    );
    lines.extend(package.locations.iter().map(|path| format!("{FOUND}/{}", one_line(path))));
    lines.join("\n")
}

/// All that was declared, as one expression: what SPDX does not know is extracted text.
fn licenses(declared: &[String], extracted: &mut BTreeMap<String, String>) -> String {
    let parts = declared.iter().filter(|text| !text.trim().is_empty()).map(|text| {
        license::expression(text).unwrap_or_else(|| {
            let id = format!("LicenseRef-{:016x}", hash(text));
            extracted.insert(id.clone(), text.clone());
            id
        })
    });
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() { NO_ASSERTION.to_owned() } else { license::all_of(&parts) }
}

/// FNV-1a: short names that are the same in every document. Nothing relies on their being hard to find.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
