#!/bin/bash
# podman: images through a storage driver, as a person at a terminal handles them.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
    needs podman
    start_berth
    make_image "$WORK/base" one "a base image"

    credentials
    push_and_pull
    docker_formats
    build_and_list
    roles
    finish
}

# vfs and cgroupfs, because nothing else works in every sandbox; no container is started.
podman() {
    client podman --root "$WORK/store" --runroot "$WORK/run" --storage-driver vfs --cgroup-manager cgroupfs \
        --events-backend file "$@"
}

login() {
    printf '%s' "$2" | podman login --tls-verify=false --username "$1" --password-stdin "$REGISTRY"
}

image_id() {
    podman image inspect --format '{{.Id}}' "$1"
}

credentials() {
    refused "login with a wrong password" 'invalid username/password|unauthorized' login alice not-her-password
    check "login with a password" login alice "$ALICE_PASSWORD"
    check "login --get-login" podman login --get-login "$REGISTRY"
    has "it knows who" '^alice$'
}

push_and_pull() {
    local id
    check "load an image" podman pull "oci:$WORK/base:one"
    id=$(printf '%s\n' "$OUT" | tail -n 1)
    check "tag it" podman tag "$id" "$REGISTRY/team/base:v1"
    check "push" podman push --tls-verify=false --digestfile "$WORK/digest" "$REGISTRY/team/base:v1"
    same "the digest that podman wrote is served" "$(cat "$WORK/digest")" "$(served_digest team/base v1)"
    check "push it again" podman push --tls-verify=false "$REGISTRY/team/base:v1"
    check "remove it here" podman rmi --force "$id"
    check "pull" podman pull --tls-verify=false "$REGISTRY/team/base:v1"
    same "the same image came back" "$id" "$(image_id "$REGISTRY/team/base:v1")"
    check "pull by digest" podman pull --tls-verify=false "$REGISTRY/team/base@$(cat "$WORK/digest")"
    refused "pull what is not there" 'manifest unknown|not found' podman pull --tls-verify=false "$REGISTRY/team/base:none"
}

docker_formats() {
    check "push in Docker's schema 2" podman push --tls-verify=false --format v2s2 "$REGISTRY/team/base:v1" "$REGISTRY/docker/base:v1"
    same "its media type" application/vnd.docker.distribution.manifest.v2+json "$(media_type docker/base v1)"
    check "pull it" podman pull --tls-verify=false "$REGISTRY/docker/base:v1"
}

build_and_list() {
    local name
    mkdir -p "$WORK/context"
    printf 'FROM %s/team/base:v1\nCOPY greeting /greeting\nLABEL built.by=podman\n' "$REGISTRY" >"$WORK/context/Containerfile"
    echo 'hello' >"$WORK/context/greeting"
    check "build upon a pulled image" \
        podman build --tls-verify=false --pull-always --isolation chroot --tag "$REGISTRY/team/built:v1" "$WORK/context"
    check "push what was built" podman push --tls-verify=false "$REGISTRY/team/built:v1"
    check "make a manifest list" podman manifest create "$REGISTRY/team/list:v1"
    for name in base built; do
        check "add $name to it" podman manifest add --tls-verify=false "$REGISTRY/team/list:v1" "docker://$REGISTRY/team/$name:v1"
    done
    check "push the list with its images" \
        podman manifest push --tls-verify=false --all "$REGISTRY/team/list:v1" "docker://$REGISTRY/team/list:v1"
    # Older versions cannot be told that this registry has no TLS.
    [ "$PLACE" = host ] || check "inspect it in the registry" podman manifest inspect --tls-verify=false "$REGISTRY/team/list:v1"
    same "two images" 2 "$(api GET /v2/team/list/manifests/v1 | jq '.manifests | length')"
    check "push with zstd" \
        podman push --tls-verify=false --compression-format zstd "$REGISTRY/team/built:v1" "$REGISTRY/team/zstd:v1"
    check "remove everything here" podman rmi --all --force
    check "pull the zstd image" podman pull --tls-verify=false "$REGISTRY/team/zstd:v1"
    check "list tags" podman search --tls-verify=false --list-tags "$REGISTRY/team/base"
    has "the tag is among them" 'team/base +v1'
}

roles() {
    check "login as a reader" login rob "$ROB_PASSWORD"
    check "a reader pulls" podman pull --tls-verify=false "$REGISTRY/team/base:v1"
    refused "a reader pushes" 'denied|unauthorized|forbidden|not authorized' \
        podman push --tls-verify=false "$REGISTRY/team/base:v1" "$REGISTRY/team/readers:v1"
    check "logout" podman logout "$REGISTRY"
    refused "a pull after logout" 'unauthorized|authentication required' podman pull --tls-verify=false "$REGISTRY/team/built:v1"
}

main
