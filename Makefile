# Needs Go (the version in go.mod), git and bash. Other missing programs are installed
# with apt when root runs this on Debian; elsewhere the error names the packages.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GOLANGCI_LINT_VERSION := v2.15.0
GOVULNCHECK_VERSION := v1.9.0
GORELEASER_VERSION := v2.16.0
SYFT_VERSION := v1.57.1
GOLANGCI_LINT := $(CURDIR)/.tools/$(GOLANGCI_LINT_VERSION)/golangci-lint
GORELEASER := $(CURDIR)/.tools/goreleaser-$(GORELEASER_VERSION)/goreleaser
SYFT := $(CURDIR)/.tools/syft-$(SYFT_VERSION)/syft
# The folders that have a go.mod.
MODULES  := $(patsubst %/,%,$(dir $(wildcard go.mod */go.mod */*/go.mod)))
VERSION  := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
FUZZTIME ?= 30s
BENCH    ?= .
STALLS   ?= 5
SOAK     ?= 30m
DURATION ?= 10m
CASES    ?= .
CONCURRENT ?= 8
PAGES    ?= 4,16
EVIDENCE ?= cheap
DOCKER   ?= docker
IMAGE    ?= jvmem:$(VERSION)

.PHONY: help
help: ## list all targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r target text; do printf '  make %-15s %s\n' "$$target" "$$text"; done

BUILD = CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags nethttpomithttp2 -ldflags '-s -w -X main.version=$(VERSION)'

.PHONY: build
build: ## build bin/jvmem (static; the tag leaves out HTTP/2, which is not served)
	$(BUILD) -o bin/jvmem ./cmd/jvmem

.PHONY: plugin
plugin: ## build bin/kubectl-jvmem, the plugin of kubectl
	cd cmd/kubectl-jvmem && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)' -o ../../bin/kubectl-jvmem .
	cp cmd/kubectl-jvmem/kubectl_complete-jvmem bin/

.PHONY: bench-top
bench-top: ## measure kubectl jvmem top for 500 pods with stub sidecars
	cd cmd/kubectl-jvmem && go test -run='^$$' -bench=Top500 -benchtime=5x ./internal/top

.PHONY: image
image: ## build the container image IMAGE (jvmem:VERSION) with DOCKER; IMAGE_FLAGS: extra flags of docker build
	$(DOCKER) build --tag $(IMAGE) $(IMAGE_FLAGS) --build-arg VERSION=$(VERSION) \
		--build-arg REVISION=$$(git rev-parse HEAD || echo unknown) \
		--build-arg CREATED=$$(git log -1 --format=%cI || echo 1970-01-01T00:00:00Z) \
		--build-arg SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct || echo 0) .

.PHONY: demo
demo: build jdk ## start a JVM whose memory grows step by step and print each breakdown
	@e2e/demo/demo.sh

.PHONY: test
test: jdk ## run all tests of the main module with the race detector, and those of the plugin
	@.ci/need "gcc musl-gcc" "gcc libc6-dev musl-tools"
	@.ci/need "/usr/lib/$$(gcc -print-multiarch)/libjemalloc.so.2" libjemalloc2
	CGO_ENABLED=1 go test -race $$(go list ./... | grep -v -e '/sidecar/diagnosis$$' -e '/sidecar/sizing$$')
	go test ./sidecar/diagnosis ./sidecar/sizing # they start no goroutine; with the race detector their replays take five times as long
	cd cmd/kubectl-jvmem && go test ./...
	cd e2e && go test -skip '^Test(Servers|Sizing|Unfit)$$' ./apps ./debian ./sidecar ./performance/report

.PHONY: lint
lint: $(GOLANGCI_LINT) ## run gofmt, go vet and golangci-lint; changes no file
	@files="$$(gofmt -l .)"; if [[ -n "$$files" ]]; then echo "not formatted by gofmt:"; echo "$$files"; exit 1; fi
	@for module in $(MODULES); do (set -x; cd "$$module"; go vet ./...; "$(GOLANGCI_LINT)" run ./...); done

$(GOLANGCI_LINT):
	GOBIN="$(@D)" CGO_ENABLED=0 go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

.PHONY: e2e e2e-others
e2e: e2e-apps e2e-others ## run all end-to-end tests
e2e-others: e2e-containers e2e-prometheus e2e-image e2e-owners e2e-page e2e-chart e2e-readme e2e-cluster

.PHONY: e2e-containers
e2e-containers: ## e2e: JVMs in containers, with cgroup v1 on this machine and v2 in QEMU
	cd e2e && go run ./run

.PHONY: e2e-v1
e2e-v1: ## e2e-containers with cgroup v1 only
	cd e2e && go run ./run -hosts v1

.PHONY: e2e-v2
e2e-v2: ## e2e-containers with cgroup v2 only
	cd e2e && go run ./run -hosts v2

.PHONY: e2e-arm64
e2e-arm64: jdk ## JVMs on arm64 with pages of PAGES (4,16) KiB in QEMU, for docs/accuracy.md; for 64 KiB it builds a kernel the first time; not part of e2e
	GOARCH=arm64 $(BUILD) -o bin/jvmem-arm64 ./cmd/jvmem
	@.ci/need gcc "gcc libc6-dev"
	cd e2e && go run ./arm64/run -jvmem ../bin/jvmem-arm64 -pages '$(PAGES)' -accuracy ../docs/accuracy.md

.PHONY: e2e-prometheus
e2e-prometheus: build jdk ## e2e: Prometheus with the chart's rules and dashboard
	@.ci/need "prometheus promtool" prometheus
	cd e2e && go test -count=1 ./prometheus

.PHONY: e2e-image
e2e-image: jdk ## e2e: build the image twice with Docker and run it in a pod with a JVM
	@.ci/need qemu-aarch64 qemu-user
	cd e2e && go test -count=1 -timeout 30m ./image

.PHONY: e2e-page
e2e-page: build jdk ## e2e: the web page in Chromium; screenshots in bin/screenshots
	@.ci/need chromium "chromium fonts-dejavu-core"
	cd e2e && go test -count=1 ./page -args -jvmem '$(CURDIR)/bin/jvmem' -screenshots '$(CURDIR)/bin/screenshots'

.PHONY: e2e-readme
e2e-readme: build jdk ## e2e: the commands of README.md
	@.ci/need curl curl
	cd e2e && go test -count=1 ./readme

.PHONY: e2e-full
e2e-full: ## e2e-containers with every JDK, collector and setting; takes an hour or more
	cd e2e && go run ./run -full

.PHONY: e2e-chart
e2e-chart: ## e2e: render the Helm chart and validate the objects with Helm and Kubernetes code
	cd e2e && go test -count=1 ./chart # -count=1: go test does not notice changes outside its module

.PHONY: e2e-cluster
e2e-cluster: ## e2e: the sidecar in a Kubernetes cluster on this machine, with Helm 3 and 4; builds Kubernetes the first time
	cd e2e && go test -count=1 -v -parallel 6 -timeout 75m ./cluster

.PHONY: e2e-cluster-v2
e2e-cluster-v2: ## e2e: the tests of e2e-cluster in which the version of cgroups matters, with cgroup v2 in QEMU
	cd e2e && go run ./cluster/guest

.PHONY: e2e-cluster-programs
e2e-cluster-programs: # ahead, as it takes minutes
	cd e2e && go run ./cluster/run -build

.PHONY: accuracy
accuracy: ## run e2e-full and write docs/accuracy.md
	cd e2e && go run ./run -full -accuracy ../docs/accuracy.md

# In a PID namespace, as in a pod, jvmem sees only the JVMs of the measurements.
PERFORMANCE = cd e2e && go test -count=1 -v -timeout 3h -exec 'unshare --mount-proc --pid --fork --kill-child' ./performance
PERFORMANCE_ARGS = -args -jvmem '$(CURDIR)/bin/jvmem' -document '$(CURDIR)/docs/performance.md' -need '$(CURDIR)/.ci/need'

.PHONY: bench
bench: build jdk ## measure the cost of samples beside jcmd and jattach, write docs/performance.md (BENCH=regexp: run these Go benchmarks only)
	@.ci/need jcmd default-jdk-headless
	@.ci/need jattach jattach
	@mkdir -p bin
	go test -run='^$$' -bench='$(BENCH)' -benchmem ./... | tee bin/bench.txt
ifeq ($(BENCH),.)
	$(PERFORMANCE) -run 'Samples|Commands|Captures|Malloc|Categories' $(PERFORMANCE_ARGS) -benchmarks '$(CURDIR)/bin/bench.txt'
endif

.PHONY: bench-served
bench-served: build jdk ## measure what jvmem serve takes beside a large heap, many JVMs, processes and mappings, and what a day of it costs the JVM (BEFORE=path: also of that binary)
	$(PERFORMANCE) -run 'Served|Many|Day' $(PERFORMANCE_ARGS) -before '$(BEFORE)'

.PHONY: stalls
stalls: build jdk ## measure application stalls with and without jvmem, STALLS (5) times each
	$(PERFORMANCE) -run Stalls $(PERFORMANCE_ARGS) -rounds '$(STALLS)'

.PHONY: soak
soak: build jdk ## take a day's worth of samples in SOAK (30m) while JVMs start and stop; fails if jvmem grows
	$(PERFORMANCE) -run 'Soak|Footprint|Binary' $(PERFORMANCE_ARGS) -soak '$(SOAK)'

.PHONY: bench-diagnosis
bench-diagnosis: build jdk ## run JVMs with and without leaks and check the verdicts; takes 25 minutes
	@.ci/need gcc "gcc libc6-dev"
	cd e2e/leaks && go test -jvmem $(CURDIR)/bin/jvmem -markdown $(CURDIR)/bin/diagnosis.md -record $(CURDIR)/bin/histories \
		-parallel 3 -timeout 60m

.PHONY: bench-slow
bench-slow: build jdk ## let JVMs leak 1 to 6 MiB a minute for 20 minutes under changing load, with the default settings beside others
	@.ci/need gcc "gcc libc6-dev"
	cd e2e/leaks && go test -run TestSlow -v -slow 20m -interval 5s -jvmem $(CURDIR)/bin/jvmem -markdown $(CURDIR)/bin/slow.md \
		-record $(CURDIR)/bin/slow -parallel 10 -timeout 90m

.PHONY: bench-causes
bench-causes: build jdk ## let an application leak on JDK 8 to 25, check the lines that jvmem evidence names, and what a sidecar finds alone, write docs/causes.md; CASES=regexp: these only; PARTS='Cost|Causes|Owners|Served'; three hours
	cd e2e && go test -count=1 -v ./causes -jvmem '$(CURDIR)/bin/jvmem' -need '$(CURDIR)/.ci/need' -markdown '$(CURDIR)/docs/causes.md' \
		-results '$(CURDIR)/bin/causes.json' -run 'Test($(or $(PARTS),Cost|Causes|Owners|Served))/($(CASES))' -parallel $(or $(CONCURRENT),8) -timeout 6h

APPS = cd e2e/apps && go test -count=1 -jvmem $(CURDIR)/bin/jvmem -need $(CURDIR)/.ci/need -npm $(CURDIR)/.tools/npm

.PHONY: bench-apps
bench-apps: build jdk ## run real servers (CASES=regexp) with and without leaks for DURATION (10m) each, CONCURRENT (8) at a time, and print what jvmem says about them; EVIDENCE=jfr: also the line of code that leaks
	$(APPS) -v -markdown $(CURDIR)/bin/apps.md -record $(CURDIR)/bin/apps -run 'TestServers/($(CASES))' \
		-duration $(DURATION) -parallel $(CONCURRENT) -evidence $(EVIDENCE) -timeout 6h

.PHONY: bench-sizing
bench-sizing: build jdk ## run real servers (CASES=regexp) with generous settings and with what jvmem sizing recommends, for DURATION (10m) each, write docs/sizing.md
	$(APPS) -document $(CURDIR)/docs/sizing.md -record $(CURDIR)/bin/sizings -run 'Test(Sizing|Unfit)/($(CASES))' -duration $(DURATION) -parallel $(CONCURRENT) -timeout 12h

.PHONY: e2e-apps
e2e-apps: build jdk ## e2e: three real servers of bench-apps for 7 minutes: they start, answer and are observed
	$(APPS) -run 'TestServers/(Tomcat, executor|ZooKeeper, clean|H2, clean)' -duration 7m -parallel 3

OWNERS = cd e2e/owners && go test -count=1 -jvmem $(CURDIR)/bin/jvmem -need $(CURDIR)/.ci/need

.PHONY: bench-owners
bench-owners: build jdk ## run programs that leak in real libraries (CASES=regexp) and check the owners that jvmem names; write docs/native-owners.md
	$(OWNERS) -document $(CURDIR)/docs/native-owners.md -programs '$(CASES)' -parallel 2 -timeout 60m

.PHONY: e2e-owners
e2e-owners: build jdk ## e2e: eight of the programs of bench-owners: a wrong owner fails
	$(OWNERS) -short -parallel 2

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (30s)
	@for package in $$(go list ./...); do \
		targets="$$(go test -list '^Fuzz' "$$package")"; \
		for target in $$(grep '^Fuzz' <<<"$$targets" || true); do \
			(set -x; go test -run=NONE -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=3s "$$package"); \
		done; \
	done

.PHONY: corpus
corpus: ## save inputs that make fuzz found in testdata: 15 per target, of all sizes up to 2 KiB
	@module="$$(go list -m)"; found="$$(go env GOCACHE)/fuzz/$$module"; \
	find "$$found" -type d -name 'Fuzz*' | sort | while read -r dir; do \
		kept="$$(dirname "$${dir#"$$found"/}")/testdata/fuzz/$${dir##*/}"; mkdir -p "$$kept"; \
		find "$$dir" -type f -size -5 -printf '%s %p\n' | sort -n | awk '{ path[NR] = $$2 } \
			END { for (i = 0; i < 15 && i < NR; i++) print path[NR <= 15 ? i + 1 : 1 + int(i * (NR - 1) / 14)] }' | xargs -rd '\n' cp -t "$$kept"; \
	done

.PHONY: vulncheck
vulncheck: ## check the dependencies for known vulnerabilities; queries vuln.go.dev, so not part of check
	@for module in $(MODULES); do (set -x; cd "$$module"; go run golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION) ./...); done

.PHONY: release-check
release-check: build $(GORELEASER) $(SYFT) ## build a release in dist/ as a snapshot and check it; publishes nothing
	@VERSION='$(VERSION)' .ci/release-check $(GORELEASER) $(SYFT)

.PHONY: release
release: $(GORELEASER) $(SYFT) ## publish the release of a tag: draft on GitHub, images as JVMEM_IMAGE
	PATH="$(dir $(SYFT)):$$PATH" JVMEM_VERSION='$(VERSION)' JVMEM_IMAGE='$(JVMEM_IMAGE)' $(GORELEASER) release --clean

$(GORELEASER):
	GOBIN="$(@D)" CGO_ENABLED=0 go install github.com/goreleaser/goreleaser/v2@$(GORELEASER_VERSION)

$(SYFT):
	GOBIN="$(@D)" CGO_ENABLED=0 go install github.com/anchore/syft/cmd/syft@$(SYFT_VERSION)

.PHONY: check
check: ## run test, lint and e2e, as CI does
	@.ci/run

.PHONY: clean
clean: ## remove build output and tools
	rm -rf bin dist .tools

.PHONY: jdk
jdk:
	@.ci/need "java javac" default-jdk-headless
