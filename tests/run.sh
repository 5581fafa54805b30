#!/usr/bin/env bash
# Install what is missing, lint, build (the library with clang, too), and run every test three times: under ASan
# and UBSan, under TSan with a plain matrix product (GPUs are emulated in all three), and as a release.
set -eu -o pipefail
cd "$(dirname "$0")/.."
bash tests/packages.sh lint
# Where nvcc is, the plug-in for GPUs must be built: by the release, the only preset that has it.
cuda=AUTO
{ command -v nvcc || ls /usr/local/cuda/bin/nvcc; } >/dev/null 2>&1 && cuda=ON
presets=(dev clang asan tsan release)
for preset in "${presets[@]}"; do
    options=(-DSLUICE_TESTS=ON -DSLUICE_BENCH=ON)
    [ "$preset" = clang ] && options=(-DSLUICE_TESTS=OFF -DSLUICE_BENCH=OFF) # clang-tidy gives clang's warnings for those
    [ "$preset" = release ] && options+=(-DSLUICE_CUDA=$cuda)
    echo "== build: $preset"
    mkdir -p "build/$preset"
    cmake --preset "$preset" "${options[@]}" >"build/$preset/configured.txt" || { cat "build/$preset/configured.txt"; exit 1; }
    [ "$preset" = dev ] && preset=lint # reads the sources, needs no objects
    cmake --build --preset "$preset"
done
trap 'bash tests/summary.sh "${presets[@]}"' EXIT
for preset in asan tsan release; do
    echo "== $preset"
    ctest --preset "$preset" --parallel "$(nproc)" # but for those that hold something to a time
done
