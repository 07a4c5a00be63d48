#!/bin/sh
# Builds the plugin: cargo makes a module of WebAssembly, and `componentize` a component of it with plugin.toml inside.
# Another compiler than `rustc`: set RUSTC.
set -eu

target=wasm32-unknown-unknown
cd "$(dirname "$0")"

sysroot=$("${RUSTC:-rustc}" --print sysroot)
if ! ls "$sysroot/lib/rustlib/$target/lib/"libstd-*.rlib >/dev/null 2>&1; then
    if command -v rustup >/dev/null && [ -z "${RUSTC:-}" ]; then
        rustup target add "$target"
    else
        echo "error: this Rust cannot build for WebAssembly yet; install one of" >&2
        echo "  Debian, Ubuntu: libstd-rust-dev-wasm32 and lld" >&2
        echo "  Fedora:         rust-std-static-$target and lld" >&2
        echo "  Alpine:         rust-wasm and lld" >&2
        echo "  others:         rustup (https://rustup.rs), then this script again" >&2
        exit 1
    fi
fi

cargo build --release --target "$target"
cargo run --quiet --manifest-path berth/Cargo.toml -p componentize -- \
    "${CARGO_TARGET_DIR:-target}/$target/release/@module@.wasm" plugin.toml @crate@.wasm
echo "built @crate@.wasm"
