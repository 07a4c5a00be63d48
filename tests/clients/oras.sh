#!/bin/bash
# oras: artifacts that are not images, and what refers to them.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
    needs oras
    start_berth
    cd "$WORK" || exit
    echo 'some text' >"$WORK/text.txt"
    head -c 20M /dev/urandom >"$WORK/data.bin"

    credentials
    artifacts
    referrers
    referrers_by_tag
    blobs_and_manifests
    other_algorithm
    deletion
    finish
}

# oras wants paths within the directory it is in.
oras() {
    # shellcheck disable=SC2016 # $0 and $@ are the inner shell's
    client sh -c 'cd "$0" && exec oras "$@"' "$WORK" "$@"
}

login() {
    printf '%s' "$2" | oras login --plain-http --username "$1" --password-stdin "$REGISTRY"
}

digest_of() {
    oras resolve --plain-http "$REGISTRY/$1"
}

credentials() {
    refused "login with a wrong password" 'unauthorized|401' login alice not-her-password
    refused "a push without credentials" 'unauthorized|401|basic credential not found' \
        oras push --plain-http "$REGISTRY/team/files:v1" text.txt:text/plain
    check "login with a password" login alice "$ALICE_PASSWORD"
}

artifacts() {
    check "push files" oras push --plain-http --artifact-type application/vnd.example.files \
        "$REGISTRY/team/files:v1,latest" text.txt:text/plain data.bin:application/octet-stream
    check "push them again" oras push --plain-http "$REGISTRY/team/files:v2" text.txt:text/plain data.bin
    same "two tags of one push" "$(served_digest team/files v1)" "$(served_digest team/files latest)"
    check "pull them" oras pull --plain-http --output back "$REGISTRY/team/files:v1"
    same "the text is the same" "$(sha256sum <"$WORK/text.txt")" "$(sha256sum <"$WORK/back/text.txt")"
    same "the data is the same" "$(sha256sum <"$WORK/data.bin")" "$(sha256sum <"$WORK/back/data.bin")"
    check "tag" oras tag --plain-http "$REGISTRY/team/files:v1" stable
    check "list tags" oras repo tags --plain-http "$REGISTRY/team/files"
    same "all of them" 'latest stable v1 v2' "$(printf '%s\n' "$OUT" | sort | tr '\n' ' ' | sed 's/ $//')"
    refused "what is not there" 'not found' oras pull --plain-http "$REGISTRY/team/files:none"
}

referrers() {
    check "attach a report" oras attach --plain-http --artifact-type application/vnd.example.report \
        --annotation berth.test=yes "$REGISTRY/team/files:v1" text.txt:text/plain
    check "attach a bill of materials" oras attach --plain-http --artifact-type application/vnd.example.sbom \
        "$REGISTRY/team/files:v1" data.bin:application/octet-stream
    check "discover" oras discover --plain-http --format json "$REGISTRY/team/files:v1"
    same "both are found" 2 "$(printf '%s' "$OUT" | jq '(.referrers // .manifests) | length')"
    check "discover one type" oras discover --plain-http --format json --artifact-type application/vnd.example.sbom "$REGISTRY/team/files:v1"
    same "one is found" application/vnd.example.sbom \
        "$(printf '%s' "$OUT" | jq -r '(.referrers // .manifests)[].artifactType')"
    same "the registry itself told of them (no fallback tag)" 'latest stable v1 v2' \
        "$(api GET /v2/team/files/tags/list | jq -r '.tags | sort | join(" ")')"
    check "copy with everything that refers to it" \
        oras cp --recursive --from-plain-http --to-plain-http "$REGISTRY/team/files:v1" "$REGISTRY/other/files:v1"
    check "discover in the copy" oras discover --plain-http --format json "$REGISTRY/other/files:v1"
    same "both came along" 2 "$(printf '%s' "$OUT" | jq '(.referrers // .manifests) | length')"
    check "copy to a layout directory" \
        oras cp --recursive --from-plain-http --to-oci-layout "$REGISTRY/other/files:v1" layout:v1
    check "and back" oras cp --recursive --from-oci-layout --to-plain-http layout:v1 "$REGISTRY/third/files:v1"
    same "the same digest" "$(served_digest team/files v1)" "$(served_digest third/files v1)"
    if [ "$PLACE" = forky ]; then
        check "back up a repository" oras backup --plain-http --output saved.tar --include-referrers "$REGISTRY/team/files:v1,v2"
        check "restore it elsewhere" oras restore --plain-http --input saved.tar "$REGISTRY/restored/files:v1,v2"
        same "the same digest" "$(served_digest team/files v1)" "$(served_digest restored/files v1)"
    fi
}

