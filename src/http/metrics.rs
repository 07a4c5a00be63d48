//! Figures for Prometheus.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::fold_name::Kind;
use crate::app::App;

/// Seconds; from a cached manifest to the end of a large blob's head.
const BUCKETS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: &'static str,
}

/// Bytes that came in and went out, of all connections.
#[derive(Debug, Default)]
pub struct Traffic {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Traffic {
    pub(super) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    latency: Family<RouteLabels, Histogram>,
    /// Bytes on the wire.
    pub traffic: Arc<Traffic>,
    /// Open connections.
    pub connections: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            latency: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            traffic: Arc::default(),
            connections: AtomicU64::new(0),
        }
    }
}

impl Metrics {
    pub(super) fn request(
        &self,
        method: &Method,
        kind: Kind,
        status: StatusCode,
        elapsed: Duration,
    ) {
        let (method, route) = (known(method), kind.as_str());
        let status = match status.as_u16() / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        self.requests.get_or_create(&RequestLabels { method, route, status }).inc();
        self.latency.get_or_create(&RouteLabels { method, route }).observe(elapsed.as_secs_f64());
    }

    /// All figures in the text format.
    pub(super) async fn render(&self, app: &App) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::with_prefix("berth");
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time to the head of the answer",
            self.latency.clone(),
        );
        let relaxed = |value: &AtomicU64| value.load(Ordering::Relaxed);
        let stats = app.meta.stats();
        let counters = HashMap::from([
            (
                "http_received_bytes",
                ("Bytes received on all connections", relaxed(&self.traffic.received)),
            ),
            ("http_sent_bytes", ("Bytes sent on all connections", relaxed(&self.traffic.sent))),
            ("database_changes", ("Transactions committed", relaxed(&stats.changes))),
            (
                "database_commits",
                ("Commits; one carries several transactions", relaxed(&stats.commits)),
            ),
            (
                "database_commit_microseconds",
                ("Time spent in commits", relaxed(&stats.commit_micros)),
            ),
        ]);
        for (name, (help, value)) in counters {
            registry.register(name, help, ConstCounter::new(value));
        }
        let disk = app.blobs.space().free().ok();
        let gauges = HashMap::from([
            ("http_connections", ("Open connections", Some(relaxed(&self.connections)))),
            (
                "uploads_receiving",
                ("Uploads that receive bytes now", Some(app.blobs.active_uploads() as u64)),
            ),
            (
                "uploads_open",
                ("Upload sessions in memory", Some(app.registry.sessions().count() as u64)),
            ),
            (
                "storage_free_bytes",
                ("Free space of the data directory's disk", disk.map(|disk| disk.free)),
            ),
            (
                "storage_reserve_bytes",
                ("Free space that pushes leave alone", disk.map(|disk| disk.reserve)),
            ),
            ("database_size_bytes", ("Size of the database file", app.database_size().await)),
        ]);
        for (name, (help, value)) in gauges {
            if let Some(value) = value {
                registry.register(
                    name,
                    help,
                    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)),
                );
            }
        }
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// Methods outside the API share a label: clients may send any.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
