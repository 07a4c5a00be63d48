# shellcheck shell=bash
# Images made of nothing but tar, gzip and sha256sum, as OCI layout directories: their digests are
# known before any client has touched them. $FIXTURE_DIGEST and $FIXTURE_SIZE tell of the last one.

FIXTURE_DIGEST=
FIXTURE_SIZE=

# put_blob LAYOUT FILE: files it under its digest.
put_blob() {
    local digest
    digest=$(sha256sum "$2" | cut -d' ' -f1)
    FIXTURE_SIZE=$(stat -c %s "$2")
    FIXTURE_DIGEST=sha256:$digest
    mkdir -p "$1/blobs/sha256"
    mv "$2" "$1/blobs/sha256/$digest"
}

# put_image LAYOUT ARCHITECTURE TEXT [MEBIBYTES]: one image of one layer, with a text and, if asked,
# bytes that do not compress.
put_image() {
    local layout=$1 architecture=$2 text=$3 mebibytes=${4:-0} tree layer config diff_id
    tree=$(mktemp -d "$WORK/tree.XXXXXX")
    mkdir -p "$tree/etc"
    printf '%s\n' "$text" >"$tree/etc/berth-fixture"
    [ "$mebibytes" = 0 ] || head -c "${mebibytes}M" /dev/urandom >"$tree/ballast"
    tar -C "$tree" --sort=name --mtime=@0 --owner=0 --group=0 -cf "$WORK/layer.tar" .
    diff_id=$(sha256sum "$WORK/layer.tar" | cut -d' ' -f1)
    gzip -n -1 -f "$WORK/layer.tar"
    put_blob "$layout" "$WORK/layer.tar.gz"
    layer=$FIXTURE_DIGEST,$FIXTURE_SIZE
    jq -cn --arg a "$architecture" --arg d "sha256:$diff_id" \
        '{architecture: $a, os: "linux", config: {Cmd: ["/etc/berth-fixture"]}, rootfs: {type: "layers", diff_ids: [$d]},
          created: "2020-01-01T00:00:00Z", history: [{created: "2020-01-01T00:00:00Z", created_by: "berth"}]}' >"$WORK/config.json"
    put_blob "$layout" "$WORK/config.json"
    config=$FIXTURE_DIGEST,$FIXTURE_SIZE
    jq -cn --arg c "$config" --arg l "$layer" \
        'def descriptor($type): split(",") as [$d, $s] | {mediaType: $type, digest: $d, size: ($s | tonumber)};
         {schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
          config: ($c | descriptor("application/vnd.oci.image.config.v1+json")),
          layers: [$l | descriptor("application/vnd.oci.image.layer.v1.tar+gzip")]}' >"$WORK/manifest.json"
    put_blob "$layout" "$WORK/manifest.json"
    rm -rf "$tree"
}

# put_index_json LAYOUT TAG MEDIA_TYPE: makes the last blob what the layout is about.
put_index_json() {
    printf '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
    jq -cn --arg t "$3" --arg d "$FIXTURE_DIGEST" --arg s "$FIXTURE_SIZE" --arg tag "$2" \
        '{schemaVersion: 2, manifests: [{mediaType: $t, digest: $d, size: ($s | tonumber),
          annotations: {"org.opencontainers.image.ref.name": $tag}}]}' >"$1/index.json"
}

# make_image LAYOUT TAG TEXT [MEBIBYTES]: a layout of one amd64 image.
make_image() {
    put_image "$1" amd64 "$3" "${4:-0}"
    put_index_json "$1" "$2" application/vnd.oci.image.manifest.v1+json
}

# make_index LAYOUT TAG TEXT: a layout of an index over an amd64 and an arm64 image.
make_index() {
    local amd64 arm64
    put_image "$1" amd64 "$3 on amd64"
    amd64=$FIXTURE_DIGEST,$FIXTURE_SIZE
    put_image "$1" arm64 "$3 on arm64"
    arm64=$FIXTURE_DIGEST,$FIXTURE_SIZE
    jq -cn --arg x "$amd64" --arg y "$arm64" \
        'def child($a): split(",") as [$d, $s] | {mediaType: "application/vnd.oci.image.manifest.v1+json",
             digest: $d, size: ($s | tonumber), platform: {architecture: $a, os: "linux"}};
         {schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
          manifests: [($x | child("amd64")), ($y | child("arm64"))]}' >"$WORK/index.json"
    put_blob "$1" "$WORK/index.json"
    put_index_json "$1" "$2" application/vnd.oci.image.index.v1+json
}

# blobs_of LAYOUT_OR_DIR: every file's digest, sorted: two copies of one image have the same list.
blobs_of() {
    find "$1" -type f ! -name index.json ! -name oci-layout ! -name version -exec sha256sum {} + | cut -d' ' -f1 | sort -u
}
