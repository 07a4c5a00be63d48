//! `berth plugin test`: one call of a plugin, with its log, its time and its memory.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use clap::Args;
use serde_json::{Map, Value, json};

use super::super::client::Connection;
use super::super::copy::{Place, Platform, Progress, find_image};
use super::super::output::{count, print, print_json, say, size};
use crate::clock::Clock;
use crate::config;
use crate::config::read_document;
use crate::meta::Meta;
use crate::oci::{Descriptor, RepositoryName};
use crate::plugin::{
    AdmissionRequest, CallContext, CallRecord, Capability, Compiler, Hook, ImageSource,
    LayerBounds, LogLine, Observer, Operation, Options, Outcome, Package, PluginName, Plugins,
    Prepared, Report, Terms, Verdict,
};
use crate::remote::{Outbound, OutboundOptions};
use crate::secret::{Secret, random_text};

const HELP: &str = "\
The plugin gets what its plugin.toml asks for, hosts in private networks aside: `--grant` adds to
that. What it keeps is gone afterwards.

Examples:
  berth plugin test scanner.wasm --image 127.0.0.1:5000/team/app:v1
  berth copy docker.io/library/debian:12 oci:debian
  berth plugin test scanner.wasm --image oci:debian
  berth plugin test policy.wasm --image oci:debian --operation push --config policy.toml
  berth plugin test policy.wasm --image oci:debian --grant 'http http://127.0.0.1:8080'";

/// Tries a plugin on an image.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(in crate::cli) struct Trial {
    /// The plugin: a component with its manifest inside
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The image: `oci:DIR[:TAG]`, `HOST[:PORT]/NAME[:TAG|@DIGEST]`, or an archive, as for `berth copy`
    #[arg(long, value_name = "PLACE")]
    image: Place,
    /// Of an index, the image for this platform; without it, the plugin sees the index
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<Platform>,
    /// Which of its hooks: `scanner` or `admission`; without it, the only one of the two
    #[arg(long, value_name = "HOOK", value_parser = ["scanner", "admission"])]
    hook: Option<String>,
    /// What an admission plugin is asked about
    #[arg(long, value_name = "OPERATION", default_value = "push", value_parser = ["push", "tag", "pull", "delete", "replicate"])]
    operation: String,
    /// The name under which it sees the image
    #[arg(long, value_name = "REPOSITORY", default_value = "test/image")]
    repository: RepositoryName,
    /// Its settings, as a file in TOML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A capability beside those that it asks for
    #[arg(long, value_name = "CAPABILITY")]
    grant: Vec<Capability>,
    /// The value of a secret, from a file: `NAME=FILE`
    #[arg(long, value_name = "NAME=FILE")]
    secret: Vec<String>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// What the plugin said.
enum Said {
    Verdict(Verdict),
    Report(Box<Report>),
}

/// A folder that is gone when the command ends.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Trial {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let bytes = std::fs::read(&self.file).with_context(|| self.file.display().to_string())?;
        let package = Package::read(bytes.into())?;
        let hook = self.hook(&package)?;
        let scratch = Scratch(std::env::temp_dir().join(format!("berth-{}", random_text(12))));
        let (options, progress) = (self.connection.options()?, Progress::new(self.json));
        let (platform, brought) = (self.platform.as_ref(), scratch.0.join("image"));
        let found = find_image(&self.image, platform, &options, &brought, &progress).await?;
        let image =
            ImageSource::in_layout(&found.directory, self.repository.clone(), found.digest)?;
        let image = image.with_reference(found.reference);
        let records: Arc<Mutex<Vec<CallRecord>>> = Arc::default();
        let plugins = open(&scratch.0, &records)?;
        let prepared = plugins.prepare(&package).await?;
        let terms = self.terms(&prepared)?;
        for problem in plugins.check_config(&prepared, &terms).await? {
            say(&format!("warning: setting {}: {}", problem.key, problem.message));
        }
        plugins.activate(&prepared, &terms).await?;
        let said = self.ask(&plugins, &prepared.manifest().name, hook, image).await;
        let records = records.lock().unwrap_or_else(PoisonError::into_inner);
        let record = records.iter().rfind(|record| record.hook.is_some());
        if self.json {
            let log = record.map(|record| record.log.iter().map(|line| &**line).collect());
            let log: Vec<&LogLine> = log.unwrap_or_default();
            print_json(
                &json!({ "said": to_json(&said?), "call": record.map(figures), "log": log }),
            )?;
            return Ok(());
        }
        record.into_iter().for_each(tell);
        show(&said?)
    }

    fn hook(&self, package: &Package) -> anyhow::Result<Hook> {
        let hooks = &package.manifest().hooks;
        let wanted = match self.hook.as_deref() {
            Some("scanner") => vec![Hook::Scanner],
            Some(_) => vec![Hook::Admission],
            None => vec![Hook::Scanner, Hook::Admission],
        };
        let found: Vec<Hook> = wanted.into_iter().filter(|hook| hooks.contains_key(hook)).collect();
        match found[..] {
            [hook] => Ok(hook),
            [] => anyhow::bail!("{} has no hook that looks at an image", package.manifest().name),
            _ => anyhow::bail!(
                "{} has several hooks: choose one with `--hook`",
                package.manifest().name
            ),
        }
    }

    fn terms(&self, prepared: &Prepared) -> anyhow::Result<Terms> {
        let mut terms = Terms::default();
        terms.granted = prepared.manifest().asks.iter().chain(&self.grant).cloned().collect();
        if let Some(path) = &self.config {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            terms.config = read_document::<Map<String, Value>>(&text)
                .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        }
        for secret in &self.secret {
            let (name, path) = secret
                .split_once('=')
                .with_context(|| format!("`{secret}`: write a secret as `NAME=FILE`"))?;
            let value = std::fs::read_to_string(path).with_context(|| path.to_owned())?;
            terms.secrets.insert(name.to_owned(), Secret::new(value.trim_end().to_owned()));
        }
        Ok(terms)
    }

    async fn ask(
        &self,
        plugins: &Plugins,
        name: &PluginName,
        hook: Hook,
        image: ImageSource,
    ) -> anyhow::Result<Said> {
        let context = CallContext { is_dry_run: true, ..CallContext::new("test") };
        if hook == Hook::Scanner {
            let report = plugins.scan(name, &context, image).await?;
            return Ok(Said::Report(Box::new(report)));
        }
        let operation = Operation::ALL.into_iter().find(|one| one.as_str() == self.operation);
        let operation = operation.context("an operation that is none")?;
        if !plugins.decides_about(operation) {
            say(&format!("note: {name} does not decide about `{operation}`"));
        }
        let request = AdmissionRequest {
            context,
            operation,
            repository: self.repository.clone(),
            reference: image.reference().cloned(),
            target: Some(target(&image)),
            previous: None,
            person: None,
            attributes: std::collections::BTreeMap::new(),
        };
        Ok(Said::Verdict(plugins.admit(&request, Some(&image)).await))
    }
}

