#!/bin/sh
# Builds Berth from the checkout this script lies in and installs it. `./install.sh --help` tells more.
set -eu

usage() {
    cat <<'HELP'
Builds Berth from this checkout and installs it. Running it again upgrades.

Usage: ./install.sh [OPTIONS] [-- ARGUMENTS OF berth serve]

  --serve            start Berth here when it is installed; its data goes to ./berth-data
  --systemd          make it a service: user, directories, /etc/berth/berth.toml and a hardened
                     unit, started now and at every boot (as root)
  --prefix DIR       install to DIR/bin (default: /usr/local as root, otherwise ~/.local)
  --dry-run          print what would be done, and do nothing
  --print-toolchain  only install what a build needs, and print CARGO=… and RUSTC=… for a shell
  --help             print this

What is missing is installed: a C compiler (for SQLite and the cryptography), and Rust where there
is no cargo that is new enough: from the distribution's own packages, or else with rustup.
Without root the packages are installed through sudo, which asks for your password.

Examples:
  ./install.sh --serve                               from a fresh checkout to a running registry
  ./install.sh --serve -- --listen 0.0.0.0:5000      the same, reachable from other machines
  ./install.sh --systemd                             on a server
HELP
}

say() { printf '%s\n' "$*" >&2; }

# die MESSAGE [HINT]
die() {
    say "error: $1"
    [ $# -lt 2 ] || say "hint: $2"
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

is_root() { [ "$(id -u)" = 0 ]; }

# Does it, or says so with --dry-run.
run() {
    if [ "$DRY_RUN" = yes ]; then
        say "would run: $*"
    else
        "$@"
    fi
}

as_root() {
    if is_root; then
        run "$@"
    elif has sudo; then
        run sudo "$@"
    else
        die "this needs root: $*" "run it as root, or install sudo"
    fi
}

# --- packages -------------------------------------------------------------------------------------

APT_IS_FRESH=no

refresh_apt() {
    [ "$APT_IS_FRESH" = no ] || return 0
    APT_IS_FRESH=yes
    as_root apt-get update -q >&2
}

install_packages() {
    has apt-get || die "this machine lacks: $*" "install them with its package manager, then run this again"
    say "Installing $* ..."
    refresh_apt
    # Through env, because sudo passes no variables on.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" >&2 ||
        die "apt-get could not install: $*" "its message is above; run this again when it is solved"
}

can_compile_c() {
    compiled=$(mktemp)
    if echo 'int main(void) { return 0; }' | cc -x c -o "$compiled" - 2>/dev/null; then code=0; else code=1; fi
    rm -f "$compiled"
    return $code
}

# --- Rust -----------------------------------------------------------------------------------------

# The oldest Rust that builds this checkout, such as 1.95.
wanted_rust() { sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' "$CHECKOUT/Cargo.toml" | head -n 1; }

# is_enough VERSION
is_enough() {
    [ -n "${1:-}" ] && [ "$(printf '%s\n%s\n' "$WANTED" "$1" | sort -V | head -n 1)" = "$WANTED" ]
}

# In the checkout, where rustup may be told to use another version than elsewhere.
version_of() { (cd "$CHECKOUT" && "$1" --version 2>/dev/null) | awk '{print $2; exit}'; }

find_cargo() {
    for cargo in "${CARGO:-}" cargo "$HOME/.cargo/bin/cargo" /usr/bin/cargo; do
        if [ -n "$cargo" ] && has "$cargo" && is_enough "$(version_of "$cargo")"; then
            CARGO=$(command -v "$cargo")
            RUSTC=${RUSTC:-$(dirname "$CARGO")/rustc}
            has "$RUSTC" || RUSTC=rustc
            return 0
        fi
    done
    # Ubuntu names newer versions after their number, and they do not find each other.
    for cargo in /usr/bin/cargo-1.*; do
        if [ -x "$cargo" ] && is_enough "${cargo##*-}"; then
            CARGO=$cargo RUSTC=/usr/bin/rustc-${cargo##*-}
            return 0
        fi
    done
    return 1
}

# The package of a new enough Rust, if this distribution has one: `cargo` itself, `cargo-web` (Debian's
# current Rust within a stable release) or `cargo-1.NN` (Ubuntu's).
packaged_rust() {
    for package in cargo cargo-web $(apt-cache search --names-only '^cargo-1[.][0-9]+$' 2>/dev/null | awk '{print $1}' | sort -rV); do
        candidate=$(apt-cache policy "$package" 2>/dev/null | awk '/Candidate:/ {print $2}')
        case $package in cargo-1.*) candidate=${package#cargo-} ;; esac
        candidate=${candidate#*:}
        if is_enough "${candidate%%[+~-]*}"; then
            printf '%s %s\n' "$package" "$(printf '%s' "$package" | sed 's/^cargo/rustc/')"
            return 0
        fi
    done
    return 1
}

find_rustup() {
    for rustup in rustup "$HOME/.cargo/bin/rustup"; do
        ! has "$rustup" || { command -v "$rustup"; return 0; }
    done
    return 1
}

install_rust() {
    WANTED=$(wanted_rust)
    [ -n "$WANTED" ] || die "$CHECKOUT/Cargo.toml names no rust-version" "is the checkout complete?"
    ! find_cargo || return 0

    if rustup=$(find_rustup); then
        say "Installing the current Rust with rustup (Berth needs $WANTED) ..."
        run "$rustup" toolchain install stable --profile minimal >&2 ||
            die "rustup could not install Rust" "its message is above; Berth needs Rust $WANTED or newer"
        CARGO=$("$rustup" which --toolchain stable cargo 2>/dev/null || echo cargo)
        RUSTC=$(dirname "$CARGO")/rustc
        return 0
    fi

    if has apt-get; then
        refresh_apt
        if packages=$(packaged_rust); then
            # shellcheck disable=SC2086 # two names
            install_packages $packages ca-certificates
        elif [ -n "$(apt-cache policy rustup 2>/dev/null | awk '/Candidate:/ && $2 != "(none)" {print $2}')" ]; then
            install_packages rustup ca-certificates
            run rustup toolchain install stable --profile minimal >&2 ||
                die "rustup could not install Rust" "its message is above; Berth needs Rust $WANTED or newer"
            CARGO=$(rustup which --toolchain stable cargo 2>/dev/null || echo cargo)
            RUSTC=$(dirname "$CARGO")/rustc
            return 0
        fi
    fi
    [ "$DRY_RUN" = no ] || say "would install Rust $WANTED or newer: the package cargo or cargo-web, or else with rustup"
    [ "$DRY_RUN" = yes ] || find_cargo || die "Berth needs Rust $WANTED or newer, and this machine has no package of it" \
        "install it as https://rustup.rs tells (no root needed), then run this again"
    CARGO=${CARGO:-cargo} RUSTC=${RUSTC:-rustc}
}

install_dependencies() {
    can_compile_c || install_packages gcc libc6-dev
    install_rust
}

# --- Berth ----------------------------------------------------------------------------------------

build() {
    say "Building Berth with $("$CARGO" --version 2>/dev/null || echo cargo) (some minutes the first time) ..."
    TARGET=${CARGO_TARGET_DIR:-$CHECKOUT/target}
    run env RUSTC="$RUSTC" CARGO_TARGET_DIR="$TARGET" \
        "$CARGO" build --manifest-path "$CHECKOUT/Cargo.toml" --release --locked --bin berth >&2 ||
        die "the build failed" "the compiler's message is above"
}

# The new binary takes the old one's place at once: one that runs goes on with its own.
install_binary() {
    as_owner=run
    writable=$PREFIX
    while [ ! -e "$writable" ]; do writable=$(dirname "$writable"); done
    [ -w "$writable" ] || as_owner=as_root
    $as_owner mkdir -p "$PREFIX/bin"
    $as_owner install -m 755 "$TARGET/release/berth" "$PREFIX/bin/.berth.new"
    $as_owner mv -f "$PREFIX/bin/.berth.new" "$PREFIX/bin/berth"
    # By this name it is a credential helper for Docker and others.
    $as_owner ln -sf berth "$PREFIX/bin/docker-credential-berth"
    [ "$DRY_RUN" = yes ] || say "Installed $("$PREFIX/bin/berth" --version) to $PREFIX/bin/berth"
    case ":$PATH:" in
        *":$PREFIX/bin:"*) ;;
        *) say "note: $PREFIX/bin is not in your PATH; add it: export PATH=\"$PREFIX/bin:\$PATH\"" ;;
    esac
}

# --- the service ----------------------------------------------------------------------------------

install_service() {
    if ! has useradd; then install_packages passwd; fi
    if ! id berth >/dev/null 2>&1; then
        as_root useradd --system --user-group --home-dir /var/lib/berth --no-create-home --shell /usr/sbin/nologin berth
    fi
    as_root install -d -o root -g berth -m 750 /etc/berth
    as_root install -d -o berth -g berth -m 700 /var/lib/berth
    if [ ! -e /etc/berth/berth.toml ]; then
        as_root install -o root -g berth -m 640 "$CHECKOUT/examples/systemd/berth.toml" /etc/berth/berth.toml
    fi
    unit=$(mktemp)
    sed "s|^ExecStart=/usr/local/bin/|ExecStart=$PREFIX/bin/|" "$CHECKOUT/examples/systemd/berth.service" >"$unit"
    as_root install -m 644 "$unit" /etc/systemd/system/berth.service
    rm -f "$unit"
    make_administrator
    if [ ! -d /run/systemd/system ]; then
        say "note: systemd does not run here; the unit is in /etc/systemd/system and starts with the machine's next boot,"
        say "      once it is enabled: systemctl enable berth"
        return 0
    fi
    as_root systemctl daemon-reload
    as_root systemctl enable --quiet berth
    as_root systemctl restart berth
    say "Berth runs as a service. Its settings: /etc/berth/berth.toml. Its log: journalctl -u berth"
}

# Before the first start, so that the password is shown here and never in the journal.
make_administrator() {
    [ ! -e /var/lib/berth/berth.db ] || return 0
    if [ "$DRY_RUN" = yes ]; then
        say "would make the user admin, with a random password shown once"
        return 0
    fi
    say "The administrator is \`admin\`. The password, shown only this once:"
    as_root runuser -u berth -- "$PREFIX/bin/berth" user add admin --role administrator --generate --data /var/lib/berth >&2
}

# --- what was asked for -----------------------------------------------------------------------------

parse() {
    while [ $# -gt 0 ]; do
        case $1 in
            --serve) SERVE=yes ;;
            --systemd) SYSTEMD=yes ;;
            --dry-run) DRY_RUN=yes ;;
            --print-toolchain) TOOLCHAIN_ONLY=yes ;;
            --prefix)
                [ $# -ge 2 ] || die "--prefix needs a directory" "for example: ./install.sh --prefix /opt/berth"
                PREFIX=$2
                shift
                ;;
            --prefix=*) PREFIX=${1#--prefix=} ;;
            -h | --help)
                usage
                exit 0
                ;;
            --) break ;;
            *) die "there is no option '$1'" "./install.sh --help lists them" ;;
        esac
        shift
    done
    case $PREFIX in /*) ;; *) PREFIX=$PWD/$PREFIX ;; esac
    if [ "$SYSTEMD" = yes ] && [ "$DRY_RUN" = no ]; then
        is_root || has sudo || die "--systemd needs root" "run it as root"
        [ "$SERVE" = no ] || die "--serve and --systemd exclude each other" "the service is started anyway"
    fi
}

main() {
    CHECKOUT=$(cd "$(dirname "$0")" && pwd)
    SERVE=no SYSTEMD=no DRY_RUN=no TOOLCHAIN_ONLY=no TARGET=
    HOME=${HOME:-/root}
    if is_root; then PREFIX=/usr/local; else PREFIX=$HOME/.local; fi
    parse "$@"
    # What follows `--` is for `berth serve`.
    while [ $# -gt 0 ] && [ "$1" != -- ]; do shift; done
    [ $# -eq 0 ] || shift
    if [ "$SYSTEMD" = yes ] && ! is_root; then PREFIX=/usr/local; fi

    install_dependencies
    if [ "$TOOLCHAIN_ONLY" = yes ]; then
        printf "CARGO='%s'\nRUSTC='%s'\n" "$CARGO" "$RUSTC"
        return 0
    fi
    build
    install_binary
    if [ "$SYSTEMD" = yes ]; then
        install_service
    elif [ "$SERVE" = yes ]; then
        run exec "$PREFIX/bin/berth" serve "$@"
    else
        say "Start it:  berth serve"
    fi
}

main "$@"
