#!/bin/bash
# Builds the example policies: examples/plugins/build.sh OUT-FOLDER [rust|javascript|python|c]...
#
# The steps are those of README.md; what they need is installed once under ~/.cache/berth-wasm: componentize-js from npm,
# componentize-py and zig (as the C compiler) from PyPI, wit-bindgen's C generator from crates.io. A component is built
# again only if what it is made of has changed.
set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
PLUGINS=$HERE/../../plugins
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/berth-wasm
WIT_BINDGEN=0.61.1
ZIG=0.15.2

say() { echo "examples: $*" >&2; }

# A folder of Python packages: python_tools NAME REQUIREMENT...
python_tools() {
    local folder=$CACHE/$1
    shift
    [ -e "$folder/.ok" ] && return 0
    say "installing $*"
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" -q install --disable-pip-version-check "$@"
    touch "$folder/.ok"
}

# finish COMPONENT LANGUAGE: puts plugin.toml into it.
finish() {
    "$CACHE/target/debug/componentize" "$1" "$HERE/$2/plugin.toml" "$OUT/policy-$2.wasm"
}

build_rust() {
    "$PLUGINS/build.sh" "$HERE/rust" "$WORK"
    mv "$WORK/rust.wasm" "$OUT/policy-rust.wasm"
}

build_javascript() {
    cp "$HERE"/javascript/* "$WORK"
    # The packages are kept beside, where node looks for them.
    local tools=$CACHE/javascript
    if ! cmp -s "$HERE/javascript/package-lock.json" "$tools/package-lock.json"; then
        say "installing componentize-js"
        mkdir -p "$tools"
        cp "$HERE/javascript/package.json" "$tools"
        cp "$HERE/javascript/package-lock.json" "$tools/package-lock.json.new"
        (cd "$tools" && cp package-lock.json.new package-lock.json && npm ci --silent --no-audit --no-fund) ||
            { rm -f "$tools/package-lock.json"; return 1; }
    fi
    ln -s "$tools/node_modules" "$WORK/node_modules"
    (cd "$WORK" && node build.js "$PLUGINS/wit" component.wasm)
    finish "$WORK/component.wasm" javascript
}

build_python() {
    python_tools python -r "$HERE/python/requirements.txt"
    cp "$HERE/python/policy.py" "$WORK"
    (cd "$WORK" && "$CACHE/python/bin/componentize-py" -d "$PLUGINS/wit" -w admission \
        componentize --stub-wasi policy -o component.wasm >&2)
    finish "$WORK/component.wasm" python
}

build_c() {
    python_tools zig "ziglang==$ZIG"
    if ! "$CACHE/wit-bindgen/bin/wit-bindgen" --version 2>/dev/null | grep -q "$WIT_BINDGEN"; then
        say "installing wit-bindgen $WIT_BINDGEN"
        env -u CARGO_TARGET_DIR cargo install --quiet --locked --root "$CACHE/wit-bindgen" wit-bindgen-cli \
            --version "$WIT_BINDGEN" --no-default-features --features c
    fi
    "$CACHE/wit-bindgen/bin/wit-bindgen" c "$PLUGINS/wit" --world admission --out-dir "$WORK" >/dev/null
    (cd "$WORK" && "$CACHE/zig/bin/python" -m ziglang cc -target wasm32-wasi -mexec-model=reactor -Os -s -Wl,-z,stack-size=65536 \
        -I "$WORK" "$HERE/c/policy.c" admission.c admission_component_type.o -o module.wasm)
    finish "$WORK/module.wasm" c
}

# What a component is made of.
sources() {
    (
        cd "$HERE"
        find build.sh "$1" ../../plugins/wit ../../plugins/sdk ../../plugins/componentize -type f -not -path '*/node_modules/*' \
            -not -path '*/target/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    )
}

main() {
    local language assignments
    OUT=${1:?where to}
    shift
    mkdir -p "$OUT"
    OUT=$(cd "$OUT" && pwd)
    [ $# -gt 0 ] || set -- rust javascript python c
    # `componentize` itself is made by the script that builds Berth's own plugins.
    assignments=$("$PLUGINS/toolchain.sh")
    eval "$assignments"
    CARGO_TARGET_DIR=$CACHE/target cargo build --quiet --locked --manifest-path "$PLUGINS/Cargo.toml" -p componentize
    for language in "$@"; do
        if [ -e "$OUT/policy-$language.wasm" ] && sources "$language" | cmp -s - "$OUT/policy-$language.sources"; then
            continue
        fi
        WORK=$(mktemp -d)
        say "building the policy in $language"
        "build_$language"
        sources "$language" >"$OUT/policy-$language.sources"
        rm -rf "$WORK"
    done
}

main "$@"
