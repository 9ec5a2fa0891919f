# What the maintainer scripts of both packages share; they set $program (gateway, edge) and $version first.
package=pleintemps-$program
user=pleintemps-$program
home=/opt/pleintemps/$program
state=/var/lib/pleintemps-$program
config=/etc/pleintemps/$program.toml
unit=pleintemps-$program.service

say() { echo "$package: $*"; }

systemd_runs() { [ -d /run/systemd/system ]; }

# as the program's own user: nothing in its folder becomes root's
as_user() { setpriv --reuid="$user" --regid="$user" --init-groups --reset-env -- "$@"; }

make_user() {
    getent group "$user" >/dev/null || addgroup --system --quiet "$user"
    getent passwd "$user" >/dev/null ||
        adduser --system --quiet --ingroup "$user" --home "$state" --no-create-home --shell /usr/sbin/nologin "$user"
    install -d -m 0755 /etc/pleintemps
    install -d -m 0700 -o "$user" -g "$user" "$state"
}

# The environment of this version, made of the wheels that the package brought: no network, every hash checked. It
# lies beside that of the version before, which goes on running until everything else is ready.
make_environment() {
    python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    wanted=$home/wheels/requirements-$python.txt
    if [ ! -e "$wanted" ]; then
        say "no wheels for Python $python in this package" >&2
        return 1
    fi
    environment=$home/versions/$version
    mark=$(sha256sum <"$wanted")
    [ "$(cat "$environment/complete" 2>/dev/null)" = "$mark" ] && return 0
    rm -rf "$environment"
    python3 -I -m venv --without-pip "$environment"
    pip=$(echo "$home"/wheels/pip-*.whl)
    env -i PATH=/usr/bin:/bin HOME=/nonexistent LC_ALL=C.UTF-8 PIP_CONFIG_FILE=/dev/null \
        "$environment/bin/python" "$pip/pip" install --quiet --no-input --no-cache-dir \
        --disable-pip-version-check --no-warn-script-location --root-user-action=ignore \
        --no-index --no-deps --require-hashes --find-links "$home/wheels" --requirement "$wanted"
    debian_modules "$environment" "$python"
    "$environment/bin/pleintemps-$program" --version >/dev/null
    echo "$mark" >"$environment/complete"
}

# Python modules that have no wheel for this Python and come from Debian's own packages
debian_modules() { :; }

# One rename: whoever starts the program meets the old version or the new one
switch_to() {
    ln -sfn "versions/$1" "$home/current.new"
    mv -T "$home/current.new" "$home/current"
}

drop_other_versions() {
    for other in "$home"/versions/*; do
        [ "$other" = "$home/versions/$version" ] || rm -rf "$other"
    done
}

# At boot from now on, unless somebody has disabled them since
enable_units() {
    for each in "$@"; do
        deb-systemd-helper unmask "$each" >/dev/null || true
        if deb-systemd-helper --quiet was-enabled "$each"; then
            deb-systemd-helper enable "$each" >/dev/null || true
        else
            deb-systemd-helper update-state "$each" >/dev/null || true
        fi
    done
    if systemd_runs; then systemctl daemon-reload; fi
}
