#!/bin/sh
# companions.sh DIR: Debian's packages that the gateway wants beside it (Mosquitto), with all they depend on, for both
# architectures of the release that this machine has, into DIR/<release>-<architecture>. Asks this machine's own sources.
set -eu
to=$1
. /etc/os-release
command -v apt-get >/dev/null || { echo "companions: no apt-get here: the stick is without Mosquitto" >&2; exit 0; }
for architecture in amd64 arm64; do
    work=$(realpath -m build/companions/$architecture)
    into=$to/$VERSION_CODENAME-$architecture
    mkdir -p "$work/lists/partial" "$work/archives/partial" "$into"
    : >"$work/status"
    apt="apt-get -q -y -o APT::Architecture=$architecture -o APT::Architectures=$architecture
        -o Dir::State=$work -o Dir::State::lists=$work/lists -o Dir::State::status=$work/status
        -o Dir::Cache=$work -o Dir::Cache::archives=$work/archives -o APT::Sandbox::User=root
        -o Dir::Etc::parts=/dev/null -o Dir::Etc::main=/dev/null"
    $apt update >"$work/log" 2>&1 || true
    if ! $apt install --no-install-recommends --download-only mosquitto >>"$work/log" 2>&1; then
        echo "companions: no Mosquitto for $architecture: $(tail -n 1 "$work/log")" >&2
        continue
    fi
    cp "$work"/archives/*.deb "$into/"
done
