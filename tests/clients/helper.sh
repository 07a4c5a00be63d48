#!/bin/bash
# docker-credential-berth: clients that keep their credentials with it, as `credHelpers` tells them.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/clients/daemons.sh
. "$HERE/daemons.sh"

main() {
    start_berth
    make_image "$WORK/image" one "an image"
    mkdir -p "$WORK/bin" "$WORK/home/.docker"
    cp "$BERTH" "$WORK/bin/docker-credential-berth"
    CLEAN+=(PATH="$WORK/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    KEPT=$WORK/home/.local/share/berth/credentials.json
    printf '{"credHelpers": {"%s": "berth"}}' "$REGISTRY" | tee "$WORK/home/.docker/config.json" >"$WORK/home/auth.json"
    if [ "$PLACE" = host ]; then
        needs skopeo podman
        with_skopeo
        with_podman
    else
        needs crane docker dockerd
        with_crane
        with_docker
    fi
    finish
}

login() {
    printf '%s' "$ALICE_PASSWORD" | client "$@" --username alice --password-stdin "$REGISTRY"
}

helper() {
    printf '%s' "$2" | client docker-credential-berth "$1"
}

# is_kept NAME: what a client stored is with the helper, and nowhere else.
is_kept() {
    check "$1: the helper has it" helper get "$REGISTRY"
    # Docker keeps a refresh token instead of the password.
    has "$1: it is alice's" '"Username":"(alice|<token>)"'
    same "$1: for its user alone" 600 "$(stat -c %a "$KEPT")"
    check "$1: no other file has it" sh -c \
        "! grep -q '\"auth\": *\"[A-Za-z0-9+/=]' '$WORK/home/.docker/config.json' '$WORK/home/auth.json' 2>/dev/null"
}

with_skopeo() {
    check "skopeo: login" login skopeo login --tls-verify=false
    is_kept skopeo
    check "skopeo: push" client skopeo copy --dest-tls-verify=false "oci:$WORK/image:one" "docker://$REGISTRY/team/app:v1"
    check "skopeo: logout" client skopeo logout "$REGISTRY"
    refused "skopeo: push after the logout" 'unauthorized|authentication required' \
        client skopeo copy --dest-tls-verify=false "oci:$WORK/image:one" "docker://$REGISTRY/team/app:v2"
    refused "the helper has nothing" 'credentials not found in native keychain' helper get "$REGISTRY"
}

with_podman() {
    check "podman: login" login podman login --tls-verify=false
    is_kept podman
    check "podman: who is logged in" client podman login --get-login "$REGISTRY"
    same "podman: alice" alice "$OUT"
    check "podman: logout" client podman logout "$REGISTRY"
}

with_crane() {
    check "crane: login" login crane auth login
    is_kept crane
    check "crane: push" client crane push "$WORK/image" "$REGISTRY/team/app:v1"
    check "crane: logout" client crane auth logout "$REGISTRY"
    refused "crane: push after the logout" 'UNAUTHORIZED|unauthorized|authentication required' \
        client crane push "$WORK/image" "$REGISTRY/team/app:v2"
}

login_to_docker() {
    printf '%s' "$ALICE_PASSWORD" | docker login --username alice --password-stdin "$REGISTRY"
}

with_docker() {
    start_dockerd helper false
    check "docker: login" login_to_docker
    is_kept docker
    mkdir "$WORK/tree"
    echo hello >"$WORK/tree/greeting"
    tar -C "$WORK/tree" -cf "$WORK/tree.tar" .
    check "docker: import a filesystem" docker import "$WORK/tree.tar" "$REGISTRY/team/tree:v1"
    check "docker: push" docker push "$REGISTRY/team/tree:v1"
    check "docker: logout" docker logout "$REGISTRY"
    refused "docker: push after the logout" 'denied|unauthorized|authentication required|no basic auth' \
        docker push "$REGISTRY/team/tree:v1"
    stop_dockerd
}

main
