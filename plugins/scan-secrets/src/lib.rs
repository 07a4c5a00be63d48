//! Finds credentials and private keys in every layer of an image, also those that a later layer deletes: whoever pulls the
//! image has them all the same.

mod known;
pub mod rules;
pub mod tar;

use std::collections::HashSet;

use berth_plugin::{CallContext, Error, Finding, Image, Plugin, Report, Scanner, Severity, config};

use crate::rules::{Found, Weight, in_file, in_text};
use crate::tar::Entries;

/// More are not told of one image.
const MOST: usize = 1000;

struct ScanSecrets;

impl Plugin for ScanSecrets {
    const NAME: &'static str = "scan-secrets";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
}

/// What was found so far; the same value is told once.
#[derive(Default)]
struct Collected {
    seen: HashSet<(&'static str, String)>,
    findings: Vec<Finding>,
}

impl Collected {
    fn add(&mut self, found: Found, path: &str, layer: Option<(usize, &str)>) {
        if self.findings.len() == MOST || !self.seen.insert((found.rule, found.value.clone())) {
            return;
        }
        let severity = match found.weight {
            Weight::Critical => Severity::Critical,
            Weight::High => Severity::High,
            Weight::Medium => Severity::Medium,
            Weight::Low => Severity::Low,
        };
        let masked = found.masked();
        let mut finding = Finding::new(found.rule, severity, found.title);
        finding.path = Some(path.to_owned());
        finding.attributes.push(("line".into(), found.line.to_string()));
        finding.attributes.push(("value".into(), masked));
        if let Some((index, digest)) = layer {
            finding.attributes.push(("layer".into(), digest.to_owned()));
            finding.attributes.push(("layer-index".into(), index.to_string()));
        }
        self.findings.push(finding);
    }
}

impl Scanner for ScanSecrets {
    fn scan(_context: CallContext, image: &Image) -> Result<Report, Error> {
        let largest = config::parse::<u64>("largest-file")?.unwrap_or(1 << 20);
        let ignored = config::list("ignored-paths");
        let mut collected = Collected::default();
        // Variables of the environment, and the commands that made the image.
        let settings = image.config()?;
        for found in in_text(&String::from_utf8_lossy(&settings)) {
            collected.add(Found { line: 1, ..found }, "(configuration of the image)", None);
        }
        let mut left_out = 0_u64;
        for (index, layer) in image.layers().iter().enumerate() {
            let mut entries = Entries::new(image.uncompressed(&layer.digest)?);
            while let Some(entry) = entries.next_file().map_err(unreadable)? {
                if ignored.iter().any(|start| entry.path.starts_with(start.trim_start_matches('/')))
                {
                    continue;
                }
                if entry.size > largest {
                    left_out += 1;
                    continue;
                }
                let bytes = entries.read(&entry).map_err(unreadable)?;
                for found in in_file(&entry.path, &bytes) {
                    collected.add(found, &entry.path, Some((index, &layer.digest)));
                }
            }
        }
        let mut report = Report::empty();
        report.findings = collected.findings;
        report.attributes.push(("files-left-out".into(), left_out.to_string()));
        Ok(report)
    }
}

fn unreadable(error: std::io::Error) -> Error {
    Error::Unavailable(format!("a layer cannot be read: {error}"))
}

berth_plugin::export!(ScanSecrets: scanner);
