# shellcheck shell=bash disable=SC2016 # what is in single quotes is for other programs
# Debian, by debootstrap; and an image without a package manager, of the same packages.

make_debian() {
    local suite
    suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
    debootstrap --variant=minbase --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
        --include=ca-certificates,cron,python3-requests,libjs-jquery "$suite" "$ROOT" "$(mirror)"
    # Removed, its configuration is still there: dpkg knows it, and it is not installed.
    chroot "$ROOT" dpkg --remove cron
    chroot "$ROOT" dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' cron | grep -q config-files
    chroot "$ROOT" dpkg-query --show --showformat '${db:Status-Status}\t${Package}\t${Version}\n' |
        sed -n 's/^installed\t//p' >"$TRUTH/deb"
    # All of Python's packages came with Debian's, which own them: nobody's own is left.
    chroot "$ROOT" python3 -c '
import importlib.metadata as metadata
for each in metadata.distributions(): print(each.metadata["Name"], each.version, sep="\t")' >"$TRUTH/pypi"
    echo pypi own >"$TRUTH/../absent"
}

make_distroless() {
    local archive name
    mkdir -p "$ROOT/var/lib/dpkg/status.d" "$ROOT/etc"
    printf 'ID=debian\nVERSION_ID="12"\n' >"$ROOT/etc/os-release"
    cd "$ROOT/.." || return
    apt-get download base-files netbase tzdata libc6 libssl3 openssl zlib1g libstdc++6
    for archive in ./*.deb; do
        name=$(dpkg-deb --field "$archive" Package)
        dpkg-deb --field "$archive" >"$ROOT/var/lib/dpkg/status.d/$name"
        dpkg-deb --ctrl-tarfile "$archive" | tar --extract --to-stdout ./md5sums >"$ROOT/var/lib/dpkg/status.d/$name.md5sums"
        dpkg-deb --show --showformat '${Package}\t${Version}\n' "$archive" >>"$TRUTH/deb"
    done
    rm ./*.deb
}
