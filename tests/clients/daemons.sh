# shellcheck shell=bash
# Daemons that clients need: containerd and Docker Engine, in the newer Debian, private to the suite.

ctr() {
    client ctr --address "$WORK/containerd.sock" "$@"
}

start_containerd() {
    cat >"$WORK/containerd.toml" <<TOML
version = 3
root = "$WORK/containerd/root"
state = "$WORK/containerd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]
[grpc]
  address = "$WORK/containerd.sock"
[ttrpc]
  address = "$WORK/containerd.sock.ttrpc"
[plugins."io.containerd.transfer.v1.local"]
  [[plugins."io.containerd.transfer.v1.local".unpack_config]]
    platform = "linux"
    snapshotter = "native"
TOML
    daemon "$WORK/containerd.log" containerd --config "$WORK/containerd.toml"
    until_true 20 ctr version >/dev/null 2>&1 ||
        { failed "containerd did not start"; tail_of "$(cat "$WORK/containerd.log")"; finish; }
}

docker() {
    client docker --host "unix://$WORK/docker.sock" "$@"
}

dockerd_answers() {
    docker version >/dev/null 2>&1
}

# start_dockerd NAME CONTAINERD_STORE: with its own image store, or containerd's. $DAEMON is it.
start_dockerd() {
    local state=$WORK/docker-$1
    mkdir -p "$state"
    printf '{"features": {"containerd-snapshotter": %s}}' "$2" >"$state/daemon.json"
    local driver=(--storage-driver vfs)
    [ "$2" = true ] && driver=(--storage-driver native)
    # No bridge, no firewall rules, no forwarding: this machine's network stays as it is.
    daemon "$WORK/dockerd.log" dockerd --config-file "$state/daemon.json" --host "unix://$WORK/docker.sock" \
        --pidfile "$state/pid" --data-root "$state/data" --exec-root "$state/exec" "${driver[@]}" \
        --bridge none --iptables=false --ip6tables=false --ip-forward=false
    until_true 30 dockerd_answers || { failed "$1: dockerd did not start"; tail_of "$(cat "$WORK/dockerd.log")"; finish; }
}

stop_dockerd() {
    kill "$DAEMON"
    wait "$DAEMON" 2>/dev/null
}
