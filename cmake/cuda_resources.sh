#!/usr/bin/env bash
# cuda_resources.sh NVCC SOURCE BUILD [--brief]: compile every kernel for every architecture, warnings as errors, and
# print its registers, shared memory and spills. Fails if something does not compile, or uses local memory: by
# spilling, or for an array on the stack; and if a kernel takes more than the table in docs/gpu.md allows.
#
# What passes on every architecture is noted in SOURCE/cmake/cuda_resources.stamp, which is committed: a digest of the
# kernels with what they include, their table and the version of nvcc. With --brief, and if that is what is there, nothing is compiled again: the
# build has done so, for every architecture and with warnings as errors. With SLUICE_LONG=1 one architecture stands for all.
set -u -o pipefail
nvcc=$1 source=$2 build=$3
stamp=$source/cmake/cuda_resources.stamp
now() {
    "$nvcc" --version | tail -1
    {
        (cd "$source/runtime/device" && cat cuda/*.cu cuda/*.cuh cuda/kernels.h cuda/portable.h blocks.h)
        (cd "$source/include/sluice" && cat device.h operations.h status.h tensor.h)
        grep '^| `.*[.]cu` |' "$source/docs/gpu.md"
        cat "$source/cmake/cuda_budgets.py"
    } | sha256sum
}
all=(80 90 100 120)
if [ "${4-}" = --brief ] && [ "$(now)" = "$(cat "$stamp" 2>/dev/null)" ]; then
    all=(90)
    same="the kernels, their table and nvcc are those of ${stamp##*/}, which passed on every architecture"
    [ -n "${SLUICE_LONG-}" ] || { echo "$same"; exit 0; }
    echo "$same: here sm_90 alone"
elif [ "${4-}" = --brief ]; then
    echo "the kernels or nvcc are not those of ${stamp##*/}: every architecture; build the target cuda_resources and commit it"
fi
work=$build/cuda_resources
mkdir -p "$work"
codes=()
for architecture in "${all[@]}"; do
    codes+=("-gencode=arch=compute_$architecture,code=sm_$architecture")
done
one() { # one FILE: "file.cu sm_90 kernel registers shared spills" per kernel and architecture
    local name
    name=$(basename "$1")
    "$nvcc" -std=c++17 -Werror=all-warnings -Xcompiler=-Wall,-Wextra,-Werror -Xptxas=-v "${codes[@]}" \
        -I "$source/include" -I "$source" -c "$1" -o "$work/$name.o" >"$work/$name.log" 2>&1 ||
        { cat "$work/$name.log" >&2; return 1; }
    c++filt <"$work/$name.log" | awk -v file="$name" '
        /Compiling entry function/ {
            kernel = $0; sub(/.*function .(void )?/, "", kernel); sub(/. for .sm_.*/, "", kernel)
            sub(/\(anonymous namespace\)::/, "", kernel); sub(/\(.*/, "", kernel)
            machine = $0; sub(/.* for ./, "", machine); sub(/[^a-z0-9_].*/, "", machine) }
        /spill stores/ { frame = $1; spills = $5 + $9 }
        /Used [0-9]+ registers/ {
            shared = 0; for (i = 2; i <= NF; i++) if ($i ~ /^smem/) shared = $(i - 2)
            for (i = 1; i <= NF; i++) if ($i == "Used") registers = $(i + 1)
            printf "%-22s %-7s %-28s %3d registers %5d B shared %3d B spilled\n",
                   file, machine, kernel, registers, shared, spills; bad += spills > 0 || frame > 0 }
        END { exit bad > 0 }'
}
failed=0
for kernel in "$source"/runtime/device/cuda/*.cu; do one "$kernel" || failed=1; done >"$work/resources.txt"
cat "$work/resources.txt"
[ $failed -eq 0 ] && echo "no kernel spills or has a stack frame"
python3 "$source/cmake/cuda_budgets.py" "$source/docs/gpu.md" <"$work/resources.txt" || failed=1
[ $failed -eq 0 ] && [ "${4-}" != --brief ] && now >"$stamp"
exit $failed
