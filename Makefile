# Each target is something anyone could type. `make run` and `make test` are the two that matter.
.PHONY: build run test race lint fuzz bench web dev docs screenshots setup FORCE

export GOFLAGS += -trimpath # no folder of a machine in the binary, and what was compiled in one folder serves in another

FUZZTIME ?= 60s
GOLANGCI = go tool -modfile=tools/go.mod golangci-lint

build: web ## bin/muster, the user interface embedded
	go build -ldflags=-w -o bin/muster ./cmd/muster

run: build ## serve from ./muster-data on 127.0.0.1:8080, Redis protocol on 127.0.0.1:6380
	./bin/muster serve --data-dir ./muster-data --resp-listen 127.0.0.1:6380

# With the race detector `make test` runs a tenth of the checks at random, and none of a few tests in which one
# goroutine is long at work: on failing disks, on large bodies, lists and rosters, on thousands of requests. They all run whole without
# it, and with it in `make race`. vet has run by then, GORACE saves a second at the end of each package, and the
# timeout is for a machine that is busy with other things.
LONG = TestDiskErrors|TestPowerCuts|TestAChangeItsAuditEntryAndItsLogEntryAreThereTogether|TestNoRequestBreaksARoute|TestBodiesAsTheyCome|TestWhoeverGoesBeyondALimitIsToldWhichOne|TestNothingThatFitsIntoABodyTakesLong|TestMemoryIsThatOfTheChanges|TestCountsAreBounded|TestLargeChangesComeInPages|TestRosterAnswersWhatWasWritten|TestRosterOfContrivedHashes|TestNoFlippedByteChangesAnAnswer
ENGINE = ./internal/store/engine # what takes longest comes first, so that others run beside it
SLOW = $(ENGINE) ./internal/sink/redissink ./internal/sink/dynamosink ./internal/api

test race: export MUSTER_TEST_ALL = 1 # what is missing fails instead of being skipped

test: setup build ## every test there is, installing what is missing
	go vet ./... && cd test/compat && go vet ./...
	GORACE=atexit_sleep_ms=100 RAPID_CHECKS=10 go test -vet=off -timeout 40m -race -skip '$(LONG)' $(SLOW) ./...
	go test -vet=off -timeout 40m $(ENGINE) $$(go list ./... | grep -v -e /cmd/ -e /sink/) # of these two nothing was left out
	cd test/compat && go test -vet=off -timeout 40m -count=1 ./...
	cd web && npm run --silent test && npm run --silent e2e

race: build ## our packages under the race detector, and a hundred rounds of kill -9 under load
	go test -race -timeout 60m ./...
	cd test/compat && MUSTER_CRASH_ROUNDS=100 go test -count=1 -timeout 60m -run TestKillLosesNothingAcknowledged -v .

setup: ## what the tests need beside Go, Node and npm
	./test/setup.sh

lint: web/node_modules/.installed web/src/lib/api/schema.d.ts ## golangci-lint with .golangci.yml; types and ESLint of the pages
	$(GOLANGCI) run ./...
	cd web && npm run --silent lint

fuzz: ## every fuzz target for FUZZTIME
	./test/fuzz.sh $(FUZZTIME)

bench: build ## the figures of docs/benchmarks
	./test/bench.sh

WEB = $(shell find web/src web/public web/index.html web/vite.config.ts web/licences.ts go.mod web/size.js web/tsconfig.json web/package.json -type f ! -name schema.d.ts)

web: web/dist/app/index.html ## the user interface, into web/dist/app, if something of it changed

web/dist/app/index.html: $(WEB) web/node_modules/.installed web/src/lib/api/schema.d.ts
	cd web && npm run --silent build

web/node_modules/.installed: web/package-lock.json
	cd web && npm ci --no-audit --no-fund --silent
	touch $@

web/src/lib/api/schema.d.ts: web/openapi.json web/node_modules/.installed
	cd web && npm run --silent api

web/openapi.json: FORCE
	go run ./cmd/muster openapi > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

FORCE:

dev: build ## serve with every log line, and the pages from their sources on http://localhost:5173/ui/
	cd web && npm run --silent dev & vite=$$!; trap 'kill $$vite' EXIT INT TERM; \
	./bin/muster serve --data-dir ./muster-data --resp-listen 127.0.0.1:6380 --log-level debug

docs: build ## docs/settings.txt from the binary
	./bin/muster serve --help > docs/settings.txt

screenshots: setup build ## pictures of the pages in light and dark, wide and narrow, below bin/screenshots
	cd web && npm run --silent screenshots
