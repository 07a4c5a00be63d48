//! `componentize CORE.wasm plugin.toml OUT.wasm`: makes a component of a core module, with its manifest inside.
//!
//! Code for a target that makes components by itself, such as wasm32-wasip2, needs only the second half: what is a
//! component already is left as it is.

use std::fs;
use std::process::ExitCode;

use wasm_encoder::{CustomSection, Encode as _, Section as _};
use wit_component::ComponentEncoder;

/// Where Berth looks for `plugin.toml`.
const MANIFEST_SECTION: &str = "berth:manifest";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, manifest, output] = &arguments[..] else {
        eprintln!("usage: componentize CORE.wasm plugin.toml OUT.wasm");
        return ExitCode::from(2);
    };
    match run(input, manifest, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
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
