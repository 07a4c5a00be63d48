# shellcheck shell=bash
# Makes the root filesystems that truth.sh compares, each with `truth/KIND`: lines of name and version that the package
# manager itself lists.

PACKAGES=(
    debootstrap debian-archive-keyring ca-certificates jq unzip zip qemu-utils e2fsprogs python3 python3-venv
    rpm python3-bsddb3 golang-go golang-github-spf13-pflag-dev ruby nodejs
    libcommons-io-java libgoogle-gson-java liblog4j1.2-java libjackson2-core-java
)

# Quietly, and only what is missing.
install_packages() {
    local missing=() package installed log
    # With what they provide: another package that is as good has the name too.
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' | sed -n 's/^installed//p' | tr -d ',')
    for package in "${PACKAGES[@]}"; do
        case $installed in *" $package"[[:space:]]*) ;; *) missing+=("$package") ;; esac
    done
    # These come in other ways as well.
    command -v npm >/dev/null || missing+=(npm)
    python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
    [ ${#missing[@]} -eq 0 ] && return 0
    echo "installing for the tests: ${missing[*]}"
    log=$CACHE/packages.log
    {
        apt-get update -q &&
            DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
    } >"$log" 2>&1 || { tail -n 20 "$log"; return 1; }
}

# make_root NAME: unless it is there, made by the same recipe. The stamp is written last.
make_root() {
    local name=$1 folder=$CACHE/$1 script=$HERE/roots/${1%%-*}.sh recipe
    # The roots of rpm are made by one script, as are the two of dpkg.
    [ -e "$script" ] || script=$HERE/roots/debian.sh
    recipe=$(cat "$script" "$HERE"/roots/rpm/* | sha256sum)
    [ "$(cat "$folder/made" 2>/dev/null)" = "$recipe" ] && return 0
    echo "making $folder" >&2
    rm -rf --one-file-system "$folder"
    mkdir -p "$folder/root" "$folder/truth"
    # A shell of its own, in which the first failure is the end.
    env HERE="$HERE" CACHE="$CACHE" ROOT="$folder/root" TRUTH="$folder/truth" \
        bash "$HERE/roots/make.sh" "$script" "make_${name//-/_}" >"$CACHE/$name.log" 2>&1 </dev/null || return 1
    printf '%s\n' "$recipe" >"$folder/made"
}

make_validators() {
    local wanted=('cyclonedx-python-lib[json-validation]==11.12.0' 'spdx-tools==0.8.5')
    [ "$(cat "$CACHE/validators/made" 2>/dev/null)" = "${wanted[*]}" ] && return 0
    rm -rf "$CACHE/validators"
    {
        python3 -m venv "$CACHE/validators" && "$CACHE/validators/bin/pip" install --quiet "${wanted[@]}"
    } >"$CACHE/validators.log" 2>&1 || return 1
    printf '%s\n' "${wanted[*]}" >"$CACHE/validators/made"
}
