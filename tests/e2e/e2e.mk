# The pods: suites that need the one-node cluster, run by name.

.PHONY: e2e
e2e: packages ## The node itself: starts, heals, changes hands, leaves nothing behind
	@tests/cluster/tools.sh etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl metrics-server coredns >/dev/null
	cargo test -p workspace-tests --test ground

.PHONY: e2e-shop
e2e-shop: packages image ## 2 → 10 → 2 replicas of the catalog and a rolling update under load, no failed request
	@tests/cluster/tools.sh etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl metrics-server coredns >/dev/null
	cargo test -p workspace-tests --test shop_rolls_without_failures
