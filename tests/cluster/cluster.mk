# The real programs that tests and the ground run, the ground itself, and the product's images.

.PHONY: tools
tools: ## Build the control plane's tools from their Go modules, each once, into ~/.cache/presale
	@tests/cluster/tools.sh --all >/dev/null

.PHONY: tools-test
tools-test:
	@tests/cluster/tools.sh etcd kube-apiserver kube-controller-manager kubectl prometheus promtool helm kubeconform nats-server hpa-replay knative-replay >/dev/null

.PHONY: cluster-up
cluster-up: ## Start one real Kubernetes node on this machine, heal it, or find it running
	@tests/cluster/ground.sh up

.PHONY: cluster-down
cluster-down: ## Take the node away without a trace, whoever started it
	@tests/cluster/ground.sh down

.PHONY: cluster-test
cluster-test: ## Prove that the node heals, changes hands and leaves nothing behind (takes it down)
	cargo test -p workspace-tests --test ground

.PHONY: image
image: ## Build the product's images from a static build: out/images/{presale,shop}.tar
	@deploy/images/build.sh
