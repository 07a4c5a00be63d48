#!/bin/bash
# A plugin from examples/plugins, by the steps of docs/plugins.md: pushed to a running Berth, installed from it by reference,
# and then a push is blocked with the plugin's own words in the terminal of skopeo and podman.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"

BUILT=${XDG_CACHE_HOME:-$HOME/.cache}/berth-wasm/examples
WANTED='annotate the image with org.opencontainers.image.source'

main() {
    local language languages=(rust javascript python c)
    needs skopeo podman
    start_berth
    check "the example plugins are built" "$HERE/../../examples/plugins/build.sh" "$BUILT" "${languages[@]}"
    check "the maker logs in" log_in
    images
    for language in "${languages[@]}"; do
        [ -e "$BUILT/policy-$language.wasm" ] || { failed "there is no policy in $language"; continue; }
        one "$language"
    done
    finish
}

# The maker's own home.
maker() {
    env HOME="$WORK/home" "$BERTH" "$@"
}

log_in() {
    printf '%s' "$ADMIN_PASSWORD" | maker login "$REGISTRY" --username admin --password-stdin
}

# One that does not say where it comes from, and one that does.
images() {
    local manifest
    make_image "$WORK/plain" v1 'no source'
    cp -r "$WORK/plain" "$WORK/named"
    manifest=$(jq -r '.manifests[0].digest' "$WORK/named/index.json" | cut -d: -f2)
    jq -c '.annotations = {"org.opencontainers.image.source": "https://git.example.com/app"}' \
        "$WORK/named/blobs/sha256/$manifest" >"$WORK/manifest.json"
    put_blob "$WORK/named" "$WORK/manifest.json"
    put_index_json "$WORK/named" v1 application/vnd.oci.image.manifest.v1+json
}

push() {
    client skopeo copy --dest-tls-verify=false --dest-creds "alice:$ALICE_PASSWORD" "$1" "docker://$REGISTRY/$2"
}

podman() {
    client podman --root "$WORK/store" --runroot "$WORK/run" --storage-driver vfs --cgroup-manager cgroupfs \
        --events-backend file "$@"
}

podman_login() {
    printf '%s' "$ALICE_PASSWORD" | podman login --tls-verify=false --username alice --password-stdin "$REGISTRY"
}

# The same in another client's terminal.
by_podman() {
    check "podman logs in" podman_login
    check "podman loads the image" podman pull "oci:$WORK/plain:v1"
    refused "podman's push is blocked" "$WANTED" podman push --tls-verify=false \
        "$(podman images --quiet | head -n 1)" "$REGISTRY/team/podman:v1"
}

one() {
    local language=$1 name=example.policy-$1 place=$REGISTRY/plugins/policy-$1:1.0.0
    check "push the policy in $language" maker plugin push "$BUILT/policy-$language.wasm" "$place"
    check "install it by reference" maker plugin install "$place" --yes
    refused "skopeo's push is blocked ($language)" "$WANTED" push "oci:$WORK/plain:v1" "team/$language:v1"
    refused "and one of latest" 'push a version instead of latest' push "oci:$WORK/named:v1" "team/$language:latest"
    [ "$language" != rust ] || by_podman
    check "an image that says where it comes from passes" push "oci:$WORK/named:v1" "team/$language:v1"
    check "remove it" maker plugin remove "$name" --yes
    check "then the other passes too" push "oci:$WORK/plain:v1" "team/$language:v2"
}

main
