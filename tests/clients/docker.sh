#!/bin/bash
# Docker Engine: a private daemon that runs no container, with each of its two image stores (its own,
# and containerd's), and BuildKit: attestations and its build cache in the registry.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/clients/daemons.sh
. "$(dirname "$0")/daemons.sh"
# shellcheck source=tests/clients/issuer.sh
. "$HERE/issuer.sh"

main() {
    needs dockerd docker
    start_berth
    check "trust an issuer" trust_issuer
    mkdir -p "$WORK/context" "$WORK/tree"
    echo 'hello' | tee "$WORK/context/greeting" >"$WORK/tree/greeting"
    head -c 16M /dev/urandom >"$WORK/tree/ballast"
    tar -C "$WORK/tree" -cf "$WORK/tree.tar" .

    engine graphdriver false
    engine containerd true
    finish
}

login() {
    printf '%s' "$2" | docker login --username "$1" --password-stdin "$REGISTRY"
}

# engine NAME CONTAINERD_STORE: everything, in one daemon.
engine() {
    STORE=$1
    start_dockerd "$STORE" "$2"
    credentials
    push_and_pull
    build "$2"
    roles
    workload
    stop_dockerd
}

workload() {
    refused "$STORE: login with a CI job's token of another repository" 'unauthorized' login whoever "$(workload_token evil/app)"
    check "$STORE: login with a CI job's token" login whoever "$(workload_token acme/app)"
    check "$STORE: give the image a name of its repository" docker tag "$REGISTRY/$STORE/readers:v1" "$REGISTRY/acme/$STORE:v1"
    check "$STORE: push with it" docker push "$REGISTRY/acme/$STORE:v1"
}

credentials() {
    refused "$STORE: login with a wrong password" 'unauthorized|incorrect username' login alice not-her-password
    check "$STORE: login with a password" login alice "$ALICE_PASSWORD"
    has "$STORE: it says so" 'Login Succeeded'
}

push_and_pull() {
    local id repository=$REGISTRY/$STORE/app
    check "$STORE: import a filesystem" docker import --change 'CMD ["/greeting"]' "$WORK/tree.tar" "$repository:v1"
    id=$OUT
    check "$STORE: push" docker push "$repository:v1"
    has "$STORE: docker tells the digest that is served" "digest: $(served_digest "$STORE/app" v1)"
    check "$STORE: push it again" docker push "$repository:v1"
    check "$STORE: tag it for another repository" docker tag "$id" "$REGISTRY/$STORE/other/app:v1"
    check "$STORE: push it there (mounts)" docker push "$REGISTRY/$STORE/other/app:v1"
    same "$STORE: the same digest there" "$(served_digest "$STORE/app" v1)" "$(served_digest "$STORE/other/app" v1)"
    check "$STORE: remove it here" docker rmi --force "$id" "$repository:v1" "$REGISTRY/$STORE/other/app:v1"
    check "$STORE: pull" docker pull "$repository:v1"
    check "$STORE: pull by digest" docker pull "$repository@$(served_digest "$STORE/app" v1)"
    check "$STORE: pull every tag" docker pull --all-tags "$repository"
    check "$STORE: manifest inspect" docker manifest inspect --insecure "$repository:v1"
    refused "$STORE: a tag that is not there" 'manifest unknown|not found' docker pull "$repository:none"
    refused "$STORE: a repository that is not there" 'not found|unknown|does not exist' docker pull "$REGISTRY/$STORE/nothing:v1"
}

# build WITH_ATTESTATION
build() {
    local image=$REGISTRY/$STORE/built
    printf 'FROM scratch\nCOPY greeting /greeting\n' >"$WORK/context/Dockerfile"
    check "$STORE: build and push with BuildKit" docker buildx build --push --provenance=false --tag "$image:v1" "$WORK/context"
    check "$STORE: pull what was built" docker pull "$image:v1"
    [ "$1" = true ] || return
    check "$STORE: build for two platforms with an attestation" docker buildx build --push \
        --platform linux/amd64,linux/arm64 --provenance=mode=max --tag "$image:attested" "$WORK/context"
    same "$STORE: the attestations are in the index" 2 "$(api GET "/v2/$STORE/built/manifests/attested" |
        jq '[.manifests[] | select(.annotations["vnd.docker.reference.type"] == "attestation-manifest")] | length')"
    check "$STORE: imagetools inspect" docker buildx imagetools inspect "$image:attested"
    check "$STORE: export the build cache as an image" docker buildx build --provenance=false --tag "$image:v2" --push \
        --cache-to "type=registry,ref=$REGISTRY/$STORE/cache:image,mode=max,image-manifest=true,oci-mediatypes=true" "$WORK/context"
    check "$STORE: export the build cache as an index of layers" docker buildx build --provenance=false --tag "$image:v2" --push \
        --cache-to "type=registry,ref=$REGISTRY/$STORE/cache:index,mode=max,image-manifest=false,oci-mediatypes=true" "$WORK/context"
    check "$STORE: forget the cache here" docker buildx prune --all --force
    check "$STORE: build from the cache" docker buildx build --provenance=false --push --tag "$image:v3" --progress plain \
        --cache-from "type=registry,ref=$REGISTRY/$STORE/cache:image" "$WORK/context"
    has "$STORE: it was used" 'CACHED|importing cache manifest'
}

roles() {
    check "$STORE: login as a reader" login rob "$ROB_PASSWORD"
    check "$STORE: a reader pulls" docker pull "$REGISTRY/$STORE/app:v1"
    check "$STORE: tag it anew" docker tag "$REGISTRY/$STORE/app:v1" "$REGISTRY/$STORE/readers:v1"
    refused "$STORE: a reader pushes" 'denied|unauthorized|forbidden|no right to push' \
        docker push "$REGISTRY/$STORE/readers:v1"
    check "$STORE: logout" docker logout "$REGISTRY"
    refused "$STORE: a pull after logout" 'unauthorized|denied|no basic auth|authentication required|authorization failed' \
        docker pull "$REGISTRY/$STORE/app:v1"
}

main
