//! npm, and whoever else fills `node_modules`.

use berth_sbom::{Kind, Package};
use serde_json::{Map, Value};

use crate::found::Found;
use crate::text;

/// How deep a lock file of the first version nests.
const MAX_DEPTH: usize = 64;

/// Reads the `package.json` of an installed module.
pub(crate) fn read(bytes: &[u8], path: &str, found: &mut Found<'_>) {
    let Ok(Value::Object(manifest)) = serde_json::from_slice(bytes) else {
        return found.note(path, "it is no JSON object");
    };
    let text = |key: &str| manifest.get(key).and_then(Value::as_str).and_then(text::owned);
    // Packages have directories with a `package.json` for a module system's sake, without these.
    let (Some(name), Some(version)) = (text("name"), text("version")) else { return };
    let mut package = Package::new(Kind::Npm, name, version);
    package.licenses = licenses(&manifest);
    package.locations.push(path.to_owned());
    found.add(package);
}

/// `license` as an expression or, as it once was, `{"type": …}`, also in lists.
fn licenses(manifest: &Map<String, Value>) -> Vec<String> {
    let one = |value: &Value| {
        let text = value.as_str().or_else(|| value.get("type").and_then(Value::as_str));
        text.and_then(text::license)
    };
    let declared = manifest.get("license").or_else(|| manifest.get("licenses"));
    match declared {
        Some(Value::Array(several)) => {
            // Of several the user may choose.
            let several: Vec<_> = several.iter().take(16).filter_map(one).collect();
            if several.is_empty() { several } else { vec![several.join(" OR ")] }
        }
        Some(value) => one(value).into_iter().collect(),
        None => Vec::new(),
    }
}

/// Reads a lock file of an application whose modules are not there: bundled into one file, most likely. What only its
/// developers need is left out.
pub(crate) fn read_lock(bytes: &[u8], path: &str, found: &mut Found<'_>) {
    let Ok(Value::Object(lock)) = serde_json::from_slice(bytes) else {
        return found.note(path, "it is no JSON object");
    };
    if let Some(Value::Object(packages)) = lock.get("packages") {
        for (place, entry) in packages {
            let Some((_, directory)) = place.rsplit_once("node_modules/") else { continue };
            let name = entry.get("name").and_then(Value::as_str).unwrap_or(directory);
            add_locked(name, entry, path, found);
        }
    } else if let Some(Value::Object(dependencies)) = lock.get("dependencies") {
        let mut open = vec![(dependencies, 0)];
        while let Some((dependencies, depth)) = open.pop() {
            for (name, entry) in dependencies {
                add_locked(name, entry, path, found);
                if let Some(Value::Object(inner)) =
                    entry.get("dependencies").filter(|_| depth < MAX_DEPTH)
                {
                    open.push((inner, depth + 1));
                }
            }
        }
    }
}

fn add_locked(name: &str, entry: &Value, path: &str, found: &mut Found<'_>) {
    let is = |key: &str| entry.get(key).and_then(Value::as_bool).unwrap_or(false);
    if is("dev") || is("devOptional") || is("link") {
        return;
    }
    let Some(version) = entry.get("version").and_then(Value::as_str).and_then(text::field) else {
        return;
    };
    // An alias or a git dependency of the first version.
    let (name, version) =
        match version.strip_prefix("npm:").and_then(|alias| alias.rsplit_once('@')) {
            Some((name, version)) => (name, version),
            None if version.contains("://") || version.starts_with("file:") => return,
            None => (name, version),
        };
    let mut package = Package::new(Kind::Npm, name, version);
    package.licenses.extend(entry.get("license").and_then(Value::as_str).and_then(text::license));
    package.locations.push(path.to_owned());
    found.add(package);
}
