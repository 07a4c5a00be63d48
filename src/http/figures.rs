//! Figures that are read when somebody looks at `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::app::App;
use crate::clock::Timestamp;
use crate::meta::{Quota, ScanState};
use crate::metrics::Figure;

/// What is read when somebody looks.
pub(super) async fn figures(app: &App) -> Vec<Figure> {
    let relaxed = |value: &AtomicU64| value.load(Ordering::Relaxed);
    let stats = app.meta.stats();
    let mut figures = vec![
        Figure::Counter("database_changes", "Transactions committed", relaxed(&stats.changes)),
        Figure::Counter(
            "database_commits",
            "Commits; one carries several transactions",
            relaxed(&stats.commits),
        ),
        Figure::Counter(
            "database_commit_microseconds",
            "Time spent in commits",
            relaxed(&stats.commit_micros),
        ),
        Figure::Gauge(
            "uploads_receiving",
            "Uploads that receive bytes now",
            app.blobs.active_uploads() as u64,
        ),
        Figure::Gauge(
            "uploads_open",
            "Upload sessions in memory",
            app.registry.sessions().count() as u64,
        ),
    ];
    if let Ok(disk) = app.blobs.space().free() {
        figures.push(Figure::Gauge(
            "storage_free_bytes",
            "Free space of the data directory's disk",
            disk.free,
        ));
        figures.push(Figure::Gauge(
            "storage_reserve_bytes",
            "Free space that pushes leave alone",
            disk.reserve,
        ));
    }
    if let Ok(counts) = app.meta.count_jobs().await {
        let labelled = counts.into_iter().map(|(kind, state, number)| {
            (vec![("kind", kind), ("state", state.as_str().to_owned())], number)
        });
        let help = "Jobs that have not ended, or failed";
        figures.push(Figure::Gauges("jobs", help, labelled.collect()));
    }
    figures.push(plugins(app));
    figures.extend(upkeep(app).await);
    figures.extend(scans(app).await);
    figures.extend(replication(app).await);
    figures.extend(backups(app).await);
    if let Some(bytes) = app.database_size().await {
        figures.push(Figure::Gauge("database_size_bytes", "Size of the database file", bytes));
    }
    figures
}

/// What collections and scrubs did, what can be brought back, and what is used of quotas.
async fn upkeep(app: &App) -> Vec<Figure> {
    let collected = app.worker.collected.get();
    let mut figures = vec![
        Figure::Counter(
            "gc_examined",
            "Marked rows that collections looked at",
            collected.examined,
        ),
        Figure::Counter("gc_blobs", "Blobs that were collected", collected.blobs),
        Figure::Counter("gc_bytes", "Bytes of blobs that were collected", collected.bytes),
        Figure::Counter(
            "gc_manifests",
            "Manifests without a tag that were collected",
            collected.manifests,
        ),
    ];
    if let Ok(count) = app.meta.count_trash().await {
        let of = |what: &str, number| (vec![("what", what.to_owned())], number);
        let values = vec![of("tags", count.tags), of("manifests", count.manifests)];
        figures.push(Figure::Gauges("trash", "What can be brought back", values));
    }
    let (blobs, bytes) = app.worker.scrubbed.get();
    figures.extend([
        Figure::Counter("scrub_blobs", "Blobs that scrubs have read", blobs),
        Figure::Counter("scrub_bytes", "Bytes that scrubs have read", bytes),
    ]);
    if let Ok(number) = app.meta.count_damaged().await {
        let help = "Blobs that are missing or damaged, and not pushed again yet";
        figures.push(Figure::Gauge("blobs_damaged", help, number));
    }
    if let Ok(quotas) = app.meta.list_quotas("", MOST_QUOTAS).await {
        figures.extend(of_quotas(&quotas));
    }
    figures
}

/// What scanners say, what is held back for them, and what they know.
async fn scans(app: &App) -> Vec<Figure> {
    let mut figures = Vec::new();
    if let Ok(counts) = app.meta.count_scans().await {
        let labelled = ScanState::ALL.into_iter().map(|state| {
            let found = counts.iter().find(|(counted, _)| *counted == state);
            let number = found.map_or(0, |(_, number)| *number);
            (vec![("state", state.as_str().to_owned())], number)
        });
        let help = "Reports of scanners about images";
        figures.push(Figure::Gauges("scans", help, labelled.collect()));
    }
    if let Ok(held) = app.meta.count_held().await {
        figures.push(Figure::Gauge("quarantined_images", "Images that are held back", held));
    }
    if let Ok((generation, sources)) = app.meta.list_advisory_sources().await {
        let help = "Rises whenever advisories change";
        figures.push(Figure::Gauge("advisory_generation", help, generation));
        let number = sources.iter().map(|source| source.advisories).sum();
        figures.push(Figure::Gauge("advisories", "Advisories of all sources", number));
    }
    figures
}

