# `make` lists the targets. Go and git are all that `make try` and `make test` need.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  = -s -w -X main.version=$(VERSION)

.DEFAULT_GOAL := help
.PHONY: help build try test check acceptance lint chaos bench fuzz golden docs clean test-kubernetes test-kubernetes-api bench-kubernetes images update-config update-plugins

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-20s %s\n", $$1, $$2}'

build: ## build bin/prow, one static binary
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/prow ./cmd/prow

try: build ## see it work: a pull request comes in, is tested, reviewed and merged; then play on by hand
	@bin/prow try $(ARGS)

test: ## all tests that need only Go and git, with the race detector
	$(GO) vet ./...
	$(GO) test -race -timeout 170s ./...

check: lint acceptance test-kubernetes chaos bench ## everything CI does after `make test`

lint: ## formatting and static analysis
	@bad=$$(gofmt -l .); [ -z "$$bad" ] || { echo "$$bad"; echo 'run: gofmt -w .'; exit 1; }
	$(GO) mod verify
	cd tools && $(GO) tool staticcheck -version >/dev/null
	$(GO) tool -modfile=tools/go.mod staticcheck ./...

acceptance: build ## what nobody here wrote: gh, octokit, GitHub's own schemas, Chromium, Docker, Podman
	scripts/acceptance

chaos: build ## webhooks doubled and shuffled, a failing forge, kill -9 a hundred times
	$(GO) test -tags chaos -count=1 -timeout 20m -run TestChaos ./e2e -v $(if $(ARGS),-args $(ARGS))

images: ## container images for amd64 and arm64 in bin/images, without Docker: see docs/images.md
	@cd tools && $(GO) build -o ../bin/images/build ./images
	@bin/images/build --version '$(VERSION)' $(ARGS)

test-kubernetes: build test-kubernetes-api ## what runs on Kubernetes, on a real one, with a node where this is root on Linux (it is built once, some 8 minutes)
	$(GO) test -tags kubernetes,acceptance -count=1 -timeout 10m -run TestCorpora ./kube
	@scripts/test-node

bench-kubernetes: build ## the figures about Kubernetes, on a control plane of this machine: 5 minutes
	@scripts/kubernetes >/dev/null
	@scripts/bench kubernetes

test-kubernetes-api: ## the part of it that needs only a control plane, and no root
	@scripts/kubernetes >/dev/null
	$(GO) test -tags kubernetes -count=1 -timeout 10m ./kube ./install ./tekton

update-config: build ## push config.yaml, and jobs, into the cluster: CONFIG=… JOB_CONFIG=…
	@scripts/update-config config

update-plugins: build ## push plugins.yaml: PLUGINS=… (CONFIG=… to check it against)
	@scripts/update-config plugins

bench: build ## the figures of docs/benchmarks.md, on this machine
	scripts/bench

fuzz: ## each fuzz test for ten seconds
	scripts/fuzz

docs: ## draw docs/config from the code; the words are read first, the pages are made of them
	UPDATE_GOLDEN=1 $(GO) test ./schema -run TestWords
	UPDATE_GOLDEN=1 $(GO) test ./schema -run TestDocs

golden: docs ## write the golden files anew; read the diff
	UPDATE_GOLDEN=1 $(GO) test ./...

clean: ## forget what was built
	rm -rf bin
