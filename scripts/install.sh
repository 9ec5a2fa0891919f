#!/bin/sh
# Makes .venv from requirements.lock. Everything it says goes to stderr: the output of `make run` is for its JSON.
set -eu
cd "$(dirname "$0")/.."
say() { echo "install: $*" >&2; }
fail() { say "$*"; exit 1; }

python=${PYTHON:-python3}
command -v "$python" >/dev/null 2>&1 || fail "$python is missing; Plein Temps needs Python 3.11 or newer"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old; Plein Temps needs Python 3.11 or newer (make PYTHON=... to name another)"

# Two installs in one checkout would write the same files: the second waits, then finds the work done.
if command -v flock >/dev/null 2>&1; then
    exec 9<pyproject.toml
    flock 9
fi

# The folder is part of the stamp because a virtual environment does not survive being moved or copied.
wanted=$({ pwd; cat requirements.lock pyproject.toml; } | sha256sum | cut -d' ' -f1)
if [ "$(cat .venv/installed 2>/dev/null)" = "$wanted" ] && [ -x .venv/bin/python ]; then
    exit 0
fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "installing python3-venv"
        scripts/apt-install.sh python3-venv ||
            fail "python3-venv is missing and apt-get could not install it"
    else
        fail "the venv module is missing: install it first (Debian: apt-get install python3-venv, as root)"
    fi
fi

# PIP_USER and a PYTHONPATH of the caller would install or import outside the environment.
unset PYTHONPATH PYTHONHOME
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

venv_belongs_here() {
    [ -x .venv/bin/python ] &&
        [ "$(.venv/bin/python -c 'import sys; print(sys.prefix)' 2>/dev/null)" = "$(pwd)/.venv" ] &&
        grep -qF "$(pwd)/.venv" .venv/bin/pip 2>/dev/null &&
        .venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}
venv_belongs_here || {
    say "creating .venv with $("$python" --version)"
    "$python" -m venv --clear .venv >&2 || fail "could not create .venv"
}
say "installing the locked packages (about a minute the first time)"
# The lock names all that is needed; pip would ask for a newer "name[extra]" than it, the day that there is one.
.venv/bin/python -m pip install --quiet --use-pep517 --no-deps --require-hashes -r requirements.lock >&2 ||
    fail "the locked packages could not be installed (see above)"
.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable . >&2 ||
    fail "pleintemps could not be installed (see above)"
echo "$wanted" >.venv/installed
say "ready"
