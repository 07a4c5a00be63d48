# shellcheck shell=bash
# What every suite of real clients shares: a running Berth with three users, the two places a client
# is run in (this machine, and the newer Debian of forky.sh), and checks that print one line each.
#
# A suite is `bash SUITE.sh host|forky`, with $BERTH the binary. It sources this file, makes its
# checks and calls `finish`. A check never ends the suite; the exit code counts what failed.

set -u -o pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BERTH=${BERTH:?set BERTH to the berth binary, or run ./test.sh --clients}
PLACE=${1:-host}
SUITE=$(basename "$0" .sh)@$PLACE

ADMIN_PASSWORD=administrators-own-words
ALICE_PASSWORD=writers-own-words
ROB_PASSWORD=readers-own-words

# shellcheck source=tests/clients/forky.sh
. "$HERE/forky.sh"
# shellcheck source=tests/clients/fixtures.sh
. "$HERE/fixtures.sh"

# --- a place to work, gone at the end -----------------------------------------------------------

# In lower case: some clients take parts of a path for a repository's name.
WORK=$(mktemp -u "${TMPDIR:-/tmp}/berth-clients-XXXXXXXX" | tr '[:upper:]' '[:lower:]')
mkdir -m 700 "$WORK" || exit
mkdir "$WORK/home" "$WORK/run"
PASSED=0
FAILED=0
CHILDREN=()

clean_up() {
    local child
    for child in "${CHILDREN[@]}"; do
        kill "$child" 2>/dev/null && wait "$child" 2>/dev/null
    done
    # What a client may have left mounted is in its own mount namespace, which is gone by now.
    rm -rf --one-file-system "$WORK"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# --- checks ---------------------------------------------------------------------------------------

OUT=

passed() {
    PASSED=$((PASSED + 1))
    printf 'ok %s: %s\n' "$SUITE" "$*"
}

failed() {
    FAILED=$((FAILED + 1))
    printf 'FAIL %s: %s\n' "$SUITE" "$*"
}

# tail_of TEXT: the end of it, set apart from the lines of the checks.
tail_of() {
    printf '%s\n' "$1" | tail -n "${2:-20}" | cut -c 1-400 | sed 's/^/    | /'
}

# check NAME COMMAND...: it must succeed. Its output is in $OUT afterwards.
check() {
    local name=$1 code
    shift
    OUT=$("$@" 2>&1)
    code=$?
    if [ $code -eq 0 ]; then
        passed "$name"
        return 0
    fi
    failed "$name (exit code $code of: $*)"
    tail_of "$OUT"
    tail_of "$(tail -n 6 "$WORK/berth.log" 2>/dev/null)"
    return 1
}

# refused NAME PATTERN COMMAND...: it must fail, and what the client tells must match the pattern.
# The message is shown, so that a reader of the log sees what a person in front of the client sees.
refused() {
    local name=$1 pattern=$2 code
    shift 2
    OUT=$("$@" 2>&1)
    code=$?
    if [ $code -eq 0 ]; then
        failed "$name (it succeeded: $*)"
    elif ! grep -qiE -- "$pattern" <<<"$OUT"; then
        failed "$name (no '$pattern' in the message)"
    else
        passed "$name"
        tail_of "$OUT" 2
        return 0
    fi
    tail_of "$OUT"
    return 1
}

# same NAME EXPECTED ACTUAL
same() {
    if [ -n "$2" ] && [ "$2" = "$3" ]; then
        passed "$1"
    else
        failed "$1"
        printf '    | expected: %s\n    | actual:   %s\n' "$2" "$3"
        return 1
    fi
}

# has NAME PATTERN: the last command's output has a line like it.
has() {
    if grep -qE -- "$2" <<<"$OUT"; then
        passed "$1"
    else
        failed "$1 (no line like '$2')"
        tail_of "$OUT"
        return 1
    fi
}

finish() {
    printf '%s: %d passed, %d failed\n' "$SUITE" "$PASSED" "$FAILED"
    [ "$FAILED" -eq 0 ]
    exit
}

# until_true SECONDS COMMAND...: asks again and again, up to a deadline.
until_true() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -ge $deadline ] && return 1
        sleep 0.02
    done
}

# --- where a client runs --------------------------------------------------------------------------

