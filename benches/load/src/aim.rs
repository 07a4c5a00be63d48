//! What Berth is to reach in a scenario, and whether it did in this run.

use crate::{figures::Figures, scenarios::Unit};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    /// Units per second: the more the better. All other figures: the less the better.
    Rate,
    Cpu,
    P50,
    Memory,
    /// Latency of the last tenth of the work against the first.
    Growth,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    /// This many times what the other registry shows in the same run.
    Registry(f64),
    /// This many times what static files show in the same run.
    Files(f64),
    /// In the unit that the report prints.
    AtMost(f64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Aim {
    pub(crate) figure: Figure,
    pub(crate) bound: Bound,
}

/// The figures of one scenario, by server; what did not run is absent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Standing<'a> {
    pub(crate) berth: Option<&'a Figures>,
    pub(crate) registry: Option<&'a Figures>,
    pub(crate) files: Option<&'a Figures>,
}

impl Figure {
    pub(crate) fn of(self, figures: &Figures) -> f64 {
        match self {
            Self::Rate => figures.rate,
            Self::Cpu => figures.cpu,
            Self::P50 => figures.p50,
            Self::Memory => figures.memory,
            Self::Growth => figures.growth,
        }
    }

    fn name(self, unit: Unit) -> &'static str {
        match (self, unit) {
            (Self::Rate, _) => "throughput",
            (Self::Cpu, Unit::Gib) => "CPU s/GiB",
            (Self::Cpu, _) => "CPU ms",
            (Self::P50, _) => "p50 ms",
            (Self::Memory, _) => "memory MiB",
            (Self::Growth, _) => "last tenth against first",
        }
    }
}

impl Aim {
    /// The aim in words, and beside it what was found and whether that is enough.
    pub(crate) fn judge(&self, unit: Unit, standing: Standing<'_>) -> String {
        let sign = if self.figure == Figure::Rate { '≥' } else { '≤' };
        let name = self.figure.name(unit);
        let (words, value, limit) = match self.bound {
            Bound::Registry(factor) => {
                let words = format!("{name} {sign} {factor} × docker-registry");
                (words, self.ratio(standing.berth, standing.registry), factor)
            }
            Bound::Files(factor) => {
                let words = format!("{name} {sign} {factor} × nginx");
                (words, self.ratio(standing.berth, standing.files), factor)
            }
            Bound::AtMost(most) => {
                let value = standing.berth.map(|figures| self.figure.of(figures));
                (format!("{name} {sign} {most}"), value, most)
            }
        };
        match value.filter(|value| value.is_finite()) {
            None => format!("{words}: not measured"),
            Some(value) => {
                let met = if self.figure == Figure::Rate { value >= limit } else { value <= limit };
                let verdict = if met { "met" } else { "**missed**" };
                format!("{words}: {value:.2}, {verdict}")
            }
        }
    }

    fn ratio(&self, ours: Option<&Figures>, theirs: Option<&Figures>) -> Option<f64> {
        Some(self.figure.of(ours?) / self.figure.of(theirs?))
    }
}
