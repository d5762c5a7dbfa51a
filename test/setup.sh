#!/bin/sh
# Installs what the tests need beside Go, Node and npm: Chromium, and the JavaScript SDKs.
set -eu
cd "$(dirname "$0")"

if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null && ! command -v google-chrome >/dev/null; then
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	$sudo apt-get update -qq
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends chromium
fi

lock=compat/js/package-lock.json
if ! cmp -s "$lock" compat/js/node_modules/.installed 2>/dev/null; then
	(cd compat/js && npm ci --no-audit --no-fund --silent)
	cp "$lock" compat/js/node_modules/.installed
fi
