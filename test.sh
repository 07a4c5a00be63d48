#!/bin/bash
# Runs every test of Berth and installs what they need. `./test.sh --help` tells more.
set -euo pipefail

usage() {
    cat <<'HELP'
Runs every test of Berth, and installs what is missing for them.

Usage: ./test.sh [--fast | --plugins | --clients [SUITE...] | --web]

  --fast                only `cargo test`: units and behaviour, no other programs but slapd
  --plugins             only plugins: the crates of plugins/, plugins as their makers build them, and packages
                        found in real images beside what the package managers list
  --clients [SUITE...]  only real clients (skopeo, podman, docker, ...), all of them or those named
  --web                 only the web UI, in a real browser
  --environment         print what a build uses, as assignments for a shell: CARGO, RUSTC, CARGO_TARGET_DIR
  --help                print this

Buckets are tested with Garage (S3), Azurite and gcp-storage-emulator, which are installed once under
~/.cache/berth-tools; Garage takes some minutes to compile. So is Debian's docker-registry, from which images are imported.
Signing in is tested with oidc-provider, which npm installs once under ~/.cache/berth-tools.

Plugins are built with a toolchain for WebAssembly, componentize-js, componentize-py and zig, installed
once under ~/.cache/berth-wasm; the real images for scanners are made once under ~/.cache/berth-roots.
The web UI is built anew where Node is there, and driven by Debian's Chromium, which is installed if it is missing.

Real clients need root, or sudo: they run in mount namespaces of their own and, for clients newer than
this machine's, in a second Debian that is made once under ~/.cache/berth-forky.

What is compiled is kept under ~/.cache/berth-target, by Cargo.lock and compiler, so that a fresh clone
compiles Berth alone. Set CARGO_TARGET_DIR to have it elsewhere.
HELP
}

HERE=$(cd "$(dirname "$0")" && pwd)

# --- what a build uses --------------------------------------------------------------------------------

set_toolchain() {
    local assignments
    assignments=$("$HERE/install.sh" --print-toolchain)
    eval "$assignments"
    export CARGO RUSTC
    PATH=$(dirname "$CARGO"):$PATH # for the cargo that build scripts and tests call by name
}

# A folder for this Cargo.lock and compiler; the two used last are kept, and none grows without end.
set_target_dir() {
    [ -z "${CARGO_TARGET_DIR:-}" ] || { export CARGO_TARGET_DIR; return 0; }
    local cache key kept=0 folder
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/berth-target
    key=$({ cat "$HERE/Cargo.lock"; "$RUSTC" -vV; } | sha256sum | cut -c 1-16)
    export CARGO_TARGET_DIR=$cache/$key
    mkdir -p "$CARGO_TARGET_DIR"
    touch "$CARGO_TARGET_DIR"
    while read -r folder; do
        kept=$((kept + 1))
        [ $kept -le 2 ] || rm -rf "${cache:?}/$folder"
    done < <(find "$cache" -mindepth 1 -maxdepth 1 -type d -printf '%T@ %f\n' | sort -rn | cut -d' ' -f2)
    # Every clone leaves its own copy of Berth's objects, which cargo never removes.
    if [ "$(du -sm "$CARGO_TARGET_DIR" | cut -f 1)" -gt 12000 ]; then
        echo "emptying $CARGO_TARGET_DIR: it had grown over 12 GB" >&2
        rm -rf "${CARGO_TARGET_DIR:?}"
    fi
}

environment() {
    set_toolchain
    set_target_dir
    # In CI a clone is built once: incremental state would only fill the disk.
    [ -z "${CI:-}" ] || export CARGO_INCREMENTAL=0
}

# --- suites -------------------------------------------------------------------------------------------

PASSED=0
FAILED=0
SUMMARY=()

# add NAME PASSED FAILED
add() {
    PASSED=$((PASSED + $2))
    FAILED=$((FAILED + $3))
    SUMMARY+=("$1: $2 passed, $3 failed")
}

