#!/bin/bash
# Installs the OpenID provider that the tests of signing in run against, under ~/.cache/berth-tools; what is there stays.
set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
TOOLS=${XDG_CACHE_HOME:-$HOME/.cache}/berth-tools
PLACE=$TOOLS/oidc-provider-$(sha256sum "$HERE/package-lock.json" | cut -c 1-12)

[ ! -d "$PLACE" ] || exit 0
if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
    apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends nodejs npm >/dev/null
fi
mkdir -p "$TOOLS"
NEW=$(mktemp -d "$TOOLS/new-XXXXXX")
trap 'rm -rf "$NEW"' EXIT
cp "$HERE/package.json" "$HERE/package-lock.json" "$NEW"
(cd "$NEW" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
# Another run may have been faster.
mv -T "$NEW" "$PLACE" 2>/dev/null || [ -d "$PLACE" ]
