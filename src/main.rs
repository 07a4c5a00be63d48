//! The `berth` program: parse, run, turn an error into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    give_memory_back();
    // One provider for every TLS connection, in and out; a second installation is impossible here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    berth::cli::run()
}

/// Keeps what a login (19 MiB for argon2) or a burst of pushes took from staying resident afterwards: without these, the
/// GNU allocator learns from the first large block that is freed to keep such blocks, in as many as eight arenas per
/// processor.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the allocator's settings are a call of C")]
fn give_memory_back() {
    for (setting, value) in [
        (libc::M_MMAP_THRESHOLD, 1 << 20),
        (libc::M_TRIM_THRESHOLD, 4 << 20),
        (libc::M_ARENA_MAX, 4),
    ] {
        // SAFETY: it takes two numbers, and no other thread runs yet.
        unsafe { libc::mallopt(setting, value) };
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_memory_back() {}
