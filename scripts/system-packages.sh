#!/bin/sh
# system-packages.sh NAME...: brings mosquitto, chromium, postgresql, influxdb, victoria-metrics, npm, Graphviz or Pango (for PDF) when root; otherwise
# says in one line what is missing. Never fails: the demo then uses its own broker, and the tests concerned are
# skipped with the reason.
set -eu
cd "$(dirname "$0")/.."

have() {
    case $1 in
        mosquitto) PATH="$PATH:/usr/sbin" command -v mosquitto ;;
        chromium) command -v chromium || command -v chromium-browser ;;
        postgresql) ls /usr/lib/postgresql/*/bin/initdb ;;
        influxdb) PATH="$PATH:/usr/sbin" command -v influxd ;;
        graphviz) command -v dot ;;
        npm) command -v npm ;;
        libfaketime) ls /usr/lib/*/faketime/libfaketimeMT.so.1 ;;
        strace) command -v strace ;;
        systemd) command -v systemd-analyze ;;
        debootstrap) PATH="$PATH:/usr/sbin" command -v debootstrap ;;
        systemd-container) command -v systemd-nspawn ;;
        libpangoft2-1.0-0) ls /usr/lib/*/libpangoft2-1.0.so.0 ;;
        victoria-metrics) command -v victoria-metrics ;;
        *) echo "system-packages: unknown name $1" >&2; exit 2 ;;
    esac >/dev/null 2>&1
}

missing=
for name in "$@"; do
    have "$name" || missing="$missing $name"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "install: apt-get install$missing" >&2
    # one by one: one that cannot be had must not cost the others
    for name in $missing; do
        scripts/apt-install.sh "$name" || true
    done
    if [ -d /run/systemd/system ]; then
        # a set-up step of ours must not put servers into the machine's boot
        for name in $missing; do
            case $name in
                mosquitto | postgresql | influxdb | victoria-metrics) systemctl disable --quiet "$name" 2>/dev/null || true ;;
            esac
        done
    fi
fi

still=
for name in $missing; do
    have "$name" || still="$still $name"
done
[ -z "$still" ] || echo "install: missing:$still (as root: apt-get install$still); going on without" >&2
