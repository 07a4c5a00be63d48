#!/bin/bash
# Pushes that are cut off: the client is killed in the middle, then the server is. What follows is
# what a person does next: the same command again.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
    needs skopeo
    start_berth
    check "login" login
    client_killed
    server_killed
    finish
}

login() {
    printf '%s' "$ALICE_PASSWORD" | host skopeo login --tls-verify=false --username alice --password-stdin "$REGISTRY"
}

push() {
    host skopeo copy --dest-tls-verify=false "oci:$WORK/image:one" "docker://$REGISTRY/$1"
}

stored_bytes() {
    du -sb "$WORK/data" 2>/dev/null | cut -f1
}

# A good part has arrived, and not all of it: the push is stopped right there.
has_arrived() {
    [ "$(stored_bytes)" -ge $((BEFORE + 16 * 1024 * 1024)) ]
}

begin_push() {
    BEFORE=$(stored_bytes)
    "${CLEAN[@]}" skopeo copy --dest-tls-verify=false "oci:$WORK/image:one" "docker://$REGISTRY/$1" >"$WORK/push.log" 2>&1 &
    PUSH=$!
    if ! until_true 60 has_arrived; then
        failed "$1: no push under way"
        tail_of "$(cat "$WORK/push.log")"
    fi
}

tags_of() {
    api GET "/v2/$1/tags/list" | jq -c '.tags // "none"'
}

# A new one each time, or the second push would find its layers in the registry.
make_large_image() {
    rm -rf "$WORK/image" "$WORK/back"
    make_image "$WORK/image" one "large enough to be caught on the way" 256
    IMAGE=$FIXTURE_DIGEST
}

client_killed() {
    make_large_image
    begin_push team/app:v1
    kill -KILL "$PUSH"
    wait "$PUSH" 2>/dev/null
    same "the client died on the way" '"none"' "$(tags_of team/app)"
    check "push again" push team/app:v1
    same "the digest is the one made" "$IMAGE" "$(served_digest team/app v1)"
    check "pull" host skopeo copy --src-tls-verify=false "docker://$REGISTRY/team/app:v1" "oci:$WORK/back:one"
    same "byte for byte" "$(blobs_of "$WORK/image")" "$(blobs_of "$WORK/back")"
}

server_killed() {
    local before=$IMAGE
    make_large_image
    begin_push other/place:v1
    kill -KILL "$BERTH_PID"
    wait "$BERTH_PID" "$PUSH" 2>/dev/null
    serve
    passed "the server starts again"
    same "what was acknowledged before is there" "$before" "$(served_digest team/app v1)"
    same "what was not is not" '"none"' "$(tags_of other/place)"
    check "push again" push other/place:v1
    same "the digest is the one made" "$IMAGE" "$(served_digest other/place v1)"
    check "pull" host skopeo copy --src-tls-verify=false "docker://$REGISTRY/other/place:v1" "oci:$WORK/back:one"
    same "byte for byte" "$(blobs_of "$WORK/image")" "$(blobs_of "$WORK/back")"
}

main
