# shellcheck shell=bash
# A newer Debian in a folder, for the clients that this machine's release does not have or has only
# in old versions. Made once by debootstrap, kept outside of the clone, entered by chroot.
# The mirror is the one that this machine's own apt uses, or $BERTH_DEBIAN_MIRROR.

FORKY_SUITE=forky
FORKY_PACKAGES=(
    crane oras cosign notation containerd runc docker.io docker-cli docker-buildx
    skopeo buildah podman crun ca-certificates curl
    samba-ad-dc samba-ad-provision samba-dsdb-modules python3-samba
)

forky_cache() {
    printf '%s\n' "${BERTH_FORKY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/berth-forky}"
}

forky_root() {
    printf '%s/root\n' "$(forky_cache)"
}

# What the folder was made of: another suite or list of packages makes another folder.
forky_recipe() {
    printf '%s\n' "$FORKY_SUITE" "${FORKY_PACKAGES[@]}"
}

forky_is_made() {
    [ "$(cat "$(forky_cache)/made" 2>/dev/null)" = "$(forky_recipe)" ]
}

forky_mirror() {
    local mirror=${BERTH_DEBIAN_MIRROR:-}
    # shellcheck disable=SC2016 # the $(…) are apt's
    [ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -E '/debian/?$' | head -n 1)
    [ -n "$mirror" ] || mirror=$(sed -n 's/^DEF_MIRROR="\(.*\)"/\1/p' "$(command -v debootstrap)" | head -n 1)
    printf '%s\n' "$mirror"
}

# Makes the folder if it is missing, half-made or of another recipe. The stamp is written last.
forky_make() {
    forky_is_made && return 0
    local cache root script
    cache=$(forky_cache)
    mkdir -p "$cache"
    (
        flock 9
        forky_is_made && exit 0
        root=$(forky_root)
        echo "making a Debian $FORKY_SUITE with newer clients in $root (a minute; kept for next time)" >&2
        rm -f "$cache/made"
        rm -rf --one-file-system "$root"
        script=/usr/share/debootstrap/scripts/$FORKY_SUITE
        [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid # an older debootstrap
        unshare --mount --propagation private \
            bash "$HERE/make-forky.sh" "$root" "$FORKY_SUITE" "$(forky_mirror)" "$script" "${FORKY_PACKAGES[@]}" \
            >"$cache/log" 2>&1 </dev/null ||
            { echo "it failed; the end of $cache/log:" >&2; tail -n 15 "$cache/log" >&2; exit 1; }
        forky_recipe >"$cache/made"
    ) 9>"$cache/lock"
}
