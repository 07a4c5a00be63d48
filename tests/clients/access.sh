#!/bin/bash
# Who may do what, for every client: not logged in, logged in without a right of one's own, with one, and by a token; with
# repositories that anybody may pull from beside private ones, on one host.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/clients/daemons.sh
. "$(dirname "$0")/daemons.sh"

CLIENTS=(docker podman containerd skopeo crane oras)
NEWCOMER_PASSWORD=newcomers-own-words
MEMBER_PASSWORD=members-own-words
NO='unauthorized|denied|forbidden|authentication required|authorization failed|no right to|insufficient|no basic auth|401|403'

main() {
    local who name
    needs docker dockerd podman containerd ctr skopeo crane oras
    start_berth
    check "users, rules, a robot" set_up
    ROBOT_TOKEN=$(tail -n 1 "$WORK/robot")
    start_containerd
    start_dockerd access true
    make_image "$WORK/image" v1 "an image" 1
    for name in public/app private/app; do
        check "fill $name" skopeo copy --dest-tls-verify=false --dest-creds "admin:$ADMIN_PASSWORD" \
            "oci:$WORK/image:v1" "docker://$REGISTRY/$name:v1"
    done
    for CLIENT in "${CLIENTS[@]}"; do
        for who in nobody newcomer member robot; do
            as "$who"
        done
    done
    tells_why
    finish
}

set_up() {
    local data=(--data "$WORK/data")
    printf '%s' "$NEWCOMER_PASSWORD" | "$BERTH" user add newcomer --role none --password-stdin "${data[@]}" &&
        printf '%s' "$MEMBER_PASSWORD" | "$BERTH" user add member --role none --password-stdin "${data[@]}" &&
        "$BERTH" group add devs "${data[@]}" &&
        "$BERTH" group join devs member "${data[@]}" &&
        "$BERTH" access add everyone reader 'public/**' "${data[@]}" &&
        "$BERTH" access add group:devs writer 'private/**' "${data[@]}" &&
        "$BERTH" robot add ci --role reader --on 'private/*' --expires 1d "${data[@]}" >"$WORK/robot"
}

podman() {
    client podman --root "$WORK/store" --runroot "$WORK/run" --storage-driver vfs --cgroup-manager cgroupfs \
        --events-backend file "$@"
}

skopeo() {
    client skopeo "$@"
}

crane() {
    client crane "$@"
}

# oras wants paths within the directory it is in.
oras() {
    # shellcheck disable=SC2016 # $0 and $@ are the inner shell's
    client sh -c 'cd "$0" && exec oras "$@"' "$WORK" "$@"
}

# --- the same few things by each client -----------------------------------------------------------

login() {
    USER_AND_PASSWORD=(--user "$1:$2")
    case $CLIENT in
        docker) printf '%s' "$2" | docker login --username "$1" --password-stdin "$REGISTRY" ;;
        podman) printf '%s' "$2" | podman login --tls-verify=false --username "$1" --password-stdin "$REGISTRY" ;;
        containerd) ;; # it is told with each command
        skopeo) printf '%s' "$2" | skopeo login --tls-verify=false --username "$1" --password-stdin "$REGISTRY" ;;
        crane) printf '%s' "$2" | crane auth login --username "$1" --password-stdin "$REGISTRY" ;;
        oras) printf '%s' "$2" | oras login --plain-http --username "$1" --password-stdin "$REGISTRY" ;;
    esac
}

logout() {
    USER_AND_PASSWORD=()
    rm -rf "$WORK/home/.docker" "$WORK/home/auth.json"
}

pull() {
    local image=$REGISTRY/$1:v1
    case $CLIENT in
        docker) docker pull "$image" ;;
        podman) podman pull --tls-verify=false "$image" ;;
        containerd) ctr images pull --plain-http --snapshotter native "${USER_AND_PASSWORD[@]}" "$image" ;;
        skopeo) rm -rf "$WORK/back" && skopeo copy --src-tls-verify=false "docker://$image" "oci:$WORK/back:v1" ;;
        crane) crane pull --format=oci "$image" "$WORK/back-$1" ;;
        oras) rm -rf "$WORK/oras-back" && oras copy --from-plain-http --to-oci-layout "$image" oras-back:v1 ;;
    esac
}

# push REPOSITORY: what was pulled before, under a name that is not there yet.
push() {
    local image=$REGISTRY/$1:by-$CLIENT
    case $CLIENT in
        docker) docker tag "$REGISTRY/public/app:v1" "$image" && docker push "$image" ;;
        podman) podman tag "$REGISTRY/public/app:v1" "$image" && podman push --tls-verify=false "$image" ;;
        containerd)
            ctr images tag --force "$REGISTRY/public/app:v1" "$image" &&
                ctr images push --plain-http "${USER_AND_PASSWORD[@]}" "$image"
            ;;
        skopeo) skopeo copy --dest-tls-verify=false "oci:$WORK/image:v1" "docker://$image" ;;
        crane) crane push "$WORK/image" "$image" ;;
        oras) oras copy --from-oci-layout --to-plain-http image:v1 "$image" ;;
    esac
}

# as WHO: the row of the matrix.
as() {
    local row="$CLIENT, $1"
    logout
    case $1 in
        nobody) ;;
        newcomer) check "$row: login" login newcomer "$NEWCOMER_PASSWORD" ;;
        member) check "$row: login" login member "$MEMBER_PASSWORD" ;;
        robot) check "$row: login with a token, under any name" login whoever "$ROBOT_TOKEN" ;;
    esac
    check "$row: pull what is public" pull public/app
    refused "$row: push to what is public" "$NO" push public/app
    case $1 in
        nobody | newcomer)
            refused "$row: pull what is private" "$NO" pull private/app
            refused "$row: push to what is private" "$NO" push private/app
            # What is not there looks the same.
            refused "$row: pull what is not there" "$NO" pull private/none
            ;;
        member)
            check "$row: pull what is private" pull private/app
            check "$row: push to what is private" push private/app
            refused "$row: pull what is not there" 'not found|unknown|NAME_UNKNOWN|404' pull private/none
            ;;
        robot)
            check "$row: pull what is private" pull private/app
            refused "$row: push to what is private" "$NO" push private/app
            ;;
    esac
}

# The rule that decides is told, and each refusal above is in the trail.
tells_why() {
    check "why a member may push" "$BERTH" access why member push private/app --data "$WORK/data"
    has "the rule" 'because  rule [0-9]+: group:devs may pull,push,sign \(writer\) on private/\*\*'
    check "why a newcomer may not" "$BERTH" access why newcomer pull private/app --data "$WORK/data"
    has "no rule" 'because  no rule allows pull on private/app'
    check "the trail" "$BERTH" audit list --kind request.refuse --repository private/app --limit 500 --data "$WORK/data"
    has "a newcomer's refused pull is in it" 'newcomer +private/app +pull on private/app'
    check "the trail is whole" "$BERTH" audit verify --data "$WORK/data"
}

main
