#!/bin/bash
# Installs the servers that the tests of buckets run against, under ~/.cache/berth-tools; what is there stays.
#
# They are what their registries offer: Garage (S3) from crates.io, Azurite (Azure Blob) from npm,
# gcp-storage-emulator (Google Cloud Storage) from PyPI, and another registry, docker-registry, from Debian. Garage is compiled,
# which takes some minutes once.
set -euo pipefail

GARAGE=2.5.0
AZURITE=3.35.0 # the last that runs on the Node.js of Debian 12 and 13
GCS=2026.7.19

TOOLS=${XDG_CACHE_HOME:-$HOME/.cache}/berth-tools

say() { echo "$*" >&2; }

needs() {
    command -v "$1" >/dev/null && return 0
    say "installing $2"
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$2"; } >/dev/null
}

# install NAME VERSION PROGRAM COMMAND...: runs the command with a folder to install into, unless that version is
# there; afterwards TOOLS/NAME leads to the program.
install() {
    local name=$1 version=$2 program=$3 folder
    shift 3
    folder=$TOOLS/$name-$version
    if [ ! -x "$folder/$program" ]; then
        say "installing $name $version into $folder"
        rm -rf "$folder"
        mkdir -p "$folder"
        # The programs that install talk a lot; what they said is shown when they fail.
        if ! "$@" "$folder" >"$folder.log" 2>&1; then
            tail -n 40 "$folder.log" >&2
            say "error: $name could not be installed; $folder.log has all of it"
            return 1
        fi
        rm -f "$folder.log"
    fi
    ln -sfn "$folder/$program" "$TOOLS/$name"
}

garage() {
    local build=$TOOLS/garage-build code=0
    # Nobody measures Garage: it is to be compiled fast and to run well enough.
    env -u CARGO_TARGET_DIR \
        CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_INCREMENTAL=0 \
        nice "${CARGO:-cargo}" install garage --version "$GARAGE" --locked --no-default-features \
        --features bundled-libs,lmdb --target-dir "$build" --root "$1" || code=$?
    rm -rf "$build"
    return $code
}

azurite() {
    npm install --no-fund --no-audit --no-save --prefix "$1" "azurite@$AZURITE"
}

gcs() {
    python3 -m venv "$1"
    "$1/bin/pip" install --quiet "gcp-storage-emulator==$GCS"
    # The size of a composed object is a string on Google's side, as of any other.
    sed -i 's/^        len(dest_file),$/        str(len(dest_file)),/' \
        "$1"/lib/python3*/site-packages/gcp_storage_emulator/handlers/objects.py
}

# Whatever version this Debian has; unpacked, so that no service is started by it.
docker_registry() {
    (
        cd "$1"
        apt-get download -q docker-registry || { apt-get update -q && apt-get download -q docker-registry; }
        dpkg-deb -x docker-registry_*.deb .
        rm docker-registry_*.deb
    )
}

main() {
    mkdir -p "$TOOLS"
    needs npm npm
    needs node nodejs
    if ! python3 -c 'import ensurepip' 2>/dev/null; then
        needs berth-has-no-venv python3-venv
    fi
    install azurite-blob "$AZURITE" node_modules/.bin/azurite-blob azurite
    install gcp-storage-emulator "$GCS" bin/gcp-storage-emulator gcs
    if command -v apt-get >/dev/null; then
        install docker-registry debian usr/bin/docker-registry docker_registry
    fi
    install garage "$GARAGE" bin/garage garage
}

main "$@"
