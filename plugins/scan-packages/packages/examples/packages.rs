//! Lists the packages in a directory that holds a root filesystem: `packages DIRECTORY [tsv|cyclonedx|spdx]`.
//!
//! How often the root was asked, which in a plugin are calls of the host, goes to standard error.

use std::cell::Cell;
use std::io::Write as _;
use std::time::Instant;

use berth_packages::{Directory, Entry, Options, Root, RootError, scan};
use berth_sbom::{Subject, cyclonedx, spdx};

/// A root that counts.
struct Counted {
    root: Directory,
    entries: Cell<usize>,
    reads: Cell<usize>,
    parts: Cell<usize>,
    bytes: Cell<usize>,
}

fn add(counter: &Cell<usize>, count: usize) {
    counter.set(counter.get() + count);
}

impl Root for Counted {
    fn find(&self, globs: &[&str], visit: &mut dyn FnMut(Entry) -> bool) -> Result<(), RootError> {
        self.root.find(globs, &mut |entry| {
            add(&self.entries, 1);
            visit(entry)
        })
    }

    fn read(&self, path: &str, max: usize) -> Result<Vec<u8>, RootError> {
        add(&self.reads, 1);
        self.root.read(path, max).inspect(|bytes| add(&self.bytes, bytes.len()))
    }

    fn read_at(&self, path: &str, offset: u64, buffer: &mut [u8]) -> Result<usize, RootError> {
        add(&self.parts, 1);
        self.root.read_at(path, offset, buffer).inspect(|count| add(&self.bytes, *count))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = Directory::new(arguments.next().ok_or("which directory?")?);
    let format = arguments.next().unwrap_or_else(|| "tsv".to_owned());
    let zero = || Cell::new(0);
    let root = Counted { root, entries: zero(), reads: zero(), parts: zero(), bytes: zero() };
    let begin = Instant::now();
    let inventory = scan(&root, &Options::default())?;
    eprintln!(
        "{} packages in {:.2?}: {} files seen, {} read whole, {} reads of parts, {} KiB in all",
        inventory.packages.len(),
        begin.elapsed(),
        root.entries.get(),
        root.reads.get(),
        root.parts.get(),
        root.bytes.get() >> 10
    );
    for note in &inventory.notes {
        eprintln!("note: /{}: {}", note.path, note.what);
    }
    let subject = Subject {
        name: "image".to_owned(),
        digest: None,
        created: "2026-01-01T00:00:00Z".to_owned(),
    };
    let mut out = std::io::stdout().lock();
    match format.as_str() {
        "cyclonedx" => out.write_all(&cyclonedx::write(&inventory, &subject))?,
        "spdx" => out.write_all(&spdx::write(&inventory, &subject))?,
        "tsv" => {
            for package in &inventory.packages {
                let text = |text: Option<String>| {
                    text.filter(|text| !text.is_empty()).unwrap_or_else(|| "-".to_owned())
                };
                let source = package
                    .source
                    .as_ref()
                    .map(|source| format!("{} {}", source.name, source.version));
                let fields = [
                    package.kind.to_string(),
                    package.name.clone(),
                    text(Some(package.version.clone())),
                    text(package.architecture.clone()),
                    text(source),
                    text(package.owner.as_ref().map(ToString::to_string)),
                    text(package.locations.first().cloned()),
                    text(Some(package.licenses.join("; "))),
                ];
                writeln!(out, "{}", fields.join("\t"))?;
            }
        }
        other => return Err(format!("there is no format {other}").into()),
    }
    Ok(())
}
