# Cluster DNS and resource metrics, as processes beside the node: pods reach both at the node's address.

start_coredns() {
  render Corefile >"$RUN/Corefile"
  start coredns "${BIN[coredns]}" -conf "$RUN/Corefile"
}

start_metrics_server() {
  local k=$RUN/kubeconfig/metrics-server
  start metrics-server "${BIN[metrics-server]}" --kubeconfig=$k --authentication-kubeconfig=$k \
    --authorization-kubeconfig=$k --bind-address=$NODE_IP --secure-port=4443 --cert-dir="$RUN/pki/metrics-server" \
    --kubelet-insecure-tls --kubelet-use-node-status-port --kubelet-preferred-address-types=InternalIP \
    --metric-resolution=15s
}

# Before they start: the metrics server ends at once where it may not read what it needs.
allow_addons() {
  kubectl apply --server-side -f "$HERE/manifests/coredns.yaml" -f "$HERE/manifests/metrics-server.yaml" >/dev/null
  wait_for rights 30 kubectl auth can-i get configmap/extension-apiserver-authentication -n kube-system --as system:metrics-server
}

serve_metrics_api() {
  kubectl apply --server-side -f "$HERE/manifests/metrics-api.yaml" >/dev/null
}
