#!/bin/bash
# buildah: images built from nothing, in both formats, and lists of several platforms.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
    needs buildah
    start_berth
    echo 'hello' >"$WORK/greeting"

    refused "login with a wrong password" 'invalid username/password|unauthorized' login alice not-her-password
    check "login with a password" login alice "$ALICE_PASSWORD"
    build oci application/vnd.oci.image.manifest.v1+json
    build docker application/vnd.docker.distribution.manifest.v2+json
    build_from_a_file
    many_platforms
    roles
    finish
}

buildah() {
    client buildah --root "$WORK/store" --runroot "$WORK/run" --storage-driver vfs "$@"
}

login() {
    printf '%s' "$2" | buildah login --tls-verify=false --username "$1" --password-stdin "$REGISTRY"
}

# build FORMAT MEDIA_TYPE: container, commit, push, pull.
build() {
    local format=$1 container id
    check "$format: from scratch" buildah from scratch
    container=$OUT
    check "$format: copy a file" buildah copy "$container" "$WORK/greeting" /greeting
    check "$format: configure" buildah config --cmd /greeting --label "format=$format" "$container"
    check "$format: commit" buildah commit --format "$format" --rm "$container" "$REGISTRY/team/$format:v1"
    id=$(printf '%s\n' "$OUT" | tail -n 1)
    check "$format: push" buildah push --tls-verify=false --digestfile "$WORK/digest" "$REGISTRY/team/$format:v1"
    same "$format: the digest is served" "$(cat "$WORK/digest")" "$(served_digest "team/$format" v1)"
    same "$format: the media type" "$2" "$(media_type "team/$format" v1)"
    check "$format: remove it here" buildah rmi "$id"
    check "$format: pull" buildah pull --tls-verify=false "$REGISTRY/team/$format:v1"
    same "$format: the same image came back" "$id" "$(printf '%s\n' "$OUT" | tail -n 1)"
}

build_from_a_file() {
    mkdir -p "$WORK/context"
    cp "$WORK/greeting" "$WORK/context/"
    printf 'FROM %s/team/oci:v1\nCOPY greeting /second\n' "$REGISTRY" >"$WORK/context/Containerfile"
    check "build upon an image of the registry" \
        buildah build --tls-verify=false --isolation chroot --tag "$REGISTRY/team/upon:v1" "$WORK/context"
    check "push it (its base is mounted or reused)" buildah push --tls-verify=false "$REGISTRY/team/upon:v1"
}

many_platforms() {
    local arch
    check "make a list" buildah manifest create "$REGISTRY/team/list:v1"
    for arch in amd64 arm64; do
        check "build for $arch" buildah build --tls-verify=false --isolation chroot --platform "linux/$arch" \
            --format oci --tag "built-$arch" -f - "$WORK/context" <<<$'FROM scratch\nCOPY greeting /'"$arch"
        check "add $arch" buildah manifest add "$REGISTRY/team/list:v1" "built-$arch"
    done
    check "push the list with its images" \
        buildah manifest push --tls-verify=false --all "$REGISTRY/team/list:v1" "docker://$REGISTRY/team/list:v1"
    same "an index" application/vnd.oci.image.index.v1+json "$(media_type team/list v1)"
    same "of two platforms" 'amd64 arm64' \
        "$(api GET /v2/team/list/manifests/v1 | jq -r '[.manifests[].platform.architecture] | sort | join(" ")')"
    check "push it as a Docker manifest list" \
        buildah manifest push --tls-verify=false --all --format v2s2 "$REGISTRY/team/list:v1" "docker://$REGISTRY/team/list:docker"
    same "a manifest list" application/vnd.docker.distribution.manifest.list.v2+json "$(media_type team/list docker)"
}

roles() {
    check "login as a reader" login rob "$ROB_PASSWORD"
    check "a reader pulls" buildah pull --tls-verify=false "$REGISTRY/team/docker:v1"
    refused "a reader pushes" 'denied|unauthorized|forbidden|not authorized' \
        buildah push --tls-verify=false "$REGISTRY/team/docker:v1" "docker://$REGISTRY/team/readers:v1"
    check "logout" buildah logout "$REGISTRY"
    refused "a pull after logout" 'unauthorized|authentication required' \
        buildah pull --tls-verify=false --policy always "$REGISTRY/team/docker:v1"
}

main
