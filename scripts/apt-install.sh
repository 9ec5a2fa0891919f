#!/bin/sh
# apt-get install for root, non-interactive, without starting the services the packages bring. Chatter to stderr.
set -eu
log=$(mktemp)
guard=/usr/sbin/policy-rc.d
made_guard=

finish() {
    [ -z "$made_guard" ] || rm -f "$guard"
    rm -f "$log"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# invoke-rc.d and deb-systemd-invoke ask this file before they start anything. A machine's own answer is left alone.
if [ ! -e "$guard" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$guard"
    chmod 755 "$guard"
    made_guard=yes
fi

export DEBIAN_FRONTEND=noninteractive
apt() { apt-get -q -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 "$@" >>"$log" 2>&1 </dev/null; }
if ! apt install --no-install-recommends "$@"; then
    # package lists may be missing or old on a fresh machine
    apt update || true
    apt install --no-install-recommends "$@" || {
        grep '^E:' "$log" | tail -n 1 >&2 || true
        exit 1
    }
fi