referrers_by_tag() {
    local subject
    check "push something to refer to" oras push --plain-http "$REGISTRY/team/old:v1" text.txt:text/plain
    subject=$(digest_of team/old:v1)
    check "attach in the old way, by a tag" oras attach --plain-http --distribution-spec v1.1-referrers-tag \
        --artifact-type application/vnd.example.report "$REGISTRY/team/old:v1" data.bin:application/octet-stream
    check "discover by the tag" oras discover --plain-http --distribution-spec v1.1-referrers-tag --format json "$REGISTRY/team/old:v1"
    same "found" 1 "$(printf '%s' "$OUT" | jq '(.referrers // .manifests) | length')"
    check "discover by the API too" oras discover --plain-http --distribution-spec v1.1-referrers-api --format json "$REGISTRY/team/old:v1"
    same "found once" 1 "$(printf '%s' "$OUT" | jq '(.referrers // .manifests) | length')"
    check "the tag is there" api GET "/v2/team/old/manifests/${subject/:/-}" --fail -o /dev/null
}

blobs_and_manifests() {
    local digest manifest
    digest=sha256:$(sha256sum "$WORK/data.bin" | cut -d' ' -f1)
    check "push a blob" oras blob push --plain-http "$REGISTRY/team/blobs" data.bin
    check "fetch it" oras blob fetch --plain-http --output fetched "$REGISTRY/team/blobs@$digest"
    same "byte for byte" "$(sha256sum <"$WORK/data.bin")" "$(sha256sum <"$WORK/fetched")"
    refused "a blob of a repository that does not own it" 'not found' \
        oras blob fetch --plain-http --output stolen "$REGISTRY/team/nothing@$digest"
    check "fetch a manifest" oras manifest fetch --plain-http --output manifest.json "$REGISTRY/team/files:v1"
    manifest=$(cat "$WORK/manifest.json")
    check "push it under another tag" oras manifest push --plain-http "$REGISTRY/team/files:again" manifest.json
    printf '%s' "${manifest//sha256:????/sha256:0000}" >"$WORK/broken.json"
    refused "a manifest of blobs that nobody pushed" 'MANIFEST_BLOB_UNKNOWN|blob unknown|BLOB_UNKNOWN' \
        oras manifest push --plain-http "$REGISTRY/team/files:broken" broken.json
}

# sha512: a layout directory whose every descriptor is of the other algorithm.
other_algorithm() {
    local layout=$WORK/sha512 config layer manifest
    put512() {
        local digest
        mkdir -p "$layout/blobs/sha512"
        digest=$(sha512sum "$1" | cut -d' ' -f1)
        cp "$1" "$layout/blobs/sha512/$digest"
        printf '{"mediaType":"%s","digest":"sha512:%s","size":%d}' "$2" "$digest" "$(stat -c %s "$1")"
    }
    printf '{}' >"$WORK/empty.json"
    config=$(put512 "$WORK/empty.json" application/vnd.oci.empty.v1+json)
    layer=$(put512 "$WORK/data.bin" application/octet-stream)
    printf '{"schemaVersion":2,"mediaType":"%s","artifactType":"application/vnd.example.sha512","config":%s,"layers":[%s]}' \
        application/vnd.oci.image.manifest.v1+json "$config" "$layer" >"$WORK/manifest512.json"
    manifest=$(put512 "$WORK/manifest512.json" application/vnd.oci.image.manifest.v1+json)
    printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
    printf '{"schemaVersion":2,"manifests":[%s]}' "$manifest" >"$layout/index.json"
    manifest=$(printf '%s' "$manifest" | jq -r .digest)
    check "copy a layout of sha512 digests" \
        oras cp --from-oci-layout --to-plain-http "sha512@$manifest" "$REGISTRY/team/sha512@$manifest"
    check "pull it by its sha512 digest" oras pull --plain-http --output back512 "$REGISTRY/team/sha512@$manifest"
    check "copy it back" oras cp --from-plain-http --to-oci-layout "$REGISTRY/team/sha512@$manifest" "back-layout@$manifest"
    same "every blob byte for byte" "$(blobs_of "$layout")" "$(blobs_of "$WORK/back-layout")"
}

deletion() {
    local digest
    digest=$(served_digest team/files v2)
    refused "a writer deletes" 'denied|unauthorized|forbidden|403|401' \
        oras manifest delete --plain-http --force "$REGISTRY/team/files@$digest"
    check "login as a reader" login rob "$ROB_PASSWORD"
    check "a reader pulls" oras pull --plain-http --output reader "$REGISTRY/team/files:v1"
    refused "a reader attaches" 'denied|unauthorized|forbidden|403|401' oras attach --plain-http \
        --artifact-type application/vnd.example.report "$REGISTRY/team/files:v1" text.txt:text/plain
    check "login as the administrator" login admin "$ADMIN_PASSWORD"
    check "the administrator deletes" oras manifest delete --plain-http --force "$REGISTRY/team/files@$digest"
    refused "what was deleted" 'not found' oras pull --plain-http "$REGISTRY/team/files:v2"
    check "delete an unused blob" oras blob delete --plain-http --force \
        "$REGISTRY/team/blobs@sha256:$(sha256sum "$WORK/data.bin" | cut -d' ' -f1)"
    check "list repositories" oras repo ls --plain-http "$REGISTRY"
    has "they are listed" '^team/files$'
    check "logout" oras logout "$REGISTRY"
}

main
