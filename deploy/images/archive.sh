#!/bin/bash
# Writes a container image of one folder, as OCI layout and docker archive in one tar, the same bytes for the same folder.
#
#   archive.sh NAME:TAG ROOTFS ENTRYPOINT USER >image.tar
#
# Import it with `ctr -n k8s.io images import`, `docker load`, `podman load` or `skopeo copy oci-archive:`.
set -euo pipefail

[ $# = 4 ] || { sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
NAME=$1 ROOTFS=$2 ENTRYPOINT=$3 USER_ID=$4
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

pack() { tar --create --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --directory "$1" $(ls "$1"); }
digest() { sha256sum "$1" | cut -d' ' -f1; }

# store FILE: moves it to its content's address and prints that.
store() {
  local hash
  hash=$(digest "$1")
  mv "$1" "$WORK/image/blobs/sha256/$hash"
  echo "$hash"
}

descriptor() {
  printf '{"mediaType":"%s","digest":"sha256:%s","size":%d' "$1" "$2" "$(stat -c %s "$WORK/image/blobs/sha256/$2")"
}

main() {
  local layer config manifest oci=application/vnd.oci.image
  mkdir -p "$WORK/image/blobs/sha256"
  pack "$ROOTFS" >"$WORK/layer"
  layer=$(store "$WORK/layer")
  printf '{"architecture":"amd64","os":"linux","created":"1970-01-01T00:00:00Z","config":{"Entrypoint":["%s"],"User":"%s","WorkingDir":"/"},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created":"1970-01-01T00:00:00Z","created_by":"deploy/images/archive.sh"}]}' \
    "$ENTRYPOINT" "$USER_ID" "$layer" >"$WORK/config"
  config=$(store "$WORK/config")
  printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":%s},"layers":[%s}]}' "$oci" \
    "$(descriptor $oci.config.v1+json "$config")" "$(descriptor $oci.layer.v1.tar "$layer")" >"$WORK/manifest"
  manifest=$(store "$WORK/manifest")
  printf '{"schemaVersion":2,"mediaType":"%s.index.v1+json","manifests":[%s,"annotations":{"io.containerd.image.name":"%s","org.opencontainers.image.ref.name":"%s"}}]}' \
    "$oci" "$(descriptor $oci.manifest.v1+json "$manifest")" "$NAME" "${NAME##*:}" >"$WORK/image/index.json"
  printf '{"imageLayoutVersion":"1.0.0"}' >"$WORK/image/oci-layout"
  printf '[{"Config":"blobs/sha256/%s","RepoTags":["%s"],"Layers":["blobs/sha256/%s"]}]' \
    "$config" "$NAME" "$layer" >"$WORK/image/manifest.json"
  pack "$WORK/image"
}

main
