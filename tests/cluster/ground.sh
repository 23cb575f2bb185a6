#!/bin/bash
# The ground: one real Kubernetes node on this machine, without a container registry.
#
#   ground.sh up              start it, or heal it, or find that it runs already
#   ground.sh down            take everything away, whoever started it
#   ground.sh import FILE...  bring images (docker or OCI archives) to the node
#
# There is one ground per machine. Its record lies in /run/presale-ground, so any checkout can use it or take it down.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for part in record machine keys control-plane node addons teardown; do
  # shellcheck source=/dev/null
  source "$HERE/ground/$part.sh"
done
declare -A BIN=()

find_tools() {
  local names=(etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl coredns metrics-server pause)
  local paths i
  paths=$("$HERE/tools.sh" "${names[@]}")
  i=0
  while read -r path; do
    BIN[${names[i]}]=$path
    i=$((i + 1))
  done <<<"$paths"
}

# What a running ground was made from: another checkout with the same inputs takes it over, with others replaces it.
inputs() {
  (cd "$HERE" && sha256sum ground.sh ground/* config/* manifests/*; printf '%s\n' "${BIN[@]}" | sort) | sha256sum
}

healthy() {
  [ "$(cat "$RUN/up" 2>/dev/null)" = "$(inputs)" ] || return 1
  local name
  for name in "${SERVERS[@]}"; do
    running "$name" >/dev/null || return 1
  done
  kubectl get --raw /readyz >/dev/null 2>&1 || return 1
  kubectl get node n1 -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null | grep -q True
}

start_all() {
  mkdir -p "$RUN"/{pki,kubeconfig,processes} "$VAR"/{log,volume-plugins}
  chmod 755 "$RUN" "$VAR"
  echo "$HERE" >"$RUN/checkout"
  remember_machine
  change_settings
  start_containerd
  start_etcd
  make_keys
  start_apiserver
  wait_for containerd 30 "${CTR[@]}" version
  import_pause
  wait_for kube-apiserver 90 kubectl get --raw /readyz
  lap 'kube-apiserver ready'
  start_controllers
  start_scheduler
  start_kubelet
  start_proxy
  allow_addons
  start_coredns
  start_metrics_server
  wait_for kubelet 60 kubectl wait --for=condition=Ready node/n1 --timeout=1s
  lap 'node ready'
  wait_for kube-proxy 60 curl -fsS http://127.0.0.1:10256/healthz
  wait_for kube-controller-manager 60 kubectl get serviceaccount default # before that every pod is refused
  wait_for kube-scheduler 60 curl -fksS https://127.0.0.1:10259/healthz
  wait_for coredns 60 curl -fsS http://127.0.0.1:8053/health
  wait_for metrics-server 60 curl -fksS https://$NODE_IP:4443/livez
  serve_metrics_api # its first figures follow after two scrapes, 30 s
  inputs >"$RUN/up"
}

lap() {
  local tenths=$((($(date +%s%N) - STARTED) / 100000000))
  printf '%4d.%d s  %s\n' $((tenths / 10)) $((tenths % 10)) "$1" >&2
}

report() {
  local name id
  echo "ground: Kubernetes $(kubectl version -o json | sed -n 's/.*"gitVersion": "\(.*\)".*/\1/p' | tail -1) on node n1"
  for name in "${SERVERS[@]}"; do
    id=$(running "$name") || continue
    printf '  %-24s process %-8s %4d MiB\n' "$name" "$id" $(($(awk '/VmRSS/ { print $2 }' "/proc/$id/status") / 1024))
  done
  echo "  pods 10.244.0.0/16, services 10.96.0.0/16, NodePorts on 127.0.0.1; kubectl top has figures 30 s after the start"
  echo "  audit log $VAR/log/audit.log"
  echo "export KUBECONFIG=$ADMIN"
}

up() {
  [ "$(id -u)" = 0 ] || fail "a node needs root: run as root"
  "$HERE/packages.sh" ground
  find_tools
  STARTED=$(date +%s%N)
  take_lock
  if healthy; then
    echo "$HERE" >"$RUN/checkout"
    say "the ground is up already"
  else
    [ ! -d "$RUN" ] || say "a ground of $(cat "$RUN/checkout" 2>/dev/null || echo 'an unknown checkout') is broken or outdated: taking it away first"
    detect_machine
    tear_down
    refuse_if_in_the_way
    start_all
    lap 'ground up'
  fi
  report
}

down() {
  [ "$(id -u)" = 0 ] || fail "a node needs root: run as root"
  take_lock
  [ -d "$RUN" ] || [ -d "$VAR" ] || { say "no ground is up"; return 0; }
  STARTED=$(date +%s%N)
  tear_down
  lap 'ground down'
}

import() {
  local archive
  [ -S "$RUN/containerd.sock" ] || fail "no ground is up: run 'make cluster-up'"
  for archive in "$@"; do
    import_image "$archive"
  done
}

case "${1:-}" in
  up) up ;;
  down) down ;;
  import) shift; import "$@" ;;
  *) sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
