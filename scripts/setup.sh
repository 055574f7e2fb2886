#!/bin/sh
# Makes a clone ready to run: Node.js 24 where the installed Node.js is older, then the npm packages of the lockfile.
# This file is the part that has to run before Node.js 24 exists; everything after it is TypeScript.
# Quick and silent when nothing is missing. Runs no install script of any package and writes only inside the clone.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/runtime/node_modules/.bin:$PATH
export PATH

fail() {
  printf 'setup: %s\n' "$1" >&2
  exit 1
}

node_major() {
  node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0
}

# True when a Node.js was brought here from the lockfile as it is now, or none was ever needed.
runtime_is_current() {
  [ ! -d runtime/node_modules ] || cmp -s runtime/package-lock.json runtime/node_modules/.installed-lock.json
}

bring_node() {
  command -v npm >/dev/null || fail 'npm is missing: install Node.js 20 or newer with npm, then try again.'
  echo "setup: downloading Node.js 24 from the npm registry (53 MB, 189 MB on disk) into runtime/, because the installed one is $(node --version)"
  rm -rf runtime/node_modules
  (cd runtime && npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error) ||
    fail 'Node.js 24 could not be installed: see the message of npm above. Is the npm registry reachable?'
  # npm skips a package for another platform, and an optional one that it cannot fetch, without an error.
  [ "$(node_major)" -ge 24 ] ||
    fail "Node.js 24 could not be brought to this machine ($(uname -sm)): the npm registry is out of reach, or has none for it. Install Node.js 24 yourself, then try again."
  cp runtime/package-lock.json runtime/node_modules/.installed-lock.json
}

if [ "$(node_major)" -lt 24 ] || ! runtime_is_current; then
  bring_node
fi
exec node scripts/install.ts
