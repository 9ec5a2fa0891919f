#!/bin/sh
# install.sh gateway | edge: installs one program of this stick, as root, without a network.
set -eu
cd "$(dirname "$0")"
program=${1:-}
case $program in
    gateway | edge) ;;
    *) echo "usage: sh install.sh gateway   or   sh install.sh edge" >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || { echo "install.sh: run it as root (sudo sh install.sh $program)" >&2; exit 1; }
echo "install.sh: checking the stick"
sha256sum --quiet --check SHA256SUMS || { echo "install.sh: this stick is damaged or was changed" >&2; exit 1; }

architecture=$(dpkg --print-architecture)
package=$(ls pleintemps-${program}_*_"$architecture".deb 2>/dev/null) ||
    { echo "install.sh: no package for $architecture (64 bits are needed)" >&2; exit 1; }

# the gateway's broker and what it depends on: only what this machine lacks, and only of its own release
release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
if [ $program = gateway ] && ! command -v mosquitto >/dev/null && [ -d "debian/$release-$architecture" ]; then
    lacking=
    for file in debian/"$release-$architecture"/*.deb; do
        name=$(dpkg-deb --field "$file" Package)
        dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed ||
            lacking="$lacking $file"
    done
    # shellcheck disable=SC2086
    [ -z "$lacking" ] || dpkg --install $lacking
fi
# our broker is a unit of its own: that of Debian, for everybody on this machine, is not wanted
if [ $program = gateway ] && [ -d /run/systemd/system ]; then
    systemctl disable --now --quiet mosquitto.service 2>/dev/null || true
fi
dpkg --install "$package"
