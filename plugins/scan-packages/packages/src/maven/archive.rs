//! An archive of Java, and those that are in it.

use berth_sbom::Kind;
use berth_unzip::{Archive, Entry, Error, ReadAt};

use super::{Coordinates, groups, manifest, properties};
use crate::classify::is_archive;
use crate::found::Found;
use crate::text::{self, file_name};

/// A `pom.properties` has three lines.
const MAX_PROPERTIES: usize = 64 << 10;
const MAX_MANIFEST: usize = 1 << 20;
/// No archive in use has longer names.
const MAX_NAME: usize = 1024;
/// Finding the end of an archive takes as long as so many of its entries.
const OPENING: usize = 64;
/// More descriptions and archives in one archive are not looked at.
const MAX_INSIDE: usize = 5_000;

/// What matters in one archive.
#[derive(Default)]
struct Contents {
    properties: Vec<Entry>,
    /// `META-INF/maven/GROUP/ARTIFACT/pom.xml`, by its path.
    poms: Vec<(String, String)>,
    manifest: Option<Entry>,
    inner: Vec<Entry>,
}

/// Reads a jar, and the jars in it, each by its parts.
pub(crate) fn read_archive(source: &dyn ReadAt, path: &str, found: &mut Found<'_>) {
    read_at_depth(source, path, 0, found);
}

fn read_at_depth(source: &dyn ReadAt, path: &str, depth: usize, found: &mut Found<'_>) {
    if let Err(error) = read(source, path, depth, found) {
        found.note(path, format!("not read whole: {error}"));
    }
}

fn read(source: &dyn ReadAt, path: &str, depth: usize, found: &mut Found<'_>) -> Result<(), Error> {
    // An archive without entries takes its time as well.
    found.entries_left = found.entries_left.checked_sub(OPENING).ok_or(Error::TooLarge)?;
    let archive = Archive::open(source)?;
    let contents = list(&archive, found)?;
    let mut known = Vec::new();
    for entry in &contents.properties {
        // One that is damaged does not hide the others.
        match archive.read(entry, MAX_PROPERTIES) {
            Ok(bytes) => known.extend(properties(&bytes)),
            Err(error) => found.note(path, format!("{}: {error}", entry.name)),
        }
    }
    for coordinates in &known {
        coordinates.add(path, found);
    }
    if known.is_empty() {
        let bytes =
            contents.manifest.as_ref().and_then(|entry| archive.read(entry, MAX_MANIFEST).ok());
        identify(&bytes.unwrap_or_default(), &contents.poms, path, found);
    }
    for entry in &contents.inner {
        let inner = format!("{path}!{}", entry.name);
        if depth + 1 >= found.limits.nested_depth {
            found.note(&inner, "archives in archives are not read any deeper");
            break;
        }
        if let Ok(part) = archive.part(entry) {
            read_at_depth(&part, &inner, depth + 1, found);
        } else {
            read_packed(&archive, entry, &inner, depth, found);
        }
    }
    Ok(())
}

/// Reads an archive that is packed in another one, and so has to be unpacked in memory.
fn read_packed(
    archive: &Archive<'_>,
    entry: &Entry,
    path: &str,
    depth: usize,
    found: &mut Found<'_>,
) {
    let limit = found.limits.nested_archive.min(found.held_left);
    let Some(left) = found.nested_left.checked_sub(entry.size) else {
        return found.note(path, "the archives in archives are too large together");
    };
    found.nested_left = left;
    match archive.read(entry, limit) {
        Ok(bytes) => {
            found.held_left -= bytes.len();
            read_at_depth(&bytes, path, depth + 1, found);
            found.held_left += bytes.len();
        }
        Err(error) => found.note(path, error),
    }
}

fn list(archive: &Archive<'_>, found: &mut Found<'_>) -> Result<Contents, Error> {
    let mut contents = Contents::default();
    archive.visit(|entry| {
        if found.entries_left == 0 {
            return Err(Error::TooLarge);
        }
        found.entries_left -= 1;
        let name = entry.name.trim_start_matches('/');
        if name.len() > MAX_NAME {
            return Ok(true);
        }
        if let Some(rest) = name.strip_prefix("META-INF/") {
            if rest.eq_ignore_ascii_case("MANIFEST.MF") {
                contents.manifest = Some(entry);
                return Ok(true);
            }
            let parts: Vec<_> = rest.splitn(5, '/').collect();
            if let ["maven", group, artifact, file] = parts[..] {
                match file {
                    "pom.xml" if contents.poms.len() < MAX_INSIDE => {
                        contents.poms.push((group.to_owned(), artifact.to_owned()));
                    }
                    "pom.properties" if contents.properties.len() < MAX_INSIDE => {
                        contents.properties.push(entry);
                    }
                    _ => {}
                }
                return Ok(true);
            }
        }
        if is_archive(name) && contents.inner.len() < MAX_INSIDE {
            contents.inner.push(entry);
        }
        Ok::<_, Error>(true)
    })?;
    Ok(contents)
}

/// What an archive is that does not say so as Maven does: by its manifest, the one pom that it has, and its name.
fn identify(bytes: &[u8], poms: &[(String, String)], path: &str, found: &mut Found<'_>) {
    let manifest = manifest::read(bytes);
    let name = path.rsplit('!').next().map(file_name).unwrap_or_default();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let (of_name, version_of_name) = divide(stem);
    let version = version_of_name.map(str::to_owned).or_else(|| manifest.version());
    if let [(group, artifact)] = poms {
        let Some(version) = version else { return };
        let both = (text::owned(group), text::owned(artifact));
        if let (Some(group), Some(artifact)) = both {
            Coordinates { group, artifact, version }.add(path, found);
        }
        return;
    }
    // The name of the file is the artifact's, if it is divided as Maven does.
    let artifact =
        if version_of_name.is_some() { Some(of_name.to_owned()) } else { manifest.artifact() };
    let (Some(artifact), Some(version)) = (artifact.as_deref().and_then(text::field), version)
    else {
        return;
    };
    match groups::of(artifact).map(str::to_owned).or_else(|| manifest.group(artifact)) {
        Some(group) => {
            let artifact = artifact.to_owned();
            Coordinates { group, artifact, version }.add(path, found);
        }
        None => found.add_at(Kind::Maven, artifact, &version, path),
    }
}

/// `log4j-core-2.14.1` is `log4j-core` in version `2.14.1`.
fn divide(stem: &str) -> (&str, Option<&str>) {
    let version = |at: usize| stem[at + 1..].starts_with(|c: char| c.is_ascii_digit());
    match stem.match_indices('-').find(|(at, _)| *at > 0 && version(*at)) {
        Some((at, _)) => (&stem[..at], text::field(&stem[at + 1..])),
        None => (stem, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_divided_as_maven_joins_them() {
        assert_eq!(divide("log4j-core-2.14.1"), ("log4j-core", Some("2.14.1")));
        assert_eq!(divide("guava-31.1-jre"), ("guava", Some("31.1-jre")));
        assert_eq!(divide("tools"), ("tools", None));
        assert_eq!(
            divide("log4j-1.2-api-2.17.0"),
            ("log4j", Some("1.2-api-2.17.0")),
            "as it cannot be known"
        );
        assert_eq!(divide("-1"), ("-1", None));
    }
}
