#!/bin/bash
# make.sh SCRIPT FUNCTION: makes one root in $ROOT, and in $TRUTH what its package managers list.
set -euo pipefail

: "${HERE:?}" "${CACHE:?}" "${ROOT:?}" "${TRUTH:?}"

# The mirror is the one that this machine's own apt uses, or $BERTH_DEBIAN_MIRROR.
mirror() {
    local mirror=${BERTH_DEBIAN_MIRROR:-}
    # shellcheck disable=SC2016 # the $(…) are apt's
    [ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -E '/debian/?$' | head -n 1)
    [ -n "$mirror" ] || mirror=$(sed -n 's/^DEF_MIRROR="\(.*\)"/\1/p' "$(command -v debootstrap)" | head -n 1)
    printf '%s\n' "$mirror"
}

main() {
    local list
    # shellcheck source=/dev/null
    . "$1"
    "$2"
    for list in "$TRUTH"/*; do
        LC_ALL=C sort -u -o "$list" "$list"
    done
}

main "$@"
