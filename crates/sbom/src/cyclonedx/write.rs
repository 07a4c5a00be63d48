//! From an inventory to a document.

use std::collections::HashSet;

use serde::Serialize;

use super::{NOTE, OWNER};
use crate::{Inventory, Kind, Package, Subject, license};

/// The schema allows no longer version.
const MAX_VERSION: usize = 1024;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are CycloneDX's")]
struct Bom<'a> {
    bom_format: &'static str,
    spec_version: &'static str,
    version: u32,
    metadata: Metadata<'a>,
    components: Vec<Component<'a>>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    timestamp: &'a str,
    tools: Tools,
    component: Component<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Tools {
    components: [Tool; 1],
}

#[derive(Serialize)]
struct Tool {
    r#type: &'static str,
    name: &'static str,
    version: &'static str,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Component<'a> {
    bom_ref: String,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<License>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpe: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Hash<'a> {
    alg: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum License {
    License(LicenseName),
    #[serde(untagged)]
    Expression {
        expression: String,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum LicenseName {
    Id(String),
    Name(String),
}

#[derive(Serialize)]
struct Evidence {
    occurrences: Vec<Occurrence>,
}

#[derive(Serialize)]
struct Occurrence {
    location: String,
}

#[derive(Serialize)]
struct Property {
    name: &'static str,
    value: String,
}

/// Writes what an image contains. The same inventory and subject give the same bytes.
#[must_use]
pub fn write(inventory: &Inventory, subject: &Subject) -> Vec<u8> {
    let mut taken = HashSet::new();
    let image = image(subject, &mut taken);
    let mut components = Vec::with_capacity(inventory.packages.len() + 1);
    components.extend(operating_system(inventory, &mut taken));
    components.extend(inventory.packages.iter().map(|each| package(each, inventory, &mut taken)));
    let notes = inventory.notes.iter();
    let bom = Bom {
        bom_format: "CycloneDX",
        spec_version: "1.6",
        version: 1,
        metadata: Metadata {
            timestamp: subject.time(),
            tools: Tools {
                components: [Tool {
                    r#type: "application",
                    name: "berth",
                    version: env!("CARGO_PKG_VERSION"),
                }],
            },
            component: image,
            properties: notes
                .map(|note| Property {
                    name: NOTE,
                    value: format!("/{}: {}", note.path, note.what),
                })
                .collect(),
        },
        components,
    };
    serde_json::to_vec(&bom).expect("texts, numbers and lists are always written")
}

/// A reference that no other component has.
fn unique(wanted: String, taken: &mut HashSet<String>) -> String {
    let mut name = wanted.clone();
    let mut next = 2u32;
    while !taken.insert(name.clone()) {
        name = format!("{wanted}#{next}");
        next += 1;
    }
    name
}

fn image<'a>(subject: &'a Subject, taken: &mut HashSet<String>) -> Component<'a> {
    let hash = subject.hash();
    Component {
        bom_ref: unique("image".to_owned(), taken),
        r#type: "container",
        name: if subject.name.is_empty() { "image" } else { &subject.name },
        version: subject.digest.as_deref().filter(|digest| digest.len() <= MAX_VERSION),
        hashes: hash.map(|(alg, _, content)| Hash { alg, content }).into_iter().collect(),
        ..Component::default()
    }
}

fn operating_system<'a>(
    inventory: &'a Inventory,
    taken: &mut HashSet<String>,
) -> Option<Component<'a>> {
    let distro = inventory.distro.as_ref().filter(|distro| !distro.id.is_empty())?;
    Some(Component {
        bom_ref: unique(format!("os:{}", distro.qualifier()?), taken),
        r#type: "operating-system",
        name: &distro.id,
        version: Some(distro.version.as_str())
            .filter(|version| !version.is_empty() && version.len() <= MAX_VERSION),
        description: distro.name.as_deref(),
        cpe: distro.cpe.as_deref().filter(|cpe| cpe.starts_with("cpe:")),
        ..Component::default()
    })
}

fn package<'a>(
    package: &'a Package,
    inventory: &Inventory,
    taken: &mut HashSet<String>,
) -> Component<'a> {
    let purl = package.purl(inventory.distro.as_ref()).to_string();
    let (group, name) = match package.kind {
        Kind::Npm if package.name.starts_with('@') => package.name.split_once('/'),
        Kind::Maven => package.name.split_once(':'),
        _ => None,
    }
    .map_or((None, package.name.as_str()), |(group, name)| (Some(group), name));
    let occurrences =
        package.locations.iter().map(|path| Occurrence { location: format!("/{path}") });
    let occurrences: Vec<_> = occurrences.collect();
    let owner = package.owner.iter();
    Component {
        bom_ref: unique(purl.clone(), taken),
        r#type: "library",
        group,
        name,
        version: Some(package.version.as_str())
            .filter(|version| !version.is_empty() && version.len() <= MAX_VERSION),
        licenses: licenses(&package.licenses),
        purl: Some(purl),
        evidence: (!occurrences.is_empty()).then_some(Evidence { occurrences }),
        properties: owner.map(|owner| Property { name: OWNER, value: owner.to_string() }).collect(),
        ..Component::default()
    }
}

/// Either one expression, or a list of licences: the schema allows no mixture.
fn licenses(declared: &[String]) -> Vec<License> {
    let known: Vec<_> = declared.iter().map(|text| license::expression(text)).collect();
    if let Some(all) = known.iter().cloned().collect::<Option<Vec<_>>>() {
        if all.iter().any(|expression| license::is_compound(expression)) {
            return vec![License::Expression { expression: license::all_of(&all) }];
        }
    }
    let names = known.into_iter().zip(declared).map(|(known, text)| match known {
        Some(id) if !license::is_compound(&id) => LicenseName::Id(id),
        _ => LicenseName::Name(text.clone()),
    });
    names.map(License::License).collect()
}
