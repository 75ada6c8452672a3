# make help says what there is. Everything is built with -trimpath, so that one build cache serves
# all, and a plugin built here loads into an official ipfs of the same version.

GO       ?= go
GOFLAGS  := -trimpath -buildvcs=false
KUBO     := $(shell sed -n 's|^\tgithub.com/ipfs/kubo \(v[^ ]*\).*|\1|p' go.mod)
PACKAGES ?= ./...
FUZZTIME ?= 10s
FUZZLONG ?= 10000000x
FLAKY    ?= 20
MODULES  ?= 10000
KILLS    ?= 200
CRASHES  ?= 200
FAULTS   ?= whole
SOAK     ?= 30m

# Tools, each at one version.
GOLANGCI    := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
BENCHSTAT   := golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da

# Packages whose tests link neither Kubo nor start daemons.
LIGHT = $(shell $(GO) list $(PACKAGES) | grep -v -e /plugin -e /cmd/)

export GOFLAGS
export CGO_ENABLED := 1
export IPFS_TELEMETRY := off

# What a build reads: every Go and C source, and what is embedded.
SOURCES := go.mod go.sum $(shell find mpi http plugin cmd sdk -name '*.[cgh]*' ! -name '*_test.go' ! -path '*/testdata/*') plugin/config.schema.json

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  %-12s %s\n", $$1, $$2 }'

.PHONY: build
build: bin/ipfs-mpi bin/mpi.so store .ipfs-plugin.json ## Build bin/ipfs-mpi, bin/mpi.so and bin/store/ (3 to 10 minutes the first time)

# The worker, the process in which programs run. It travels inside the two others.
WORKER_IMAGE   := mpi/worker/embedded/image/worker.zst
WORKER_SOURCES := go.mod go.sum $(shell find cmd/worker mpi -name '*.[cgh]*' ! -name '*_test.go' ! -path '*/testdata/*')

build/worker: $(WORKER_SOURCES)
	@echo "building $@: the process in which programs run"
	$(GO) build -ldflags '-s -w' -o $@ ./cmd/worker

$(WORKER_IMAGE): build/worker
	@$(GO) run ./mpi/worker/embedded/pack $< $@

# The command line without Kubo, which starts faster. It travels inside the whole.
COMMAND_IMAGE := cmd/loader/internal/handover/image/ipfs-mpi

$(COMMAND_IMAGE): $(SOURCES)
	@echo "building $@: the command line without Kubo"
	$(GO) build -tags nokubo -ldflags '-s -w' -o $@ ./cmd/loader

bin/ipfs-mpi: $(SOURCES) $(WORKER_IMAGE) $(COMMAND_IMAGE)
	@echo "building $@: Kubo's daemon with the plugin in it, and the command line"
	$(GO) build -tags onefile -o $@ ./cmd/loader

bin/mpi.so: $(SOURCES) $(WORKER_IMAGE)
	@echo "building $@: the plugin for a stock ipfs $(KUBO)"
	$(GO) build -buildmode=plugin -o $@ ./plugin/so
	chmod +x $@

.ipfs-plugin.json: $(SOURCES)
	@$(GO) run ./plugin/manifest > $@.tmp && mv $@.tmp $@

.PHONY: store
store: deps-c ## Build bin/store/, the example store, ready for ipfs add -r
	@$(GO) run ./interpreters/build -o bin/store

# What targets need besides Go, gcc, make and git. Each says what it installs, and why.
.PHONY: deps deps-c deps-cxx deps-curl deps-openmpi deps-packages
deps: ## Install what the other targets need: clang, lld, C and C++ libraries for WASI, curl, Open MPI, autoconf, CMake
	@.ci/deps && echo "everything is installed"
deps-c deps-cxx deps-curl deps-openmpi deps-packages:
	@.ci/deps $(@:deps-%=%)

# A stock ipfs, built as the official one is: from a module that requires only Kubo, with -trimpath.
build/ipfs: go.mod
	@echo "building $@: a stock ipfs $(KUBO), to test the plugin with"
	@mkdir -p build/stock
	@cd build/stock && rm -f go.mod go.sum && $(GO) mod init stock 2>/dev/null && $(GO) get github.com/ipfs/kubo/cmd/ipfs@$(KUBO) >/dev/null 2>&1
	cd build/stock && $(GO) build -o ../ipfs github.com/ipfs/kubo/cmd/ipfs

.PHONY: test
test: store deps-cxx deps-openmpi deps-packages ## Run the tests that need no daemon
	$(GO) test -timeout 20m $(PACKAGES)

.PHONY: race
race: store deps-cxx deps-openmpi deps-packages ## Run those of mpi, http, sdk and test under the race detector
	$(GO) test -race -timeout 30m $(LIGHT)

.PHONY: flaky
flaky: store deps-cxx deps-openmpi deps-packages $(if $(E2E),build build/ipfs deps-curl) ## Run the tests FLAKY (20) times beside busy loops; log to build/flaky.log; E2E=1 adds make e2e's
	@.ci/flaky $(FLAKY) $(PACKAGES)

.PHONY: hostile
hostile: store ## Run the tests of hostile programs, peers, authors and clients, and MODULES (10000) modules by chance
	$(GO) test -count=1 -timeout 60m -run '^TestHostile' $(LIGHT) ./cmd/loader/internal/attach
	$(GO) test -count=1 -timeout 180m -run '^TestHostileModules' -v ./test/modules -modules $(MODULES)

