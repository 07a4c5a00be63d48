//! `componentize CORE.wasm plugin.toml OUT.wasm`: makes a component of a core module, with its manifest inside.
//!
//! `componentize --dummies WIT-FOLDER OUT-FOLDER`: makes a component without content for each world, by which a later Berth
//! is tested for still serving this version.
//!
//! Code for a target that makes components by itself, such as wasm32-wasip2, needs only the second half: what is a
//! component already is left as it is.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use wasm_encoder::{CustomSection, Encode as _, Section as _};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

/// Where Berth looks for `plugin.toml`.
const MANIFEST_SECTION: &str = "berth:manifest";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["--dummies", wit, output] => dummies(wit, Path::new(output)),
        [input, manifest, output] => run(input, manifest, output),
        _ => {
            eprintln!("usage: componentize CORE.wasm plugin.toml OUT.wasm");
            eprintln!("       componentize --dummies WIT-FOLDER OUT-FOLDER");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A component for each world that exports something; every function of it is a trap.
fn dummies(wit: &str, output: &Path) -> Result<(), String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).map_err(|error| format!("{wit}: {error:#}"))?;
    let package = &resolve.packages[package];
    let version = package.name.version.as_ref().map(ToString::to_string).unwrap_or_default();
    fs::create_dir_all(output).map_err(|error| format!("{}: {error}", output.display()))?;
    for (name, world) in &package.worlds {
        if resolve.worlds[*world].exports.is_empty() {
            continue;
        }
        let mut module = dummy_module(&resolve, *world, ManglingAndAbi::Standard32);
        embed_component_metadata(&mut module, &resolve, *world, StringEncoding::UTF8, false)
            .map_err(|error| format!("{name}: {error:#}"))?;
        let path = output.join(format!("{version}_{name}.wasm"));
        fs::write(&path, encode(&module)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

fn run(input: &str, manifest: &str, output: &str) -> Result<(), String> {
    let read = |path: &str| fs::read(path).map_err(|error| format!("{path}: {error}"));
    let (module, manifest) = (read(input)?, read(manifest)?);
    let mut component = if is_component(&module) { module } else { encode(&module)? };
    let section = CustomSection { name: MANIFEST_SECTION.into(), data: manifest.into() };
    component.push(section.id());
    section.encode(&mut component);
    fs::write(output, component).map_err(|error| format!("{output}: {error}"))
}

fn is_component(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm\x0d\0\x01\0")
}

fn encode(module: &[u8]) -> Result<Vec<u8>, String> {
    let told = |error| format!("{error:#}");
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(module).map_err(told)?;
    encoder.encode().map_err(told)
}
