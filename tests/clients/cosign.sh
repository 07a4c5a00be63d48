#!/bin/bash
# cosign: signatures with a local key pair, found by a tag (version 2's way) and as referrers
# (version 3's way). No transparency log, no certificate authority: nothing leaves this machine.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
    needs cosign crane
    check "make a key pair" cosign generate-key-pair --output-key-prefix "$WORK/key"
    printf '[[signatures.keys]]\nname = "release"\nkey = "%s"\n' "$WORK/key.pub" >"$WORK/trust.toml"
    start_berth --config "$WORK/trust.toml"
    make_image "$WORK/image" one "to be signed"
    IMAGE=$FIXTURE_DIGEST
    make_image "$WORK/unsigned" one "never signed"
    UNSIGNED=$FIXTURE_DIGEST
    make_index "$WORK/multi" one "to be signed, with its platforms"
    MULTI=$FIXTURE_DIGEST

    # cosign keeps what it is given and asks no one; the registry's answer comes with the first use.
    check "login with a wrong password" login alice not-her-password
    refused "a push with it" 'unauthorized' client crane push "$WORK/image" "$REGISTRY/team/app:v1"
    check "login with a password" login alice "$ALICE_PASSWORD"
    check "push an image" client crane push "$WORK/image" "$REGISTRY/team/app:v1"
    check "push an index" client crane push --index "$WORK/multi" "$REGISTRY/team/multi:v1"
    check "push another image" client crane push "$WORK/unsigned" "$REGISTRY/team/unsigned:v1"
    by_tag
    by_referrer
    attestation
    copies
    plugins
    roles
    finish
}

cosign() {
    client env COSIGN_PASSWORD=key-password cosign "$@"
}

login() {
    printf '%s' "$2" | cosign login --username "$1" --password-stdin "$REGISTRY"
}

sign() {
    cosign sign --yes --key "$WORK/key.key" --use-signing-config=false --tlog-upload=false --allow-http-registry "$@"
}

verify() {
    cosign verify --key "$WORK/key.pub" --insecure-ignore-tlog --allow-http-registry "$@"
}

# worth REPOSITORY: what Berth says of the signatures beside v1, with the key that it trusts.
worth() {
    api GET "/api/v1/repositories/${1/\//%2F}/manifests/v1/referrers" |
        jq -r '[.tagged_signatures[].signature, .referrers[].signature] | map("\(.state) \(.key)") | unique | join(", ")'
}

by_tag() {
    check "sign, kept under a tag" sign --new-bundle-format=false "$REGISTRY/team/app@$IMAGE"
    check "the tag is there" api GET "/v2/team/app/manifests/${IMAGE/:/-}.sig" --fail -o /dev/null
    check "verify it" verify --new-bundle-format=false "$REGISTRY/team/app:v1"
    check "sign once more (the tag is written again)" \
        sign --new-bundle-format=false --annotations round=two "$REGISTRY/team/app@$IMAGE"
    check "verify the second" verify --new-bundle-format=false --annotations round=two "$REGISTRY/team/app:v1"
    same "Berth knows whose they are" "verified release" "$(worth team/app)"
    check "sign every platform of an index" sign --new-bundle-format=false --recursive "$REGISTRY/team/multi@$MULTI"
    refused "verify what was not signed" 'no signatures found|no matching signatures' \
        verify --new-bundle-format=false "$REGISTRY/team/unsigned:v1"
}

by_referrer() {
    check "sign, kept as a referrer" sign --new-bundle-format=true "$REGISTRY/team/unsigned@$UNSIGNED"
    same "it is a sigstore bundle" application/vnd.dev.sigstore.bundle.v0.3+json \
        "$(api GET "/v2/team/unsigned/referrers/$UNSIGNED" | jq -r '.manifests[].artifactType')"
    same "no tag was made for it" '["v1"]' "$(api GET /v2/team/unsigned/tags/list | jq -c .tags)"
    check "verify it" verify --new-bundle-format=true "$REGISTRY/team/unsigned:v1"
    same "Berth knows whose it is" "verified release" "$(worth team/unsigned)"
    check "tree" cosign tree --allow-http-registry "$REGISTRY/team/unsigned:v1"
}

