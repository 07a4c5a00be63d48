//! Rights on files: who may read secrets, and whether Berth may write where it has to.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::Finding;
use crate::config::{Backend, Config};

const CHECK: &str = "files";

/// Files that are named one by one; more say nothing new.
const NAMED: usize = 5;

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let data = &config.storage.data;
    let Ok(found) = std::fs::metadata(data) else { return Vec::new() };
    let mut findings = Vec::new();
    if found.mode() & 0o007 != 0 {
        let what = format!("{}: every user of this machine can look into it", data.display());
        findings.push(Finding::warning(CHECK, what, format!("chmod o= {}", data.display())));
    }
    findings.extend(strangers(data, found.uid()));
    findings.extend(may_write(data, found.uid()));
    let database = data.join("berth.db");
    let secrets = [
        (database.clone(), "the database, with all that is sealed in it", false),
        (config.storage.key_path(), "the key file", true),
    ];
    for (path, what, is_needed) in secrets {
        findings.extend(secret(&path, what, is_needed && database.exists()));
    }
    if let Some(key) = &config.server.tls.key {
        findings.extend(secret(key, "the private key of TLS", true));
    }
    let public = [&config.server.tls.certificate, &config.server.tls.client_ca];
    for path in public.into_iter().flatten() {
        findings.extend(readable(path, "server.tls"));
    }
    if findings.is_empty() {
        let what = format!("{} and the files of its secrets are Berth's alone", data.display());
        findings.push(Finding::good(CHECK, what));
    }
    findings
}

/// What belongs to somebody else than the directory does: commands that root has run, mostly.
fn strangers(data: &Path, owner: u32) -> Option<Finding> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut open = vec![(data.to_owned(), 0)];
    while let Some((directory, depth)) = open.pop() {
        for entry in std::fs::read_dir(directory).ok()?.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.uid() != owner {
                found.push(entry.path());
            }
            // Blobs lie deeper; they are many, and made by whoever made their directories.
            if metadata.is_dir() && depth < 2 {
                open.push((entry.path(), depth + 1));
            }
        }
    }
    let first: Vec<String> =
        found.iter().take(NAMED).map(|path| path.display().to_string()).collect();
    (!found.is_empty()).then(|| {
        let what = format!(
            "{} files belong to somebody else than {} does: {}",
            found.len(),
            data.display(),
            first.join(", ")
        );
        let mend = format!(
            "chown -R --reference={0} {0}; run commands as Berth's own user",
            data.display()
        );
        Finding::problem(CHECK, what, mend)
    })
}

/// Whether whoever runs this may write; as root that says nothing of Berth's user.
fn may_write(data: &Path, owner: u32) -> Option<Finding> {
    let me = rustix::process::geteuid();
    if me.is_root() {
        return (owner != 0).then(|| {
            let what = format!(
                "looked at as root; {} belongs to user {owner}, who is taken for Berth's",
                data.display()
            );
            Finding::note(CHECK, what)
        });
    }
    let access =
        rustix::fs::access(data, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK);
    let error = access.err()?;
    let what = format!("{}: user {} cannot write there: {error}", data.display(), me.as_raw());
    let mend = format!(
        "run this as the user that Berth runs as, or: chown -R {} {}",
        me.as_raw(),
        data.display()
    );
    Some(Finding::problem(CHECK, what, mend))
}

/// A file that only its owner is to read.
fn secret(path: &Path, what: &str, is_needed: bool) -> Option<Finding> {
    match std::fs::metadata(path) {
        Ok(found) if found.mode() & 0o077 != 0 => {
            let for_all = found.mode() & 0o007 != 0;
            let who = if for_all { "every user" } else { "a group" };
            // Groups are a way to share a key of TLS; that is not for every user.
            let says = format!("{who} of this machine can read {what}, {}", path.display());
            let mend = format!("chmod 600 {}", path.display());
            let is_shared = !for_all && what.contains("TLS");
            (!is_shared).then(|| Finding::warning(CHECK, says, mend))
        }
        Ok(_) => None,
        Err(error) if error.kind() == ErrorKind::NotFound => is_needed.then(|| {
            let says = format!("{what} is not there: {}", path.display());
            Finding::problem(
                CHECK,
                says,
                "bring back the copy that you keep: without it Berth does not start",
            )
        }),
        Err(error) => Some(unreadable(path, &error)),
    }
}

fn readable(path: &Path, setting: &str) -> Option<Finding> {
    match std::fs::File::open(path) {
        Ok(_) => None,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let says = format!("{} is not there", path.display());
            Some(Finding::problem(CHECK, says, format!("name the right file in `{setting}`")))
        }
        Err(error) => Some(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Finding {
    let mend = "run this as the user that Berth runs as; if it is that user, let it read the file";
    Finding::problem(CHECK, format!("{}: {error}", path.display()), mend)
}

/// Whether blobs are files here.
pub(super) fn has_files(config: &Config) -> bool {
    config.storage.backend == Backend::Fs
}
