#!/bin/sh
# Brings what tests/node/package-lock.json names into build/node (quick when nothing changed). Never fails: without npm or
# a network the tests concerned are skipped with the reason.
set -eu
cd "$(dirname "$0")/.."

wanted=$(cat tests/node/package.json tests/node/package-lock.json | sha256sum | cut -d' ' -f1)
[ "$(cat build/node/installed 2>/dev/null)" != "$wanted" ] || exit 0
command -v npm >/dev/null 2>&1 || exit 0

echo "install: the npm packages of the tests" >&2
# Node has certificates of its own; those that this machine trusts count as well, as they do for pip
bundle=/etc/ssl/certs/ca-certificates.crt
if [ -r $bundle ]; then
    export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-$bundle}"
fi

mkdir -p build/node
cp tests/node/package.json tests/node/package-lock.json build/node/
rm -f build/node/installed
if npm ci --prefix build/node --ignore-scripts --omit=optional --no-audit --no-fund >build/node/npm.log 2>&1 </dev/null; then
    echo "$wanted" >build/node/installed
else
    tail -n 3 build/node/npm.log >&2
    echo "install: npm packages are missing; going on without" >&2
fi