/// When backups were taken, and what is in the last.
async fn backups(app: &App) -> Vec<Figure> {
    let Ok(standing) = app.worker.backup_standing().await else { return Vec::new() };
    let seconds =
        |at: Option<Timestamp>| at.map_or(0, |at| u64::try_from(at.as_seconds()).unwrap_or(0));
    let last = standing.record.last.as_ref();
    let snapshot = standing.snapshots.as_ref().and_then(|snapshots| snapshots.at);
    vec![
        Figure::Gauge(
            "backup_last_success_timestamp_seconds",
            "When the last backup was complete; 0: never",
            seconds(last.map(|last| last.at)),
        ),
        Figure::Gauge(
            "backup_last_blob_bytes",
            "Bytes of blobs in it",
            last.map_or(0, |last| last.blob_bytes),
        ),
        Figure::Gauge(
            "backup_last_sent_bytes",
            "Bytes that were sent for it",
            last.map_or(0, |last| last.sent_bytes),
        ),
        Figure::Gauge(
            "backup_failing",
            "1 if a backup has failed since",
            u64::from(standing.record.failure.is_some()),
        ),
        Figure::Gauge(
            "snapshot_last_success_timestamp_seconds",
            "The moment that the last snapshot in the bucket shows; 0: none",
            seconds(snapshot),
        ),
    ]
}

/// Which hooks of plugins are left alone for a while, as they keep failing.
fn plugins(app: &App) -> Figure {
    let installed = app.plugins.list();
    let hooks = installed.iter().flat_map(|plugin| {
        let name = plugin.name.to_string();
        plugin.hooks.iter().map(move |(hook, until)| {
            let labels = vec![("plugin", name.clone()), ("hook", hook.as_str().to_owned())];
            (labels, u64::from(until.is_some()))
        })
    });
    let help = "1 while a plugin is left alone, as it keeps failing";
    Figure::Gauges("plugin_resting", help, hooks.collect())
}

/// How far replication targets are behind, and what was sent to them.
async fn replication(app: &App) -> Vec<Figure> {
    let Ok(lags) = app.meta.replication_lag().await else { return Vec::new() };
    let (now, (attempts, failures, bytes)) = (app.clock.now(), app.worker.replication.counts());
    let label = |target: &str| vec![("target", target.to_owned())];
    let behind = lags.iter().map(|lag| (label(&lag.target), lag.behind)).collect();
    let seconds = lags
        .iter()
        .map(|lag| (label(&lag.target), lag.since.map_or(0, |since| now.since(since).as_secs())));
    vec![
        Figure::Gauges("replication_behind", "Tags that a target does not have yet", behind),
        Figure::Gauges(
            "replication_lag_seconds",
            "For how long a target has been without the oldest of them",
            seconds.collect(),
        ),
        Figure::Counter("replication_attempts", "Attempts to bring a tag to a target", attempts),
        Figure::Counter("replication_failures", "Those of them that failed", failures),
        Figure::Counter("replication_sent_bytes", "Bytes of blobs sent to targets", bytes),
    ]
}

/// Quotas that have figures of their own: each is a series.
const MOST_QUOTAS: u64 = 1000;

fn of_quotas(quotas: &[Quota]) -> [Figure; 2] {
    let labels = |quota: &Quota, what: &str| {
        vec![("namespace", quota.namespace.clone()), ("what", what.to_owned())]
    };
    let used = quotas.iter().flat_map(|quota| {
        [(labels(quota, "bytes"), quota.used_bytes), (labels(quota, "tags"), quota.used_tags)]
    });
    let limits = quotas.iter().flat_map(|quota| {
        [("bytes", quota.limits.bytes), ("tags", quota.limits.tags)]
            .into_iter()
            .filter_map(move |(what, limit)| Some((labels(quota, what), limit?)))
    });
    [
        Figure::Gauges("quota_used", "What is used of a quota", used.collect()),
        Figure::Gauges("quota_limit", "What a quota allows", limits.collect()),
    ]
}
