//! Figures for Prometheus: what is counted as it happens, and what is asked for when somebody looks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

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
    bulk: AtomicUsize,
}

impl Traffic {
    /// Counts bytes from clients.
    pub fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes to clients.
    pub fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Connections that receive a large body now.
    #[must_use]
    pub fn bulk(&self) -> usize {
        self.bulk.load(Ordering::Relaxed)
    }

    /// Counts a connection that begins to receive a large body, or ends to.
    pub fn set_bulk(&self, bulk: bool) {
        if bulk {
            self.bulk.fetch_add(1, Ordering::Relaxed);
        } else {
            self.bulk.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    plugin: String,
    hook: &'static str,
    ending: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HookLabels {
    plugin: String,
    hook: &'static str,
}

/// Seconds; from a policy that looks at a label to a scan of a large image.
const CALL_BUCKETS: [f64; 11] =
    [0.0001, 0.00025, 0.001, 0.005, 0.01, 0.05, 0.25, 1.0, 10.0, 60.0, 600.0];

/// What the calls of one hook of a plugin come to, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallTotals {
    /// How many have ended.
    pub calls: u64,
    /// How many of them without an answer.
    pub failures: u64,
    /// Time that they took together.
    pub took: Duration,
    /// The longest of them.
    pub longest: Duration,
}

/// Calls of plugins.
#[derive(Debug)]
pub struct PluginCalls {
    totals: Mutex<BTreeMap<(String, &'static str), CallTotals>>,
    ended: Family<CallLabels, Counter>,
    took: Family<HookLabels, Histogram>,
}

impl Default for PluginCalls {
    fn default() -> Self {
        Self {
            totals: Mutex::default(),
            ended: Family::default(),
            took: Family::new_with_constructor(|| Histogram::new(CALL_BUCKETS)),
        }
    }
}

impl PluginCalls {
    /// Counts a call that has ended. There are as many plugins as somebody has installed; the other words are few.
    pub fn ended(&self, plugin: &str, hook: &'static str, ending: &'static str, elapsed: Duration) {
        let labels = CallLabels { plugin: plugin.to_owned(), hook, ending };
        self.ended.get_or_create(&labels).inc();
        let labels = HookLabels { plugin: plugin.to_owned(), hook };
        self.took.get_or_create(&labels).observe(elapsed.as_secs_f64());
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        let total = totals.entry((plugin.to_owned(), hook)).or_default();
        total.calls += 1;
        total.failures += u64::from(ending != "answered");
        total.took += elapsed;
        total.longest = total.longest.max(elapsed);
    }

    /// What the calls of a hook come to.
    #[must_use]
    pub fn total(&self, plugin: &str, hook: &'static str) -> CallTotals {
        let totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.get(&(plugin.to_owned(), hook)).copied().unwrap_or_default()
    }
}

/// Everything that is counted as it happens.
#[derive(Debug)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    latency: Family<RouteLabels, Histogram>,
    traffic: Arc<Traffic>,
    connections: AtomicU64,
    plugin_calls: Arc<PluginCalls>,
}

/// A figure that is read when somebody looks; names are without the prefix `berth_`.
#[derive(Clone, Debug)]
pub enum Figure {
    /// One that only rises; `_total` is added to its name.
    Counter(&'static str, &'static str, u64),
    /// One that rises and falls.
    Gauge(&'static str, &'static str, u64),
    /// One that rises and falls, for each of several sets of labels.
    Gauges(&'static str, &'static str, Vec<(Vec<(&'static str, String)>, u64)>),
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            latency: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            traffic: Arc::default(),
            connections: AtomicU64::new(0),
            plugin_calls: Arc::default(),
        }
    }
}

impl Metrics {
    /// Counts an answered request. `method` and `route` are of a bounded set, whatever clients send; `elapsed` is the
    /// time to the head of the answer.
    pub fn request(
        &self,
        method: &'static str,
        route: &'static str,
        status: u16,
        elapsed: Duration,
    ) {
        let status = match status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        self.requests.get_or_create(&RequestLabels { method, route, status }).inc();
        self.latency.get_or_create(&RouteLabels { method, route }).observe(elapsed.as_secs_f64());
    }

    /// Where connections count their bytes.
    #[must_use]
    pub fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.traffic)
    }

    /// Where calls of plugins are counted.
    #[must_use]
    pub fn plugin_calls(&self) -> Arc<PluginCalls> {
        Arc::clone(&self.plugin_calls)
    }

    /// Counts a connection for as long as the answer lives.
    pub fn connection(&self) -> impl Drop + '_ {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Open(&self.connections)
    }

    /// All figures in the text format, with those of `more`.
    pub fn render(&self, more: &[Figure]) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("berth");
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time to the head of the answer",
            self.latency.clone(),
        );
        let calls = &self.plugin_calls;
        registry.register("plugin_calls", "Calls of plugins that have ended", calls.ended.clone());
        registry.register(
            "plugin_call_duration_seconds",
            "Time of a plugin's call, waiting included",
            calls.took.clone(),
        );
        let relaxed = |value: &AtomicU64| value.load(Ordering::Relaxed);
        let own = [
            Figure::Counter(
                "http_received_bytes",
                "Bytes received on all connections",
                relaxed(&self.traffic.received),
            ),
            Figure::Counter(
                "http_sent_bytes",
                "Bytes sent on all connections",
                relaxed(&self.traffic.sent),
            ),
            Figure::Gauge("http_connections", "Open connections", relaxed(&self.connections)),
        ];
        for figure in own.iter().chain(more) {
            let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
            match figure {
                Figure::Counter(name, help, value) => {
                    registry.register(*name, *help, ConstCounter::new(*value));
                }
                Figure::Gauge(name, help, value) => {
                    registry.register(*name, *help, ConstGauge::new(signed(*value)));
                }
                Figure::Gauges(name, help, values) => {
                    let family = Family::<Vec<(&'static str, String)>, Gauge>::default();
                    for (labels, value) in values {
                        family.get_or_create(labels).set(signed(*value));
                    }
                    registry.register(*name, *help, family);
                }
            }
        }
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

struct Open<'a>(&'a AtomicU64);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
