#!/bin/bash
# Lists the Debian packages that are missing for what you name, then installs them; all of it if you name nothing.
#
#   packages.sh ground     what one node of Kubernetes needs
#   packages.sh tests      what the tests without a node need
#   packages.sh browser    what the tests of web pages need
#   packages.sh bench      what the shop's gateway is measured beside
set -euo pipefail

say() { printf '%s\n' "$*" >&2; }

packages_of() {
  case "$1" in
    ground) echo containerd runc containernetworking-plugins iptables iproute2 conntrack openssl curl procps ;;
    tests) echo postgresql util-linux gcc libc6-dev qemu-user ;;
    browser) echo chromium ;;
    bench) echo nginx-light ;;
    *) say "packages: unknown set '$1'; known: ground tests browser bench"; exit 2 ;;
  esac
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# What no package of Debian 12 can give: say in one line what to do.
require_rust() {
  local version minor cure='install Rust 1.94 or newer with https://rustup.rs'
  command -v cargo >/dev/null || { say "packages: Rust is missing: $cure"; exit 1; }
  version=$(cargo --version | awk '{ print $2 }')
  minor=$(cut -d. -f2 <<<"$version")
  [ "$minor" -ge 94 ] || { say "packages: Rust $version is too old: $cure"; exit 1; }
}

main() {
  local set package missing=()
  [ $# -gt 0 ] || set -- ground tests
  command -v dpkg-query >/dev/null || { say "packages: this is not Debian; install yourself: $(for set in "$@"; do packages_of "$set"; done | xargs)"; exit 1; }
  for set in "$@"; do
    [ "$set" != tests ] || require_rust
    for package in $(packages_of "$set"); do
      installed "$package" || missing+=("$package")
    done
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "missing Debian packages: ${missing[*]}"
  [ "$(id -u)" = 0 ] || { say "packages: run as root: apt-get install -y ${missing[*]}"; exit 1; }
  say "installing them ..."
  local started=$SECONDS log
  log=$(mktemp)
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -20 "$log" >&2
    say "packages: apt-get failed; the whole log is $log"
    exit 1
  fi
  rm -f "$log"
  say "installed in $((SECONDS - started)) s"
}

main "$@"
