# shellcheck shell=bash disable=SC2016 # what is in single quotes is for other programs
# A root of rpm: packages built here, installed by rpm, in each of its databases.

# A package with an epoch and subpackages enough for a tree of several levels, and one with a header that
# needs many pages of its own.
build_rpms() {
    local work=$1 index
    mkdir -p "$work/SPECS"
    {
        cat "$HERE/roots/rpm/many.spec"
        for index in $(seq 1 400); do
            printf '%%package part%s\nSummary: Part %s\nLicense: MIT\n' "$index" "$index"
            [ $((index % 7)) != 0 ] || printf 'Epoch: 2\nVersion: 1.%s~rc1\n' "$index"
            printf '%%description part%s\nA part.\n%%files part%s\n' "$index" "$index"
        done
    } >"$work/SPECS/many.spec"
    cp "$HERE/roots/rpm/large.spec" "$work/SPECS"
    rpmbuild --quiet --define "_topdir $work" --define '_build_id_links none' -bb "$work/SPECS/many.spec"
    rpmbuild --quiet --define "_topdir $work" --define '_build_id_links none' -bb "$work/SPECS/large.spec"
}

# rpm_in BACKEND ARGUMENT...
rpm_in() {
    local backend=$1
    shift
    if [ "$backend" = ndb ]; then
        # Debian's rpm knows its own format since the release after the one most machines have.
        newer_rpm --root /target --dbpath /var/lib/rpm --define "_db_backend $backend" "$@"
    else
        rpm --root "$ROOT" --dbpath /var/lib/rpm --define "_db_backend $backend" "$@"
    fi
}

# rpm of a newer Debian, which sees $ROOT as /target and the packages where they are.
newer_rpm() {
    local newer=$CACHE/newer-rpm
    if [ ! -e "$newer/made" ]; then
        rm -rf --one-file-system "$newer"
        debootstrap --variant=minbase --include=rpm --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
            trixie "$newer" "$(mirror)" >&2
        touch "$newer/made"
    fi
    # Mounts of its own, so that nothing is left mounted.
    unshare --mount --propagation private bash -c '
        mkdir -p "$1/target" "$1$3" && mount --bind "$2" "$1/target" && mount --bind "$3" "$1$3" &&
            exec chroot "$1" rpm "${@:4}"' - "$newer" "$ROOT" "$(dirname "$ROOT")" "$@"
}

list_rpms() {
    rpm_in "$1" -qa --queryformat '%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\n' |
        grep -v '^gpg-pubkey' >"$TRUTH/rpm"
}

install_rpms() {
    local backend=$1 work=$ROOT/../work
    build_rpms "$work"
    printf 'ID="rhel"\nVERSION_ID="9.4"\nPRETTY_NAME="A root of rpm"\n' | install -D -m 644 /dev/stdin "$ROOT/etc/os-release"
    mkdir -p "$ROOT/var/lib/rpm"
    rpm_in "$backend" --initdb
    rpm_in "$backend" --install --nodeps --nosignature "$work"/RPMS/*/*.rpm
    # What was there and is gone, so that pages are free and slots empty.
    rpm_in "$backend" --erase --nodeps many-part13 many-part200
}

make_rpm() {
    install_rpms sqlite
    list_rpms sqlite
    # The package `large` has a distribution of Python in it.
    printf 'owned\t1.0\n' >"$TRUTH/pypi"
    echo pypi own >"$TRUTH/../absent"
    rm -rf "$ROOT/../work"
}

make_rpm_ndb() {
    install_rpms ndb
    test -s "$ROOT/var/lib/rpm/Packages.db"
    list_rpms ndb
    rm -rf "$ROOT/../work"
}

# Changes that were committed and not written back when the machine stopped.
make_rpm_wal() {
    make_rpm
    local copy=$ROOT/../copy
    mv "$ROOT/var/lib/rpm" "$copy"
    mkdir "$ROOT/var/lib/rpm"
    python3 "$HERE/roots/rpm/wal.py" "$copy/rpmdb.sqlite" "$ROOT/var/lib/rpm"
    test -s "$ROOT/var/lib/rpm/rpmdb.sqlite-wal"
    # rpm would write it back, so that it is asked about another copy.
    cp -r "$ROOT/var/lib/rpm" "$ROOT/var/lib/rpm-asked"
    rpm --root "$ROOT" --dbpath /var/lib/rpm-asked --define '_db_backend sqlite' \
        -qa --queryformat '%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\n' >"$TRUTH/rpm"
    rm -rf "$ROOT/var/lib/rpm-asked" "$copy"
    ! grep -q '^many-part42	' "$TRUTH/rpm"
}

# rpm of today cannot write this format, but read it.
make_rpm_bdb() {
    install_rpms sqlite
    /usr/bin/python3 "$HERE/roots/rpm/bdb.py" "$ROOT/var/lib/rpm/rpmdb.sqlite" "$ROOT/var/lib/rpm/Packages"
    rm "$ROOT"/var/lib/rpm/rpmdb.sqlite*
    list_rpms bdb_ro
    rm -rf "$ROOT/../work"
}
