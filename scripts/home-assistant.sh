#!/bin/sh
# Brings Home Assistant's own schemas into build/homeassistant-venv (quick when nothing changed). Never fails: without an
# index the tests concerned are skipped with the reason. Its wheel stays packed (270 MB otherwise): Python imports from it.
# home-assistant.sh --lock writes tests/home_assistant/requirements.txt anew.
set -eu
cd "$(dirname "$0")/.."
folder=tests/home_assistant
home=build/homeassistant-venv

if [ "${1:-}" = --lock ]; then
    unset UV_INDEX UV_INDEX_URL UV_DEFAULT_INDEX UV_EXTRA_INDEX_URL UV_FIND_LINKS
    exec build/lock-tool/bin/uv pip compile --quiet --no-config --no-deps --universal --python-version 3.11 \
        --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "scripts/home-assistant.sh --lock" \
        --output-file $folder/requirements.txt $folder/requirements.in
fi

wanted=$({ pwd; cat $folder/requirements.txt scripts/home-assistant.sh; } | sha256sum | cut -d' ' -f1)
[ "$(cat $home/installed 2>/dev/null)" != "$wanted" ] || exit 0

echo "install: Home Assistant's schemas for the tests" >&2
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
rm -rf $home
mkdir -p $home
{
    .venv/bin/python -m venv --without-pip $home &&
        .venv/bin/python -m pip download --quiet --no-deps --only-binary=:all: --require-hashes \
            --dest $home/wheels -r $folder/requirements.txt &&
        .venv/bin/python - $home <<'PYTHON'
import sys
import zipfile
from pathlib import Path

home = Path(sys.argv[1]).absolute()
packages = next(home.glob("lib/python3*/site-packages"))
paths = []
for wheel in sorted((home / "wheels").glob("*.whl")):
    if wheel.name.startswith("homeassistant-"):
        paths.append(str(wheel))
    else:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(packages)
# what our own environment has too comes from there, and after these
paths.append(next(path for path in sys.path if path.endswith("site-packages")))
(packages / "homeassistant.pth").write_text("\n".join(paths) + "\n")
PYTHON
} >$home/install.log 2>&1 </dev/null && echo "$wanted" >$home/installed || {
    tail -n 3 $home/install.log >&2
    echo "install: Home Assistant's schemas are missing; going on without" >&2
}
