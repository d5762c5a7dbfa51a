#!/bin/sh
# Measures what docs/benchmarks records: the built binary from outside, and the engine's own
# benchmarks. Prints to standard output; keep the output with its date under docs/benchmarks.
set -eu
cd "$(dirname "$0")/.."
echo "commit: $(git rev-parse --short HEAD)  date: $(date -u +%Y-%m-%d)"
go run ./test/bench -binary bin/muster
go test -run '^$' -bench . -benchtime 1s ./internal/segment ./internal/connector ./internal/store/... ./internal/delivery ./internal/resp ./internal/inbound ./internal/policy
