#!/bin/sh
# Runs every fuzz target of the main module for the time given, one after the other.
set -eu
cd "$(dirname "$0")/.."
time=${1:-60s}

grep -rlE '^func Fuzz' --include='*_test.go' internal cmd | while read -r file; do
	package=./$(dirname "$file")
	grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | cut -d' ' -f2 | while read -r target; do
		echo "== $package $target"
		go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$time" </dev/null
	done
done
