//! One pass over the files, then one look into each that matters.

use std::collections::HashSet;

use crate::classify::{GLOBS, Task, task};
use crate::found::Found;
use crate::limits::Limits;
use crate::root::{Entry, File, Root, RootError};
use crate::text::file_name;
use crate::{apk, cargo, dpkg, elf, gem, golang, maven, npm, os_release, pypi, rpm};
use berth_sbom::Inventory;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Look into executables and libraries for what Cargo and Go wrote there.
    pub executables: bool,
    /// Read `/usr/share/doc/*/copyright` for the licences of Debian's packages.
    pub copyrights: bool,
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self { executables: true, copyrights: true, limits: Limits::default() }
    }
}

/// No system opens a longer one.
const MAX_PATH: usize = 4096;

/// Lists the packages in a root filesystem. Fails only if its files cannot be listed.
pub fn scan(root: &dyn Root, options: &Options) -> Result<Inventory, RootError> {
    let mut found = Found::new(&options.limits);
    let tasks = list(root, options, &mut found)?;
    // A module's lock file says what its `node_modules` has, unless there is none.
    let modules: HashSet<&str> = tasks
        .iter()
        .filter(|(task, _)| *task == Task::Npm)
        .filter_map(|(_, entry)| entry.path.split_once("node_modules/").map(|(app, _)| app))
        .collect();
    for (task, entry) in &tasks {
        let path = entry.path.as_str();
        let application = &path[..path.len() - file_name(path).len()];
        if *task != Task::NpmLock || !modules.contains(application) {
            read(root, *task, entry, options, &mut found);
        }
    }
    found.settle_owners();
    note_unread_database(&mut found);
    found.inventory.sort();
    Ok(found.inventory)
}

/// A distribution without packages is one whose database is of a kind that is not read, so that its list is not empty
/// but unknown.
fn note_unread_database(found: &mut Found<'_>) {
    let none = found.inventory.packages.iter().all(|package| !package.kind.is_of_distro());
    let name = found.inventory.distro.as_ref().filter(|_| none).map(|distro| distro.id.clone());
    if let Some(name) = name {
        found.note(
            "",
            format!(
                "no packages of {name} were found: it has none, or a database that is not read"
            ),
        );
    }
}

/// The files that matter, in the order of what is done with them.
fn list(
    root: &dyn Root,
    options: &Options,
    found: &mut Found<'_>,
) -> Result<Vec<(Task, Entry)>, RootError> {
    let mut tasks = Vec::new();
    let mut left_out = false;
    let globs: &[&str] = if options.executables { &["**"] } else { GLOBS };
    root.find(globs, &mut |entry| {
        if let Some(task) =
            task(&entry, options.executables).filter(|_| entry.path.len() <= MAX_PATH)
        {
            if tasks.len() == options.limits.files {
                left_out = true;
                return false;
            }
            tasks.push((task, entry));
        }
        true
    })?;
    if left_out {
        found.note("", format!("there are more than {} files to look into", options.limits.files));
    }
    tasks.sort_by(|(a, one), (b, other)| a.cmp(b).then_with(|| one.path.cmp(&other.path)));
    tasks.dedup_by(|(_, later), (_, kept)| later.path == kept.path);
    for (_, entry) in tasks.iter().filter(|(task, _)| task.may_be_owned()) {
        found.claims.want(&entry.path);
    }
    Ok(tasks)
}

fn read(root: &dyn Root, task: Task, entry: &Entry, options: &Options, found: &mut Found<'_>) {
    let path = entry.path.as_str();
    let limits = found.limits;
    let whole = |max: usize| root.read(path, max);
    let done = match task {
        Task::OsRelease => whole(limits.metadata).map(|text| os_release::read(&text, found)),
        Task::DpkgStatus => whole(limits.database)
            .map(|text| dpkg::read(root, &text, path, options.copyrights, found)),
        Task::DpkgStatusPart => whole(limits.metadata)
            .map(|text| dpkg::read_part(root, &text, path, options.copyrights, found)),
        Task::DpkgList if found.claims.is_empty() => Ok(()),
        Task::DpkgList => whole(limits.database).map(|text| dpkg::read_list(&text, path, found)),
        Task::Apk => whole(limits.database).map(|text| apk::read(&text, path, found)),
        Task::RpmManifest => {
            whole(limits.database).map(|text| rpm::read_manifest(&text, path, found))
        }
        Task::Npm => whole(limits.metadata).map(|text| npm::read(&text, path, found)),
        Task::NpmLock => whole(limits.lock_file).map(|text| npm::read_lock(&text, path, found)),
        Task::Pypi => pypi::read(root, path, found),
        Task::Gem => whole(limits.metadata).map(|text| gem::read(&text, path, found)),
        Task::MavenProperties => {
            whole(limits.metadata).map(|text| maven::read_properties(&text, path, found))
        }
        Task::RpmSqlite | Task::RpmNdb | Task::RpmBdb | Task::Archive | Task::Executable => {
            let file = File { root, path, size: entry.size };
            match task {
                Task::RpmSqlite => rpm::read_sqlite(root, &file, found),
                Task::RpmNdb => rpm::read_ndb(&file, found),
                Task::RpmBdb => rpm::read_bdb(&file, found),
                Task::Archive => maven::read_archive(&file, path, found),
                _ => read_executable(&file, found),
            }
            Ok(())
        }
    };
    match done {
        // A link whose target a later layer took away.
        Ok(()) | Err(RootError::NotFound) => {}
        Err(error) => found.note(path, format!("not read: {error}")),
    }
}

fn read_executable(file: &File<'_>, found: &mut Found<'_>) {
    match elf::Elf::open(file) {
        Ok(Some(elf)) => {
            cargo::read(&elf, file.path, found);
            golang::read(&elf, file.path, found);
        }
        Ok(None) => {}
        Err(error) => found.note(file.path, format!("not read: {error}")),
    }
}
