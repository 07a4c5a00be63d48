//! apk: Alpine and those made like it.

use berth_sbom::{Kind, Package, Source};

use crate::found::Found;
use crate::text;

/// Reads `installed`: lines of one letter, a colon and a value; an empty line ends a package.
pub(crate) fn read(bytes: &[u8], path: &str, found: &mut Found<'_>) {
    let content = String::from_utf8_lossy(bytes);
    for stanza in text::stanzas(&content) {
        let mut package = Package::new(Kind::Apk, "", "");
        let mut origin = None;
        for line in stanza.clone() {
            let Some((letter, value)) = line.split_once(':') else { continue };
            match letter {
                "P" => package.name = text::owned(value).unwrap_or_default(),
                "V" => package.version = text::owned(value).unwrap_or_default(),
                "A" => package.architecture = text::owned(value),
                "L" => package.licenses.extend(text::license(value)),
                "o" => origin = text::owned(value),
                _ => {}
            }
        }
        if package.name.is_empty() || package.version.is_empty() {
            found.note(path, "a package without a name or a version");
            continue;
        }
        if !found.claims.is_empty() {
            found.claims.begin(Kind::Apk, &package.name);
            claim(stanza, found);
        }
        // Subpackages are built with their origin, in its version.
        package.source = origin.map(|name| Source { name, version: package.version.clone() });
        package.locations.push(path.to_owned());
        found.add(package);
    }
}

/// The files of a package: `F:` names a directory, each `R:` a file in it.
fn claim<'t>(stanza: impl Iterator<Item = &'t str>, found: &mut Found<'_>) {
    let mut directory = "";
    for line in stanza {
        if let Some(name) = line.strip_prefix("F:") {
            directory = name;
        } else if let Some(name) = line.strip_prefix("R:") {
            if directory.is_empty() {
                found.claims.claim(name);
            } else {
                found.claims.claim(&format!("{directory}/{name}"));
            }
        }
    }
}
