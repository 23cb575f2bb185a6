# The ground's certificate authority, one certificate per server and user, and their kubeconfigs. Made anew by each start.

new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" 2>/dev/null; }

authority() {
  new_key "$1"
  openssl req -x509 -new -key "$1.key" -subj "/CN=presale-ground-$1" -days 365 -out "$1.crt"
}

# certificate FILE SUBJECT AUTHORITY [NAMES]
certificate() {
  new_key "$1"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  printf 'keyUsage=digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n%s' "${4:+subjectAltName=$4}" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA "$3.crt" -CAkey "$3.key" -CAcreateserial -days 365 -extfile "$1.ext" \
    -out "$1.crt" 2>/dev/null
  rm "$1.csr" "$1.ext"
}

# kubeconfig FILE: everything inside, so that it can be copied away.
kubeconfig() {
  cat >"$RUN/kubeconfig/$1" <<EOF
apiVersion: v1
kind: Config
current-context: presale-ground
clusters: [{name: presale-ground, cluster: {server: "https://$NODE_IP:6443", certificate-authority-data: $(base64 -w0 ca.crt)}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}}]
contexts: [{name: presale-ground, context: {cluster: presale-ground, user: $1}}]
EOF
}

make_keys() {
  local service=kubernetes.default.svc user
  cd "$RUN/pki"
  umask 077
  authority ca
  authority front-proxy-ca
  certificate apiserver /CN=kube-apiserver ca \
    "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:$service,DNS:$service.cluster.local,IP:127.0.0.1,IP:10.96.0.1,IP:$NODE_IP"
  certificate kubelet-client /CN=kube-apiserver-kubelet-client ca
  certificate admin /O=system:masters/CN=admin ca
  certificate controllers /CN=system:kube-controller-manager ca
  certificate scheduler /CN=system:kube-scheduler ca
  certificate node /O=system:nodes/CN=system:node:n1 ca "DNS:n1,IP:127.0.0.1,IP:$NODE_IP"
  certificate proxy /CN=system:kube-proxy ca
  certificate coredns /CN=system:coredns ca
  certificate metrics-server /CN=system:metrics-server ca
  certificate front-proxy /CN=front-proxy-client front-proxy-ca
  new_key service-account
  openssl ec -in service-account.key -pubout -out service-account.pub 2>/dev/null
  for user in admin controllers scheduler node proxy coredns metrics-server; do
    kubeconfig "$user"
  done
  umask 022
  cd "$HERE"
}
