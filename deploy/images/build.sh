#!/bin/bash
# Builds the product statically and packs its two images: out/images/presale.tar and out/images/shop.tar.
#
# The programs need no C library and no shell: an image is the program, the CA certificates and one unprivileged user.
# deploy/images/Containerfile builds the same image from the same folder where a container builder is at hand.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
TARGET=x86_64-unknown-linux-gnu
OUT=$ROOT/out/images
USER_ID=65532:65532

say() { printf '%s\n' "$*" >&2; }

build() {
  say "building presale, shop, loadgen and the programs that run on pods statically (the first time takes some minutes) ..."
  # In one go: each set of packages has features of its own, and a second set would build the libraries a second time.
  (cd "$ROOT" && RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --target $TARGET \
    -p presale -p shop -p loadgen -p presale-demo -p presale-plant)
}

# The folder that becomes the image's root. Modes and times do not matter: archive.sh writes its own times.
stage() {
  local program=$1 root=$OUT/$1
  rm -rf "$root"
  install -D -m 755 "${CARGO_TARGET_DIR:-$ROOT/target}/$TARGET/release/$program" "$root/$program"
  install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  printf 'nonroot:x:65532:65532::/:/%s\n' "$program" >"$root/etc/passwd"
  chmod 644 "$root/etc/passwd"
  if readelf -l "$root/$program" | grep -q INTERP; then
    say "image: $program is not static: it would not start in an empty image"
    exit 1
  fi
}

main() {
  umask 022
  [ -f /etc/ssl/certs/ca-certificates.crt ] || { say "image: CA certificates are missing: apt-get install -y ca-certificates"; exit 1; }
  local started=$SECONDS program
  build
  for program in presale shop; do
    stage "$program"
    "$HERE/archive.sh" "localhost/$program:dev" "$OUT/$program" "/$program" "$USER_ID" >"$OUT/$program.tar"
    say "packed localhost/$program:dev, $(du -m "$OUT/$program.tar" | cut -f1) MB: out/images/$program.tar"
  done
  say "images done in $((SECONDS - started)) s"
}

main