attestation() {
    echo '{"made": "by hand"}' >"$WORK/predicate.json"
    check "attest, as a referrer" cosign attest --yes --key "$WORK/key.key" --use-signing-config=false --tlog-upload=false \
        --allow-http-registry --new-bundle-format=true --type custom --predicate "$WORK/predicate.json" "$REGISTRY/team/app@$IMAGE"
    check "verify the attestation" cosign verify-attestation --key "$WORK/key.pub" --insecure-ignore-tlog \
        --allow-http-registry --new-bundle-format=true --type custom "$REGISTRY/team/app@$IMAGE"
    check "attest, under a tag" cosign attest --yes --key "$WORK/key.key" --use-signing-config=false --tlog-upload=false \
        --allow-http-registry --new-bundle-format=false --type custom --predicate "$WORK/predicate.json" "$REGISTRY/team/app@$IMAGE"
    check "that tag is there" api GET "/v2/team/app/manifests/${IMAGE/:/-}.att" --fail -o /dev/null
    same "Berth knows whose all of them are" "verified release" "$(worth team/app)"
}

copies() {
    check "copy an image with its signatures" cosign copy --allow-http-registry "$REGISTRY/team/app:v1" "$REGISTRY/other/app:v1"
    check "verify the copy" verify --new-bundle-format=false "$REGISTRY/other/app:v1"
}

# Whoever makes a plugin, and whoever installs it, with a home of their own.
maker() {
    env HOME="$WORK/home" "$BERTH" "$@"
}

maker_logs_in() {
    printf '%s' "$ADMIN_PASSWORD" | maker login "$REGISTRY" --username admin --password-stdin
}

# A plugin is installed if the key that was named has signed it, in either way, and else not.
plugins() {
    local place=$REGISTRY/team/policy digest format
    check "the maker of a plugin logs in" maker_logs_in
    check "push a plugin" maker plugin push "$HERE/../guests/built/policy.wasm" "$place:v1"
    digest=$(served_digest team/policy v1)
    check "make another key pair" cosign generate-key-pair --output-key-prefix "$WORK/other"
    check "sign with it" cosign sign --yes --key "$WORK/other.key" --use-signing-config=false --tlog-upload=false \
        --allow-http-registry --new-bundle-format=true "$REGISTRY/team/unsigned@$UNSIGNED"
    same "Berth does not trust that one" "unknown-key null, verified release" "$(worth team/unsigned)"
    refused "install it unsigned" 'is not signed by a key' maker plugin install "$place:v1" --yes --key "$WORK/key.pub"
    for format in false true; do
        check "sign the plugin (bundle: $format)" sign --new-bundle-format=$format "$place@$digest"
        refused "install it by another key" 'is not signed by a key' \
            maker plugin install "$place@$digest" --yes --key "$WORK/other.pub"
        check "install it by the key" maker plugin install "$place@$digest" --yes --key "$WORK/key.pub"
        same "its signature is told" true \
            "$(maker plugin show test.policy --json | jq '.signed_by != null')"
        check "remove it" maker plugin remove test.policy --yes
        check "forget the signatures" api DELETE "/v2/team/policy/manifests/${digest/:/-}.sig" -o /dev/null
    done
}

roles() {
    check "login as a reader" login rob "$ROB_PASSWORD"
    check "a reader verifies" verify --new-bundle-format=false "$REGISTRY/team/app:v1"
    # With a text of its own: a signature that is there already is not pushed again.
    refused "a reader signs" 'DENIED|UNAUTHORIZED|forbidden' \
        sign --new-bundle-format=false --annotations by=rob "$REGISTRY/team/app@$IMAGE"
    refused "a reader signs, as a referrer" 'DENIED|UNAUTHORIZED|forbidden' \
        sign --new-bundle-format=true --annotations by=rob "$REGISTRY/team/app@$IMAGE"
}

main
