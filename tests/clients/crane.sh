#!/bin/bash
# crane (go-containerregistry): also what ko, kaniko, cosign and many build tools speak through.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
    needs crane
    start_berth
    make_image "$WORK/image" one "an image"
    IMAGE=$FIXTURE_DIGEST
    make_index "$WORK/multi" one "two platforms"
    MULTI=$FIXTURE_DIGEST

    credentials
    images
    indexes
    append_and_mutate
    lists
    deletion
    finish
}

crane() {
    client crane "$@"
}

login() {
    printf '%s' "$2" | crane auth login --username "$1" --password-stdin "$REGISTRY"
}

credentials() {
    refused "a push without credentials" 'unauthorized' crane push "$WORK/image" "$REGISTRY/team/app:v1"
    # crane keeps what it is given and asks no one; the registry's answer comes with the push.
    login alice not-her-password >/dev/null 2>&1
    refused "a push with a wrong password" 'unauthorized' crane push "$WORK/image" "$REGISTRY/team/app:v1"
    check "login" login alice "$ALICE_PASSWORD"
}

images() {
    check "push a layout's image" crane push "$WORK/image" "$REGISTRY/team/app:v1"
    check "digest" crane digest "$REGISTRY/team/app:v1"
    same "it is the one made" "$IMAGE" "$OUT"
    check "validate what is served, layer by layer" crane validate --remote "$REGISTRY/team/app:v1"
    check "manifest" crane manifest "$REGISTRY/team/app@$IMAGE"
    check "config" crane config "$REGISTRY/team/app:v1"
    check "pull as an OCI layout" crane pull --format=oci "$REGISTRY/team/app:v1" "$WORK/image-back"
    same "the blobs came back byte for byte" "$(blobs_of "$WORK/image")" "$(blobs_of "$WORK/image-back")"
    check "pull as a tarball" crane pull "$REGISTRY/team/app:v1" "$WORK/image.tar"
    check "push the tarball" crane push "$WORK/image.tar" "$REGISTRY/team/app:tarball"
    check "export the filesystem" crane export "$REGISTRY/team/app:v1" "$WORK/filesystem.tar"
    check "its file is in there" tar -xOf "$WORK/filesystem.tar" etc/berth-fixture
    refused "a tag that is not there" 'MANIFEST_UNKNOWN|not found|404' crane digest "$REGISTRY/team/app:none"
    check "tag" crane tag "$REGISTRY/team/app:v1" v2
    same "the tag's digest" "$IMAGE" "$(served_digest team/app v2)"
    check "copy to another repository (mounts)" crane copy "$REGISTRY/team/app:v1" "$REGISTRY/team/copy:v1"
    same "the copy's digest" "$IMAGE" "$(served_digest team/copy v1)"
}

indexes() {
    check "push an index" crane push --index "$WORK/multi" "$REGISTRY/team/layout:v1"
    # crane wraps a layout in an index of its own; the platforms' index is below it.
    check "validate the index" crane validate --remote "$REGISTRY/team/layout:v1"
    check "give the inner index a tag" crane copy "$REGISTRY/team/layout@$MULTI" "$REGISTRY/team/multi:v1"
    same "its digest" "$MULTI" "$(served_digest team/multi v1)"
    check "the digest of one platform" crane digest --platform linux/arm64 "$REGISTRY/team/multi:v1"
    check "copy one platform" crane copy --platform linux/arm64 "$REGISTRY/team/multi:v1" "$REGISTRY/team/arm64:v1"
    check "append an image to an index" \
        crane index append --manifest "$REGISTRY/team/app:v1" --tag "$REGISTRY/team/appended:v1" "$REGISTRY/team/multi:v1"
    check "validate what came of it" crane validate --remote "$REGISTRY/team/appended:v1"
}

append_and_mutate() {
    echo 'more' >"$WORK/more"
    tar -C "$WORK" -cf "$WORK/more.tar" more
    check "append a layer to nothing" crane append --new_layer "$WORK/more.tar" --new_tag "$REGISTRY/team/made:v1"
    check "append a layer to an image" \
        crane append --base "$REGISTRY/team/app:v1" --new_layer "$WORK/more.tar" --new_tag "$REGISTRY/team/made:v2"
    check "mutate in place" crane mutate --label berth=yes --tag "$REGISTRY/team/made:v3" "$REGISTRY/team/made:v2"
    check "flatten" crane flatten --tag "$REGISTRY/team/made:v4" "$REGISTRY/team/made:v3"
    check "validate what came of it" crane validate --remote "$REGISTRY/team/made:v4"
}

lists() {
    local number
    check "ls" crane ls "$REGISTRY/team/made"
    same "every tag" 'v1 v2 v3 v4' "$(printf '%s' "$OUT" | tr '\n' ' ' | sed 's/ $//')"
    check "login as the administrator" login admin "$ADMIN_PASSWORD"
    check "catalog" crane catalog "$REGISTRY"
    has "the repositories are in it" '^team/multi$'
    for number in $(seq 1 120); do
        printf 'url = "http://%s/v2/team/app/manifests/t%d"\nupload-file = "%s"\noutput = /dev/null\n' \
            "$REGISTRY" "$number" "$WORK/image/blobs/sha256/${IMAGE#sha256:}"
    done >"$WORK/tags.curl"
    check "make 120 tags" curl -sS --fail -u "admin:$ADMIN_PASSWORD" \
        -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --config "$WORK/tags.curl"
    check "ls page by page" crane ls "$REGISTRY/team/app"
    same "every tag of them" 123 "$(printf '%s\n' "$OUT" | sort -u | wc -l)"
    check "login as a writer again" login alice "$ALICE_PASSWORD"
}

deletion() {
    refused "a writer deletes" 'DENIED|UNAUTHORIZED|forbidden' crane delete "$REGISTRY/team/copy@$IMAGE"
    check "login as a reader" login rob "$ROB_PASSWORD"
    check "a reader pulls" crane validate --remote "$REGISTRY/team/app:v1"
    refused "a reader pushes" 'DENIED|UNAUTHORIZED|forbidden' crane push "$WORK/image" "$REGISTRY/team/app:v9"
    check "login as the administrator" login admin "$ADMIN_PASSWORD"
    check "the administrator deletes" crane delete "$REGISTRY/team/copy@$IMAGE"
    refused "what was deleted" 'MANIFEST_UNKNOWN|not found|404' crane digest "$REGISTRY/team/copy:v1"
    check "the copy elsewhere stays" crane validate --remote "$REGISTRY/team/app:v1"
    check "delete a tag" crane delete "$REGISTRY/team/made:v1"
    refused "the deleted tag" 'MANIFEST_UNKNOWN|not found|404' crane digest "$REGISTRY/team/made:v1"
}

main
