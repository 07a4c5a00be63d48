//! Finds the packages in an image. What they are matched with, and the documents about them, are Berth's business.

mod root;

use berth_packages::{Distro, Inventory, Options, Package as Found, RootError, scan};
use berth_plugin::{
    CallContext, Error, Image, Package, Plugin, Report, Scanner, StringMap, config,
};

use crate::root::Lent;

struct ScanPackages;

impl Plugin for ScanPackages {
    const NAME: &'static str = "scan-packages";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
}

impl Scanner for ScanPackages {
    fn scan(_context: CallContext, image: &Image) -> Result<Report, Error> {
        let root = Lent(image.rootfs()?);
        let options = Options {
            executables: config::parse("executables")?.unwrap_or(true),
            copyrights: config::parse("copyrights")?.unwrap_or(true),
            ..Options::default()
        };
        let inventory = scan(&root, &options).map_err(|error| match error {
            RootError::Failed(why) => Error::Unavailable(why),
            other => Error::Internal(other.to_string()),
        })?;
        let mut report = Report::empty();
        report.attributes = attributes(&inventory);
        let distro = inventory.distro.as_ref();
        report.packages =
            inventory.packages.into_iter().map(|found| package(found, distro)).collect();
        Ok(report)
    }
}

/// The distribution, and what was left out: Berth reads them where it writes documents.
fn attributes(inventory: &Inventory) -> StringMap {
    let mut attributes = Vec::new();
    if let Some(distro) = &inventory.distro {
        let mut add = |key: &str, value: &str| {
            if !value.is_empty() {
                attributes.push((format!("distro.{key}"), value.to_owned()));
            }
        };
        add("id", &distro.id);
        add("version", &distro.version);
        add("like", &distro.like.join(" "));
        add("codename", distro.codename.as_deref().unwrap_or_default());
        add("name", distro.name.as_deref().unwrap_or_default());
        add("cpe", distro.cpe.as_deref().unwrap_or_default());
    }
    for (number, note) in inventory.notes.iter().enumerate() {
        attributes.push((format!("note.{number:03}"), format!("{}: {}", note.path, note.what)));
    }
    attributes
}

fn package(found: Found, distro: Option<&Distro>) -> Package {
    let purl = found.purl(distro).to_string();
    let (source_name, source_version) =
        found.source.map(|source| (source.name, source.version)).unzip();
    let owner = found.owner.map(|owner| ("owner".to_owned(), owner.to_string()));
    Package {
        purl: Some(purl),
        architecture: found.architecture,
        licenses: found.licenses,
        source_name,
        source_version,
        locations: found.locations,
        attributes: owner.into_iter().collect(),
        ..Package::new(found.kind.as_str(), found.name, found.version)
    }
}

berth_plugin::export!(ScanPackages: scanner);
