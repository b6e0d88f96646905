# Needs Go (the version in go.mod), git and bash. What else is missing is
# installed with apt where root runs this on Debian, and named elsewhere.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GOLANGCI_LINT_VERSION := v2.15.0
GOVULNCHECK_VERSION := v1.9.0
GOLANGCI_LINT := $(CURDIR)/.tools/$(GOLANGCI_LINT_VERSION)/golangci-lint
# The folders with a Go module of their own.
MODULES  := $(patsubst %/go.mod,%,$(wildcard go.mod e2e/go.mod))
MODULES  := $(patsubst go.mod,.,$(MODULES))
VERSION  := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
FUZZTIME ?= 30s
BENCH    ?= .
STALLS   ?= 5
SOAK     ?= 30m
DOCKER   ?= docker
IMAGE    ?= jvmem:$(VERSION)

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r target text; do printf '  make %-15s %s\n' "$$target" "$$text"; done

.PHONY: build
build: ## build bin/jvmem (static)
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)' -o bin/jvmem ./cmd/jvmem

.PHONY: image
image: ## build the container image, with DOCKER, as IMAGE (jvmem:VERSION); IMAGE_FLAGS: more for docker build
	$(DOCKER) build --tag $(IMAGE) $(IMAGE_FLAGS) --build-arg VERSION=$(VERSION) \
		--build-arg REVISION=$$(git rev-parse HEAD || echo unknown) \
		--build-arg CREATED=$$(git log -1 --format=%cI || echo 1970-01-01T00:00:00Z) \
		--build-arg SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct || echo 0) .

.PHONY: demo
demo: build jdk ## watch the memory of a JVM grow step by step, row by row
	@e2e/demo/demo.sh

.PHONY: test
test: jdk ## all tests of the main module, with the race detector
	@.ci/need gcc "gcc libc6-dev"
	CGO_ENABLED=1 go test -race ./...
	cd e2e && go test ./performance/report

.PHONY: lint
lint: $(GOLANGCI_LINT) ## gofmt, go vet and golangci-lint; never rewrites
	@files="$$(gofmt -l .)"; if [[ -n "$$files" ]]; then echo "not formatted by gofmt:"; echo "$$files"; exit 1; fi
	@for module in $(MODULES); do (set -x; cd "$$module"; go vet ./...; "$(GOLANGCI_LINT)" run ./...); done

$(GOLANGCI_LINT):
	GOBIN="$(@D)" CGO_ENABLED=0 go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

.PHONY: e2e
e2e: e2e-containers e2e-prometheus e2e-image e2e-page e2e-chart e2e-readme ## all end-to-end tests

.PHONY: e2e-containers
e2e-containers: ## real JVMs in real containers, cgroup v1 here and v2 in QEMU
	cd e2e && go run ./run

.PHONY: e2e-v1
e2e-v1: ## only those with cgroup v1
	cd e2e && go run ./run -hosts v1

.PHONY: e2e-v2
e2e-v2: ## only those with cgroup v2
	cd e2e && go run ./run -hosts v2

.PHONY: e2e-prometheus
e2e-prometheus: build jdk ## a real Prometheus, with the rules and the dashboard of the chart
	@.ci/need "prometheus promtool" prometheus
	cd e2e && go test -count=1 ./prometheus

.PHONY: e2e-image
e2e-image: jdk ## the image: built twice by a real Docker, then run beside a JVM
	@.ci/need qemu-aarch64 qemu-user
	cd e2e && go test -count=1 ./image

.PHONY: e2e-page
e2e-page: build jdk ## only the page, in Chromium; screenshots in bin/screenshots
	@.ci/need chromium "chromium fonts-dejavu-core"
	cd e2e && go test -count=1 ./page -args -jvmem '$(CURDIR)/bin/jvmem' -screenshots '$(CURDIR)/bin/screenshots'

.PHONY: e2e-readme
e2e-readme: build jdk ## the commands of README.md
	@.ci/need curl curl
	cd e2e && go test -count=1 ./readme

