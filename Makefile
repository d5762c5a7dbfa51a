# Each target is something anyone could type. `make run` and `make test` are the two that matter.
.PHONY: build run test race lint fuzz bench web dev docs screenshots setup

FUZZTIME ?= 60s
GOLANGCI = go tool -modfile=tools/go.mod golangci-lint

build: ## bin/muster, the user interface embedded
	go build -o bin/muster ./cmd/muster

run: build ## serve from ./muster-data on 127.0.0.1:8080, Redis protocol on 127.0.0.1:6380
	./bin/muster serve --data-dir ./muster-data --resp-listen 127.0.0.1:6380

test: setup build ## every test there is, installing what is missing
	go vet ./... && cd test/compat && go vet ./...
	MUSTER_TEST_ALL=1 go test -race ./...
	cd test/compat && MUSTER_TEST_ALL=1 go test -count=1 ./...

race: ## our packages under the race detector, without the clients of others
	go test -race ./...

setup: ## what the tests need beside Go, Node and npm
	./test/setup.sh

lint: ## golangci-lint with .golangci.yml
	$(GOLANGCI) run ./...

fuzz: ## every fuzz target for FUZZTIME
	./test/fuzz.sh $(FUZZTIME)

bench: build ## the figures of docs/benchmarks
	./test/bench.sh

web: ## the user interface; until it is built, dist holds the page that says how to push
	@echo "web/dist/index.html is embedded as it is"

dev: run ## the server with Redis protocol

docs: build ## reference pages made from the code
	@echo "docs/ is written by hand so far"

screenshots: build ## pictures of the pages in light and dark
	@echo "no pages yet beyond /ui/"