fn target(image: &ImageSource) -> Descriptor {
    Descriptor {
        media_type: image.manifest().media_type().clone(),
        digest: image.digest().clone(),
        size: Some(image.manifest().bytes().len() as u64),
        urls: Vec::new(),
        artifact_type: image.manifest().artifact_type().map(str::to_owned),
        annotations: None,
        platform: None,
    }
}

fn open(directory: &Path, records: &Arc<Mutex<Vec<CallRecord>>>) -> anyhow::Result<Plugins> {
    let (clock, kept) = (Clock::system(), Arc::clone(records));
    let observer: Observer = Arc::new(move |record| {
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
    });
    let storage = config::Storage { data: directory.to_owned(), ..config::Storage::default() };
    Ok(Plugins::open(Options {
        directory: directory.join("plugins"),
        meta: Meta::open(&storage, clock.clone())?,
        clock,
        compiler: Compiler::default(),
        outbound: Outbound::new(OutboundOptions::default()),
        space: None,
        layers: LayerBounds::default(),
        observer: Some(observer),
    })?)
}

/// The call, beside its result.
fn tell(record: &CallRecord) {
    for line in &record.log {
        let fields = line
            .fields
            .iter()
            .fold(String::new(), |text, (key, value)| text + " " + key + "=" + value);
        say(&format!("{}: {}{fields}", line.level.as_str(), line.message));
    }
    if record.dropped_lines > 0 {
        say(&format!("and {} that are not kept", count(record.dropped_lines, "line")));
    }
    say(&format!(
        "{:.1} ms, {:.1} ms of processor time, {} of memory, {}",
        record.duration.as_secs_f64() * 1000.0,
        record.cpu.as_secs_f64() * 1000.0,
        size(record.peak_memory),
        count(record.requests.into(), "request")
    ));
}

fn show(said: &Said) -> anyhow::Result<()> {
    let verdict = match said {
        Said::Verdict(verdict) => verdict,
        Said::Report(report) => return show_report(report),
    };
    for warning in &verdict.warnings {
        print(&format!("warning: {warning}"))?;
    }
    match &verdict.outcome {
        Outcome::Allowed => print("allowed")?,
        Outcome::Held { reason, .. } => print(&format!("held: {reason}"))?,
        Outcome::Denied { rule, message, .. } => print(&format!("denied ({rule}): {message}"))?,
        Outcome::Unavailable { error, .. } => anyhow::bail!("{error}"),
    }
    Ok(())
}

fn show_report(report: &Report) -> anyhow::Result<()> {
    for package in &report.packages {
        print(&format!("package {} {} {}", package.kind, package.name, package.version))?;
    }
    for finding in &report.findings {
        let about = finding.package.as_deref().or(finding.path.as_deref()).unwrap_or_default();
        print(&format!("{} {} {about} {}", finding.severity.as_str(), finding.id, finding.title))?;
    }
    for document in &report.documents {
        print(&format!(
            "document {} {}",
            document.artifact_type,
            size(document.content.len() as u64)
        ))?;
    }
    let (packages, findings) = (report.packages.len() as u64, report.findings.len() as u64);
    say(&format!("{} and {}", count(packages, "package"), count(findings, "finding")));
    Ok(())
}

fn to_json(said: &Said) -> Value {
    let verdict = match said {
        Said::Verdict(verdict) => verdict,
        Said::Report(report) => {
            return json!({
                "packages": report.packages,
                "findings": report.findings,
                "documents": report.documents.iter().map(|document| &document.artifact_type).collect::<Vec<_>>(),
                "attributes": report.attributes,
            });
        }
    };
    let outcome = match &verdict.outcome {
        Outcome::Allowed => json!({ "outcome": "allow" }),
        Outcome::Held { reason, .. } => json!({ "outcome": "hold", "reason": reason }),
        Outcome::Denied { rule, message, detail, .. } => {
            json!({ "outcome": "deny", "rule": rule, "message": message, "detail": detail })
        }
        Outcome::Unavailable { error, .. } => {
            json!({ "outcome": "none", "error": error.to_string() })
        }
    };
    json!({ "decision": outcome, "warnings": verdict.warnings })
}

fn figures(record: &CallRecord) -> Value {
    json!({
        "ending": record.ending.kind(),
        "duration_ms": record.duration.as_secs_f64() * 1000.0,
        "cpu_ms": record.cpu.as_secs_f64() * 1000.0,
        "peak_memory_bytes": record.peak_memory,
        "requests": record.requests,
    })
}
