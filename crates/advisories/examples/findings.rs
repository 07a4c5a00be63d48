//! Matches the packages of an SBOM with advisories: `findings SBOM EXPORT...`, where an export is a zip archive of OSV
//! records or one record. What a registry keeps in its database is kept in memory here.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use berth_advisories::{Advisory, Key, Options, export, find};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let document = std::fs::read(arguments.next().ok_or("which SBOM?")?)?;
    let (_, inventory) = berth_sbom::read(&document)?;
    let mut store: BTreeMap<Key, Vec<Vec<u8>>> = BTreeMap::new();
    let mut keep = |advisory: Advisory| {
        for (key, part) in advisory.split() {
            store.entry(key).or_default().push(part.to_bytes());
        }
    };
    let begin = Instant::now();
    for path in arguments {
        if Path::new(&path).extension().is_some_and(|extension| extension == "json") {
            keep(Advisory::parse(&std::fs::read(path)?)?);
            continue;
        }
        let summary = export::visit(&File::open(&path)?, |name, advisory| {
            match advisory {
                Ok(advisory) => keep(advisory),
                Err(error) => eprintln!("{name}: {error}"),
            }
            Ok::<_, Infallible>(())
        })?;
        eprintln!(
            "{path}: {} records, {} of them invalid",
            summary.read + summary.invalid,
            summary.invalid
        );
    }
    let kept: usize = store.values().flatten().map(Vec::len).sum();
    eprintln!("read in {:.2?}; {} keys, {} KiB are kept", begin.elapsed(), store.len(), kept >> 10);
    let begin = Instant::now();
    let found = find(&inventory, &Options::default(), |key| {
        let parts = store.get(key).map(Vec::as_slice).unwrap_or_default();
        parts.iter().map(|part| Advisory::from_bytes(part)).collect::<Result<Vec<_>, _>>()
    })?;
    eprintln!(
        "{} packages, {} findings in {:.2?}",
        inventory.packages.len(),
        found.len(),
        begin.elapsed()
    );
    let mut out = std::io::stdout().lock();
    for each in found {
        let fixed = each.fixed.as_deref().unwrap_or("-");
        writeln!(
            out,
            "{}\t{}\t{}\t{}\t{fixed}\t{}",
            each.severity, each.id, each.name, each.installed, each.summary
        )?;
    }
    Ok(())
}
