#!/bin/bash
# Lists packages with the plugin itself: `by-plugin.sh DIRECTORY tsv`. The directory becomes the only layer of an image, and
# `berth plugin test` runs `scan-packages`, as it comes with Berth, on that. $BERTH is the binary.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=${1:?which directory?}
[ "${2:-tsv}" = tsv ] || { echo "error: Berth writes documents, the plugin does not" >&2; exit 1; }
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
BLOBS=$WORK/image/blobs/sha256
mkdir -p "$BLOBS"

# blob FILE TYPE: files it in the layout, and prints its descriptor.
blob() {
    local digest
    digest=$(sha256sum "$1" | cut -d' ' -f1)
    printf '{"mediaType":"%s","digest":"sha256:%s","size":%d}' "$2" "$digest" "$(stat -c %s "$1")"
    mv "$1" "$BLOBS/$digest"
}

layer() {
    tar --create --directory "$ROOT" --numeric-owner --one-file-system --file "$WORK/layer" .
    DIFF=$(sha256sum "$WORK/layer" | cut -d' ' -f1)
    LAYER=$(blob "$WORK/layer" application/vnd.oci.image.layer.v1.tar)
}

layer
printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$DIFF" >"$WORK/config"
CONFIG=$(blob "$WORK/config" application/vnd.oci.image.config.v1+json)
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' \
    "$CONFIG" "$LAYER" >"$WORK/manifest"
MANIFEST=$(blob "$WORK/manifest" application/vnd.oci.image.manifest.v1+json)
printf '{"imageLayoutVersion":"1.0.0"}' >"$WORK/image/oci-layout"
printf '{"schemaVersion":2,"manifests":[%s]}' "$MANIFEST" >"$WORK/image/index.json"
gzip --decompress --stdout "$HERE/../../plugins/built/scan-packages.wasm.gz" >"$WORK/scan-packages.wasm"
"${BERTH:?set BERTH to the berth binary}" plugin test "$WORK/scan-packages.wasm" --image "oci:$WORK/image" --json >"$WORK/said"
jq -r '.call | "\(.duration_ms | floor) ms, \(.peak_memory_bytes / 1048576 | floor) MiB of memory"' "$WORK/said" >&2
jq -r '.said.packages[] | [
    .kind, .name, .version, .architecture // "-", (.source_name // "-") + " " + (.source_version // "-"),
    .attributes.owner // "-", .locations[0] // "-"
] | map(if . == "" then "-" else . end) | @tsv' "$WORK/said"
