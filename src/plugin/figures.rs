//! Figures that plugins keep of themselves.

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// Series of one plugin.
const MOST_SERIES: usize = 100;
const MOST_LABELS: usize = 8;
const LONGEST: usize = 100;

/// A figure of a plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct GuestFigure {
    /// Its name; `berth_plugin_<plugin>_<name>` where it is served.
    pub name: String,
    /// What tells it from others of the name.
    pub labels: Vec<(String, String)>,
    /// What it says.
    pub value: FigureValue,
}

/// What a figure says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FigureValue {
    /// How often.
    Counter(u64),
    /// Values of a distribution.
    Distribution {
        /// How many.
        count: u64,
        /// All together.
        sum: f64,
        /// The largest.
        max: f64,
    },
}

/// The figures of one plugin.
#[derive(Debug, Default)]
pub(super) struct GuestFigures(Mutex<BTreeMap<Key, FigureValue>>);

type Key = (String, Vec<(String, String)>);

impl GuestFigures {
    pub(super) fn count(&self, name: String, labels: Vec<(String, String)>, by: u64) {
        self.change(name, labels, FigureValue::Counter(0), |value| {
            if let FigureValue::Counter(count) = value {
                *count = count.saturating_add(by);
            }
        });
    }

    pub(super) fn record(&self, name: String, labels: Vec<(String, String)>, one: f64) {
        if !one.is_finite() {
            return;
        }
        let none = FigureValue::Distribution { count: 0, sum: 0.0, max: f64::MIN };
        self.change(name, labels, none, |value| {
            if let FigureValue::Distribution { count, sum, max } = value {
                *count += 1;
                *sum += one;
                *max = max.max(one);
            }
        });
    }

    fn change(
        &self,
        name: String,
        mut labels: Vec<(String, String)>,
        none: FigureValue,
        change: impl FnOnce(&mut FigureValue),
    ) {
        let is_word = |text: &str| {
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(plain)
        };
        let fits = is_word(&name)
            && name.len() <= LONGEST
            && labels.len() <= MOST_LABELS
            && labels
                .iter()
                .all(|(key, value)| is_word(key) && key.len() <= LONGEST && value.len() <= LONGEST);
        if !fits {
            return;
        }
        labels.sort();
        let mut series = self.0.lock();
        let room = series.len() < MOST_SERIES;
        match series.get_mut(&(name.clone(), labels.clone())) {
            Some(value) => change(value),
            None if room => change(series.entry((name, labels)).or_insert(none)),
            None => {}
        }
    }

    pub(super) fn list(&self) -> Vec<GuestFigure> {
        let series = self.0.lock();
        let figure = |((name, labels), value): (&Key, &FigureValue)| GuestFigure {
            name: name.clone(),
            labels: labels.clone(),
            value: *value,
        };
        series.iter().map(figure).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_has_room_for_so_many_series() {
        let figures = GuestFigures::default();
        for number in 0..1_000 {
            figures.count("seen".into(), vec![("n".into(), number.to_string())], 2);
            figures.count("seen".into(), vec![("n".into(), "0".into())], 1);
        }
        figures.count("Bad name".into(), Vec::new(), 1);
        figures.record("x".into(), Vec::new(), f64::NAN);
        let list = figures.list();
        assert_eq!(list.len(), MOST_SERIES);
        assert_eq!(list[0].value, FigureValue::Counter(1_002));
    }
}
