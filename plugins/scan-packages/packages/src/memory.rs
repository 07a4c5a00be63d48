//! A root filesystem in memory.

use std::collections::BTreeMap;

use crate::root::{Entry, Root, RootError};

/// Files by their paths: for tests, and for whoever has unpacked everything anyway.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    files: BTreeMap<String, (u32, Vec<u8>)>,
}

impl Memory {
    /// Puts a file that is not executable.
    #[must_use]
    pub fn with(self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.with_mode(path, 0o644, bytes)
    }

    /// Puts a file with its permissions.
    #[must_use]
    pub fn with_mode(mut self, path: &str, mode: u32, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.trim_start_matches('/').to_owned(), (mode, bytes.into()));
        self
    }

    fn bytes(&self, path: &str) -> Result<&[u8], RootError> {
        self.files.get(path).map(|(_, bytes)| bytes.as_slice()).ok_or(RootError::NotFound)
    }
}

impl Root for Memory {
    fn find(&self, globs: &[&str], visit: &mut dyn FnMut(Entry) -> bool) -> Result<(), RootError> {
        for (path, (mode, bytes)) in &self.files {
            if globs.iter().any(|glob| matches(glob, path)) {
                let entry = Entry { path: path.clone(), size: bytes.len() as u64, mode: *mode };
                if !visit(entry) {
                    break;
                }
            }
        }
        Ok(())
    }

    fn read(&self, path: &str, max: usize) -> Result<Vec<u8>, RootError> {
        let bytes = self.bytes(path)?;
        if bytes.len() > max { Err(RootError::TooLarge) } else { Ok(bytes.to_vec()) }
    }

    fn read_at(&self, path: &str, offset: u64, buffer: &mut [u8]) -> Result<usize, RootError> {
        let bytes = self.bytes(path)?;
        let rest =
            usize::try_from(offset).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

/// Whether a path matches a glob: `*` stays in its directory, `**` crosses directories.
pub(crate) fn matches(glob: &str, path: &str) -> bool {
    fn parts(glob: &[&str], path: &[&str]) -> bool {
        match glob {
            [] => path.is_empty(),
            ["**"] => true,
            ["**", rest @ ..] => (0..=path.len()).any(|skip| parts(rest, &path[skip..])),
            [first, rest @ ..] => path
                .split_first()
                .is_some_and(|(name, path)| part(first, name) && parts(rest, path)),
        }
    }
    fn part(glob: &str, name: &str) -> bool {
        match glob.split_once('*') {
            None => glob == name,
            Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
                name.char_indices()
                    .map(|(at, _)| at)
                    .chain([name.len()])
                    .any(|at| part(rest, &name[at..]))
            }),
        }
    }
    let glob: Vec<_> = glob.split('/').collect();
    let path: Vec<_> = path.split('/').collect();
    parts(&glob, &path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::{GLOBS, task};

    #[test]
    fn globs_cross_directories_only_where_they_say_so() {
        assert!(matches("**", "a/b/c"));
        assert!(matches("**/*.jar", "a.jar") && matches("**/*.jar", "a/b/c.jar"));
        assert!(matches("a/*.list", "a/b.list") && !matches("a/*.list", "a/b/c.list"));
        assert!(matches("**/x.egg-info/PKG-INFO", "a/x.egg-info/PKG-INFO"));
        assert!(!matches("**/*.jar", "a.jar/b"));
    }

    #[test]
    fn every_file_that_matters_matches_a_glob() {
        for path in [
            "etc/os-release",
            "var/lib/dpkg/status",
            "var/lib/dpkg/status.d/base",
            "var/lib/dpkg/info/a.list",
            "lib/apk/db/installed",
            "usr/lib/apk/db/installed",
            "var/lib/rpm/rpmdb.sqlite",
            "usr/lib/sysimage/rpm/Packages.db",
            "usr/share/rpm/Packages",
            "app/node_modules/a/package.json",
            "app/package-lock.json",
            "a/b.dist-info/METADATA",
            "a/b.egg-info",
            "a/b.egg-info/PKG-INFO",
            "a/b.egg/EGG-INFO/PKG-INFO",
            "g/specifications/default/a-1.gemspec",
            "g/specifications/a-1.gemspec",
            "x/META-INF/maven/g/a/pom.properties",
            "a.jar",
            "b/c.war",
        ] {
            let entry = Entry { path: path.into(), size: 1, mode: 0o644 };
            assert!(task(&entry, false).is_some(), "{path}");
            assert!(GLOBS.iter().any(|glob| matches(glob, path)), "{path}");
        }
    }
}