# A command in front of the client's own, as an array, so that one in the background is the client
# itself and not a shell: a signal reaches it.
# The files by which clients find credentials and settings; the user's own are out of their reach.
CLEAN=(env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
    HOME="$WORK/home" XDG_RUNTIME_DIR="$WORK/run" TMPDIR="$WORK"
    DOCKER_CONFIG="$WORK/home/.docker" REGISTRY_AUTH_FILE="$WORK/home/auth.json")
LIMITED=(timeout --kill-after=5 "${TIME_LIMIT:-180}")
# In a mount namespace of its own, so that storage drivers leave nothing mounted here.
APART=(unshare --mount --propagation private)
INTO_FORKY=(sh "$HERE/enter-forky.sh" "$(forky_root)" "$WORK")

host() {
    "${CLEAN[@]}" "${LIMITED[@]}" "${APART[@]}" "$@"
}

forky() {
    "${CLEAN[@]}" "${LIMITED[@]}" "${APART[@]}" "${INTO_FORKY[@]}" "$@"
}

# daemon LOG COMMAND...: in the newer Debian and in the background, ended with the suite. $DAEMON is it.
daemon() {
    local log=$1
    shift
    "${CLEAN[@]}" timeout --kill-after=5 900 "${APART[@]}" "${INTO_FORKY[@]}" "$@" >"$log" 2>&1 &
    DAEMON=$!
    CHILDREN+=("$DAEMON")
}

# client COMMAND...: in the place that this run of the suite is for.
client() {
    "$PLACE" "$@"
}

# needs PROGRAM...: a client that is not there is a failure, never a silent skip.
needs() {
    local program
    [ "$PLACE" = host ] || forky_make || { failed "the newer Debian cannot be made"; finish; }
    for program in "$@"; do
        client sh -c "command -v $program" >/dev/null ||
            { failed "$program is not installed on the $PLACE"; finish; }
    done
}

# --- a running Berth --------------------------------------------------------------------------------

BERTH_PID=
REGISTRY=

is_serving() {
    kill -0 "$BERTH_PID" 2>/dev/null || return 0 # dead: waiting longer does not help
    grep -qE 'listens on https?://' "$WORK/berth.log"
}

# serve [ARGUMENT...]: starts Berth and sets $REGISTRY to its host:port. A second call continues on
# the same port and data.
serve() {
    local listen=${REGISTRY:-127.0.0.1:0}
    : >"$WORK/berth.log"
    BERTH_ADMIN_PASSWORD=$ADMIN_PASSWORD "$BERTH" serve --data "$WORK/data" --listen "$listen" "$@" \
        >"$WORK/berth.log" 2>&1 &
    BERTH_PID=$!
    CHILDREN+=("$BERTH_PID")
    until_true 20 is_serving
    REGISTRY=$(sed -nE 's|.*listens on https?://([0-9.]+:[0-9]+).*|\1|p' "$WORK/berth.log" | head -n 1)
    if [ -z "$REGISTRY" ] || ! kill -0 "$BERTH_PID" 2>/dev/null; then
        failed "berth serve did not start"
        tail_of "$(cat "$WORK/berth.log")"
        finish
    fi
}

add_users() {
    printf '%s' "$ALICE_PASSWORD" | "$BERTH" user add alice --role writer --password-stdin --data "$WORK/data" &&
        printf '%s' "$ROB_PASSWORD" | "$BERTH" user add rob --role reader --password-stdin --data "$WORK/data"
}

start_berth() {
    serve "$@"
    OUT=$(add_users 2>&1) || { failed "berth user add"; tail_of "$OUT"; finish; }
}

# api METHOD PATH [CURL ARGUMENT...]: the registry's own answer, as administrator.
api() {
    local method=$1 path=$2
    shift 2
    curl -sS --max-time 60 -X "$method" -u "admin:$ADMIN_PASSWORD" \
        -H 'Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json' \
        -H 'Accept: application/vnd.docker.distribution.manifest.list.v2+json' \
        -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' \
        "$@" "${SCHEME:-http}://$REGISTRY$path"
}

# served_digest REPOSITORY REFERENCE: of the bytes that are served, whatever the headers say.
served_digest() {
    printf 'sha256:%s\n' "$(api GET "/v2/$1/manifests/$2" --fail | sha256sum | cut -d' ' -f1)"
}

media_type() {
    api GET "/v2/$1/manifests/$2" --fail -o /dev/null -w '%{content_type}'
}