# sum_of FIELD FILE: over every `test result:` line of cargo.
sum_of() {
    sed -nE "s/^test result: .* ([0-9]+) $1;.*/\1/p" "$2" | awk '{sum += $1} END {print sum + 0}'
}

# What cargo's tests speak with where it is there. In CI it has to be.
install_slapd() {
    local root=()
    [ -z "${CI:-}" ] || export NEED_SLAPD=1
    if [ -x /usr/sbin/slapd ] || [ -x /usr/libexec/slapd ] || ! command -v apt-get >/dev/null; then return 0; fi
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || return 0
        root=(sudo)
    fi
    echo "installing for the tests: slapd"
    # No service is started by it: the tests start one of their own.
    # shellcheck disable=SC2016 # expanded by that shell
    "${root[@]}" sh -c '
        policy=/usr/sbin/policy-rc.d
        if [ ! -e $policy ]; then
            trap "rm -f $policy" EXIT
            printf "#!/bin/sh\nexit 101\n" >$policy
            chmod 755 $policy
        fi
        apt-get update -q &&
            DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends slapd
    ' >/dev/null || echo "slapd could not be installed: what needs it is not tested" >&2
}

cargo_tests() {
    local log passed failed code=0
    install_slapd
    log=$(mktemp)
    # A server that is missing fails its tests, instead of skipping them.
    echo "== servers of buckets, and a sign-in provider"
    "$HERE/tests/servers/install.sh" || true
    "$HERE/tests/servers/oidc-provider/install.sh" || true
    export REQUIRE_TEST_SERVERS=1
    echo "== cargo test"
    # Half an hour is three times what they take: one that waits for ever is named by the last lines, and ends.
    { build_binary && (cd "$HERE" && timeout 30m "$CARGO" test --locked --workspace --no-fail-fast); } 2>&1 | tee "$log" || code=$?
    passed=$(sum_of passed "$log")
    failed=$(sum_of failed "$log")
    # It did not compile, a test took the whole program down, or the time was over.
    if [ $code -ne 0 ] && [ "$failed" = 0 ]; then failed=1; fi
    if [ "$passed" = 0 ] && [ "$failed" = 0 ]; then failed=1; fi
    add "cargo test" "$passed" "$failed"
    rm -f "$log"
}

# As cargo's tests build it. `cargo build` would choose other features for the dependencies, since it
# leaves out those that only tests have, and compile them all once more.
build_binary() {
    (cd "$HERE" && "$CARGO" test --locked --workspace --no-run)
}

# lines_of NAME LAST COMMAND...: a program that prints `ok …` and `FAIL …` for each check, and at last `LAST: …`.
lines_of() {
    local name=$1 last=$2 log
    shift 2
    log=$(mktemp)
    "$@" 2>&1 | tee "$log" || true
    if ! grep -qE "^$last: [0-9]+ passed, [0-9]+ failed$" "$log"; then
        echo "FAIL $name: the run did not finish" | tee -a "$log"
    fi
    add "$name" "$(grep -c '^ok ' "$log")" "$(grep -c '^FAIL ' "$log")"
    grep '^FAIL ' "$log" >>"$FAILURES" || true
    rm -f "$log"
}

plugin_suites() {
    local log code=0 failed
    echo "== the crates of plugins"
    log=$(mktemp)
    CARGO_TARGET_DIR=$CARGO_TARGET_DIR/plugins "$CARGO" test --locked --workspace --no-fail-fast \
        --manifest-path "$HERE/plugins/Cargo.toml" 2>&1 | tee "$log" || code=$?
    failed=$(sum_of failed "$log")
    if [ $code -ne 0 ] && [ "$failed" = 0 ]; then failed=1; fi
    add "plugins: cargo test" "$(sum_of passed "$log")" "$failed"
    rm -f "$log"
    echo "== packages found in real images"
    lines_of "real images" scanning as_root env CARGO_TARGET_DIR="$CARGO_TARGET_DIR/plugins" "$HERE/tests/scanning/truth.sh"
    if ! build_binary; then
        add "making plugins" 0 1
        return 0
    fi
    echo "== packages found in real images by the plugin"
    lines_of "real images, by the plugin" scanning as_root env BERTH="$CARGO_TARGET_DIR/debug/berth" \
        "$HERE/tests/scanning/truth.sh" --plugin
    echo "== making plugins"
    lines_of "making plugins" making env BERTH="$CARGO_TARGET_DIR/debug/berth" "$HERE/tests/making/run"
}

