//! Buckets: that of the blobs, and the place of backups.

use super::Finding;
use crate::backup::Target;
use crate::blob::{BlobStore, Probe};
use crate::config::{Backend, Config};
use crate::secret::random_text;

pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !matches!(config.storage.backend, Backend::Fs | Backend::Memory) {
        findings.extend(of_blobs(config).await);
    }
    findings.extend(of_backups(config).await);
    findings
}

async fn of_blobs(config: &Config) -> Vec<Finding> {
    const CHECK: &str = "bucket";
    let mend = "correct `storage.options` and the rights of its key: docs/storage.md says what they are for";
    // The store lays files into its directory, which is not to be touched.
    let scratch = std::env::temp_dir().join(format!("berth-doctor-{}", random_text(9)));
    let mut storage = config.storage.clone();
    storage.data.clone_from(&scratch);
    let opened = tokio::task::spawn_blocking(move || BlobStore::open(&storage, Probe::default()));
    let findings = match opened.await {
        Ok(Ok(store)) => {
            let found = store.check().await;
            found
                .iter()
                .map(|found| {
                    let make = if found.is_fatal { Finding::problem } else { Finding::warning };
                    make(CHECK, found.to_string(), mend)
                })
                .collect()
        }
        Ok(Err(error)) => vec![Finding::problem(CHECK, error.to_string(), mend)],
        Err(error) => vec![Finding::problem(CHECK, error.to_string(), mend)],
    };
    let _ = tokio::fs::remove_dir_all(&scratch).await;
    if findings.is_empty() {
        return vec![Finding::good(CHECK, "it can do all that Berth needs")];
    }
    findings
}

async fn of_backups(config: &Config) -> Vec<Finding> {
    const CHECK: &str = "backup";
    let mend = "correct `backup` in the settings, and the rights of its key; `berth backup create` tries it";
    if !config.backup.is_configured() {
        let what = "no backups are taken";
        let mend = "set `backup.directory` or a bucket, and `backup.schedule`: docs/backup.md";
        return vec![Finding::warning(CHECK, what, mend)];
    }
    let listed = match Target::of(&config.backup) {
        Ok(target) => target.list().await.map(|listed| (target, listed)),
        Err(error) => Err(error),
    };
    match listed {
        Err(error) => vec![Finding::problem(CHECK, error.to_string(), mend)],
        Ok((target, listed)) => {
            let mut findings: Vec<Finding> = listed
                .iter()
                .filter_map(|listed| {
                    let error = listed.manifest.as_ref().err()?;
                    let what =
                        format!("the backup {} in {target} cannot be read: {error}", listed.id);
                    Some(Finding::problem(CHECK, what, "remove its folder if it is not needed"))
                })
                .collect();
            match listed.iter().filter_map(|listed| listed.manifest.as_ref().ok()).next_back() {
                Some(last) => findings.push(Finding::good(
                    CHECK,
                    format!("{} in {target}, the last of {}", listed.len(), last.at),
                )),
                None => findings.push(Finding::warning(
                    CHECK,
                    format!("there is none in {target} yet"),
                    "take one: `berth backup create`",
                )),
            }
            findings
        }
    }
}
