//! rpm: the databases of Red Hat's, SUSE's and other distributions.
//!
//! The header of a package is the same in all of them; they differ in the file around it.

mod bdb;
mod header;
mod ndb;
mod pages;
mod sqlite;
mod wal;

use berth_sbom::{Kind, Package, Source};

use crate::found::Found;
use crate::root::{File, Root, RootError};
use crate::text;

pub(crate) use header::Header;

/// Why a database gives no more packages.
type DatabaseError = Box<dyn std::error::Error + Send + Sync>;

/// Reads `rpmdb.sqlite`, with what its log has of the last changes.
pub(crate) fn read_sqlite(root: &dyn Root, file: &File<'_>, found: &mut Found<'_>) {
    let path = format!("{}-wal", file.path);
    let log = match root.read(&path, found.limits.database) {
        Ok(log) => log,
        Err(RootError::NotFound) => Vec::new(),
        Err(error) => {
            found.note(&path, format!("the last changes are not read: {error}"));
            Vec::new()
        }
    };
    let max = found.limits.rpm_header;
    let done = sqlite::blobs(file, &log, max, &mut |blob| add(blob, file.path, found));
    finish(done, file.path, found);
}

/// Reads `Packages.db`, which SUSE uses.
pub(crate) fn read_ndb(file: &File<'_>, found: &mut Found<'_>) {
    let max = found.limits.rpm_header;
    let done = ndb::blobs(file, max, &mut |blob| add(blob, file.path, found));
    finish(done, file.path, found);
}

/// Reads `Packages`, the Berkeley database of older distributions.
pub(crate) fn read_bdb(file: &File<'_>, found: &mut Found<'_>) {
    let max = found.limits.rpm_header;
    let done = bdb::blobs(file, max, &mut |blob| add(blob, file.path, found));
    finish(done, file.path, found);
}

fn finish(done: Result<(), DatabaseError>, path: &str, found: &mut Found<'_>) {
    if let Err(error) = done {
        found.note(path, format!("the database of rpm is not read whole: {error}"));
    }
}

/// Reads the list that distroless images of Azure Linux carry: a line for each package, with tabs between
/// name, version-release, two times, vendor, an unused field, size, architecture, epoch and source.
pub(crate) fn read_manifest(bytes: &[u8], path: &str, found: &mut Found<'_>) {
    for line in String::from_utf8_lossy(bytes).lines() {
        let fields: Vec<_> = line.split('\t').collect();
        let (Some(name), Some(version)) = (fields.first(), fields.get(1)) else { continue };
        let (Some(name), Some(version)) = (text::field(name), text::field(version)) else {
            continue;
        };
        let epoch = fields.get(8).copied().and_then(text::field).filter(|epoch| is_epoch(epoch));
        let version =
            epoch.map_or_else(|| version.to_owned(), |epoch| format!("{epoch}:{version}"));
        let mut package = Package::new(Kind::Rpm, name, version);
        package.architecture = fields.get(7).copied().and_then(text::owned);
        package.source = fields.get(9).copied().and_then(|name| source(name, epoch));
        package.locations.push(path.to_owned());
        found.add(package);
    }
}

fn is_epoch(epoch: &str) -> bool {
    epoch != "0" && epoch.bytes().all(|byte| byte.is_ascii_digit())
}

/// `bash-5.1.8-6.el9.src.rpm`. The epoch is that of the packages, as source and packages share it nearly always.
fn source(name: &str, epoch: Option<&str>) -> Option<Source> {
    let stem = [".src.rpm", ".nosrc.rpm"].into_iter().find_map(|end| name.strip_suffix(end))?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let epoch = epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
    Some(Source {
        name: text::owned(name)?,
        version: text::owned(&format!("{epoch}{version}-{release}"))?,
    })
}

fn add(blob: &[u8], path: &str, found: &mut Found<'_>) {
    let Some(header) = Header::parse(blob) else {
        return found.note(path, "a header cannot be read");
    };
    let texts =
        (header.text(Header::NAME), header.text(Header::VERSION), header.text(Header::RELEASE));
    let (Some(name), Some(version), Some(release)) = texts else {
        return found.note(path, "a package without a name or a version");
    };
    // Keys that signatures are checked with are kept as if they were packages.
    if name == "gpg-pubkey" {
        return;
    }
    let epoch =
        header.number(Header::EPOCH).filter(|epoch| *epoch != 0).map(|epoch| epoch.to_string());
    let prefix = epoch.as_ref().map(|epoch| format!("{epoch}:")).unwrap_or_default();
    let mut package =
        Package::new(Kind::Rpm, name.as_str(), format!("{prefix}{version}-{release}"));
    package.architecture = header.text(Header::ARCHITECTURE);
    package.licenses =
        header.text(Header::LICENSE).and_then(|text| text::license(&text)).into_iter().collect();
    package.source =
        header.text(Header::SOURCE).and_then(|source_rpm| source(&source_rpm, epoch.as_deref()));
    package.locations.push(path.to_owned());
    if !found.claims.is_empty() {
        found.claims.begin(Kind::Rpm, &name);
        header.files(&mut |file| found.claims.claim(file));
    }
    found.add(package);
}
