#!/bin/bash
# containerd, through ctr: what Kubernetes pulls with. By the transfer service in the daemon, and
# (--local) by the client library that nerdctl and many others use.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/clients/daemons.sh
. "$(dirname "$0")/daemons.sh"

main() {
    needs containerd ctr
    start_berth
    start_containerd
    make_image "$WORK/image" v1 "an image" 24
    IMAGE=$FIXTURE_DIGEST
    make_index "$WORK/multi" v1 "two platforms"
    MULTI=$FIXTURE_DIGEST
    tar -C "$WORK/image" -cf "$WORK/image.tar" .
    tar -C "$WORK/multi" -cf "$WORK/multi.tar" .

    check "import an image" ctr images import --no-unpack --base-name "$REGISTRY/team/app" "$WORK/image.tar"
    check "import an index" ctr images import --no-unpack --all-platforms --local --base-name "$REGISTRY/team/multi" "$WORK/multi.tar"
    roundtrip "transfer service"
    roundtrip "client library" --local
    indexes
    fetch
    roles
    finish
}

# roundtrip NAME [OPTION]: push, forget, pull.
roundtrip() {
    local name=$1
    shift
    refused "$name: a push with a wrong password" 'unauthorized|401|authorization failed' \
        ctr images push --plain-http --user alice:not-her-password "$@" "$REGISTRY/team/app:v1"
    check "$name: push" ctr images push --plain-http --user "alice:$ALICE_PASSWORD" "$@" "$REGISTRY/team/app:v1"
    same "$name: the digest is the one made" "$IMAGE" "$(served_digest team/app v1)"
    check "$name: push it again" ctr images push --plain-http --user "alice:$ALICE_PASSWORD" "$@" "$REGISTRY/team/app:v1"
    check "$name: forget it here" ctr images rm --sync "$REGISTRY/team/app:v1"
    refused "$name: a pull without credentials" 'unauthorized|401|authorization failed|pull access denied' \
        ctr images pull --plain-http --snapshotter native "$@" "$REGISTRY/team/app:v1"
    check "$name: pull" ctr images pull --plain-http --snapshotter native --user "alice:$ALICE_PASSWORD" "$@" "$REGISTRY/team/app:v1"
    same "$name: the digest that came" "$IMAGE" \
        "$(ctr images ls | awk -v ref="$REGISTRY/team/app:v1" '$1 == ref {print $3}')"
    refused "$name: a tag that is not there" 'not found' \
        ctr images pull --plain-http --snapshotter native --user "alice:$ALICE_PASSWORD" "$@" "$REGISTRY/team/app:none"
}

indexes() {
    check "push an index" ctr images push --plain-http --local --user "alice:$ALICE_PASSWORD" "$REGISTRY/team/multi:v1"
    same "its digest" "$MULTI" "$(served_digest team/multi v1)"
    check "forget it here" ctr images rm --sync "$REGISTRY/team/multi:v1"
    check "pull every platform" ctr images pull --plain-http --local --all-platforms --snapshotter native \
        --user "alice:$ALICE_PASSWORD" "$REGISTRY/team/multi:v1"
    check "export it" ctr images export --all-platforms "$WORK/exported.tar" "$REGISTRY/team/multi:v1"
    mkdir -p "$WORK/exported"
    tar -C "$WORK/exported" -xf "$WORK/exported.tar" blobs
    same "every blob byte for byte" "$(blobs_of "$WORK/multi")" "$(blobs_of "$WORK/exported")"
}

fetch() {
    local layer
    layer=$(jq -r '.layers[0].digest' "$WORK/image/blobs/sha256/${IMAGE#sha256:}")
    check "fetch content" ctr content fetch --plain-http --user "rob:$ROB_PASSWORD" "$REGISTRY/team/app:v1"
    ctr content get "$layer" >"$WORK/layer" 2>/dev/null
    same "the layer byte for byte" "${layer#sha256:}" "$(sha256sum "$WORK/layer" | cut -d' ' -f1)"
}

roles() {
    check "a reader pulls" ctr images pull --plain-http --snapshotter native --user "rob:$ROB_PASSWORD" "$REGISTRY/team/app:v1"
    check "tag it anew" ctr images tag "$REGISTRY/team/app:v1" "$REGISTRY/team/readers:v1"
    refused "a reader pushes" 'denied|unauthorized|forbidden|403|401|authorization failed|insufficient' \
        ctr images push --plain-http --user "rob:$ROB_PASSWORD" "$REGISTRY/team/readers:v1"
}

main
