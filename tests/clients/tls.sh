#!/bin/bash
# TLS with a certificate of one's own authority: clients that are given the authority trust it, others
# do not, and a renewed certificate is served without a restart.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"

main() {
    needs skopeo
    PLACE=forky needs oras crane ctr
    SCHEME=https
    make_authority
    make_certificate
    cat >"$WORK/berth.toml" <<TOML
[server.tls]
certificate = "$WORK/server.pem"
key = "$WORK/server.key"
TOML
    start_berth --config "$WORK/berth.toml"
    export CURL_CA_BUNDLE=$WORK/authority/ca.crt
    make_image "$WORK/image" one "over TLS" 8
    IMAGE=$FIXTURE_DIGEST

    over_skopeo
    over_others
    protocols
    renewal
    finish
}

make_authority() {
    mkdir -p "$WORK/authority"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=Berth test authority' \
        -keyout "$WORK/authority.key" -out "$WORK/authority/ca.crt" 2>/dev/null
}

# The key is put in place first: until both match, the old pair has to go on being served.
make_certificate() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=127.0.0.1' \
        -keyout "$WORK/new.key" -out "$WORK/request.pem" 2>/dev/null
    openssl x509 -req -in "$WORK/request.pem" -CA "$WORK/authority/ca.crt" -CAkey "$WORK/authority.key" -days 1 \
        -set_serial "0x$(openssl rand -hex 8)" -out "$WORK/new.pem" \
        -extfile <(printf 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n') 2>/dev/null
    mv "$WORK/new.key" "$WORK/server.key"
    mv "$WORK/new.pem" "$WORK/server.pem"
}

over_skopeo() {
    login() { printf '%s' "$ALICE_PASSWORD" | host skopeo login "$@" --username alice --password-stdin "$REGISTRY"; }
    refused "skopeo: an authority it does not know" 'certificate|x509' login
    check "skopeo: login with the authority" login --cert-dir "$WORK/authority"
    check "skopeo: push" host skopeo copy --dest-cert-dir "$WORK/authority" "oci:$WORK/image:one" "docker://$REGISTRY/team/app:v1"
    same "skopeo: the digest" "$IMAGE" "$(served_digest team/app v1)"
    check "skopeo: pull" host skopeo copy --src-cert-dir "$WORK/authority" "docker://$REGISTRY/team/app:v1" "oci:$WORK/back:one"
    same "skopeo: byte for byte" "$(blobs_of "$WORK/image")" "$(blobs_of "$WORK/back")"
}

over_others() {
    check "oras: login with the authority" forky oras login --ca-file "$WORK/authority/ca.crt" \
        --username alice --password "$ALICE_PASSWORD" "$REGISTRY"
    check "oras: fetch the manifest" forky oras manifest fetch --ca-file "$WORK/authority/ca.crt" "$REGISTRY/team/app:v1"
    check "crane: validate" forky env SSL_CERT_FILE="$WORK/authority/ca.crt" crane validate --remote "$REGISTRY/team/app:v1"
}

protocols() {
    check "HTTP/2 is agreed upon" curl -sS -o /dev/null -w '%{http_version}' --fail "https://$REGISTRY/healthz"
    same "so it is" 2 "$OUT"
    check "HTTP/1.1 as well" curl -sS --http1.1 -o /dev/null -w '%{http_version}' --fail "https://$REGISTRY/healthz"
    check "a token's realm is https" sh -c "curl -sS -D - -o /dev/null 'https://$REGISTRY/v2/' | grep -i 'realm=\"https://$REGISTRY/'"
}

serial() {
    openssl s_client -connect "$REGISTRY" </dev/null 2>/dev/null | openssl x509 -noout -serial 2>/dev/null
}

serves_serial() {
    [ "$(serial)" = "$1" ]
}

renewal() {
    local new
    make_certificate
    new=$(openssl x509 -noout -serial -in "$WORK/server.pem")
    check "a renewed certificate is served without a restart" until_true 60 serves_serial "$new"
    echo 'not a certificate' >"$WORK/server.pem"
    check "a damaged file keeps the last good one" serves_serial "$new"
    check "and clients go on" forky oras manifest fetch --ca-file "$WORK/authority/ca.crt" "$REGISTRY/team/app:v1"
}

main
