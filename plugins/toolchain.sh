#!/bin/bash
# Prints what cargo needs to build for wasm32-unknown-unknown, as assignments for a shell:
#
#   eval "$(plugins/toolchain.sh)"
#
# The target that rustup has installed, if it has; else a standard library of the very version of this rustc, built once
# from Debian's rust-src; else the whole toolchain of Debian's stable release. What is made is kept under
# ~/.cache/berth-wasm. FORCE=std or FORCE=debian skips what comes before.
set -euo pipefail

TARGET=wasm32-unknown-unknown
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/berth-wasm
RUSTC=${RUSTC:-rustc}
FORCE=${FORCE:-}

say() { echo "toolchain: $*" >&2; }

# The compiler to use, and the linker, which is the same for all of them.
finish() {
    printf 'export BERTH_GUEST_RUSTC=%q\n' "$1"
    printf 'export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=%q\n' "$2"
    exit 0
}

# An apt with a state of its own, so that the machine's sources stay as they are.
apt_for() {
    local release=$1 state=$CACHE/apt-$1 mirror
    mkdir -p "$state"/{lists/partial,archives/partial,state}
    : >"$state/status"
    mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
    [ -n "$mirror" ] || mirror=$(sed -nE 's/^deb (\[[^]]*\] )?([^ ]*) .*/\2/p' /etc/apt/sources.list 2>/dev/null | head -n 1)
    [ -n "$mirror" ] || { say "this needs apt with Debian's packages, or: rustup target add $TARGET"; exit 1; }
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $release main" >"$state/sources.list"
    cat >"$state/apt.conf" <<CONF
Dir::Etc::SourceList "$state/sources.list"; Dir::Etc::SourceParts "/dev/null";
Dir::State "$state/state"; Dir::State::Lists "$state/lists"; Dir::State::status "$state/status";
Dir::Cache "$state"; Dir::Cache::archives "$state/archives";
Acquire::Languages "none"; APT::Sandbox::User "root";
CONF
    export APT_CONFIG=$state/apt.conf
    apt-get -qq update >&2
}

linker_of() { find "$1/lib/rustlib" -path '*/bin/rust-lld' -print -quit; }

installed() {
    local sysroot
    sysroot=$("$RUSTC" --print sysroot)
    compgen -G "$sysroot/lib/rustlib/$TARGET/lib/libstd-*.rlib" >/dev/null || return 0
    finish "$(command -v "$RUSTC")" "$(linker_of "$sysroot")"
}

built_std() {
    local version sysroot made package file work
    version=$("$RUSTC" -V | cut -d ' ' -f 2)
    sysroot=$("$RUSTC" --print sysroot)
    made=$CACHE/std-$version
    if [ ! -e "$made/.ok" ]; then
        apt_for trixie-backports
        package=$(apt-cache madison rust-src | awk -v version="$version" '$3 ~ "^"version"\\+" {print $3; exit}')
        [ -n "$package" ] || return 0
        say "building the standard library $version of Debian's rust-src $package"
        rm -rf "$made"
        mkdir -p "$made"/{bin,src,lib/rustlib/src}
        (
            cd "$made/src"
            apt-get -qq download "rust-src=$package" >&2
            dpkg-deb --fsys-tarfile rust-src_*.deb | tar -x --wildcards './usr/src/rustc-*/library' './usr/src/rustc-*/Cargo.lock'
            rm -f ./*.deb
        )
        ln -s "$made"/src/usr/src/rustc-* "$made/lib/rustlib/src/rust"
        for file in "$sysroot"/lib/*; do
            [ "$(basename "$file")" = rustlib ] || ln -s "$file" "$made/lib/"
        done
        for file in "$sysroot"/lib/rustlib/*; do
            case $(basename "$file") in src | wasm32-*) ;; *) ln -sfn "$file" "$made/lib/rustlib/$(basename "$file")" ;; esac
        done
        printf '#!/bin/sh\nexec "%s/bin/rustc" --sysroot "%s" "$@"\n' "$sysroot" "$made" >"$made/bin/rustc"
        chmod +x "$made/bin/rustc"
        work=$(mktemp -d)
        mkdir "$work/src"
        echo '#![no_std]' >"$work/src/lib.rs"
        printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n[profile.release]\ncodegen-units = 1\n' >"$work/Cargo.toml"
        (
            cd "$work"
            # Messages of its panics name their place; it should not be a folder of this machine.
            local sources
            sources=$(readlink -f "$made/lib/rustlib/src/rust")
            export RUSTFLAGS="-Cembed-bitcode=yes --remap-path-prefix=$made/lib/rustlib/src/rust=/rustc --remap-path-prefix=$sources=/rustc --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
            env -u CARGO_TARGET_DIR -u CARGO_ENCODED_RUSTFLAGS RUSTC="$made/bin/rustc" RUSTC_BOOTSTRAP=1 \
                cargo build -q --release -Zbuild-std=std,panic_abort,panic_unwind --target "$TARGET" >&2
        )
        mkdir -p "$made/lib/rustlib/$TARGET/lib"
        cp "$work/target/$TARGET/release/deps/"*.rlib "$made/lib/rustlib/$TARGET/lib/"
        rm -f "$made/lib/rustlib/$TARGET/lib/"libempty-*
        rm -rf "$work"
        touch "$made/.ok"
    fi
    finish "$made/bin/rustc" "$(linker_of "$sysroot")"
}

debian() {
    local made=$CACHE/debian-trixie library std llvm package
    if [ ! -e "$made/.ok" ]; then
        apt_for trixie
        say "unpacking the toolchain of Debian's stable release"
        library=$(apt-cache depends rustc | sed -n 's/.*Depends: \(libstd-rust-dev\)$/\1/p')
        std=$(apt-cache depends "$library" | sed -n 's/.*Depends: \(libstd-rust-[0-9.]*\)$/\1/p')
        llvm=$(apt-cache depends "$std" | sed -n 's/.*Depends: \(libllvm[0-9]*\)$/\1/p')
        rm -rf "$made"
        mkdir -p "$made/packages"
        (
            cd "$made/packages"
            apt-get -qq download rustc "$std" "$library" libstd-rust-dev-wasm32 "$llvm" lld libxml2 libz3-4 libffi8 \
                libedit2 libzstd1 libc6 libstdc++6 libgcc-s1 zlib1g libbsd0 libmd0 libtinfo6 libicu76 liblzma5 >&2
            for package in *.deb; do dpkg-deb -x "$package" ..; done
        )
        rm -rf "$made/packages"
        # It brings its own C library, as this machine's may be older.
        # shellcheck disable=SC2016  # the script's own variables
        printf '#!/bin/sh\nlib="%s/usr/lib/x86_64-linux-gnu"\nexec "$lib/ld-linux-x86-64.so.2" --library-path "$lib" "%s/usr/bin/rustc" --sysroot "%s/usr" "$@"\n' "$made" "$made" "$made" >"$made/rustc"
        chmod +x "$made/rustc"
        "$made/rustc" -V >&2
        touch "$made/.ok"
    fi
    finish "$made/rustc" "$(linker_of "$("$RUSTC" --print sysroot)")"
}

mkdir -p "$CACHE"
[ -n "$FORCE" ] || installed
[ "$FORCE" = debian ] || built_std
debian
