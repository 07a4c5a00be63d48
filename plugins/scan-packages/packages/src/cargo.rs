//! Cargo: the list of crates that `cargo auditable` puts into a program.

use berth_sbom::Kind;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use serde::Deserialize;

use crate::elf::Elf;
use crate::found::Found;

const SECTION: &str = ".dep-v0";

#[derive(Deserialize)]
struct Audit {
    packages: Vec<Crate>,
}

#[derive(Deserialize)]
struct Crate {
    name: String,
    version: String,
    #[serde(default)]
    kind: Option<String>,
}

/// Reads the section `.dep-v0`: JSON, packed with zlib. What only ran during the build is left out.
pub(crate) fn read(elf: &Elf<'_>, path: &str, found: &mut Found<'_>) {
    let Some(section) = elf.section(SECTION) else { return };
    let max = found.limits.build_info;
    let crates = elf.read(section, max).map_err(|error| error.to_string()).and_then(|packed| {
        let json =
            decompress_to_vec_zlib_with_limit(&packed, max).map_err(|error| error.to_string())?;
        serde_json::from_slice::<Audit>(&json).map_err(|error| error.to_string())
    });
    match crates {
        Ok(audit) => {
            let runs = |each: &&Crate| each.kind.as_deref() != Some("build");
            for each in audit.packages.iter().filter(runs) {
                found.add_at(Kind::Cargo, &each.name, &each.version, path);
            }
        }
        Err(error) => found.note(path, format!("its list of crates cannot be read: {error}")),
    }
}
