#!/bin/bash
# Active Directory: Samba as a domain controller, in a network of its own. What other LDAP servers do not
# have is tried here: binary ids, groups within groups, accounts that are disabled, logins by address.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"

DOMAIN=DC=ad,DC=example,DC=org
SEARCHER=Words-to-search-with-1
ANN=Words-of-ann-1
BOB=Words-of-bob-1

# A controller wants the ports that it is known by: where this machine's own network is not seen, they are free.
if [ -z "${IN_OWN_NETWORK:-}" ]; then
    needs samba samba-tool
    clean_up
    trap - EXIT
    exec env IN_OWN_NETWORK=1 unshare --net bash "$0" "$@"
fi

main() {
    ip link set lo up
    start_controller
    start_berth
    connect
    log_in
    groups
    shut_out
    finish
}

tool() {
    forky samba-tool "$@" -H "$WORK/ad/private/sam.ldb" -s "$WORK/ad/etc/smb.conf"
}

certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=Test authority' -keyout "$WORK/ca.key" -out "$WORK/ca.pem" 2>/dev/null
    openssl req -new -newkey rsa:2048 -nodes -subj '/CN=dc1.ad.example.org' -keyout "$WORK/dc.key" -out "$WORK/dc.csr" 2>/dev/null
    openssl x509 -req -in "$WORK/dc.csr" -CA "$WORK/ca.pem" -CAkey "$WORK/ca.key" -days 1 -out "$WORK/dc.pem" \
        -extfile <(printf 'subjectAltName=DNS:localhost\n') 2>/dev/null
    chmod 600 "$WORK/dc.key"
}

start_controller() {
    certificate
    check "make a domain" forky samba-tool domain provision --targetdir="$WORK/ad" --realm=AD.EXAMPLE.ORG --domain=EXAMPLE \
        --server-role=dc --adminpass=Words-of-the-admin-1 --dns-backend=NONE --host-name=dc1 --host-ip=127.0.0.1 \
        --option="vfs objects = dfs_samba4 acl_xattr xattr_tdb"
    {
        tool user create berth "$SEARCHER" &&
            tool user create ann "$ANN" --given-name=Ann --surname=Example --mail-address=ann@example.org &&
            tool user create bob "$BOB" &&
            tool group add devs && tool group add engineers && tool group add staff &&
            tool group addmembers devs ann && tool group addmembers engineers devs && tool group addmembers staff engineers
    } >"$WORK/tool.log" 2>&1 || { failed "users and groups"; tail_of "$(cat "$WORK/tool.log")"; finish; }
    daemon "$WORK/samba.log" samba --foreground --no-process-group --model=single -s "$WORK/ad/etc/smb.conf" --debug-stdout \
        --option="server services=ldap" --option="interfaces=lo" --option="bind interfaces only=yes" \
        --option="tls certfile=$WORK/dc.pem" --option="tls keyfile=$WORK/dc.key" --option="tls cafile=$WORK/ca.pem" \
        --option="pid directory=$WORK" --option="ncalrpc dir=$WORK/ncalrpc"
    until_true 30 sh -c 'echo | openssl s_client -connect 127.0.0.1:636 >/dev/null 2>&1' ||
        { failed "samba did not start"; tail_of "$(cat "$WORK/samba.log")"; finish; }
}

directory() {
    "$BERTH" directory "$@" --data "$WORK/data"
}

connect() {
    add() { printf '%s\n' "$SEARCHER" | directory add ad --kind active-directory "$@"; }
    check "a directory" add --url ldap://localhost --authorities "$WORK/ca.pem" --bind-dn berth@ad.example.org \
        --bind-password-stdin --user-base "$DOMAIN" --remember 0s
    try() { printf '%s\n' "$2" | directory test ad --user "$1" --password-stdin; }
    check "every step of a trial" try ann "$ANN"
    has "TLS by StartTLS" '^tls +yes .*StartTLS'
    has "the id is the binary one" '^user +yes +ann is CN=Ann Example,.*for ever hex:[0-9a-f]{32}$'
    refused "a wrong password is told" 'does not work' try ann wrong
    has "in words" '^password +no .*the password is wrong'
    check "over ldaps as well" directory change ad --url ldaps://localhost
    check "the trial" try ann "$ANN"
    # Active Directory takes no password in the clear.
    check "without TLS" directory change ad --url ldap://localhost --no-starttls
    refused "it is refused there" 'does not work' try ann "$ANN"
    has "in words as well" 'strongerAuthRequired'
    check "with TLS again" directory change ad --starttls
}

# whoami NAME PASSWORD: whom rules are about.
whoami() {
    curl -sS --max-time 60 --fail -u "$1:$2" "http://$REGISTRY/api/v1/session" | jq -r '.subjects[]'
}

# A running registry takes up what a command changed within a moment.
is_known() {
    whoami "$1" "$2" >/dev/null 2>&1
}

log_in() {
    check "ann logs in" until_true 10 is_known ann "$ANN"
    same "she is ann" user:ann "$(whoami ann "$ANN" | head -n 1)"
    same "by her address there, too" user:ann "$(whoami ann@ad.example.org "$ANN" | head -n 1)"
    same "however she writes her name" user:ann "$(whoami ANN "$ANN" | head -n 1)"
    refused "not with a wrong password" '401' whoami ann wrong
    refused "not with none" '401' whoami ann ''
    same "what is known of her" 'Ann Example' "$(api GET /api/v1/users/ann | jq -r .full_name)"
    check "skopeo logs in" sh -c "printf %s '$ANN' | env -i PATH=\"\$PATH\" HOME='$WORK/home' REGISTRY_AUTH_FILE='$WORK/home/auth.json' \
        skopeo login --tls-verify=false --username ann --password-stdin '$REGISTRY'"
}

has_groups() {
    [ "$(whoami ann "$ANN" | grep ^group: | paste -sd ' ')" = "$1" ]
}

groups() {
    check "the groups of her entry" until_true 10 has_groups "group:ad/devs"
    check "groups within groups" directory change ad --groups nested
    check "all of them" until_true 10 has_groups "group:ad/devs group:ad/engineers group:ad/staff"
    check "one by its DN" directory change ad --map "cn=staff,cn=users,$DOMAIN" everyone-here --only-mapped
    check "it alone" until_true 10 has_groups "group:everyone-here"
}

shut_out() {
    check "bob logs in" whoami bob "$BOB"
    check "bob is disabled there" tool user disable bob
    refused "so he is here" '401' whoami bob "$BOB"
    refused "a trial tells" 'does not work' directory test ad --user bob
    has "no entry fits" 'no entry fits .bob.'
    check "ann is renamed there" tool user rename ann --samaccountname=anna
    same "her account stays hers" user:ann "$(whoami anna "$ANN" | head -n 1)"
}

main