# With what the tests have in their environment.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo env HOME="$HOME" PATH="$PATH" CARGO="$CARGO" RUSTC="$RUSTC" "$@"; fi
}

client_suites() {
    if ! build_binary; then
        add "real clients" 0 1
        return 0
    fi
    lines_of "real clients" clients env BERTH="$CARGO_TARGET_DIR/debug/berth" "$HERE/tests/clients/run" "$@"
}

# The UI: that what is committed is what its sources build, that it fits the API, and that it works in a browser.
web_suite() {
    local log chromium code=0
    if ! command -v npm >/dev/null; then
        echo "there is no npm: the web UI is not tested" >&2
        [ -z "${CI:-}" ] || add "web" 0 1
        return 0
    fi
    if ! build_binary; then
        add "web" 0 1
        return 0
    fi
    chromium=$(command -v chromium || command -v chromium-browser || true)
    if [ -z "$chromium" ] && command -v apt-get >/dev/null; then
        echo "installing for the tests: chromium"
        local root=()
        [ "$(id -u)" = 0 ] || root=(sudo)
        "${root[@]}" sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium' \
            >/dev/null || echo "chromium could not be installed" >&2
    fi
    log=$(mktemp)
    echo "== web"
    (cd "$HERE/web" && npm ci --no-audit --no-fund --silent && npm run --silent verify &&
        BERTH=$CARGO_TARGET_DIR/debug/berth npm test --silent) 2>&1 | tee "$log" || code=$?
    if [ $code -ne 0 ] && ! grep -q '^FAIL ' "$log"; then echo 'FAIL web: it did not finish' >>"$log"; fi
    add "web" "$(grep -c '^ok ' "$log")" "$(grep -c '^FAIL ' "$log")"
    grep '^FAIL ' "$log" >>"$FAILURES" || true
    rm -f "$log"
}

finish() {
    echo
    if [ -s "$FAILURES" ]; then
        echo "What failed beside cargo's tests:"
        sed 's/^FAIL /  /' "$FAILURES"
    fi
    printf '%s\n' "${SUMMARY[@]}"
    echo "$PASSED passed, $FAILED failed"
    [ "$FAILED" = 0 ]
}

main() {
    local what=all
    case ${1:-} in
        '') ;;
        --fast) what=cargo ;;
        --plugins) what=plugins ;;
        --clients) what=clients ;;
        --web) what=web ;;
        --environment)
            environment >&2
            printf 'export %s=%q\n' CARGO "$CARGO" RUSTC "$RUSTC" CARGO_TARGET_DIR "$CARGO_TARGET_DIR" PATH "$PATH"
            [ -z "${CI:-}" ] || echo 'export CARGO_INCREMENTAL=0'
            return 0
            ;;
        -h | --help)
            usage
            return 0
            ;;
        *)
            echo "error: there is no option '$1'; ./test.sh --help lists them" >&2
            return 2
            ;;
    esac
    [ $# -eq 0 ] || shift
    FAILURES=$(mktemp)
    trap 'rm -f "$FAILURES"' EXIT
    environment
    case $what in all | cargo) cargo_tests ;; esac
    case $what in all | plugins) plugin_suites ;; esac
    case $what in all | web) web_suite ;; esac
    case $what in all | clients) client_suites "$@" ;; esac
    finish
}

main "$@"
