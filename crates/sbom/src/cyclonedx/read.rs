//! From a document, also of another tool, to an inventory.

use serde::Deserialize;

use super::OWNER;
use crate::json::{MAX_PACKAGES, Many, One, ReadError, Text, parse};
use crate::purl::Purl;
use crate::{Distro, Inventory, Kind, Note, Package, Source};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Bom {
    components: Many<Component>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Component {
    r#type: Text,
    group: Text,
    name: Text,
    version: Text,
    description: Text,
    cpe: Text,
    purl: Text,
    licenses: Many<Choice>,
    evidence: One<Evidence>,
    properties: Many<Property>,
    components: Many<Component>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice {
    license: One<License>,
    expression: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct License {
    id: Text,
    name: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Evidence {
    occurrences: Many<Occurrence>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Occurrence {
    location: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Property {
    name: Text,
    value: Text,
}

/// Reads the packages of a document. Components without a package URL are left out.
pub fn read(document: &[u8]) -> Result<Inventory, ReadError> {
    let bom: One<Bom> = parse(document)?;
    let mut inventory = Inventory::default();
    let mut unnamed = 0usize;
    let mut open = bom.0.components.0;
    open.reverse();
    while let Some(mut component) = open.pop() {
        if inventory.packages.len() == MAX_PACKAGES {
            break;
        }
        open.extend(std::mem::take(&mut component.components.0));
        if component.r#type.is("operating-system") {
            let found = operating_system(component);
            inventory.distro = inventory.distro.or(found);
            continue;
        }
        let Some(purl) = component.purl.0.as_deref().and_then(|purl| purl.parse::<Purl>().ok())
        else {
            unnamed += usize::from(!component.r#type.is("file"));
            continue;
        };
        if inventory.distro.is_none() {
            let qualifier = purl.qualifiers.get("distro");
            inventory.distro = qualifier.and_then(|text| Distro::from_qualifier(text));
        }
        inventory.packages.push(package(component, &purl));
    }
    if unnamed > 0 {
        let what = format!("{unnamed} components have no package URL and were left out");
        inventory.notes.push(Note { path: String::new(), what });
    }
    inventory.sort();
    Ok(inventory)
}

fn operating_system(component: Component) -> Option<Distro> {
    let property = |wanted: &str| {
        component.properties.0.iter().find(|property| property.name.is(wanted))?.value.0.clone()
    };
    Some(Distro {
        id: property("syft:distro:id").or(component.name.0)?.to_ascii_lowercase(),
        version: property("syft:distro:versionID").or(component.version.0).unwrap_or_default(),
        codename: property("syft:distro:versionCodename"),
        name: component.description.0,
        cpe: component.cpe.0,
        ..Distro::default()
    })
}

fn package(component: Component, purl: &Purl) -> Package {
    let property = |wanted: &str| {
        component.properties.0.iter().find(|property| property.name.is(wanted))?.value.0.clone()
    };
    let mut package = Package::new(purl.kind.clone(), name(&component, purl), purl.full_version());
    if package.version.is_empty() {
        package.version = component.version.0.clone().unwrap_or_default();
    }
    package.architecture = purl.qualifiers.get(qualifier_of_architecture(&purl.kind)).cloned();
    package.source = upstream(purl, &package).or_else(|| {
        // Trivy divides the version as rpm does.
        let version = property("aquasecurity:trivy:SrcVersion")?;
        let release =
            property("aquasecurity:trivy:SrcRelease").map(|release| format!("-{release}"));
        let epoch = property("aquasecurity:trivy:SrcEpoch").filter(|epoch| epoch != "0");
        let epoch = epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
        let version = format!("{epoch}{version}{}", release.unwrap_or_default());
        Some(Source { name: property("aquasecurity:trivy:SrcName")?, version })
    });
    package.source = package.source.or_else(|| {
        let name =
            property("syft:metadata:source").or_else(|| property("syft:metadata:originPackage"))?;
        let version = property("syft:metadata:sourceVersion");
        Some(Source { name, version: version.unwrap_or_else(|| package.version.clone()) })
    });
    package.owner = property(OWNER).and_then(|owner| owner.parse().ok());
    let occurrences = component.evidence.0.occurrences.0.into_iter();
    let mut locations: Vec<_> = occurrences.filter_map(|each| each.location.0).collect();
    for property in component.properties.0 {
        let name = property.name.as_str();
        let path = name == "aquasecurity:trivy:FilePath"
            || (name.starts_with("syft:location:") && name.ends_with(":path"));
        locations.extend(property.value.0.filter(|_| path));
    }
    package.locations =
        locations.iter().map(|path| path.trim_start_matches('/').to_owned()).collect();
    let licenses = component.licenses.0.into_iter();
    package.licenses = licenses
        .filter_map(|choice| {
            choice.expression.0.or(choice.license.0.id.0).or(choice.license.0.name.0)
        })
        .collect();
    package
}

/// The name in its own spelling, which some purls lose; that of the purl if they are not of one package.
fn name(component: &Component, purl: &Purl) -> String {
    let full = purl.full_name();
    let plain = |name: &str| name.to_lowercase().replace('_', "-");
    let name = component.name.as_str();
    let group = component.group.as_str();
    let candidates = [name.to_owned(), format!("{group}/{name}"), format!("{group}:{name}")];
    let same = candidates.into_iter().find(|candidate| plain(candidate) == plain(&full));
    same.unwrap_or(full)
}

pub(crate) fn qualifier_of_architecture(kind: &Kind) -> &'static str {
    if *kind == Kind::Gem { "platform" } else { "arch" }
}

/// The source package in the purl's `upstream`: `curl`, `curl@7.88.1-10`, or `bash-5.1.8-6.el9.src.rpm`.
pub(crate) fn upstream(purl: &Purl, package: &Package) -> Option<Source> {
    let upstream = purl.qualifiers.get("upstream")?;
    if let Some(nevra) = upstream.strip_suffix(".src.rpm").or(upstream.strip_suffix(".nosrc.rpm")) {
        let (rest, release) = nevra.rsplit_once('-')?;
        let (name, version) = rest.rsplit_once('-')?;
        return Some(Source { name: name.to_owned(), version: format!("{version}-{release}") });
    }
    let (name, version) = upstream.split_once('@').unwrap_or((upstream, &package.version));
    Some(Source { name: name.to_owned(), version: version.to_owned() })
}
