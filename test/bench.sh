#!/bin/sh
# Measures what docs/benchmarks records: the built binary from outside, and the engine's own
# benchmarks. Prints to standard output; keep the output with its date under docs/benchmarks.
# Arguments go to the measuring program (test/bench), which then runs alone: see -help, and -long.
set -eu
cd "$(dirname "$0")/.."
echo "commit: $(git rev-parse --short HEAD)  date: $(date -u +%Y-%m-%d)"
go run ./test/bench -binary bin/muster "$@"
[ $# -eq 0 ] || exit 0
go test -run '^$' -bench . -benchtime 1s ./internal/segment ./internal/connector ./internal/store/... ./internal/delivery ./internal/resp ./internal/inbound ./internal/policy
