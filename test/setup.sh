#!/bin/sh
# Installs what the tests need beside Go, Node and npm: Chromium, redis-server, Redis clients of other languages, and the JavaScript SDKs.
set -eu
cd "$(dirname "$0")"

if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null && ! command -v google-chrome >/dev/null; then
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	$sudo apt-get update -qq
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends chromium
fi

if ! command -v redis-server >/dev/null || ! command -v redis-cli >/dev/null; then
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	$sudo apt-get update -qq
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends redis-server redis-tools
fi

if ! { /usr/bin/python3 -c 'import redis' && ruby -e 'require "redis"' && php -r 'exit(extension_loaded("redis") && is_file("/usr/share/php/Predis/autoload.php") ? 0 : 1);'; } 2>/dev/null; then
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	$sudo apt-get update -qq
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends python3-redis ruby-redis php-cli php-redis php-predis
fi

lock=compat/js/package-lock.json
if ! cmp -s "$lock" compat/js/node_modules/.installed 2>/dev/null; then
	(cd compat/js && npm ci --no-audit --no-fund --silent)
	cp "$lock" compat/js/node_modules/.installed
fi
