#!/bin/bash
# Certificates of clients: whoever shows one is who a rule says, without a password; with `required`
# nobody is let near without one.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/clients/daemons.sh
. "$HERE/daemons.sh"

main() {
    needs skopeo
    PLACE=forky needs oras ctr containerd
    SCHEME=https
    make_authority
    sign server '/CN=127.0.0.1' 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n'
    sign builder '/CN=builder/O=Acme' 'extendedKeyUsage=clientAuth\n'
    sign stranger '/CN=stranger' 'extendedKeyUsage=clientAuth\n'
    export CURL_CA_BUNDLE=$WORK/ca.crt
    settings optional
    start_berth --config "$WORK/berth.toml"
    check "a rule about certificates" "$BERTH" federation rule add builder --issuer certificate --is cn=builder \
        --role writer --on 'team/**' --data "$WORK/data"
    make_image "$WORK/image" one "by certificate" 8
    IMAGE=$FIXTURE_DIGEST

    with_curl
    with_skopeo
    with_oras
    with_containerd
    required
    finish
}

make_authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=Berth test authority' \
        -keyout "$WORK/ca.key" -out "$WORK/ca.crt" 2>/dev/null
}

# sign NAME SUBJECT EXTENSIONS
sign() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$2" \
        -keyout "$WORK/$1.key" -out "$WORK/$1.csr" 2>/dev/null
    # shellcheck disable=SC2059 # the extensions hold line breaks
    openssl x509 -req -in "$WORK/$1.csr" -CA "$WORK/ca.crt" -CAkey "$WORK/ca.key" -days 1 \
        -set_serial "0x$(openssl rand -hex 8)" -out "$WORK/$1.crt" -extfile <(printf "$3") 2>/dev/null
    # As containers/image looks for them.
    mkdir -p "$WORK/$1"
    cp "$WORK/ca.crt" "$WORK/$1/ca.crt"
    cp "$WORK/$1.crt" "$WORK/$1/client.cert"
    cp "$WORK/$1.key" "$WORK/$1/client.key"
}

# settings CLIENT_AUTH
settings() {
    cat >"$WORK/berth.toml" <<TOML
[server.tls]
certificate = "$WORK/server.crt"
key = "$WORK/server.key"
client_auth = "$1"
client_ca = "$WORK/ca.crt"
TOML
}

# as NAME CURL ARGUMENT...
as() {
    curl -sS --max-time 60 --cert "$WORK/$1.crt" --key "$WORK/$1.key" "${@:2}"
}

# A running registry takes up what a command changed within a moment.
is_somebody() {
    as builder --fail "https://$REGISTRY/v2/" >/dev/null 2>&1
}

with_curl() {
    check "curl: a certificate is enough" until_true 10 is_somebody
    check "curl: who am I" as builder --fail "https://$REGISTRY/api/v1/session"
    has "curl: the rule says" '"name":"workload:builder \(certificate builder\)"'
    check "curl: HTTP/1.1 as well" as builder --http1.1 --fail "https://$REGISTRY/v2/"
    check "curl: nobody without a rule" as stranger -o /dev/null -w '%{http_code}' "https://$REGISTRY/v2/"
    same "curl: is asked to log in" 401 "$OUT"
    check "curl: nobody without a certificate" curl -sS -o /dev/null -w '%{http_code}' "https://$REGISTRY/v2/"
    same "curl: is asked to log in as well" 401 "$OUT"
    check "curl: a password comes before the certificate" \
        as builder --fail -u "rob:$ROB_PASSWORD" "https://$REGISTRY/api/v1/session"
    has "curl: it says who" '"name":"rob"'
}

with_skopeo() {
    check "skopeo: push with a certificate alone" host skopeo copy --dest-cert-dir "$WORK/builder" "oci:$WORK/image:one" "docker://$REGISTRY/team/app:v1"
    same "skopeo: the digest" "$IMAGE" "$(served_digest team/app v1)"
    check "skopeo: pull with it" host skopeo copy --src-cert-dir "$WORK/builder" "docker://$REGISTRY/team/app:v1" "oci:$WORK/back:one"
    refused "skopeo: push where no rule lets it" 'denied|forbidden' \
        host skopeo copy --dest-cert-dir "$WORK/builder" "oci:$WORK/image:one" "docker://$REGISTRY/other/app:v1"
    refused "skopeo: a certificate without a rule" 'unauthorized|authentication required' \
        host skopeo copy --dest-cert-dir "$WORK/stranger" "oci:$WORK/image:one" "docker://$REGISTRY/team/app:v2"
}

with_oras() {
    check "oras: tags with a certificate" forky oras repo tags --ca-file "$WORK/ca.crt" \
        --cert-file "$WORK/builder.crt" --key-file "$WORK/builder.key" "$REGISTRY/team/app"
    has "oras: there they are" '^v1$'
}

# containerd takes it from hosts.toml, as it does for Kubernetes.
with_containerd() {
    local name PLACE=forky
    start_containerd
    for name in builder stranger; do
        mkdir -p "$WORK/hosts-$name/$REGISTRY"
        cat >"$WORK/hosts-$name/$REGISTRY/hosts.toml" <<TOML
server = "https://$REGISTRY"
[host."https://$REGISTRY"]
  ca = "$WORK/ca.crt"
  client = [["$WORK/$name.crt", "$WORK/$name.key"]]
TOML
    done
    refused "containerd: a certificate without a rule" 'unauthorized|401|authorization failed|pull access denied' \
        ctr images pull --local --snapshotter native --hosts-dir "$WORK/hosts-stranger" "$REGISTRY/team/app:v1"
    check "containerd: pull with a certificate alone" \
        ctr images pull --local --snapshotter native --hosts-dir "$WORK/hosts-builder" "$REGISTRY/team/app:v1"
    same "containerd: the digest that came" "$IMAGE" \
        "$(ctr images ls | awk -v ref="$REGISTRY/team/app:v1" '$1 == ref {print $3}')"
}

required() {
    kill "$BERTH_PID"
    wait "$BERTH_PID" 2>/dev/null
    settings required
    serve --config "$WORK/berth.toml"
    refused "required: curl without a certificate" 'certificate required|alert|SSL|reset' \
        curl -sS --max-time 60 -u "alice:$ALICE_PASSWORD" "https://$REGISTRY/v2/"
    check "required: with a certificate and a password" as stranger --fail -u "alice:$ALICE_PASSWORD" "https://$REGISTRY/v2/"
    check "required: skopeo logs in" sh -c "printf %s '$ALICE_PASSWORD' | env -i PATH=\"\$PATH\" HOME='$WORK/home' REGISTRY_AUTH_FILE='$WORK/home/auth.json' \
        skopeo login --cert-dir '$WORK/stranger' --username alice --password-stdin '$REGISTRY'"
    check "required: skopeo pushes" host skopeo copy --dest-cert-dir "$WORK/stranger" "oci:$WORK/image:one" "docker://$REGISTRY/team/app:v3"
    check "required: berth health" "$BERTH" health --config "$WORK/berth.toml" --set "server.listen=$REGISTRY" \
        --client-cert "$WORK/stranger.crt" --client-key "$WORK/stranger.key"
    refused "required: berth health without a certificate" 'error' \
        "$BERTH" health --config "$WORK/berth.toml" --set "server.listen=$REGISTRY"
}

main
