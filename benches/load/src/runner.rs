//! Takes the servers through a scenario, one after another, round after round, so that what else the machine does
//! meets all of them alike.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use crate::{
    bench::{Bench, Setting},
    drive::Measured,
    figures::{self, Figures},
    peer::Peer,
    prefill,
    report::Outcome,
    scenarios::{Action, Scenario, Unit},
    server::Server,
    stock::Stock,
};

/// How long a started server is left alone before its memory is read.
const CALM: Duration = Duration::from_secs(1);

pub(crate) struct Runner {
    bench: &'static Bench,
    scratch: PathBuf,
    prefilled: Option<PathBuf>,
    filled: HashSet<(Peer, Stock)>,
    put_aside: usize,
}

impl Runner {
    pub(crate) fn new(
        bench: &'static Bench,
        scratch: PathBuf,
        prefilled: Option<PathBuf>,
    ) -> Result<Self> {
        fs::create_dir_all(&scratch)
            .with_context(|| format!("cannot make {}", scratch.display()))?;
        Ok(Self { bench, scratch, prefilled, filled: HashSet::new(), put_aside: 0 })
    }

    /// A scenario against each of these servers, as many rounds as asked for.
    pub(crate) fn run(
        &mut self,
        scenario: &'static Scenario,
        peers: &[Peer],
        rounds: u64,
    ) -> Result<Outcome> {
        let takes_part = |peer: &Peer| *peer != Peer::Nginx || scenario.with_files;
        let peers: Vec<_> = peers.iter().copied().filter(takes_part).collect();
        let mut outcome =
            Outcome { scenario, rounds: peers.iter().map(|peer| (*peer, Vec::new())).collect() };
        for round in 0..rounds {
            for (peer, done) in &mut outcome.rounds {
                let begun = Instant::now();
                let figures = self
                    .once(scenario, *peer, round)
                    .with_context(|| format!("{} against {peer} failed", scenario.name))?;
                eprintln!(
                    "{} round {} {peer}: rate {} cpu {} p50 {} ms memory {} MiB ({:.1} s)",
                    scenario.name,
                    round + 1,
                    figures::show(figures.rate),
                    figures::show(figures.cpu),
                    figures::show(figures.p50),
                    figures::show(figures.memory),
                    begun.elapsed().as_secs_f64()
                );
                done.push(figures);
            }
        }
        Ok(outcome)
    }

    /// Fills a directory that outlives the run.
    pub(crate) fn prefill(&self, data: &Path, manifests: usize) -> Result<()> {
        prefill::fill(self.bench, data, &self.scratch.join("berth-prefill"), manifests)
    }

    fn once(&mut self, scenario: &Scenario, peer: Peer, round: u64) -> Result<Figures> {
        let starts = matches!(scenario.action, Action::Start);
        let data = match scenario.stock {
            Some(stock) => match &self.prefilled {
                Some(given) if starts && peer == Peer::Berth => {
                    let home = self.scratch.join("berth-prefilled");
                    prefill::link(given, &home)?;
                    home
                }
                _ => self.stocked(peer, stock)?,
            },
            None => self.scratch.join(format!("{peer}-once")),
        };
        // What earlier scenarios have written is on the disk before this one begins.
        rustix::fs::sync();
        let figures = match scenario.action {
            Action::Load(load) => self.load(scenario, load, peer, round, &data),
            Action::Start => self.start(peer, &data),
        };
        if scenario.stock.is_none() {
            self.throw_away(scenario, &data)?;
        }
        figures
    }

    /// Large blobs make room at once. Many small files are only put aside until the run ends: ext4 without a journal
    /// looks for inodes that were not freed in the last minutes, at the cost of whoever makes the next files.
    fn throw_away(&mut self, scenario: &Scenario, data: &Path) -> Result<()> {
        if matches!(scenario.unit, Unit::Gib) {
            fs::remove_dir_all(data).ok();
            return Ok(());
        }
        self.put_aside += 1;
        let aside = self.scratch.join(format!("done-{}", self.put_aside));
        fs::rename(data, &aside).with_context(|| format!("cannot rename {}", data.display()))
    }

    fn load(
        &self,
        scenario: &Scenario,
        load: fn(&Setting) -> Result<Measured>,
        peer: Peer,
        round: u64,
        data: &Path,
    ) -> Result<Figures> {
        let server = Server::start(peer, &self.bench.programs, data)?;
        let target = server.target.clone();
        let setting = Setting { bench: self.bench, target, processes: server.processes(), round };
        let measured = load(&setting)
            .with_context(|| format!("the server's log ends with:\n{}", server.log_text()))?;
        server.stop()?;
        Ok(Figures::new(&measured, scenario.unit))
    }

    /// Starts the server several times; its memory is what is resident a second after the last start.
    fn start(&self, peer: Peer, data: &Path) -> Result<Figures> {
        let mut figures = Figures::NONE;
        let mut starts = Vec::new();
        for _ in 0..self.bench.sizes.starts {
            let server = Server::start(peer, &self.bench.programs, data)?;
            starts.push(server.start);
            thread::sleep(CALM);
            figures.memory = server.processes().resident_mib()?;
            figures.anonymous = server.processes().anonymous_mib()?;
            server.stop()?;
        }
        starts.sort_unstable();
        figures.p50 = figures::percentile(&starts, 50);
        figures.p90 = figures::percentile(&starts, 90);
        figures.p99 = figures::percentile(&starts, 99);
        Ok(figures)
    }

    /// The peer's directory that holds this stock, filled at the first call.
    fn stocked(&mut self, peer: Peer, stock: Stock) -> Result<PathBuf> {
        let data = self.scratch.join(format!("{peer}-{stock:?}").to_lowercase());
        if self.filled.insert((peer, stock)) {
            let begun = Instant::now();
            fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
            stock.fill(self.bench, peer, &data)?;
            eprintln!("    filled {peer} with {stock:?} in {:.1} s", begun.elapsed().as_secs_f64());
        }
        Ok(data)
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.scratch).ok();
    }
}
