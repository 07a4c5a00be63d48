#!/bin/bash
# Builds plugins: each crate with a `plugin.toml` beside its `Cargo.toml` becomes a component with that manifest inside.
#
#   plugins/build.sh              all of them: those of this folder into plugins/built, those of the tests into
#                                 tests/guests/built, each with the list of sources that they were made of
#   plugins/build.sh CRATE OUT    one, wherever its folder is, into a folder
#
# What it needs it installs, under ~/.cache/berth-wasm. What is built is kept with the sources, so that nobody needs it to
# build or to test Berth; a test fails when the sources have changed since.
set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$(dirname "$HERE")
export CARGO_TARGET_DIR=${BERTH_GUEST_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/berth-wasm/target}

# component CRATE-FOLDER OUT-FOLDER
component() {
    local crate=$1 out=$2 name
    name=$(sed -n 's/^name = "\(.*\)"/\1/p' "$crate/Cargo.toml" | head -n 1)
    echo "building $name" >&2
    RUSTC=$BERTH_GUEST_RUSTC cargo build --quiet --locked --release --target wasm32-unknown-unknown \
        --manifest-path "$crate/Cargo.toml"
    mkdir -p "$out"
    "$CARGO_TARGET_DIR/debug/componentize" \
        "$CARGO_TARGET_DIR/wasm32-unknown-unknown/release/${name//-/_}.wasm" \
        "$crate/plugin.toml" "$out/$(basename "$crate").wasm"
    # What is inside the program is compressed.
    [ "$out" != "$HERE/built" ] || gzip --best --no-name --force "$out/$(basename "$crate").wasm"
}

# sources FOLDER: what its plugins are made of, with hashes.
sources() {
    (
        cd "$ROOT"
        find "$1" plugins/wit plugins/sdk plugins/componentize plugins/Cargo.toml plugins/Cargo.lock -type f \
            \( -name '*.rs' -o -name '*.toml' -o -name '*.wit' -o -name Cargo.lock \) \
            -not -path '*/target/*' -not -path '*/built/*' -print0 | LC_ALL=C sort -zu | xargs -0 sha256sum
    )
}

# all FOLDER: every plugin in it.
all() {
    local folder=$1 manifest
    for manifest in "$ROOT/$folder"/*/plugin.toml; do
        [ -e "$manifest" ] || continue
        component "$(dirname "$manifest")" "$ROOT/$folder/built"
    done
    [ ! -d "$ROOT/$folder/built" ] || sources "$folder" >"$ROOT/$folder/built/SOURCES"
}

# A component without content for each world of this version of the contract, for later Berths to be tested with. Those of
# a version that is released stay as they are; while one is not, remove them to have them made anew.
dummies() {
    local version folder=$ROOT/tests/fixtures/worlds
    version=$(sed -nE 's/^package berth:plugin@([0-9.]+);/\1/p' "$HERE/wit/types.wit")
    [ -e "$folder/${version}_admission.wasm" ] ||
        "$CARGO_TARGET_DIR/debug/componentize" --dummies "$HERE/wit" "$folder"
}

main() {
    local assignments
    assignments=$("$HERE/toolchain.sh")
    eval "$assignments"
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER
    # Nothing of this machine's paths in what is kept.
    export CARGO_ENCODED_RUSTFLAGS="--remap-path-prefix=$ROOT=berth"$'\x1f'"--remap-path-prefix=$HOME=home"
    cargo build --quiet --locked --manifest-path "$HERE/Cargo.toml" -p componentize
    if [ $# -eq 2 ]; then
        component "$(cd "$1" && pwd)" "$2"
        return
    fi
    all plugins
    all tests/guests
    dummies
}

main "$@"
