//! `META-INF/MANIFEST.MF`, for archives that Maven did not describe.

use std::collections::HashMap;

use crate::text;

/// The values of the main section that say what the archive is.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    values: HashMap<&'static str, String>,
}

const NAMES: [&str; 8] = [
    "Implementation-Title",
    "Implementation-Version",
    "Implementation-Vendor-Id",
    "Bundle-SymbolicName",
    "Bundle-Version",
    "Specification-Version",
    "Automatic-Module-Name",
    "Extension-Name",
];

/// Reads the main section. A line that begins with a space goes on with the one before.
pub(crate) fn read(bytes: &[u8]) -> Manifest {
    let content = String::from_utf8_lossy(bytes);
    let mut manifest = Manifest::default();
    let mut last: Option<&'static str> = None;
    for line in content.lines() {
        if line.is_empty() {
            break;
        }
        if let Some(more) = line.strip_prefix(' ') {
            let value = last.and_then(|name| manifest.values.get_mut(name));
            if let Some(value) =
                value.filter(|value| value.len() + more.len() <= 2 * text::MAX_FIELD)
            {
                value.push_str(more);
            }
            continue;
        }
        last = line.split_once(':').and_then(|(name, value)| {
            let name = NAMES.into_iter().find(|known| known.eq_ignore_ascii_case(name.trim()))?;
            manifest.values.insert(name, value.trim_start().to_owned());
            Some(name)
        });
    }
    manifest
}

impl Manifest {
    fn value(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .and_then(|value| text::field(value))
            .filter(|value| !value.contains("${"))
    }

    /// `org.apache.commons.codec;singleton:=true` without its directives.
    fn bundle(&self) -> Option<&str> {
        self.value("Bundle-SymbolicName")?.split(';').next().and_then(text::field)
    }

    pub(crate) fn version(&self) -> Option<String> {
        let names = ["Implementation-Version", "Bundle-Version", "Specification-Version"];
        let version = names.into_iter().find_map(|name| self.value(name))?;
        version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
    }

    /// What may be the artifact's name: one word.
    pub(crate) fn artifact(&self) -> Option<String> {
        let word = |text: &&str| !text.contains(char::is_whitespace);
        let title = self.value("Implementation-Title").filter(word);
        let title =
            title.or_else(|| self.value("Extension-Name").filter(word)).or_else(|| self.bundle());
        // Some write it as Maven does, `group:artifact`.
        title.and_then(|title| title.rsplit(':').next()).map(str::to_owned)
    }

    /// What may be the group's name, for an artifact of this name.
    pub(crate) fn group(&self, artifact: &str) -> Option<String> {
        let dotted = |text: &&str| text.contains('.') && !text.contains(char::is_whitespace);
        if let Some(vendor) = self.value("Implementation-Vendor-Id").filter(dotted) {
            return Some(vendor.to_owned());
        }
        if let Some((group, _)) =
            self.value("Implementation-Title").and_then(|title| title.split_once(':'))
        {
            return text::owned(group);
        }
        // `org.slf4j.api` is the bundle of `slf4j-api`: the group is what stands before the artifact's last word.
        let bundle = self.bundle().filter(dotted)?;
        let (group, last) = bundle.rsplit_once('.')?;
        let ends = artifact == last
            || artifact.rsplit('-').next() == Some(last)
            || artifact.replace('-', ".") == last;
        (ends && group.contains('.')).then(|| group.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_on_and_sections_end() {
        let manifest = read(
            b"Manifest-Version: 1.0\r\nBundle-SymbolicName: org.slf4j.a\r\n pi;singleton:=true\r\nBundle-Version: 2.0.7\r\n\r\nName: x\r\nImplementation-Version: 9\r\n",
        );
        assert_eq!(manifest.bundle(), Some("org.slf4j.api"));
        assert_eq!(manifest.version().as_deref(), Some("2.0.7"));
        assert_eq!(manifest.group("slf4j-api").as_deref(), Some("org.slf4j"));
        assert_eq!(manifest.group("other"), None);
    }
}
