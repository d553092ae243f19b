# Needs Go, git and bash. `make` alone lists what there is.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
KUBECTL     ?= kubectl
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TAG         ?= dev
ARCH        ?= $(shell go env GOARCH)

CONTROLLER_IMAGE ?= wye-controller:$(TAG)
PROXY_IMAGE      ?= wye-proxy:$(TAG)

TOOL         := go tool -modfile=hack/tools/go.mod
BUF          := go tool -modfile=hack/tools/buf/go.mod buf
KUSTOMIZE    := $(TOOL) kustomize
GO_BUILD     := go build -ldflags '-s -w -X main.version=$(VERSION)'
# etcd, kube-apiserver and kubectl; built the first time.
WITH_ASSETS  := KUBEBUILDER_ASSETS="$$(go run ./hack/assets)"; export KUBEBUILDER_ASSETS;

# The same for builds, tests and linters, so that each package is compiled once.
# -trimpath would have all compiled again, so only images are built with it.
export CGO_ENABLED := 0
# Without gRPC's trace pages the linker drops what nobody calls: 3 MiB of the proxy.
export GOFLAGS += -tags=grpcnotrace
TRIMPATH           ?= -trimpath

# Runs a program in a network namespace of its own, where that can be had: a hundred
# connections a second for half an hour fill the machine's table of tracked connections,
# and then it drops packets.
ALONE = $(if $(shell unshare --net ip link set lo up 2>/dev/null && echo yes),unshare --net sh -c 'ip link set lo up && exec "$$0" "$$@"')

.DEFAULT_GOAL := help
.PHONY: help demo up build test race microbench bench e2e guards soak verify generate manifests fmt lint images install deploy undeploy clean

help: ## List the targets.
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Try it

demo: build ## Play the story of Redis on this machine, with no cluster, and check every step.
	@$(WITH_ASSETS) go run ./hack/demo

up: build ## Start what the demo starts, and stay until interrupted.
	@$(WITH_ASSETS) go run ./hack/demo --stay

##@ Work on it

build: ## Build the programs into bin/.
	$(GO_BUILD) -o bin/ ./cmd/...

test: build ## Run every test but the end-to-end ones. TEST_FLAGS=-v, PKG=./dtab/...
	@$(WITH_ASSETS) go test $(TEST_FLAGS) $(or $(PKG),./...)

race: ## Run the tests of packages under the race detector (needs a C compiler).
	@$(WITH_ASSETS) CGO_ENABLED=1 go test -race $(TEST_FLAGS) ./api/... ./controllers/... ./dtab/... ./namer/... ./proxy/... ./test/conformance/...

microbench: ## Run the Go benchmarks of packages.
	go test -run '^$$' -bench . -benchmem $(TEST_FLAGS) $(or $(PKG),./...)

# QUICK leaves the page alone. SECONDS is a variable of bash's as well, so only the command line's counts.
BENCH_FLAGS = -peers test/bench/peers.json -commit '$(VERSION)' $(if $(QUICK),-quick,-docs docs) \
	$(if $(SCENARIO),-scenario '$(SCENARIO)') $(if $(PEERS),-only '$(PEERS)') \
	$(if $(ROUNDS),-rounds $(ROUNDS)) $(if $(findstring command,$(origin SECONDS)),-seconds $(SECONDS))

bench: build ## Compare the proxy with others, into docs/benchmarks.md (an hour). SCENARIO=rr,churn PEERS=wye,nginx ROUNDS=3 SECONDS=1.5 QUICK=1
	go build -o bin/bench ./test/bench
	go build -o bin/bench-controller ./test/bench/controller
	PATH="$$PATH:/usr/sbin" bin/bench $(BENCH_FLAGS)

e2e: ## Test on the cluster of $KUBECONFIG, where the images can be had and Wye is not installed.
	KUBECTL="$(KUBECTL)" CONTROLLER_IMAGE=$(CONTROLLER_IMAGE) PROXY_IMAGE=$(PROXY_IMAGE) \
		go test -tags e2e -count 1 -timeout 30m -v $(TEST_FLAGS) ./test/e2e/...

soak: build ## Keep wye-proxy under mixed load, with TLS and without, between proxies too, and changes for DURATION=30m; look for lost bytes, resets and leaks.
	go test -tags soak -c $(TEST_FLAGS) -o bin/soak.test ./test/soak
	cd test/soak && $(ALONE) ../../bin/soak.test -test.v -test.timeout 0 -duration $(or $(DURATION),30m) -proxy-flags '$(PROXY_FLAGS)' $(if $(SEED),-seed $(SEED))

