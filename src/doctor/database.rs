//! The database: whether SQLite finds it whole, whether all that belongs together is there, and whether the key file opens it.

use super::{Finding, files};
use crate::config::{ByteSize, Config};
use crate::meta::Snapshot;
use crate::secret::Keyring;

const CHECK: &str = "database";

/// Problems that are told one by one.
const NAMED: usize = 20;

/// A log of this size is not brought into the database as it should be.
const LARGE_LOG: u64 = 1 << 30;

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let path = config.storage.data.join("berth.db");
    if !path.exists() {
        let what = format!("there is none in {}", config.storage.data.display());
        return vec![Finding::note(
            CHECK,
            what + ": `berth serve` makes one, `berth restore` brings one back",
        )];
    }
    let restore = "stop Berth, keep a copy of the data directory, and bring the last backup back with `berth restore` into an empty one";
    let snapshot = match Snapshot::look(&path) {
        Ok(snapshot) => snapshot,
        Err(error) => return vec![Finding::problem(CHECK, error.to_string(), restore)],
    };
    let mut findings = Vec::new();
    match snapshot.check() {
        Ok(found) => {
            for problem in found.problems.into_iter().take(NAMED) {
                findings.push(Finding::problem(CHECK, problem, restore));
            }
            let mend = "push what needs it again, or delete what needs it";
            for note in found.notes.into_iter().take(NAMED) {
                findings.push(Finding::warning(CHECK, note, mend));
            }
        }
        Err(error) => findings.push(Finding::problem(CHECK, error.to_string(), restore)),
    }
    findings.extend(keys(config, &snapshot));
    let log = std::fs::metadata(path.with_extension("db-wal")).map_or(0, |found| found.len());
    if log > LARGE_LOG {
        let what = format!("its log has {:#}", ByteSize::bytes(log));
        let mend = "something reads for hours (a copy of the database by another program?): end it, or restart Berth";
        findings.push(Finding::warning(CHECK, what, mend));
    }
    if !findings.iter().any(|finding| finding.severity > super::Severity::Good) {
        let what = match snapshot.summary() {
            Ok(summary) => format!(
                "it is whole: repositories {}, tags {}, manifests {}, blobs {}",
                summary.repositories, summary.tags, summary.manifests, summary.blobs
            ),
            Err(error) => return vec![Finding::problem(CHECK, error.to_string(), restore)],
        };
        findings.push(Finding::good(CHECK, what));
    }
    if files::has_files(config) {
        findings.extend(lost_blobs(config, &snapshot));
    }
    findings
}

fn keys(config: &Config, snapshot: &Snapshot) -> Option<Finding> {
    let path = config.storage.key_path();
    let mend =
        "bring back the copy of the key file that you keep, or put its line behind the first";
    match Keyring::load(&path) {
        // That it lacks was said already.
        Ok(None) => None,
        Ok(keys) => match snapshot.opens_with(keys.as_ref()) {
            Ok(true) => None,
            Ok(false) => {
                let what = format!("{} does not open the secrets in it", path.display());
                Some(Finding::problem(CHECK, what, mend))
            }
            Err(error) => Some(Finding::problem(CHECK, error.to_string(), mend)),
        },
        Err(error) => Some(Finding::problem(CHECK, error.to_string(), mend)),
    }
}

/// Blobs whose files are not there, or of another length. What is in them is a scrub's business.
fn lost_blobs(config: &Config, snapshot: &Snapshot) -> Vec<Finding> {
    let blobs = snapshot.list_all_blobs().unwrap_or_default();
    let is_lost = |blob: &&crate::meta::StoredBlob| {
        let path = config.storage.data.join(blob.location.as_str());
        std::fs::metadata(path).map_or(true, |found| found.len() != blob.size)
    };
    let lost: Vec<_> = blobs.iter().filter(is_lost).collect();
    let mend = "push it again, which mends it; or bring its file back from a backup";
    let named = lost.iter().take(NAMED).map(|blob| {
        let what = format!("the file of the blob {} is not there, or was cut", blob.digest);
        Finding::problem("blobs", what, mend)
    });
    let mut findings: Vec<Finding> = named.collect();
    if lost.len() > NAMED {
        let what = format!("and so are those of {} others", lost.len() - NAMED);
        findings.push(Finding::problem("blobs", what, mend));
    }
    if findings.is_empty() {
        let what = format!("the files of all {} are there, each of its length", blobs.len());
        findings.push(Finding::good("blobs", what));
    }
    findings
}
