# make help says what there is. Everything is built with -trimpath, so that one build cache serves all, and a plugin
# built here loads into an official ipfs of the same version.

GO       ?= go
GOFLAGS  := -trimpath -buildvcs=false
KUBO     := $(shell sed -n 's|^\tgithub.com/ipfs/kubo \(v[^ ]*\).*|\1|p' go.mod)
PACKAGES := ./...
FUZZTIME ?= 10s
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

export GOFLAGS
export CGO_ENABLED := 1
export IPFS_TELEMETRY := off

# What a build reads: every Go and C source, and what is embedded.
SOURCES := go.mod go.sum $(shell find mpi http plugin cmd -name '*.go' ! -name '*_test.go') plugin/config.schema.json

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  %-12s %s\n", $$1, $$2 }'

.PHONY: build
build: bin/ipfs-mpi bin/mpi.so store .ipfs-plugin.json ## Build bin/ipfs-mpi, bin/mpi.so and bin/store/ (3 to 10 minutes the first time)

bin/ipfs-mpi: $(SOURCES)
	@echo "building $@: Kubo's daemon with the plugin in it, and the command line"
	$(GO) build -o $@ ./cmd/loader

bin/mpi.so: $(SOURCES)
	@echo "building $@: the plugin for a stock ipfs $(KUBO)"
	$(GO) build -buildmode=plugin -o $@ ./plugin/so
	chmod +x $@

.ipfs-plugin.json: $(SOURCES)
	@$(GO) run ./plugin/manifest > $@.tmp && mv $@.tmp $@

.PHONY: store
store: wasi-sdk ## Build bin/store/, the example store, ready for ipfs add -r
	@$(GO) run ./interpreters/build -o bin/store

# The C interpreters need clang, lld and a C library for WASI.
.PHONY: wasi-sdk
wasi-sdk:
	@.ci/install-wasi

# What MPI programs are compared with.
.PHONY: openmpi
openmpi:
	@command -v mpicc >/dev/null && command -v mpirun >/dev/null || .ci/apt-install "to compare with" libopenmpi-dev openmpi-bin

.PHONY: curl
curl:
	@command -v curl >/dev/null || .ci/apt-install "for requests" curl

# A stock ipfs, built as the official one is: from a module that requires only Kubo, with -trimpath.
build/ipfs: go.mod
	@echo "building $@: a stock ipfs $(KUBO), to test the plugin with"
	@mkdir -p build/stock
	@cd build/stock && rm -f go.mod go.sum && $(GO) mod init stock 2>/dev/null && $(GO) get github.com/ipfs/kubo/cmd/ipfs@$(KUBO) >/dev/null 2>&1
	cd build/stock && $(GO) build -o ../ipfs github.com/ipfs/kubo/cmd/ipfs

.PHONY: test
test: store openmpi ## Run the tests that need no daemon
	$(GO) test -timeout 20m $(PACKAGES)

.PHONY: race
race: store openmpi ## Run those of mpi, http and interpreters under the race detector
	$(GO) test -race -timeout 30m $(shell $(GO) list $(PACKAGES) | grep -v -e /plugin -e /cmd/)

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (10s)
	@.ci/fuzz $(FUZZTIME)

.PHONY: lint
lint: ## Check format, vet and staticcheck
	@test -z "$$(gofmt -l .)" || { echo "not formatted (gofmt -w):"; gofmt -l .; exit 1; }
	$(GO) vet $(PACKAGES)
	$(GO) vet -tags e2e ./cmd/loader/e2e
	$(GO) run $(STATICCHECK) -checks inherit,-ST1005 $(PACKAGES) # errors begin with the names of fields: Data, To

.PHONY: e2e
e2e: build build/ipfs curl openmpi ## Run the end-to-end tests, with real daemons
	$(GO) test -tags e2e -count=1 -timeout 20m ./cmd/loader/e2e

.PHONY: demo
demo: build curl ## Start three nodes, publish the store, pass messages, run MPI programs that leave pictures
	@docs/demo.sh

build/ipfs-mpi-bench: $(SOURCES)
	@echo "building $@: ipfs-mpi with raw echoes to compare with"
	$(GO) build -tags bench -o $@ ./cmd/loader

build/empty.so: go.mod cmd/loader/e2e/testdata/empty/main.go
	@echo "building $@: a plugin that does nothing, to compare with"
	$(GO) build -buildmode=plugin -o $@ ./cmd/loader/e2e/testdata/empty
	chmod +x $@

.PHONY: bench
bench: build build/ipfs build/ipfs-mpi-bench build/empty.so openmpi ## Measure messages against a raw libp2p stream, MPI programs against Open MPI, and instances
	$(GO) test -tags e2e -count=1 -run '^$$' -bench . -benchtime 3s -timeout 20m ./cmd/loader/e2e
	$(GO) test -count=1 -run '^$$' -bench Instance ./interpreters

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin build main
