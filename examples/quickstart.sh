#!/usr/bin/env bash
# Install what is missing, build a release, and train a GPT of about 1 M parameters through a
# pipeline of two stages on this repository's own sources and documents: about two minutes on
# two cores. Options are passed on: bash examples/quickstart.sh --steps 100
set -eu
cd "$(dirname "$0")/.."
bash tests/packages.sh build
echo "building a release in build/release"
cmake --preset release -DSLUICE_TESTS=OFF -DSLUICE_BENCH=OFF >/dev/null
cmake --build --preset release -- --quiet
echo
set -- build/release/sluice train --overwrite --data README.md HACKING.md docs/*.md include partition runtime examples "$@"
echo "+ $*"
exec "$@"
