#!/bin/bash
# Workload identity: clients that are given a CI system's token for a password, and know nothing of it.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/clients/issuer.sh
. "$HERE/issuer.sh"

main() {
    start_berth
    check "trust an issuer" trust_issuer
    make_image "$WORK/image" one "an image"
    GOOD=$(workload_token acme/app)
    OTHER=$(workload_token evil/app)
    ELSEWHERE=$(workload_token acme/app elsewhere.example)
    if [ "$PLACE" = host ]; then
        needs skopeo podman
        with_skopeo
        with_podman
    else
        needs crane oras
        with_crane
        with_oras
    fi
    exchange
    finish
}

# login COMMAND... TOKEN: with the token on stdin.
login() {
    printf '%s' "${*: -1}" | client "${@:1:$#-1}" --username whoever --password-stdin "$REGISTRY"
}

refusals() {
    refused "$1: login with a token of another repository" 'unauthorized|invalid username/password' login "${@:2}" "$OTHER"
    refused "$1: login with a token for others" 'unauthorized|invalid username/password' login "${@:2}" "$ELSEWHERE"
}

with_skopeo() {
    local skopeo=(skopeo login --tls-verify=false)
    refusals skopeo "${skopeo[@]}"
    check "skopeo: login" login "${skopeo[@]}" "$GOOD"
    check "skopeo: push" client skopeo copy --dest-tls-verify=false "oci:$WORK/image:one" "docker://$REGISTRY/acme/app:v1"
    refused "skopeo: push elsewhere" 'denied|unauthorized|forbidden' \
        client skopeo copy --dest-tls-verify=false "oci:$WORK/image:one" "docker://$REGISTRY/other/app:v1"
    check "skopeo: pull" client skopeo copy --src-tls-verify=false "docker://$REGISTRY/acme/app:v1" "oci:$WORK/back:one"
}

with_podman() {
    refusals podman podman login --tls-verify=false
    check "podman: login" login podman login --tls-verify=false "$GOOD"
}

with_crane() {
    # crane keeps what it is given and asks no one; the registry's answer comes with the push.
    check "crane: login" login crane auth login "$GOOD"
    check "crane: push" client crane push "$WORK/image" "$REGISTRY/acme/app:v1"
    refused "crane: push elsewhere" 'denied|unauthorized|forbidden' client crane push "$WORK/image" "$REGISTRY/other/app:v1"
    check "crane: validate" client crane validate --remote "$REGISTRY/acme/app:v1"
}

with_oras() {
    refusals oras oras login --plain-http
    check "oras: login" login oras login --plain-http "$GOOD"
    check "oras: list tags" client oras repo tags --plain-http "$REGISTRY/acme/app"
}

exchange() {
    local exchanged
    exchanged=$(curl -sS --max-time 60 "http://$REGISTRY/token" \
        -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange \
        -d subject_token_type=urn:ietf:params:oauth:token-type:jwt --data-urlencode "subject_token=$GOOD" \
        --data-urlencode scope=repository:acme/app:pull | jq -r .access_token)
    check "exchange: list tags with what came of it" \
        curl -sS --fail --max-time 60 -H "Authorization: Bearer $exchanged" "http://$REGISTRY/v2/acme/app/tags/list"
    OUT=$("$BERTH" federation try - --data "$WORK/data" <<<"$OTHER" 2>&1)
    has "try: it tells why" 'rule app: no, .repository. is .evil/app., and not .acme/app.'
    OUT=$("$BERTH" audit list --data "$WORK/data" 2>&1)
    has "the audit trail names issuer, subject and rule" 'workload:app \(test repo:acme/app\)'
}

main
