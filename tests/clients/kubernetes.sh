#!/bin/bash
# What Kubernetes pulls with: kubelet's credential provider with a service account's token, and pull
# secrets. There is no cluster here: an issuer of such tokens, and containerd as kubelet calls it.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/clients/daemons.sh
. "$HERE/daemons.sh"
# shellcheck source=tests/clients/issuer.sh
. "$HERE/issuer.sh"

main() {
    needs containerd ctr crane
    start_berth
    check "trust the cluster" trust_cluster
    make_image "$WORK/image" one "a pod's image" 8
    IMAGE=$FIXTURE_DIGEST
    mkdir -p "$WORK/home/.docker"
    login_with alice "$ALICE_PASSWORD"
    check "push an image" client crane push "$WORK/image" "$REGISTRY/shop/app:v1"
    rm "$WORK/home/.docker/config.json"
    start_containerd

    credential_provider
    pull_secret
    finish
}

# Whoever comes from the namespace shop may pull what is in shop/.
trust_cluster() {
    trust_issuer &&
        "$BERTH" federation rule add shop --issuer test --is repository=system:serviceaccount:shop:default \
            --role reader --on 'shop/**' --data "$WORK/data"
}

# provide IMAGE TOKEN: as kubelet asks.
provide() {
    jq -n --arg image "$1" --arg token "$2" '{
        kind: "CredentialProviderRequest", apiVersion: "credentialprovider.kubelet.k8s.io/v1",
        image: $image, serviceAccountToken: $token, serviceAccountAnnotations: {}
    }' | "$BERTH" kubelet-credential-provider --registry "$REGISTRY"
}

pull() {
    ctr images pull --plain-http --snapshotter native --user "$1" "$REGISTRY/shop/app:v1"
}

credential_provider() {
    local token answer
    token=$(workload_token system:serviceaccount:shop:default)
    answer=$(provide "$REGISTRY/shop/app:v1" "$token")
    same "the provider answers for this registry" "$REGISTRY" "$(jq -r '.auth | keys[0]' <<<"$answer")"
    check "containerd pulls with what it gives" pull "$(jq -r '.auth[] | "\(.username):\(.password)"' <<<"$answer")"
    same "the digest that came" "$IMAGE" "$(ctr images ls | awk -v ref="$REGISTRY/shop/app:v1" '$1 == ref {print $3}')"
    ctr images rm --sync "$REGISTRY/shop/app:v1" >/dev/null
    answer=$(provide "$REGISTRY/shop/app:v1" "$(workload_token system:serviceaccount:other:default)")
    refused "a pod of another namespace does not" '401|unauthorized|authorization failed|denied' \
        pull "$(jq -r '.auth[] | "\(.username):\(.password)"' <<<"$answer")"
    same "other registries get nothing" null "$(provide "evil.example/app" "$token" | jq -r .auth)"
}

login_with() {
    printf '%s' "$2" | client crane auth login --username "$1" --password-stdin "$REGISTRY"
}

pull_secret() {
    check "a robot" "$BERTH" robot add puller --role reader --on 'shop/**' --no-token --data "$WORK/data"
    OUT=$("$BERTH" k8s pull-secret berth --namespace shop --registry "$REGISTRY" --create-token puller \
        --on 'shop/**' --expires 90d --data "$WORK/data" 2>/dev/null)
    python3 -c '
import base64, sys, yaml
secret = yaml.safe_load(sys.stdin)
assert secret["kind"] == "Secret" and secret["type"] == "kubernetes.io/dockerconfigjson"
assert secret["metadata"] == {"name": "berth", "namespace": "shop"}
sys.stdout.buffer.write(base64.b64decode(secret["data"][".dockerconfigjson"]))
' <<<"$OUT" >"$WORK/home/.docker/config.json"
    # A running registry takes up what a command changed within a moment.
    check "its credentials pull" until_true 10 client crane validate --remote "$REGISTRY/shop/app:v1"
    refused "and do not push" 'DENIED|denied|forbidden|UNAUTHORIZED' client crane push "$WORK/image" "$REGISTRY/shop/app:v2"
}

main
