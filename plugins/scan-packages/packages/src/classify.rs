//! What a file is, by its path alone.

#![expect(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "these programs write theirs in one case"
)]

use crate::root::Entry;
use crate::text::{file_name, parent};

/// The paths that are looked at besides executables: a host that has an index of its own can find them by these.
pub const GLOBS: &[&str] = &[
    "etc/os-release",
    "usr/lib/os-release",
    "var/lib/dpkg/status",
    "var/lib/dpkg/status.d/*",
    "var/lib/dpkg/info/*.list",
    "lib/apk/db/installed",
    "usr/lib/apk/db/installed",
    "var/lib/rpm/*",
    "usr/lib/sysimage/rpm/*",
    "usr/share/rpm/*",
    "var/lib/rpmmanifest/container-manifest-2",
    "**/package.json",
    "**/package-lock.json",
    "**/npm-shrinkwrap.json",
    "**/*.dist-info/METADATA",
    "**/*.egg-info",
    "**/*.egg-info/PKG-INFO",
    "**/EGG-INFO/PKG-INFO",
    "**/specifications/**/*.gemspec",
    "**/META-INF/maven/**/pom.properties",
    "**/*.jar",
    "**/*.war",
    "**/*.ear",
    "**/*.sar",
    "**/*.par",
    "**/*.rar",
    "**/*.hpi",
    "**/*.jpi",
    "**/*.nar",
    "**/*.kar",
];

/// What to do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Task {
    OsRelease,
    DpkgStatus,
    DpkgStatusPart,
    DpkgList,
    Apk,
    RpmSqlite,
    RpmNdb,
    RpmBdb,
    RpmManifest,
    Npm,
    NpmLock,
    Pypi,
    Gem,
    MavenProperties,
    Archive,
    Executable,
}

impl Task {
    /// Whether a package of the distribution may own what is found.
    pub(crate) fn may_be_owned(self) -> bool {
        self >= Self::Npm
    }
}

/// What a file is for, if it is for anything.
pub(crate) fn task(entry: &Entry, executables: bool) -> Option<Task> {
    let path = entry.path.as_str();
    by_whole_path(path)
        .or_else(|| by_name(path))
        .or_else(|| (executables && may_be_executable(entry)).then_some(Task::Executable))
}

fn by_whole_path(path: &str) -> Option<Task> {
    match path {
        "etc/os-release" | "usr/lib/os-release" => return Some(Task::OsRelease),
        "var/lib/dpkg/status" => return Some(Task::DpkgStatus),
        "lib/apk/db/installed" | "usr/lib/apk/db/installed" => return Some(Task::Apk),
        "var/lib/rpmmanifest/container-manifest-2" => return Some(Task::RpmManifest),
        _ => {}
    }
    let name = file_name(path);
    match parent(path) {
        "var/lib/dpkg/status.d" if !name.ends_with(".md5sums") => Some(Task::DpkgStatusPart),
        "var/lib/dpkg/status.d" => Some(Task::DpkgList),
        "var/lib/dpkg/info" if name.ends_with(".list") => Some(Task::DpkgList),
        "var/lib/rpm" | "usr/lib/sysimage/rpm" | "usr/share/rpm" => match name {
            "rpmdb.sqlite" => Some(Task::RpmSqlite),
            "Packages.db" => Some(Task::RpmNdb),
            "Packages" => Some(Task::RpmBdb),
            _ => None,
        },
        _ => None,
    }
}

fn by_name(path: &str) -> Option<Task> {
    let name = file_name(path);
    let directory = parent(path);
    match name {
        "package.json" => is_module(directory).then_some(Task::Npm),
        "package-lock.json" | "npm-shrinkwrap.json" => {
            (!path.split('/').any(|part| part == "node_modules")).then_some(Task::NpmLock)
        }
        "METADATA" => directory.ends_with(".dist-info").then_some(Task::Pypi),
        "PKG-INFO" => {
            let installed = directory.ends_with(".egg-info") || file_name(directory) == "EGG-INFO";
            installed.then_some(Task::Pypi)
        }
        "pom.properties" => path.contains("META-INF/maven/").then_some(Task::MavenProperties),
        _ if name.ends_with(".egg-info") => Some(Task::Pypi),
        _ if name.ends_with(".gemspec") => {
            directory.split('/').any(|part| part == "specifications").then_some(Task::Gem)
        }
        _ if is_archive(name) => Some(Task::Archive),
        _ => None,
    }
}

