//! `/healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;

use super::Error;
use crate::app::App;
use crate::auth::{Need, Principal};
use crate::meta::ScanState;
use crate::metrics::Figure;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
}

/// `GET /healthz`: the process answers.
async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the database reads and writes, and the blob store answers.
async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Error> {
    match app.ready().await {
        Ok(()) => Ok("ready\n"),
        Err(cause) => Err(Error::unavailable("the registry is not ready; its log says why", cause)),
    }
}

/// `GET /metrics`: for whoever may log in, unless `metrics.public`.
async fn metrics(
    State(app): State<Arc<App>>,
    principal: Result<Principal, Error>,
) -> Result<Response, Error> {
    if !app.config.metrics.public {
        principal?.decide(&Need::Login)?;
    }
    let text = app.metrics.render(&figures(&app).await).map_err(Error::internal)?;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], text).into_response())
}

/// What is read when somebody looks.
async fn figures(app: &App) -> Vec<Figure> {
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
    let collected = app.worker.collected.get();
    figures.extend([
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
    ]);
    if let Ok(count) = app.meta.count_trash().await {
        let of = |what: &str, number| (vec![("what", what.to_owned())], number);
        let values = vec![of("tags", count.tags), of("manifests", count.manifests)];
        figures.push(Figure::Gauges("trash", "What can be brought back", values));
    }
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
    figures.extend(replication(app).await);
    figures.extend(backups(app).await);
    if let Some(bytes) = app.database_size().await {
        figures.push(Figure::Gauge("database_size_bytes", "Size of the database file", bytes));
    }
    figures
}

/// When backups were taken, and what is in the last.
async fn backups(app: &App) -> Vec<Figure> {
    let Ok(standing) = app.worker.backup_standing().await else { return Vec::new() };
    let seconds = |at: Option<crate::clock::Timestamp>| {
        at.map_or(0, |at| u64::try_from(at.as_seconds()).unwrap_or(0))
    };
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
