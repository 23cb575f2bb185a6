# The node: bridge, containerd and the pause image, kubelet, kube-proxy.

CTR=(ctr --address "$RUN/containerd.sock" --namespace k8s.io)

start_containerd() {
  ip link add cni0 type bridge
  ip addr add $NODE_IP/16 dev cni0
  ip link set cni0 up
  mkdir -p "$RUN/net.d"
  render bridge.conflist >"$RUN/net.d/10-bridge.conflist"
  render containerd.toml >"$RUN/containerd.toml"
  start containerd containerd --config "$RUN/containerd.toml"
}

# A pod's first process is ours: built from tests/cluster/pause, and like every image imported, never pulled.
import_pause() {
  mkdir -p "$RUN/pause"
  cp "${BIN[pause]}" "$RUN/pause/pause"
  "$HERE/../../deploy/images/archive.sh" localhost/pause:1 "$RUN/pause" /pause 65535 >"$RUN/pause.tar"
  import_image "$RUN/pause.tar"
  rm -r "$RUN/pause" "$RUN/pause.tar"
}

import_image() {
  "${CTR[@]}" images import "$1" >/dev/null
}

start_kubelet() {
  render kubelet.yaml >"$RUN/kubelet.yaml"
  start kubelet "${BIN[kubelet]}" --config="$RUN/kubelet.yaml" --kubeconfig="$RUN/kubeconfig/node" \
    --hostname-override=n1 --node-ip=$NODE_IP --root-dir="$VAR/kubelet"
}

start_proxy() {
  render kube-proxy.yaml >"$RUN/kube-proxy.yaml"
  start kube-proxy "${BIN[kube-proxy]}" --config="$RUN/kube-proxy.yaml"
}
