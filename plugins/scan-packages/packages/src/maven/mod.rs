//! Maven: jars and what contains them.

mod archive;
mod groups;
mod manifest;

pub(crate) use archive::read_archive;

use berth_sbom::Kind;

use crate::found::Found;
use crate::text;

/// `META-INF/maven/GROUP/ARTIFACT/pom.properties`
#[derive(Debug, PartialEq, Eq)]
struct Coordinates {
    group: String,
    artifact: String,
    version: String,
}

/// Reads the `pom.properties` of an archive that lies unpacked.
pub(crate) fn read_properties(bytes: &[u8], path: &str, found: &mut Found<'_>) {
    match properties(bytes) {
        Some(coordinates) => coordinates.add(path, found),
        None => found.note(path, "it names no artifact"),
    }
}

fn properties(bytes: &[u8]) -> Option<Coordinates> {
    let content = String::from_utf8_lossy(bytes);
    let value = |name: &str| {
        let mut lines = content.lines().filter_map(|line| line.split_once(['=', ':']));
        lines.find(|(key, _)| key.trim() == name).and_then(|(_, value)| text::owned(value))
    };
    // A build that did not fill in its own template.
    let plain = |text: &String| !text.contains("${");
    Some(Coordinates {
        group: value("groupId").filter(plain)?,
        artifact: value("artifactId").filter(plain)?,
        version: value("version").filter(plain)?,
    })
}

impl Coordinates {
    fn add(&self, path: &str, found: &mut Found<'_>) {
        found.add_at(
            Kind::Maven,
            &format!("{}:{}", self.group, self.artifact),
            &self.version,
            path,
        );
    }
}