guards: build ## Attack each guard of the proxy and measure what others feel of it, on an idle machine. ROUNDS=5 SECONDS=5 CONNECTIONS=20000 WITHIN=10
	go test -count 1 -timeout 0 -v $(TEST_FLAGS) ./test/guards -args -rounds $(or $(ROUNDS),5) -connections $(or $(CONNECTIONS),20000) \
		-seconds $(if $(findstring command,$(origin SECONDS)),$(SECONDS),5) -within $(or $(WITHIN),10)

generate: ## Generate code from the kinds and from the protocol.
	$(TOOL) controller-gen object:headerFile=hack/boilerplate.go.txt paths=./api/v1alpha1/...
	$(BUF) generate

manifests: ## Generate CRDs, roles and the webhook's configuration from the markers in the code.
	$(TOOL) controller-gen crd paths=./api/v1alpha1/... output:crd:dir=config/crd/bases
	$(TOOL) controller-gen rbac:roleName=manager-role paths=./controllers/... paths=./namer/... output:rbac:dir=config/rbac
	$(TOOL) controller-gen webhook paths=./controllers/webhook/... output:webhook:dir=config/webhook

fmt: ## Format the code.
	$(TOOL) golangci-lint fmt

lint: ## Look for mistakes.
	$(TOOL) golangci-lint run
	$(BUF) lint

# Compares with the index: what is staged is taken as meant.
verify: generate manifests fmt lint ## Check all that a machine can, and that nothing had to be regenerated or formatted.
	go test .
	go mod tidy -diff
	go -C hack/kube mod tidy -diff
	@git --no-pager diff --exit-code || { echo 'make verify: the changes above were missing; commit or stage them' >&2; exit 1; }
	@new=$$(git ls-files --others --exclude-standard); [ -z "$$new" ] || { printf 'make verify: not in the repository:\n%s\n' "$$new" >&2; exit 1; }

clean: ## Remove what was built here. The API server's binaries stay in the user's cache.
	rm -rf bin dist

##@ Run it on a cluster

images: ## Build the images as archives in dist/, and load them where a Docker engine runs.
	GOOS=linux GOARCH=$(ARCH) $(GO_BUILD) $(TRIMPATH) -o dist/linux-$(ARCH)/ ./cmd/wye-controller ./cmd/wye-proxy
	go run ./hack/image -arch $(ARCH) -o dist/wye-controller.tar $(CONTROLLER_IMAGE) dist/linux-$(ARCH)/wye-controller
	go run ./hack/image -arch $(ARCH) $(addprefix -roots ,$(wildcard /etc/ssl/certs/ca-certificates.crt)) -o dist/wye-proxy.tar $(PROXY_IMAGE) dist/linux-$(ARCH)/wye-proxy
	@if docker info >/dev/null 2>&1; then \
		for name in wye-controller wye-proxy; do docker load --quiet --input dist/$$name.tar; done; \
	else \
		echo 'No Docker engine here. Bring the archives to the nodes by what the cluster offers:'; \
		echo '  kind load image-archive dist/wye-proxy.tar    (and dist/wye-controller.tar)'; \
		echo '  ctr --namespace k8s.io images import dist/wye-proxy.tar'; \
	fi

install: ## Install the kinds alone.
	$(KUSTOMIZE) build config/crd | $(KUBECTL) apply --server-side --filename -

deploy: dist/deploy/kustomization.yaml ## Install everything, with CONTROLLER_IMAGE and PROXY_IMAGE.
	$(KUSTOMIZE) build dist/deploy | $(KUBECTL) apply --server-side --filename -
	$(KUBECTL) --namespace wye-system rollout status deployment/wye-controller-manager --timeout 2m

undeploy: ## Remove everything, and with the kinds all fleets, routes and tables.
	$(KUSTOMIZE) build config/default | $(KUBECTL) delete --ignore-not-found --filename -

# An overlay, so that a deploy does not change a file of the repository.
.PHONY: dist/deploy/kustomization.yaml
dist/deploy/kustomization.yaml:
	@mkdir -p $(@D)
	@printf '%s\n' \
		'resources: [../../config/default]' \
		'patches:' \
		'  - patch: |' \
		'      apiVersion: apps/v1' \
		'      kind: Deployment' \
		'      metadata: {name: wye-controller-manager, namespace: wye-system}' \
		'      spec:' \
		'        template:' \
		'          spec:' \
		'            containers:' \
		'              - name: manager' \
		'                image: $(CONTROLLER_IMAGE)' \
		'                env: [{name: PROXY_IMAGE, value: "$(PROXY_IMAGE)"}]' > $@
