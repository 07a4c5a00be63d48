#!/bin/bash
# What lies in examples/: read by the programs it is written for, and pushed through.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"

EXAMPLES=$HERE/../../examples

main() {
    needs nginx skopeo buildah
    unit
    image
    manifests
    installer
    behind_nginx
    finish
}

unit() {
    # Told where the binary is; `verify` wants it executable, and systemd need not run.
    sed "s|/usr/local/bin/berth|$BERTH|" "$EXAMPLES/systemd/berth.service" >"$WORK/berth.service"
    check "systemd reads the unit" host systemd-analyze verify "$WORK/berth.service"
    check "its exposure is low" host systemd-analyze security --offline=true --threshold=20 "$WORK/berth.service"
    check "berth reads the service's settings" timeout 20 "$BERTH" config check --config "$EXAMPLES/systemd/berth.toml"
}

# The last stage for real; what it takes from the build stage is laid there by hand, because a base
# image cannot be had everywhere.
image() {
    mkdir -p "$WORK/context/image/data" "$WORK/context/certs"
    cp "$BERTH" "$WORK/context/image/berth"
    cp /etc/ssl/certs/ca-certificates.crt "$WORK/context/certs/"
    {
        printf 'FROM scratch AS build\nCOPY image /image\nCOPY certs /etc/ssl/certs\n'
        sed -n '/^FROM scratch/,$p' "$EXAMPLES/deploy/Dockerfile"
    } >"$WORK/context/Dockerfile"
    build() { host buildah --root "$WORK/store" --runroot "$WORK/run" --storage-driver vfs "$@"; }
    check "buildah builds the image's last stage" build build --isolation chroot --tag berth "$WORK/context"
    check "buildah inspects it" build inspect --type image berth
    same "not root, a volume, a port, the binary" '65532:65532 /data 5000/tcp /berth serve' "$(printf '%s' "$OUT" |
        jq -r '.OCIv1.config | [.User, (.Volumes | keys[0]), (.ExposedPorts | keys[0]), .Entrypoint[0], .Cmd[0]] | join(" ")')"
    check "buildah reads every stage of it" dockerfile_check
}

# buildah parses every stage before it asks for the first base image, which is not to be had here.
dockerfile_check() {
    local said
    said=$(host buildah --root "$WORK/store" --runroot "$WORK/run" --storage-driver vfs build --pull-never \
        --isolation chroot --file "$EXAMPLES/deploy/Dockerfile" "$HERE/../.." 2>&1)
    printf '%s\n' "$said"
    grep -q 'rust:1' <<<"$said" && ! grep -qiE 'parse|unknown instruction|syntax' <<<"$said"
}

manifests() {
    check "compose.yaml and what is for Kubernetes are YAML" host python3 -c \
        'import sys, yaml; [list(yaml.safe_load_all(open(f))) for f in sys.argv[1:]]' \
        "$EXAMPLES/deploy/compose.yaml" "$EXAMPLES"/deploy/kubernetes/*.yaml
}

installer() {
    check "install.sh --help" "$HERE/../../install.sh" --help
    check "install.sh --dry-run" "$HERE/../../install.sh" --dry-run --systemd
    has "it would build" 'would run: .* build .*--release'
    has "it would install the unit" 'would run: .*berth.service'
    refused "an option that it does not have" 'no option .*--prefer.*' "$HERE/../../install.sh" --prefer /opt
}

behind_nginx() {
    local port config=$WORK/nginx
    start_berth
    mkdir -p "$config"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=registry.example.com' \
        -addext 'subjectAltName=IP:127.0.0.1' -keyout "$config/privkey.pem" -out "$config/ca.crt" 2>/dev/null
    port=$(free_port)
    sed -e "s|server 127.0.0.1:5000;|server $REGISTRY;|" -e "s|listen 443 ssl;|listen 127.0.0.1:$port ssl;|" \
        -e '/listen \[::\]/d' -e "s|/etc/ssl/registry.example.com/fullchain.pem|$config/ca.crt|" \
        -e "s|/etc/ssl/registry.example.com/privkey.pem|$config/privkey.pem|" "$EXAMPLES/deploy/nginx.conf" >"$config/berth.conf"
    cat >"$config/nginx.conf" <<CONF
daemon off;
pid $config/pid;
error_log $config/error.log;
worker_processes 1;
events {}
http {
    access_log off;
    client_body_temp_path $config/body;
    proxy_temp_path $config/proxy;
    fastcgi_temp_path $config/fastcgi;
    uwsgi_temp_path $config/uwsgi;
    scgi_temp_path $config/scgi;
    include $config/berth.conf;
}
CONF
    check "nginx reads its settings" nginx -t -c "$config/nginx.conf" -e "$config/error.log"
    # Berth is told the name by which clients come, as nginx.conf says.
    kill "$BERTH_PID"
    wait "$BERTH_PID" 2>/dev/null
    BERTH_SERVER_PUBLIC_URL=https://127.0.0.1:$port serve
    nginx -c "$config/nginx.conf" -e "$config/error.log" &
    CHILDREN+=($!)
    is_up() { curl -sS --cacert "$config/ca.crt" --fail "https://127.0.0.1:$port/healthz" >/dev/null 2>&1; }
    check "it answers over TLS" until_true 20 is_up
    make_image "$WORK/large" one "larger than nginx likes by itself" 64
    mkdir -p "$config/certs"
    cp "$config/ca.crt" "$config/certs/"
    login() { printf '%s' "$ALICE_PASSWORD" | host skopeo login --cert-dir "$config/certs" --username alice --password-stdin "127.0.0.1:$port"; }
    check "login through nginx" login
    check "push a large layer through nginx" \
        host skopeo copy --dest-cert-dir "$config/certs" "oci:$WORK/large:one" "docker://127.0.0.1:$port/team/large:v1"
    same "its digest" "$FIXTURE_DIGEST" "$(served_digest team/large v1)"
    check "pull it through nginx" \
        host skopeo copy --src-cert-dir "$config/certs" "docker://127.0.0.1:$port/team/large:v1" "oci:$WORK/large-back:one"
    same "byte for byte" "$(blobs_of "$WORK/large")" "$(blobs_of "$WORK/large-back")"
}

free_port() {
    host python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

main
