//! Python's installed distributions.

use berth_sbom::{Kind, Owner, Package};

use crate::found::Found;
use crate::root::{Root, RootError};
use crate::text::{self, file_name, parent};

/// Headers come first, a description of any length follows.
const MAX_HEADERS: usize = 64 << 10;

/// Reads the headers of `METADATA`, `PKG-INFO` or a single `.egg-info`.
pub(crate) fn read(root: &dyn Root, path: &str, found: &mut Found<'_>) -> Result<(), RootError> {
    let mut head = vec![0; MAX_HEADERS];
    let mut filled = 0;
    while filled < head.len() {
        match root.read_at(path, filled as u64, &mut head[filled..])? {
            0 => break,
            count => filled = head.len().min(filled + count),
        }
    }
    head.truncate(filled);
    let content = String::from_utf8_lossy(&head);
    let headers = content.lines().take_while(|line| !line.trim_end().is_empty());
    let value = |name: &str| {
        headers.clone().find_map(|line| text::header(line, name)).and_then(text::owned)
    };
    let (Some(name), Some(version)) = (value("Name"), value("Version")) else {
        found.note(path, "a distribution without a name or a version");
        return Ok(());
    };
    let mut package = Package::new(Kind::Pypi, name, version);
    let declared = value("License-Expression").or_else(|| value("License"));
    package.licenses = declared.and_then(|declared| text::license(&declared)).into_iter().collect();
    if package.licenses.is_empty() {
        let classifiers = headers.clone().filter_map(|line| text::header(line, "Classifier"));
        package.licenses = classifiers.filter_map(of_classifier).collect();
    }
    package.owner = vendored_by(path);
    package.locations.push(path.to_owned());
    found.add(package);
    Ok(())
}

/// `License :: OSI Approved :: MIT License`
fn of_classifier(classifier: &str) -> Option<String> {
    let name = classifier.strip_prefix("License ::")?.rsplit("::").next()?.trim();
    let id = match name {
        "OSI Approved" | "" => return None,
        "MIT License" => "MIT",
        "Apache Software License" => "Apache-2.0",
        "ISC License (ISCL)" => "ISC",
        "Mozilla Public License 2.0 (MPL 2.0)" => "MPL-2.0",
        "Python Software Foundation License" => "PSF-2.0",
        "The Unlicense (Unlicense)" => "Unlicense",
        "GNU General Public License v3 (GPLv3)" => "GPL-3.0-only",
        "GNU General Public License v3 or later (GPLv3+)" => "GPL-3.0-or-later",
        "GNU General Public License v2 (GPLv2)" => "GPL-2.0-only",
        "GNU General Public License v2 or later (GPLv2+)" => "GPL-2.0-or-later",
        other => other,
    };
    text::license(id)
}

/// Setuptools and others carry distributions of their own in a folder that pip does not look into.
fn vendored_by(path: &str) -> Option<Owner> {
    let (before, _) = parent(path).split_once("/_vendor/")?;
    Some(Owner { kind: Kind::Pypi, name: file_name(before).to_owned() })
}
