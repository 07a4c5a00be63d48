#!/bin/bash
# notation (Notary Project): signatures as referrers, with a self-signed test certificate.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
    needs notation crane
    start_berth
    make_image "$WORK/image" one "to be signed"
    IMAGE=$FIXTURE_DIGEST

    refused "login with a wrong password" 'unauthorized|401|failed' login alice not-her-password
    check "login with a password" login alice "$ALICE_PASSWORD"
    check "push an image" push alice "$ALICE_PASSWORD"
    check "make a test certificate" notation cert generate-test --default berth.example
    trust
    sign_and_verify
    roles
    finish
}

# notation keeps passwords in a keychain or nowhere; here they come from the environment.
WHO=alice
PASSWORD=$ALICE_PASSWORD

notation() {
    client env NOTATION_USERNAME="$WHO" NOTATION_PASSWORD="$PASSWORD" notation "$@"
}

login() {
    WHO=$1 PASSWORD=$2 notation login --insecure-registry "$REGISTRY" 2>&1 | tee "$WORK/login"
    # Without a keychain the login that succeeded cannot be saved, and notation says just that.
    grep -qiE 'login succeeded|credential.*(store|save|helper)|plaintext' "$WORK/login"
}

push() {
    printf '%s' "$2" | client crane auth login --username "$1" --password-stdin "$REGISTRY" &&
        client crane push "$WORK/image" "$REGISTRY/team/app:v1"
}

trust() {
    cat >"$WORK/policy.json" <<JSON
{"version": "1.0", "trustPolicies": [{"name": "all", "registryScopes": ["*"],
  "signatureVerification": {"level": "strict"}, "trustStores": ["ca:berth.example"], "trustedIdentities": ["*"]}]}
JSON
    check "import a trust policy" notation policy import "$WORK/policy.json"
}

sign_and_verify() {
    refused "verify what is not signed" 'no signature' notation verify --insecure-registry "$REGISTRY/team/app@$IMAGE"
    check "sign" notation sign --insecure-registry --force-referrers-tag=false "$REGISTRY/team/app@$IMAGE"
    check "sign again, as COSE" \
        notation sign --insecure-registry --force-referrers-tag=false --signature-format cose "$REGISTRY/team/app@$IMAGE"
    same "two referrers" 2 "$(api GET "/v2/team/app/referrers/$IMAGE" |
        jq '[.manifests[] | select(.artifactType == "application/vnd.cncf.notary.signature")] | length')"
    check "verify" notation verify --insecure-registry "$REGISTRY/team/app@$IMAGE"
    check "list" notation list --insecure-registry "$REGISTRY/team/app@$IMAGE"
    check "inspect" notation inspect --insecure-registry "$REGISTRY/team/app@$IMAGE"
    check "sign in the old way, by a tag" notation sign --insecure-registry --force-referrers-tag=true "$REGISTRY/team/app@$IMAGE"
    check "verify all of them" notation verify --insecure-registry "$REGISTRY/team/app@$IMAGE"
}

roles() {
    WHO=rob PASSWORD=$ROB_PASSWORD
    check "a reader verifies" notation verify --insecure-registry "$REGISTRY/team/app@$IMAGE"
    refused "a reader signs" 'denied|unauthorized|forbidden|403|401' \
        notation sign --insecure-registry --force-referrers-tag=false "$REGISTRY/team/app@$IMAGE"
}

main
