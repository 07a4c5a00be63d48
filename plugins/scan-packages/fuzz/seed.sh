#!/bin/bash
# Puts what the tests read into corpus/, for the fuzzer to begin with.
set -euo pipefail

cd "$(dirname "$0")"
FIXTURES=../packages/tests/fixtures

# file NUMBER FROM: for the path of this number in properties.rs
file() {
    # shellcheck disable=SC2059 # the number becomes a byte
    { printf "\\x$(printf %02x "$1")" && cat "$2"; } >"corpus/files/$1-$(basename "$2")"
}

mkdir -p corpus/{files,archives,documents,advisories,versions}
file 5 $FIXTURES/rpmdb.sqlite
file 6 $FIXTURES/rpmdb.sqlite-wal
file 7 $FIXTURES/Packages.db
file 8 $FIXTURES/Packages
file 15 $FIXTURES/outer.ear
file 15 $FIXTURES/shaded-2.0.jar
cp ../../../crates/unzip/tests/archives/*.zip corpus/archives
cut -f 1,3 ../../../crates/advisories/tests/orders/*.tsv | grep -v '^#' | split --lines 1 --suffix-length 4 - corpus/versions/
sed -i 's/\t/\n/; s/$/\n1.0/' corpus/versions/*
printf '%s' '{"id":"A","aliases":["B"],"affected":[{"package":{"ecosystem":"Debian:12","name":"a"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2"}]}]},{"package":{"ecosystem":"npm","name":"a"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"last_affected":"1.0.0"}]}],"versions":["1.0.0"]}],"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]}' >corpus/advisories/one
printf '%s' '{"bomFormat":"CycloneDX","components":[{"type":"library","name":"a","version":"1","purl":"pkg:deb/debian/a@1?arch=all&distro=debian-12&upstream=b%402","licenses":[{"license":{"id":"MIT"}},{"expression":"MIT OR ISC"}],"evidence":{"occurrences":[{"location":"/a"}]},"properties":[{"name":"berth:owner","value":"deb/b"}]}]}' >corpus/documents/cyclonedx
printf '%s' '{"spdxVersion":"SPDX-2.3","packages":[{"name":"a","versionInfo":"1","sourceInfo":"built package from: b 2\nfound at: /a","licenseDeclared":"MIT AND LicenseRef-1","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:npm/%40a/a@1"}]}],"hasExtractedLicensingInfos":[{"licenseId":"LicenseRef-1","extractedText":"x"}]}' >corpus/documents/spdx
find corpus -type f | wc -l
