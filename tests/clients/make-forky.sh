#!/bin/bash
# make-forky.sh ROOT SUITE MIRROR SCRIPT PACKAGE...: bootstraps a Debian into ROOT and installs the
# packages. Run by forky.sh in a mount namespace of its own.
set -euo pipefail

main() {
    local root=$1 suite=$2 mirror=$3 script=$4
    shift 4
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    debootstrap --variant=minbase --keyring="$keyring" "$suite" "$root" "$mirror" "$script"
    mount -t proc proc "$root/proc"
    # No daemon is started by installing it, and a mirror that is behind its date is good enough.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    printf 'Acquire::Check-Valid-Until "false";\nAcquire::Retries "3";\n' >"$root/etc/apt/apt.conf.d/90berth"
    chroot "$root" apt-get update -q
    chroot "$root" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "$@"
    chroot "$root" apt-get clean
}

main "$@"