.PHONY: e2e-full
e2e-full: ## the whole matrix of JDKs, collectors and settings; an hour or more
	cd e2e && go run ./run -full

.PHONY: e2e-chart
e2e-chart: ## the Helm chart, by Helm's and Kubernetes' own code
	cd e2e && go test -count=1 ./chart # Go does not see that a file outside its module changed

.PHONY: accuracy
accuracy: ## e2e-full, and docs/accuracy.md written from it
	cd e2e && go run ./run -full -accuracy ../docs/accuracy.md

# As in a pod, the measurements see no processes but their own.
PERFORMANCE = cd e2e && go test -count=1 -v -timeout 3h -exec 'unshare --mount-proc --pid --fork --kill-child' ./performance
PERFORMANCE_ARGS = -args -jvmem '$(CURDIR)/bin/jvmem' -document '$(CURDIR)/docs/performance.md' -need '$(CURDIR)/.ci/need'

.PHONY: bench
bench: build jdk ## what looking costs, beside jcmd and jattach, into docs/performance.md (BENCH=regexp: only those of Go's benchmarks)
	@.ci/need jcmd default-jdk-headless
	@.ci/need jattach jattach
	@mkdir -p bin
	go test -run='^$$' -bench='$(BENCH)' -benchmem ./... | tee bin/bench.txt
ifeq ($(BENCH),.)
	$(PERFORMANCE) -run 'Looks|Commands|Captures' $(PERFORMANCE_ARGS) -benchmarks '$(CURDIR)/bin/bench.txt'
endif

.PHONY: stalls
stalls: build jdk ## how long an application stalls, with jvmem beside it and without: STALLS (5) observations of each
	$(PERFORMANCE) -run Stalls $(PERFORMANCE_ARGS) -rounds '$(STALLS)'

.PHONY: soak
soak: build jdk ## a day of samples in SOAK (30m), with JVMs that come and go; fails where something grows
	$(PERFORMANCE) -run 'Soak|Footprint|Binary' $(PERFORMANCE_ARGS) -soak '$(SOAK)'

.PHONY: bench-diagnosis
bench-diagnosis: build jdk ## real JVMs that leak, and others that only look so: what is said of them; 25 minutes
	@.ci/need gcc "gcc libc6-dev"
	cd e2e/leaks && go test -jvmem $(CURDIR)/bin/jvmem -markdown $(CURDIR)/bin/diagnosis.md -record $(CURDIR)/bin/histories \
		-parallel 3 -timeout 60m

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (30s)
	@for package in $$(go list ./...); do \
		targets="$$(go test -list '^Fuzz' "$$package")"; \
		for target in $$(grep '^Fuzz' <<<"$$targets" || true); do \
			(set -x; go test -run=NONE -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) "$$package"); \
		done; \
	done

.PHONY: corpus
corpus: ## keep inputs that make fuzz found, for make test: 15 a target, of all sizes up to 2 KiB
	@module="$$(go list -m)"; found="$$(go env GOCACHE)/fuzz/$$module"; \
	find "$$found" -type d -name 'Fuzz*' | sort | while read -r dir; do \
		kept="$$(dirname "$${dir#"$$found"/}")/testdata/fuzz/$${dir##*/}"; mkdir -p "$$kept"; \
		find "$$dir" -type f -size -5 -printf '%s %p\n' | sort -n | awk '{ path[NR] = $$2 } \
			END { for (i = 0; i < 15 && i < NR; i++) print path[NR <= 15 ? i + 1 : 1 + int(i * (NR - 1) / 14)] }' | xargs -rd '\n' cp -t "$$kept"; \
	done

.PHONY: vulncheck
vulncheck: ## known vulnerabilities of what both modules use; asks vuln.go.dev, so it is not part of check
	@for module in $(MODULES); do (set -x; cd "$$module"; go run golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION) ./...); done

.PHONY: check
check: ## what CI runs: test, lint, e2e
	@.ci/run

.PHONY: clean
clean: ## remove what the other targets made
	rm -rf bin .tools

.PHONY: jdk
jdk:
	@.ci/need "java javac" default-jdk-headless
