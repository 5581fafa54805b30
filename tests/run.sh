#!/usr/bin/env bash
# Install what is missing, lint, build (with clang, too), and run every test three times: under ASan
# and UBSan, under TSan with a plain matrix product (GPUs are emulated in all three), and as a release.
set -eu -o pipefail
cd "$(dirname "$0")/.."
bash tests/packages.sh lint
# Where nvcc is, the plug-in for GPUs must be built: by the release, the only preset that has it.
cuda=AUTO
{ command -v nvcc || ls /usr/local/cuda/bin/nvcc; } >/dev/null 2>&1 && cuda=ON
for preset in dev clang asan tsan release; do
    options=(-DSLUICE_TESTS=ON)
    [ "$preset" = release ] && options+=(-DSLUICE_CUDA=$cuda)
    cmake --preset "$preset" "${options[@]}" | sed -n "s/^-- \(not built: .*\)/$preset: \1/p"
    [ "$preset" = dev ] && preset=lint # reads the sources, needs no objects
    cmake --build --preset "$preset"
done
for preset in asan tsan release; do
    echo "== $preset"
    ctest --preset "$preset" --parallel "$(nproc)" # but for those that hold something to a time
done
