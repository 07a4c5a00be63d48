#!/bin/sh
# enter-forky.sh ROOT WORK COMMAND...: runs the command in the newer Debian that lies in ROOT, with
# this machine's network and with WORK at the same path. It is run in a mount namespace of its own
# (unshare --mount), so everything mounted here is gone when the command ends.
set -eu

main() {
    root=$1 work=$2
    shift 2
    mount --bind "$root" "$root" # dockerd remounts its root, so it has to be a mount
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/run"
    mkdir -p "$root$work"
    mount --bind "$work" "$root$work"
    exec chroot "$root" "$@"
}

main "$@"
