//! Figures of the plugin's own, served with Berth's.

use crate::bindings::host::berth::plugin::metrics as host;

fn owned(labels: &[(&str, &str)]) -> Vec<(String, String)> {
    labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
}

/// Adds to a counter.
pub fn count(name: &str, labels: &[(&str, &str)], by: u64) {
    host::counter_add(name, &owned(labels), by);
}

/// Notes one value of a distribution.
pub fn record(name: &str, labels: &[(&str, &str)], value: f64) {
    host::histogram_record(name, &owned(labels), value);
}
