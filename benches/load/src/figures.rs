//! One server's figures in one scenario, in the units that are printed, and the median of several rounds.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{drive::Measured, proc::float, scenarios::Unit};

/// What was not measured is not a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// MiB or units per second.
    pub(crate) rate: f64,
    /// CPU seconds per GiB, or milliseconds per unit.
    pub(crate) cpu: f64,
    /// Latencies, in milliseconds.
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    /// Peak resident MiB; after a start, what is resident while idle.
    pub(crate) memory: f64,
    /// The part of it that no file backs, at the end.
    pub(crate) anonymous: f64,
    /// Median latency of the last tenth of the work, divided by that of the first tenth.
    pub(crate) growth: f64,
}

type Field = fn(&mut Figures) -> &mut f64;

const FIELDS: [(&str, Field); 8] = [
    ("rate", |figures| &mut figures.rate),
    ("cpu", |figures| &mut figures.cpu),
    ("p50_ms", |figures| &mut figures.p50),
    ("p90_ms", |figures| &mut figures.p90),
    ("p99_ms", |figures| &mut figures.p99),
    ("memory_mib", |figures| &mut figures.memory),
    ("anonymous_mib", |figures| &mut figures.anonymous),
    ("growth", |figures| &mut figures.growth),
];

impl Figures {
    pub(crate) const NONE: Self = Self {
        rate: f64::NAN,
        cpu: f64::NAN,
        p50: f64::NAN,
        p90: f64::NAN,
        p99: f64::NAN,
        memory: f64::NAN,
        anonymous: f64::NAN,
        growth: f64::NAN,
    };

    pub(crate) fn new(measured: &Measured, unit: Unit) -> Self {
        let units: f64 = measured.clients.iter().map(|samples| samples.units).sum();
        let (rate, cpu) = (units / measured.wall.as_secs_f64(), measured.cpu_seconds / units);
        let (rate, cpu) = match unit {
            Unit::Gib => (rate * 1024.0, cpu),
            Unit::Each(_) => (rate, cpu * 1000.0),
            Unit::None => (f64::NAN, f64::NAN),
        };
        let every = measured.clients.iter().flat_map(|samples| &samples.latencies);
        let sorted = sorted(every.copied());
        Self {
            rate,
            cpu,
            p50: percentile(&sorted, 50),
            p90: percentile(&sorted, 90),
            p99: percentile(&sorted, 99),
            memory: measured.peak_mib,
            anonymous: measured.anonymous_mib,
            growth: growth(measured),
        }
    }

    /// Figure by figure, the median of the rounds.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let mut rounds = rounds.to_vec();
        let mut median = Self::NONE;
        for (_, field) in FIELDS {
            let mut values: Vec<_> = rounds.iter_mut().map(|figures| *field(figures)).collect();
            values.sort_by(f64::total_cmp);
            if !values.is_empty() {
                let middle = values.len() / 2;
                let even = values.len().is_multiple_of(2);
                *field(&mut median) = if even {
                    f64::midpoint(values[middle - 1], values[middle])
                } else {
                    values[middle]
                };
            }
        }
        median
    }

    pub(crate) fn json(mut self) -> Value {
        FIELDS.iter().map(|(name, field)| ((*name).to_owned(), json!(*field(&mut self)))).collect()
    }
}

fn growth(measured: &Measured) -> f64 {
    let tenth = |last: bool| {
        let parts = measured.clients.iter().flat_map(|samples| {
            let all = &samples.latencies;
            let length = all.len() / 10;
            if last { &all[all.len() - length..] } else { &all[..length] }
        });
        percentile(&sorted(parts.copied()), 50)
    };
    tenth(true) / tenth(false)
}

fn sorted(latencies: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut all: Vec<_> = latencies.collect();
    all.sort_unstable();
    all
}

/// The least latency that this many percent do not exceed, in milliseconds.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(rank).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1000.0)
}

/// A figure with three significant digits, or a dash where there is none.
pub(crate) fn show(value: f64) -> String {
    match value.abs() {
        nothing if nothing.is_nan() => "–".to_owned(),
        large if large >= 1000.0 => thousands(value),
        large if large >= 100.0 => format!("{value:.0}"),
        medium if medium >= 10.0 => format!("{value:.1}"),
        small if small >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded, and above 1000"
)]
fn thousands(value: f64) -> String {
    let whole = value.round() as u64;
    debug_assert!(float(whole) >= 1000.0);
    if whole >= 1_000_000 {
        return format!("{},{:03},{:03}", whole / 1_000_000, whole / 1000 % 1000, whole % 1000);
    }
    format!("{},{:03}", whole / 1000, whole % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_latency_that_was_seen() {
        let sorted: Vec<_> = (1..=100).map(Duration::from_millis).collect();

        let shown = [50, 90, 99].map(|percent| show(percentile(&sorted, percent)));

        assert_eq!(shown, ["50.0", "90.0", "99.0"]);
        assert!(percentile(&[], 50).is_nan());
    }

    #[test]
    fn the_median_is_taken_figure_by_figure() {
        let round = |rate, cpu| Figures { rate, cpu, ..Figures::NONE };

        let median = Figures::median(&[round(1.0, 9.0), round(3.0, 7.0), round(2.0, 8.0)]);

        assert_eq!((show(median.rate), show(median.cpu)), ("2.00".into(), "8.00".into()));
        assert_eq!(show(median.p50), "–");
    }

    #[test]
    fn large_figures_are_grouped() {
        assert_eq!([999.6, 1234.4, 2_345_678.0].map(show), ["1000", "1,234", "2,345,678"]);
    }
}
