#!/bin/sh
# Serves a new, empty muster and takes pictures of its pages into the folder given.
set -eu
cd "$(dirname "$0")/.."
folder=$(mkdir -p "$1" && cd "$1" && pwd)
data=$(mktemp -d)
address=127.0.0.1:8099
./bin/muster serve --data-dir "$data" --listen "$address" >"$data/log" 2>&1 &
server=$!
trap 'kill "$server"; wait "$server"; rm -rf "$data"' EXIT
tries=0
until curl -fs "http://$address/readyz" >/dev/null; do
	tries=$((tries + 1))
	[ "$tries" -lt 300 ] || { cat "$data/log"; exit 1; }
	sleep 0.1
done
(cd test/compat/js && node screenshots.js "http://$address" "$folder")
