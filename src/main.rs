//! The `berth` program: parse, run, turn an error into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    // One provider for every TLS connection, in and out; a second installation is impossible here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    berth::cli::run()
}
