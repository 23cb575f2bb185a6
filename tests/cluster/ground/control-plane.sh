# etcd, kube-apiserver, kube-controller-manager, kube-scheduler. Only the apiserver listens where pods can reach it.

start_etcd() {
  local client=http://127.0.0.1:12379 peer=http://127.0.0.1:12380
  start etcd "${BIN[etcd]}" --name ground --data-dir "$VAR/etcd" --unsafe-no-fsync \
    --listen-client-urls $client --advertise-client-urls $client \
    --listen-peer-urls $peer --initial-advertise-peer-urls $peer --initial-cluster ground=$peer
}

start_apiserver() {
  local pki=$RUN/pki
  cp "$HERE/config/audit-policy.yaml" "$RUN/audit-policy.yaml"
  start kube-apiserver "${BIN[kube-apiserver]}" --etcd-servers=http://127.0.0.1:12379 \
    --bind-address=$NODE_IP --advertise-address=$NODE_IP --secure-port=6443 \
    --tls-cert-file=$pki/apiserver.crt --tls-private-key-file=$pki/apiserver.key --client-ca-file=$pki/ca.crt \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
    --service-account-issuer=https://kubernetes.default.svc.cluster.local \
    --service-account-key-file=$pki/service-account.pub --service-account-signing-key-file=$pki/service-account.key \
    --service-cluster-ip-range=10.96.0.0/16 \
    --requestheader-client-ca-file=$pki/front-proxy-ca.crt --requestheader-allowed-names=front-proxy-client \
    --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
    --requestheader-extra-headers-prefix=X-Remote-Extra- \
    --proxy-client-cert-file=$pki/front-proxy.crt --proxy-client-key-file=$pki/front-proxy.key \
    --kubelet-client-certificate=$pki/kubelet-client.crt --kubelet-client-key=$pki/kubelet-client.key \
    --kubelet-preferred-address-types=InternalIP --feature-gates=HPAScaleToZero=true \
    --audit-policy-file="$RUN/audit-policy.yaml" --audit-log-path="$VAR/log/audit.log" \
    --audit-log-maxsize=500 --audit-log-maxbackup=1
}

start_controllers() {
  local k=$RUN/kubeconfig/controllers
  start kube-controller-manager "${BIN[kube-controller-manager]}" --kubeconfig=$k --authentication-kubeconfig=$k \
    --authorization-kubeconfig=$k --bind-address=127.0.0.1 --leader-elect=false --root-ca-file="$RUN/pki/ca.crt" \
    --service-account-private-key-file="$RUN/pki/service-account.key" --use-service-account-credentials=true \
    --feature-gates=HPAScaleToZero=true --cluster-cidr=10.244.0.0/16 --allocate-node-cidrs=false \
    --kube-api-qps=300 --kube-api-burst=600 --flex-volume-plugin-dir="$VAR/volume-plugins" --cert-dir="$RUN/pki/controllers"
}

start_scheduler() {
  local k=$RUN/kubeconfig/scheduler
  start kube-scheduler "${BIN[kube-scheduler]}" --kubeconfig=$k --authentication-kubeconfig=$k \
    --authorization-kubeconfig=$k --leader-elect=false --bind-address=127.0.0.1 --kube-api-qps=300 --kube-api-burst=600 --cert-dir="$RUN/pki/scheduler"
}