/// Whether a directory is that of an installed module: `node_modules/NAME` or `node_modules/@SCOPE/NAME`.
fn is_module(directory: &str) -> bool {
    let mut parts = directory.rsplit('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(_), Some("node_modules"), _) => true,
        (Some(_), Some(scope), Some("node_modules")) => scope.starts_with('@'),
        _ => false,
    }
}

/// Whether Java would open it as an archive.
pub(crate) fn is_archive(name: &str) -> bool {
    let Some((stem, extension)) = file_name(name).rsplit_once('.') else { return false };
    let known = ["jar", "war", "ear", "sar", "par", "rar", "hpi", "jpi", "nar", "kar"];
    !stem.is_empty() && known.iter().any(|each| extension.eq_ignore_ascii_case(each))
}

/// Whether it may be a program or a library: it can be run, or is named so. Scripts are told by their names, as far as
/// that goes, so that they are not opened.
fn may_be_executable(entry: &Entry) -> bool {
    let name = file_name(&entry.path);
    let library = name.ends_with(".so") || name.contains(".so.") || name.ends_with(".node");
    let script = [
        ".sh", ".py", ".pl", ".pm", ".rb", ".js", ".mjs", ".cjs", ".ts", ".json", ".txt", ".md",
        ".h", ".c", ".cc", ".cpp", ".yml", ".yaml", ".xml", ".html", ".css", ".svg", ".png",
        ".conf", ".ini", ".service", ".el", ".lua", ".tcl", ".map", ".pyc", ".a", ".gz", ".zip",
        ".cfg", ".toml", ".bat", ".ps1", ".exe", ".dll", ".la",
    ];
    entry.size >= 1024
        && (library || entry.mode & 0o111 != 0 && !script.iter().any(|end| name.ends_with(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Option<Task> {
        task(&Entry { path: path.to_owned(), size: 4096, mode: 0o644 }, true)
    }

    #[test]
    fn files_are_told_by_their_paths() {
        for (path, expected) in [
            ("etc/os-release", Some(Task::OsRelease)),
            ("srv/etc/os-release", None),
            ("var/lib/dpkg/status.d/base-files", Some(Task::DpkgStatusPart)),
            ("var/lib/dpkg/status.d/base-files.md5sums", Some(Task::DpkgList)),
            ("var/lib/dpkg/status-old", None),
            ("usr/lib/sysimage/rpm/Packages.db", Some(Task::RpmNdb)),
            ("app/node_modules/@angular/core/package.json", Some(Task::Npm)),
            ("app/node_modules/left-pad/package.json", Some(Task::Npm)),
            ("app/node_modules/resolve/test/a/package.json", None),
            ("app/package.json", None),
            ("node_modules/a/package.json", Some(Task::Npm)),
            ("app/package-lock.json", Some(Task::NpmLock)),
            ("app/node_modules/.package-lock.json", None),
            ("usr/lib/python3/dist-packages/six-1.16.0.egg-info", Some(Task::Pypi)),
            ("usr/lib/python3/dist-packages/a.dist-info/METADATA", Some(Task::Pypi)),
            ("usr/lib/python3/METADATA", None),
            ("var/lib/gems/3.1.0/specifications/default/json-2.6.1.gemspec", Some(Task::Gem)),
            ("app/my.gemspec", None),
            ("opt/app.WAR", Some(Task::Archive)),
            ("opt/.jar", None),
            ("usr/lib/x/libz.so.1.2", Some(Task::Executable)),
            ("usr/share/doc/readme", None),
        ] {
            assert_eq!(of(path), expected, "{path}");
        }
        let entry = Entry { path: "usr/bin/tool".into(), size: 4096, mode: 0o755 };
        assert_eq!(task(&entry, true), Some(Task::Executable));
        assert_eq!(task(&entry, false), None);
        let script = Entry { path: "usr/bin/tool.sh".into(), ..entry };
        assert_eq!(task(&script, true), None);
    }
}
