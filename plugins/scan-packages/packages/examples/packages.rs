//! Lists the packages in a directory that holds a root filesystem: `packages DIRECTORY [tsv|cyclonedx|spdx]`.

use std::io::Write as _;
use std::time::Instant;

use berth_packages::{Directory, Options, scan};
use berth_sbom::{Subject, cyclonedx, spdx};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("which directory?")?;
    let format = arguments.next().unwrap_or_else(|| "tsv".to_owned());
    let begin = Instant::now();
    let inventory = scan(&Directory::new(directory), &Options::default())?;
    eprintln!("{} packages in {:?}", inventory.packages.len(), begin.elapsed());
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
                let text = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
                let fields = [
                    package.kind.to_string(),
                    package.name.clone(),
                    text(Some(package.version.clone()).filter(|version| !version.is_empty())),
                    text(package.architecture.clone()),
                    text(
                        package
                            .source
                            .as_ref()
                            .map(|source| format!("{} {}", source.name, source.version)),
                    ),
                    text(package.owner.as_ref().map(ToString::to_string)),
                    text(package.locations.first().cloned()),
                    package.licenses.join("; "),
                ];
                writeln!(out, "{}", fields.join("\t"))?;
            }
            for note in &inventory.notes {
                eprintln!("note: /{}: {}", note.path, note.what);
            }
        }
        other => return Err(format!("there is no format {other}").into()),
    }
    Ok(())
}
