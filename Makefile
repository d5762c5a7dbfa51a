# Each target is something anyone could type. `make run` and `make test` are the two that matter.
.PHONY: build run test race lint fuzz bench web dev docs screenshots setup

FUZZTIME ?= 60s
GOLANGCI = go tool -modfile=tools/go.mod golangci-lint

build: ## bin/muster, the user interface embedded
	go build -o bin/muster ./cmd/muster

run: build ## serve from ./muster-data on 127.0.0.1:8080, Redis protocol on 127.0.0.1:6380
	./bin/muster serve --data-dir ./muster-data --resp-listen 127.0.0.1:6380

# The engine's tests at random and on failing disks open thousands of stores, which takes many minutes
# under the race detector. So `make test` runs them whole without it and less of them with it; `make race`
# runs all of them with it.
ENGINE = ./internal/store/engine
FAULTS = TestDiskErrors|TestPowerCuts

test: setup build ## every test there is, installing what is missing
	go vet ./... && cd test/compat && go vet ./...
	go test -race $$(go list ./... | grep -v /store/engine$$)
	go test $(ENGINE)
	go test -race -skip '$(FAULTS)' $(ENGINE) -rapid.checks=10
	cd test/compat && go test -count=1 ./...

race: build ## our packages under the race detector, and a hundred rounds of kill -9 under load
	go test -race -timeout 60m ./...
	cd test/compat && MUSTER_CRASH_ROUNDS=100 go test -count=1 -timeout 60m -run TestKillLosesNothingAcknowledged -v .

setup: ## what the tests need beside Go, Node and npm
	./test/setup.sh

lint: ## golangci-lint with .golangci.yml
	$(GOLANGCI) run ./...

fuzz: ## every fuzz target for FUZZTIME
	./test/fuzz.sh $(FUZZTIME)

bench: build ## the figures of docs/benchmarks
	./test/bench.sh

web: ## the user interface; until it is built, web/dist holds one page that is embedded as it is
	@ls web/dist

dev: build ## serve with every log line
	./bin/muster serve --data-dir ./muster-data --resp-listen 127.0.0.1:6380 --log-level debug

docs: build ## docs/settings.txt from the binary
	./bin/muster serve --help > docs/settings.txt

screenshots: setup build ## pictures of the pages in light and dark, below bin/screenshots
	./test/screenshots.sh bin/screenshots
