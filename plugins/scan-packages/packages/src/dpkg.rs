//! dpkg: Debian, Ubuntu, and images without a package manager that were made of their packages.

use berth_sbom::{Kind, Package, Source};

use crate::copyright;
use crate::found::Found;
use crate::root::Root;
use crate::text::{self, file_name, stanzas};

/// Reads `/var/lib/dpkg/status`.
pub(crate) fn read(
    root: &dyn Root,
    bytes: &[u8],
    path: &str,
    copyrights: bool,
    found: &mut Found<'_>,
) {
    let content = String::from_utf8_lossy(bytes);
    for stanza in stanzas(&content) {
        // Those that are removed but for their configuration are listed too.
        let status = stanza.clone().find_map(|line| text::header(line, "Status"));
        if status.is_some_and(is_installed) {
            add(root, stanza, path, copyrights, found);
        }
    }
}

/// Reads one of `/var/lib/dpkg/status.d`, where a distroless image has a file for each package.
pub(crate) fn read_part(
    root: &dyn Root,
    bytes: &[u8],
    path: &str,
    copyrights: bool,
    found: &mut Found<'_>,
) {
    let content = String::from_utf8_lossy(bytes);
    if let Some(stanza) = stanzas(&content).next() {
        add(root, stanza, path, copyrights, found);
    }
}

/// Reads the files of a package: `info/NAME.list`, `info/NAME:ARCHITECTURE.list`, or `status.d/NAME.md5sums`.
pub(crate) fn read_list(bytes: &[u8], path: &str, found: &mut Found<'_>) {
    let name = file_name(path);
    let (name, sums) = match name.strip_suffix(".md5sums") {
        Some(name) => (name, true),
        None => (name.strip_suffix(".list").unwrap_or(name), false),
    };
    found.claims.begin(Kind::Deb, name.split(':').next().unwrap_or(name));
    for line in String::from_utf8_lossy(bytes).lines() {
        let file = if sums { line.split_once("  ").map_or("", |(_, file)| file) } else { line };
        found.claims.claim(file);
    }
}

/// `install ok installed`: its files are there in these states, also while its scripts have yet to run.
fn is_installed(status: &str) -> bool {
    let state = status.split_whitespace().nth(2);
    let there =
        ["installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending"];
    state.is_some_and(|state| there.contains(&state))
}

fn add<'t>(
    root: &dyn Root,
    stanza: impl Iterator<Item = &'t str>,
    path: &str,
    copyrights: bool,
    found: &mut Found<'_>,
) {
    let mut package = Package::new(Kind::Deb, "", "");
    let mut source = None;
    for line in stanza {
        let Some((field, value)) = line.split_once(':') else { continue };
        let Some(value) = text::field(value) else { continue };
        match field {
            "Package" => value.clone_into(&mut package.name),
            "Version" => value.clone_into(&mut package.version),
            "Architecture" => package.architecture = Some(value.to_owned()),
            "Source" => source = Some(value),
            _ => {}
        }
    }
    if package.name.is_empty() || package.version.is_empty() {
        return found.note(path, "a package without a name or a version");
    }
    // `glibc (2.36-9)` if its version is another one than the package's.
    package.source = source.and_then(|source| {
        let (name, version) = match source.split_once('(') {
            Some((name, version)) => (name.trim(), version.trim_end_matches(')').trim()),
            None => (source, package.version.as_str()),
        };
        Some(Source { name: text::owned(name)?, version: text::owned(version)? })
    });
    if copyrights {
        package.licenses = copyright::licenses(root, &package.name);
    }
    package.locations.push(path.to_owned());
    found.add(package);
}
