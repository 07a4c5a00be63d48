#!/bin/bash
# Compares what a scanner finds in real root filesystems with what the package managers list.
# README.md beside this file tells more. Usage: truth.sh [--tool COMMAND | --plugin] [ROOT...]
set -uo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ALL=(debian distroless alpine rpm rpm-wal rpm-ndb rpm-bdb language)
CACHE=${BERTH_ROOTS:-${XDG_CACHE_HOME:-$HOME/.cache}/berth-roots}
TOOL=
# Whether the tool writes documents, too.
DOCUMENTS=yes
PASSED=0
FAILED=0

# shellcheck source=tests/scanning/make.sh
. "$HERE/make.sh"

passed() {
    PASSED=$((PASSED + 1))
    printf 'ok scanning: %s\n' "$*"
}

failed() {
    FAILED=$((FAILED + 1))
    printf 'FAIL scanning: %s\n' "$*"
}

# The example program of the crate, built as its tests are.
build_tool() {
    local target
    (cd "$HERE/../../plugins" && "${CARGO:-cargo}" build --locked --quiet --package berth-packages --example packages) || return 1
    target=$(cd "$HERE/../../plugins" && "${CARGO:-cargo}" metadata --no-deps --format-version 1 | jq -r .target_directory)
    TOOL=$target/debug/examples/packages
}

# select_kind KIND [WHICH]: name and version of one kind of package from the scanner's lines. WHICH is `all`, `own`
# (nobody else's), or the beginning of a path.
select_kind() {
    awk -F '\t' -v kind="$1" -v which="${2:-all}" '
        $1 == kind && (which == "all" || (which == "own" && $6 == "-") || index($7, which) == 1) { print $2 "\t" $3 }' |
        LC_ALL=C sort -u
}

# same NAME EXPECTED FOUND: the two lists are equal, and not empty.
same() {
    local count
    count=$(wc -l <"$2")
    if [ "$count" -gt 0 ] && cmp -s "$2" "$3"; then
        passed "$1: $count packages"
    else
        failed "$1: $count are listed by the package manager, $(wc -l <"$3") are found; missing (<) and too many (>):"
        diff "$2" "$3" | grep '^[<>]' | head -n 20
    fi
}

# Both documents of a root are valid by their official validators, and are the same each time.
check_documents() {
    local root=$1 format
    for format in cyclonedx spdx; do
        if ! "$TOOL" "$CACHE/$root/root" $format >"$WORK/$format.json" 2>"$WORK/log"; then
            failed "$root: no $format document: $(tail -n 3 "$WORK/log")"
        elif ! "$TOOL" "$CACHE/$root/root" $format 2>/dev/null | cmp -s - "$WORK/$format.json"; then
            failed "$root: two runs give two $format documents"
        elif "$CACHE/validators/bin/python" "$HERE/validate.py" $format "$WORK/$format.json" >"$WORK/log" 2>&1; then
            passed "$root: its $format document is valid"
        else
            failed "$root: its $format document is not valid: $(head -n 10 "$WORK/log")"
        fi
    done
}

check() {
    local root=$1 list kind which
    echo "== $root"
    if ! make_root "$root"; then
        failed "$root: it could not be made; the end of $CACHE/$root.log:"
        tail -n 15 "$CACHE/$root.log"
        return
    fi
    if ! "$TOOL" "$CACHE/$root/root" tsv >"$WORK/found" 2>"$WORK/log"; then
        failed "$root: the scanner failed: $(tail -n 3 "$WORK/log")"
        return
    fi
    # truth/KIND or truth/KIND@WHICH, where WHICH has `+` for `/`.
    for list in "$CACHE/$root"/truth/*; do
        kind=$(basename "$list")
        which=all
        case $kind in *@*)
            which=$(tr + / <<<"${kind#*@}")
            kind=${kind%@*}
            ;;
        esac
        select_kind "$kind" "$which" <"$WORK/found" >"$WORK/selected"
        same "$root: $kind ($which)" "$list" "$WORK/selected"
    done
    # What must not be found, as `KIND WHICH`: packages that are nobody's own where a distribution owns them all.
    if [ -e "$CACHE/$root/absent" ]; then
        while read -r kind which; do
            select_kind "$kind" "$which" <"$WORK/found" >"$WORK/selected"
            if [ -s "$WORK/selected" ]; then
                failed "$root: $kind ($which) should not be found: $(head -n 5 "$WORK/selected" | tr '\n' ' ')"
            else
                passed "$root: no $kind ($which)"
            fi
        done <"$CACHE/$root/absent"
    fi
    [ -z "$DOCUMENTS" ] || check_documents "$root"
}

main() {
    local root
    if [ "${1:-}" = --tool ]; then
        TOOL=${2:?which command?}
        shift 2
    elif [ "${1:-}" = --plugin ]; then
        TOOL=$HERE/by-plugin.sh
        DOCUMENTS=
        shift
        # One of each kind of image: what the crate finds in the others, the plugin finds as well.
        [ $# -gt 0 ] || set -- debian alpine language
    fi
    [ "$(id -u)" = 0 ] || { echo "error: roots are made with chroot, which needs root"; exit 1; }
    [ $# -gt 0 ] || set -- "${ALL[@]}"
    mkdir -p "$CACHE"
    WORK=$(mktemp -d)
    trap 'rm -rf "$WORK"' EXIT
    install_packages || failed "packages could not be installed"
    if [ -z "$TOOL" ] && ! build_tool; then
        failed "the scanner could not be built"
    elif [ -n "$DOCUMENTS" ] && ! make_validators; then
        failed "the validators could not be installed: $(tail -n 5 "$CACHE/validators.log")"
    else
        for root in "$@"; do
            check "$root"
        done
    fi
    printf 'scanning: %s passed, %s failed\n' "$PASSED" "$FAILED"
    [ "$FAILED" = 0 ]
}

main "$@"
