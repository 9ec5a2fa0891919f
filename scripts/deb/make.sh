#!/bin/sh
# make.sh wheelhouse | deb [VERSION] | stick [VERSION]: for both programs and both architectures.
set -eu
cd "$(dirname "$0")/../.."
what=$1
version=${2:-}
python=.venv/bin/python

for program in gateway edge; do
    for architecture in amd64 arm64; do
        $python scripts/deb/wheels.py $program $architecture build/wheelhouse/$program-$architecture
    done
done
[ "$what" != wheelhouse ] || exit 0

rm -rf build/deb
for program in gateway edge; do
    for architecture in amd64 arm64; do
        $python scripts/deb/build.py $program $architecture --to build/deb ${version:+--version "$version"} \
            --wheels build/wheelhouse/$program-$architecture
    done
done
[ "$what" != deb ] || exit 0

# what is the same on every stick, then its sums, of everything
rm -rf build/stick
mkdir -p build/stick
cp build/deb/*.deb build/stick/
cp scripts/deb/stick/install.sh scripts/deb/stick/README.txt scripts/deb/stick/LISEZMOI.txt build/stick/
cp docs/installation.md docs/installation.fr.md build/stick/
scripts/deb/companions.sh build/stick/debian
(cd build/stick && find . -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS)
du -sh build/stick
