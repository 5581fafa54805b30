#!/usr/bin/env bash
# Install what is missing, build, and run every test: once plainly, once under ASan and UBSan.
set -eu
cd "$(dirname "$0")/.."
bash tests/packages.sh
for preset in asan release; do
    cmake --preset "$preset" -DSLUICE_TESTS=ON >/dev/null
    cmake --build --preset "$preset"
    ctest --preset "$preset"
done
