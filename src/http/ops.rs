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
use crate::meta::Quota;
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
    if let Some(bytes) = app.database_size().await {
        figures.push(Figure::Gauge("database_size_bytes", "Size of the database file", bytes));
    }
    figures
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
