#!/bin/sh
# lock.sh [--upgrade ...]: writes requirements.lock, for every extra and platform, with hashes. Keeps the versions
# already locked unless told otherwise. Then scripts/deb/{gateway,edge}.lock: what the packages bring, of the same versions.
set -eu
cd "$(dirname "$0")/.."
tool=build/lock-tool
[ -x "$tool/bin/uv" ] || {
    "${PYTHON:-python3}" -m venv "$tool"
    "$tool/bin/pip" install --quiet 'uv>=0.9' >&2
}
# A mirror or an index of this machine must neither choose the files nor appear in the lock.
unset UV_INDEX UV_INDEX_URL UV_DEFAULT_INDEX UV_EXTRA_INDEX_URL UV_FIND_LINKS
"$tool/bin/uv" pip compile --quiet --no-config pyproject.toml --all-extras \
    --universal --python-version 3.11 --fork-strategy fewest \
    --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
    --custom-compile-command "make lock" --output-file requirements.lock "$@"
for program in gateway edge; do
    "$tool/bin/uv" pip compile --quiet --no-config pyproject.toml scripts/deb/tools.in --extra $program \
        --constraint requirements.lock --universal --python-version 3.11 --fork-strategy fewest \
        --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
        --custom-compile-command "make lock" --output-file scripts/deb/$program.lock "$@"
done
