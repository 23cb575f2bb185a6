#!/bin/bash
# Builds the control plane's tools from their Go modules, each when first needed, and prints where they are.
#
#   tools.sh NAME...         build what is missing, print one path per name
#   tools.sh --all           the same for every tool
#   tools.sh --where NAME... print the paths; exit 3 if one is not built yet
#
# A tool is built once per sha256 of (go.mod, go.sum, *.go, Go version, flags) into $PRESALE_CACHE
# (default ~/.cache/presale), outside target/, so that `cargo clean` does not cost five minutes.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${PRESALE_CACHE:-${HOME:-/root}/.cache/presale}/tools
export GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS=-mod=readonly

# tool                    module         package
TOOLS='
etcd                      kube           go.etcd.io/etcd/server/v3
kube-apiserver            kube           k8s.io/kubernetes/cmd/kube-apiserver
kubectl                   kube           k8s.io/kubernetes/cmd/kubectl
kube-controller-manager   kube           k8s.io/kubernetes/cmd/kube-controller-manager
kube-scheduler            kube           k8s.io/kubernetes/cmd/kube-scheduler
kubelet                   kube           k8s.io/kubernetes/cmd/kubelet
kube-proxy                kube           k8s.io/kubernetes/cmd/kube-proxy
prometheus                prometheus     github.com/prometheus/prometheus/cmd/prometheus
promtool                  prometheus     github.com/prometheus/prometheus/cmd/promtool
metrics-server            metrics-server sigs.k8s.io/metrics-server/cmd/metrics-server
coredns                   coredns        github.com/coredns/coredns
helm                      helm           helm.sh/helm/v4/cmd/helm
kubeconform               kubeconform    github.com/yannh/kubeconform/cmd/kubeconform
kwok                      kwok           sigs.k8s.io/kwok/cmd/kwok
nats-server               nats-server    github.com/nats-io/nats-server/v2
pause                     pause          tools/pause
hpa-replay                differential/hpa differential/hpa
knative-replay            differential/knative differential/knative
'

say() { printf '%s\n' "$*" >&2; }
fail() { say "tools: $*"; exit 1; }
every_tool() { awk 'NF { print $1 }' <<<"$TOOLS"; }

# The row of one tool: module and package.
row() {
  awk -v tool="$1" '$1 == tool { print $2, $3 }' <<<"$TOOLS"
}

module_dir() {
  case "$1" in
    pause) echo "$HERE/pause" ;;
    differential/*) echo "$HERE/../$1" ;;
    *) echo "$HERE/tools/$1" ;;
  esac
}

# Kubernetes reports its version from two packages; without both, /version lies.
ldflags() {
  local flags='-s -w' version package
  if [ "$1" = kube ]; then
    version=$(awk '$1 == "k8s.io/kubernetes" && $2 != "=>" { print $2; exit }
                   $2 == "k8s.io/kubernetes" { print $3; exit }' "$(module_dir kube)/go.mod")
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
      flags+=" -X $package.gitVersion=$version -X $package.gitMajor=$(cut -d. -f1 <<<"${version#v}")"
      flags+=" -X $package.gitMinor=$(cut -d. -f2 <<<"$version") -X $package.gitTreeState=archive"
      flags+=" -X $package.buildDate=2026-01-01T00:00:00Z"
    done
  fi
  echo "$flags"
}

require_go() {
  local cure='install Go 1.26 or newer from https://go.dev/dl and put it on PATH'
  command -v go >/dev/null || fail "Go is missing: $cure"
  GO_VERSION=$(go env GOVERSION)
  local minor=${GO_VERSION#go1.}
  [ "${minor%%[!0-9]*}" -ge 26 ] 2>/dev/null || fail "$GO_VERSION is too old: $cure"
}

declare -A PLACES=()
# The folder of one module's binaries: it changes with any input of the build.
place() {
  local module=$1 dir
  if [ -z "${PLACES[$module]:-}" ]; then
    dir=$(module_dir "$module")
    [ -f "$dir/go.mod" ] || fail "no module $dir/go.mod"
    PLACES[$module]=$CACHE/$module-$( (cat "$dir"/go.* "$dir"/*.go 2>/dev/null || true
      echo "$GO_VERSION" -trimpath "$(ldflags "$module")") | sha256sum | cut -c1-16)
  fi
}

# One line when a build ends, and one every 20 s while it goes on, so that a cold build is never silent.
build() {
  local tool=$1 module=$2 package=$3 out=$4 started=$SECONDS log ticker
  log=$out/$tool.log
  say "building $tool ..."
  (while sleep 20; do say "building $tool ... $((SECONDS - started)) s, $(wc -l <"$log") packages compiled"; done) &
  ticker=$!
  if ! (cd "$(module_dir "$module")" && go build -v -trimpath -ldflags "$(ldflags "$module")" \
    -o "$out/.$tool" "$package") >"$log" 2>&1; then
    kill "$ticker"
    tail -20 "$log" >&2
    fail "$tool did not build; the whole log is $log"
  fi
  kill "$ticker"
  mv "$out/.$tool" "$out/$tool"
  say "built    $tool in $((SECONDS - started)) s ($(du -m "$out/$tool" | cut -f1) MB)"
}

# Two callers at once: the second waits for the first and then finds the binary.
ensure() {
  local tool=$1 module=$2 package=$3 out=$4
  [ ! -x "$out/$tool" ] || return 0
  mkdir -p "$out"
  exec 8>"$out/.lock"
  if ! flock -n 8; then
    say "another build is at work in $out: waiting for it ..."
    flock 8
  fi
  [ -x "$out/$tool" ] || build "$tool" "$module" "$package" "$out" 8>&-
  exec 8>&-
}

main() {
  local build=yes tool module package
  case "${1:-}" in
    --all) set -- $(every_tool) ;;
    --where) build=no; shift ;;
    '' | -h | --help) sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
  esac
  require_go
  for tool in "$@"; do
    read -r module package <<<"$(row "$tool")"
    [ -n "$module" ] || fail "unknown tool '$tool'; known: $(every_tool | xargs)"
    place "$module"
    if [ "$build" = yes ]; then
      ensure "$tool" "$module" "$package" "${PLACES[$module]}"
    elif [ ! -x "${PLACES[$module]}/$tool" ]; then
      say "$tool is not built yet: run 'make tools'"
      exit 3
    fi
    echo "${PLACES[$module]}/$tool"
  done
}

main "$@"
