#!/usr/bin/env bash
# Install what is missing, lint, build (with clang, too), and run every test three times: under ASan
# and UBSan, under TSan with a plain matrix product, and as a release.
set -eu
cd "$(dirname "$0")/.."
bash tests/packages.sh lint
command -v nvcc >/dev/null || echo "not built: CUDA (this version has no CUDA code; no nvcc here either)"
for preset in dev clang asan tsan release; do
    cmake --preset "$preset" -DSLUICE_TESTS=ON >/dev/null
    [ "$preset" = dev ] && preset=lint # reads the sources, needs no objects
    cmake --build --preset "$preset"
done
for preset in asan tsan release; do
    echo "== $preset"
    ctest --preset "$preset"
done
