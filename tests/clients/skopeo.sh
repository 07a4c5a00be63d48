#!/bin/bash
# skopeo: containers/image speaking for itself, without a storage driver between.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
    needs skopeo
    start_berth
    make_image "$WORK/small" one "a small image"
    SMALL=$FIXTURE_DIGEST
    make_image "$WORK/large" one "a large image" 48
    LARGE=$FIXTURE_DIGEST
    make_index "$WORK/multi" one "two platforms"
    MULTI=$FIXTURE_DIGEST

    credentials
    push_and_pull
    docker_formats
    many_platforms
    reading_about
    deletion
    finish
}

skopeo() {
    client skopeo "$@"
}

copy() {
    skopeo copy --src-tls-verify=false --dest-tls-verify=false "$@"
}

login() {
    printf '%s' "$2" | skopeo login --tls-verify=false --username "$1" --password-stdin "$REGISTRY"
}

credentials() {
    refused "a push without credentials" 'unauthorized|authentication required' \
        copy "oci:$WORK/small:one" "docker://$REGISTRY/team/app:v1"
    refused "login with a wrong password" 'invalid username/password|unauthorized' login alice not-her-password
    check "login with a password" login alice "$ALICE_PASSWORD"
}

push_and_pull() {
    check "push an OCI image" copy "oci:$WORK/small:one" "docker://$REGISTRY/team/app:v1"
    same "the digest served is the one made" "$SMALL" "$(served_digest team/app v1)"
    check "push it again" copy "oci:$WORK/small:one" "docker://$REGISTRY/team/app:v1"
    check "push a large image" copy "oci:$WORK/large:one" "docker://$REGISTRY/team/large/nested/name:v1"
    same "its digest" "$LARGE" "$(served_digest team/large/nested/name v1)"
    check "pull it" copy "docker://$REGISTRY/team/large/nested/name:v1" "oci:$WORK/large-back:one"
    same "the blobs came back byte for byte" "$(blobs_of "$WORK/large")" "$(blobs_of "$WORK/large-back")"
    check "pull by digest" copy "docker://$REGISTRY/team/app@$SMALL" "oci:$WORK/small-back:one"
    same "the same blobs" "$(blobs_of "$WORK/small")" "$(blobs_of "$WORK/small-back")"
    check "push by digest alone" copy "oci:$WORK/small:one" "docker://$REGISTRY/team/untagged@$SMALL"
    check "copy to another repository" copy "docker://$REGISTRY/team/large/nested/name:v1" "docker://$REGISTRY/other/place:v1"
    same "its digest there" "$LARGE" "$(served_digest other/place v1)"
    refused "a tag that is not there" 'manifest unknown|not found' \
        copy "docker://$REGISTRY/team/app:none" "oci:$WORK/none:one"
}

docker_formats() {
    check "push in Docker's schema 2" copy --format v2s2 "oci:$WORK/small:one" "docker://$REGISTRY/docker/app:v1"
    same "its media type" application/vnd.docker.distribution.manifest.v2+json "$(media_type docker/app v1)"
    check "pull it" copy "docker://$REGISTRY/docker/app:v1" "dir:$WORK/docker-back"
    same "its manifest byte for byte" "$(served_digest docker/app v1)" \
        "sha256:$(sha256sum "$WORK/docker-back/manifest.json" | cut -d' ' -f1)"
    check "push a Docker manifest list" copy --all --format v2s2 "oci:$WORK/multi:one" "docker://$REGISTRY/docker/multi:v1"
    same "its media type" application/vnd.docker.distribution.manifest.list.v2+json "$(media_type docker/multi v1)"
    check "pull every platform of it" copy --all "docker://$REGISTRY/docker/multi:v1" "dir:$WORK/docker-multi-back"
}

many_platforms() {
    check "push an index with --all" copy --all "oci:$WORK/multi:one" "docker://$REGISTRY/team/multi:v1"
    same "its digest" "$MULTI" "$(served_digest team/multi v1)"
    check "pull it with --all" copy --all "docker://$REGISTRY/team/multi:v1" "oci:$WORK/multi-back:one"
    same "every blob of every platform" "$(blobs_of "$WORK/multi")" "$(blobs_of "$WORK/multi-back")"
    check "pull one platform of it" copy --override-arch arm64 "docker://$REGISTRY/team/multi:v1" "oci:$WORK/arm64:one"
    check "copy all of it within the registry" copy --all "docker://$REGISTRY/team/multi:v1" "docker://$REGISTRY/team/multi:v2"
    same "the copy's digest" "$MULTI" "$(served_digest team/multi v2)"
}

reading_about() {
    check "inspect" skopeo inspect --tls-verify=false "docker://$REGISTRY/team/app:v1"
    has "it names the digest" "$SMALL"
    check "inspect --config" skopeo inspect --config --tls-verify=false "docker://$REGISTRY/team/app:v1"
    check "list tags" skopeo list-tags --tls-verify=false "docker://$REGISTRY/team/multi"
    same "all of them" 'v1 v2' "$(printf '%s' "$OUT" | jq -r '.Tags | join(" ")')"
    mkdir -p "$WORK/sync"
    check "sync a repository to a directory" \
        skopeo sync --src-tls-verify=false --src docker --dest dir --all "$REGISTRY/team/multi" "$WORK/sync"
}

deletion() {
    delete() { skopeo delete --tls-verify=false "docker://$REGISTRY/$1"; }
    refused "a writer deletes" 'denied|unauthorized|forbidden|not authorized' delete team/app:v1
    same "nothing was deleted" "$SMALL" "$(served_digest team/app v1)"
    check "login as a reader" login rob "$ROB_PASSWORD"
    check "a reader pulls" copy "docker://$REGISTRY/team/app:v1" "oci:$WORK/reader:one"
    refused "a reader pushes" 'denied|unauthorized|forbidden|not authorized' \
        copy "oci:$WORK/small:one" "docker://$REGISTRY/team/app:v2"
    check "login as the administrator" login admin "$ADMIN_PASSWORD"
    check "the administrator deletes" delete team/app:v1
    refused "what was deleted" 'manifest unknown|not found' copy "docker://$REGISTRY/team/app:v1" "oci:$WORK/gone:one"
    check "what is elsewhere stays" copy "docker://$REGISTRY/team/untagged@$SMALL" "oci:$WORK/elsewhere:one"
    check "logout" skopeo logout "$REGISTRY"
    refused "a pull after logout" 'unauthorized|authentication required' \
        copy "docker://$REGISTRY/team/multi:v1" "oci:$WORK/logout:one"
}

main
