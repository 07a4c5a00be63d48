//! The run's result as Markdown and as JSON.

use std::{fmt::Write as _, fs};

use serde_json::{Value, json};

use crate::{
    aim::{Bound, Standing},
    figures::{Figures, show},
    peer::Peer,
    scenarios::{Scenario, Unit},
};

/// One scenario's rounds, by server.
pub(crate) struct Outcome {
    pub(crate) scenario: &'static Scenario,
    pub(crate) rounds: Vec<(Peer, Vec<Figures>)>,
}

impl Outcome {
    fn medians(&self) -> Vec<(Peer, Figures)> {
        let ran = self.rounds.iter().filter(|(_, rounds)| !rounds.is_empty());
        ran.map(|(peer, rounds)| (*peer, Figures::median(rounds))).collect()
    }

    /// This scenario's part of the report.
    pub(crate) fn markdown(&self) -> String {
        let (scenario, medians) = (self.scenario, self.medians());
        let (rate, cpu) = match scenario.unit {
            Unit::Gib => ("MiB/s".to_owned(), "CPU s/GiB".to_owned()),
            Unit::Each(unit) => (format!("{unit}s/s"), format!("CPU ms/{unit}")),
            Unit::None => ("per s".to_owned(), "CPU".to_owned()),
        };
        let mut text = format!("### {} (`{}`)\n\n", scenario.title, scenario.name);
        let _ = writeln!(
            text,
            "| Server | {rate} | {cpu} | p50 ms | p90 ms | p99 ms | memory MiB | of it anonymous |"
        );
        text.push_str("|---|--:|--:|--:|--:|--:|--:|--:|\n");
        for (peer, figures) in &medians {
            let columns = columns(figures).map(show).join(" | ");
            let _ = writeln!(text, "| {peer} | {columns} |");
        }
        let find = |wanted| medians.iter().find(|(peer, _)| *peer == wanted).map(|(_, all)| all);
        if let Some(berth) = find(Peer::Berth) {
            for (peer, figures) in medians.iter().filter(|(peer, _)| *peer != Peer::Berth) {
                let (ours, theirs) = (columns(berth), columns(figures));
                let ratios: Vec<_> = ours.iter().zip(theirs).map(|(a, b)| times(a / b)).collect();
                let _ = writeln!(text, "| berth ÷ {peer} | {} |", ratios.join(" | "));
            }
        }
        let standing = Standing {
            berth: find(Peer::Berth),
            registry: find(Peer::DockerRegistry),
            files: find(Peer::Nginx),
        };
        text.push('\n');
        for aim in scenario.aims {
            let _ = writeln!(text, "- Aim: {}", aim.judge(scenario.unit, standing));
        }
        text
    }

    pub(crate) fn json(&self) -> Value {
        let servers = self.rounds.iter().map(|(peer, rounds)| {
            let all: Vec<_> = rounds.iter().map(|figures| figures.json()).collect();
            let median = Figures::median(rounds).json();
            (peer.to_string(), json!({ "median": median, "rounds": all }))
        });
        let aims = self.scenario.aims.iter().map(|aim| {
            let (against, bound) = match aim.bound {
                Bound::Registry(factor) => ("docker-registry", factor),
                Bound::Files(factor) => ("nginx", factor),
                Bound::AtMost(most) => ("absolute", most),
            };
            json!({ "figure": format!("{:?}", aim.figure), "against": against, "bound": bound })
        });
        json!({
            "name": self.scenario.name,
            "title": self.scenario.title,
            "unit": format!("{:?}", self.scenario.unit),
            "servers": servers.collect::<serde_json::Map<_, _>>(),
            "aims": aims.collect::<Vec<_>>(),
        })
    }
}

fn columns(figures: &Figures) -> [f64; 7] {
    let Figures { rate, cpu, p50, p90, p99, memory, anonymous, .. } = *figures;
    [rate, cpu, p50, p90, p99, memory, anonymous]
}

fn times(ratio: f64) -> String {
    if ratio.is_finite() { format!("{ratio:.2} ×") } else { "–".to_owned() }
}

/// The machine in a line: figures mean nothing without it.
pub(crate) fn machine() -> String {
    let word = |path: &str, field: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(field).map(str::to_owned));
        line.unwrap_or_default().trim_start_matches([':', ' ', '\t']).to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = word("/proc/cpuinfo", "model name");
    let memory = word("/proc/meminfo", "MemTotal:");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{processor}, {cores} cores, {memory} of memory, Linux {}", kernel.trim())
}