.PHONY: models
models: ## Explore the model of sessions at larger sizes (minutes, some GiB)
	$(GO) test -count=1 -timeout 120m -v -run TestEveryStateOfMore ./test/sessionmodel -exhaustive

.PHONY: check
check: lint store deps-cxx deps-openmpi deps-packages ## What to run before a commit: lint, and the tests that do not link Kubo
	$(GO) test -timeout 20m $(LIGHT) ./.ci/prose

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (10s)
	@.ci/fuzz $(FUZZTIME)

.PHONY: fuzz-long
fuzz-long: ## Run every fuzz target for FUZZLONG (10000000x executions each, days on two cores)
	@.ci/fuzz $(FUZZLONG)

.PHONY: lint
lint: prose build/tools/golangci-lint ## Check format, lengths of lines and files, vet, and a short list of linters (.golangci.yml)
	@test -z "$$(gofmt -l .)" || { echo "not formatted (gofmt -w):"; gofmt -l .; exit 1; }
	$(GO) vet $(PACKAGES) ./.ci/prose
	$(GO) vet -tags e2e ./cmd/loader/e2e
	$(GO) vet -tags nokubo ./cmd/loader
	$(GO) build -tags nokubo -o /dev/null ./cmd/loader
	build/tools/golangci-lint run $(PACKAGES)

# Built once, a minute on two cores. The file that is named after the version makes a new version be
# built.
build/tools/golangci-lint: build/tools/$(subst /,-,$(GOLANGCI))
	@echo "building $@, which make lint runs"
	GOBIN=$(CURDIR)/build/tools $(GO) install $(GOLANGCI)
	@touch $@
build/tools/$(subst /,-,$(GOLANGCI)):
	@mkdir -p build/tools && touch $@

.PHONY: prose
prose: ## Check that no file has over 420 lines, and no comment or document has lines over 100 columns
	@$(GO) run ./.ci/prose

.PHONY: vuln
vuln: ## Look for known vulnerabilities in what is called; says so where the database cannot be reached
	@.ci/vuln $(GO) run $(GOVULNCHECK)

.PHONY: e2e
e2e: build build/ipfs deps-curl deps-openmpi ## Run the end-to-end tests, with real daemons
	$(GO) test -tags e2e -count=1 -timeout 20m -skip '^TestFaults' ./cmd/loader/e2e

.PHONY: kills
kills: build build/ipfs ## End KILLS (200) workers of a daemon by signals at random moments
	KILLS=$(KILLS) $(GO) test -tags e2e -count=1 -timeout 60m -v -run '^TestKills' ./cmd/loader/e2e

# Who is not root has to be able to become it: network namespaces and TUN devices are root's.
AS_ROOT := $(shell test "$$(id -u)" = 0 || ! sudo -n true 2>/dev/null || echo "-exec 'sudo -E'")

.PHONY: faults
faults: build build/ipfs build/ipfs-mpi-bench ## Run daemons on bad networks, for hours; FAULTS=short for 3 minutes, RUN=NAME for one test
	$(GO) test -count=1 -timeout 5m $(AS_ROOT) ./test/netlab
	FAULTS=$(FAULTS) $(GO) test -tags e2e -count=1 -timeout 0 -v $(AS_ROOT) -run '^TestFaults$(RUN)' ./cmd/loader/e2e

.PHONY: soak
soak: build ## Keep daemons busy for SOAK (30m) while others come and go: what they hold may not grow
	SOAK=$(SOAK) $(GO) test -tags e2e -count=1 -timeout 0 -v -run '^TestSoak$$' ./cmd/loader/e2e

.PHONY: crashes
crashes: ## Kill a node CRASHES (200) times while it writes the state of jobs, and look what is there after
	$(GO) test -count=1 -timeout 60m -v -run '^TestKilledWhileWriting$$' ./mpi/job -crashes $(CRASHES)

.PHONY: demo
demo: bin/ipfs-mpi store deps-curl ## Start three nodes, publish the store, pass messages, run MPI programs that leave pictures
	@docs/demo.sh

build/ipfs-mpi-bench: $(SOURCES) $(WORKER_IMAGE)
	@echo "building $@: ipfs-mpi with raw echoes to compare with"
	$(GO) build -tags bench -o $@ ./cmd/loader

build/empty.so: go.mod cmd/loader/e2e/testdata/empty/main.go
	@echo "building $@: a plugin that does nothing, to compare with"
	$(GO) build -buildmode=plugin -o $@ ./cmd/loader/e2e/testdata/empty
	chmod +x $@

.PHONY: bench
bench: build build/ipfs build/ipfs-mpi-bench build/empty.so deps-openmpi ## Measure, into build/bench.txt, and compare that with test/bench/baseline.txt
	$(GO) test -tags e2e -count=1 -run '^$$' -bench . -benchtime 3s -timeout 20m ./cmd/loader/e2e > build/bench.txt || { cat build/bench.txt; exit 1; }
	$(GO) test -count=6 -run '^$$' -bench . -benchtime 100ms -timeout 30m $(LIGHT) >> build/bench.txt || { cat build/bench.txt; exit 1; }
	@grep -v -e '^?' -e '^PASS' -e '^ok' build/bench.txt
	@.ci/bench $(GO) run $(BENCHSTAT)

.PHONY: bench-baseline
bench-baseline: ## Make what make bench measured last what it compares with
	cp build/bench.txt test/bench/baseline.txt

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin build main
