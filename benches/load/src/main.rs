//! Berth beside its peers: starts each server itself, runs every scenario against each in turn, and reports
//! throughput, latency, the server's CPU time and its peak memory. See `benches/README.md`.

mod aim;
mod bench;
mod client;
mod collect;
mod connection;
mod decisions;
mod drive;
mod figures;
mod image;
mod noise;
mod peer;
mod plugins;
mod prefill;
mod proc;
mod report;
mod runner;
mod scenarios;
mod server;
mod stock;

use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;

use crate::{
    bench::{Bench, Sizes},
    noise::Noise,
    peer::{Peer, Programs},
    runner::Runner,
    scenarios::{ALL, Scenario},
};

/// Measures Berth beside other registries and static files, on this machine, in one run
#[derive(Debug, Parser)]
#[command(version)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
struct Arguments {
    /// Scenarios to run, by name; all if none is given (see --list)
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Name the scenarios and end
    #[arg(long)]
    list: bool,
    /// Servers to compare, taken in turn in each round
    #[arg(long, value_delimiter = ',', default_value = "berth,docker-registry,nginx")]
    peers: Vec<Peer>,
    /// Rounds of each scenario; the report shows the medians
    #[arg(long, default_value_t = 3)]
    rounds: u64,
    /// Small sizes: shows that everything works, its figures mean little
    #[arg(long)]
    quick: bool,
    /// JSON instead of Markdown
    #[arg(long)]
    json: bool,
    /// A file for the report, instead of standard output
    #[arg(long)]
    output: Option<PathBuf>,
    /// A data directory of Berth to measure the start on, instead of one with 10,000 tags
    #[arg(long)]
    prefilled: Option<PathBuf>,
    /// Fill this directory with --manifests manifests by pushing them to Berth, for --prefilled, and end
    #[arg(long)]
    prefill: Option<PathBuf>,
    #[arg(long, default_value_t = 1_000_000, requires = "prefill")]
    manifests: usize,
    /// Measure what decisions about access cost with so many rules, and end
    #[arg(long, value_name = "RULES")]
    decisions: Option<usize>,
    /// Measure what plugins cost the requests of a running Berth, and end
    #[arg(long)]
    plugins: bool,
    /// Measure what pushes and pulls feel of a collection among so many blobs, a tenth of which is dead, and end
    #[arg(long, value_name = "BLOBS")]
    collect: Option<usize>,
    /// Where the servers' data is kept during the run
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    scratch: PathBuf,
    #[command(flatten)]
    programs: Programs,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.list {
        for scenario in ALL {
            writeln!(io::stdout(), "{:14} {}", scenario.name, scenario.title)?;
        }
        return Ok(());
    }
    if let Some(rules) = arguments.decisions {
        io::stdout().write_all(decisions::measure(rules)?.as_bytes())?;
        return Ok(());
    }
    if arguments.plugins {
        let scratch = arguments.scratch.join(format!("berth-bench-{}", std::process::id()));
        let measured = plugins::measure(&arguments.programs, &scratch, arguments.quick);
        let _ = fs::remove_dir_all(&scratch);
        return Ok(io::stdout().write_all(measured?.as_bytes())?);
    }
    if let Some(blobs) = arguments.collect {
        let scratch = arguments.scratch.join(format!("berth-bench-{}", std::process::id()));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let measured = runtime.block_on(collect::measure(&scratch, blobs, arguments.quick));
        let _ = fs::remove_dir_all(&scratch);
        return Ok(io::stdout().write_all(measured?.as_bytes())?);
    }
    let chosen = choose(&arguments.only)?;
    allow_many_files()?;
    let sizes = if arguments.quick { Sizes::QUICK } else { Sizes::FULL };
    let bench = Bench { noise: Noise::new(), sizes, programs: arguments.programs.clone() };
    // Clients on any thread borrow it, and it is needed until the end.
    let bench: &'static Bench = Box::leak(Box::new(bench));
    let scratch = arguments.scratch.join(format!("berth-bench-{}", std::process::id()));
    let mut runner = Runner::new(bench, scratch, arguments.prefilled.clone())?;
    if let Some(data) = &arguments.prefill {
        return runner.prefill(data, arguments.manifests);
    }
    let mut outcomes = Vec::new();
    for scenario in chosen {
        outcomes.push(runner.run(scenario, &arguments.peers, arguments.rounds)?);
    }
    let text = if arguments.json {
        let scenarios: Vec<_> = outcomes.iter().map(report::Outcome::json).collect();
        let run = json!({
            "machine": report::machine(),
            "rounds": arguments.rounds,
            "quick": arguments.quick,
            "scenarios": scenarios,
        });
        format!("{run:#}\n")
    } else {
        let parts: Vec<_> = outcomes.iter().map(report::Outcome::markdown).collect();
        let (machine, rounds) = (report::machine(), arguments.rounds);
        let quick = if arguments.quick { " Quick sizes: the figures mean little." } else { "" };
        format!("{machine}. Medians of {rounds} rounds.{quick}\n\n{}", parts.join("\n"))
    };
    match &arguments.output {
        Some(path) => {
            fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
        }
        None => Ok(io::stdout().write_all(text.as_bytes())?),
    }
}

fn choose(names: &[String]) -> Result<Vec<&'static Scenario>> {
    for name in names {
        let known = ALL.iter().any(|scenario| scenario.name == name);
        ensure!(known, "there is no scenario {name:?}; --list names them all");
    }
    let wanted =
        |scenario: &&Scenario| names.is_empty() || names.iter().any(|name| name == scenario.name);
    Ok(ALL.iter().filter(wanted).collect())
}

/// Thousands of connections need as many descriptors, here and in the servers, which inherit the limit.
fn allow_many_files() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("cannot raise the limit of open files")
}
