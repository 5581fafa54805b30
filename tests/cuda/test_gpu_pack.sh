#!/usr/bin/env bash
# test_gpu_pack.sh BUILD [nvcc] -- the folder that tests/gpu.sh packs: its content, and that it runs from another
# folder, on emulated libraries. With nvcc: the folder with the plug-in for GPUs, as far as possible without one.
set -u
build=$(realpath "$1") has_nvcc=${2-}
source=$(cd "$(dirname "$0")/../.." && pwd)
gpu=$source/tests/gpu.sh
. "$source/tests/support/command.sh" "$build/sluice"
cd "$work" || exit 1
clean=(env -i "PATH=$work/tools:$PATH" "HOME=$work" EMU_MODE=lazy EMU_DEVICES=1)

# says STATUS TEXT COMMAND...: exits with STATUS, and its last line has TEXT.
says() {
    local status=$1 text=$2 got
    shift 2
    "$@" >said.txt 2>&1
    got=$?
    [ $got -eq "$status" ] || complain "'$*' exits with $got, expected $status: $(tail -5 said.txt)"
    tail -1 said.txt | grep -qF -- "$text" || complain "'$*' says '$(tail -1 said.txt)', expected '$text'"
}

# looks_right FOLDER: small, and nothing in it is loaded from the folder in which it was built.
looks_right() {
    local file name path bytes
    bytes=$(du -sb "$1" | cut -f1)
    [ "$bytes" -lt 50000000 ] || complain "$1 has $bytes bytes"
    for file in "$1"/bin/* "$1"/lib/*; do
        readelf -d "$file" | grep -E 'RPATH|RUNPATH|NEEDED' | grep -E "$build|$source" &&
            complain "$file looks for something where it was built"
    done
    for file in "$1"/bin/* "$1"/lib/libsluice_cuda.so; do
        "${clean[@]}" ldd "$file" | while read -r name _ path; do
            [ ! -e "$1/lib/$name" ] || [[ $path = */../lib/$name* ]] || echo "$file: $name is $path"
        done >strays.txt
        [ ! -s strays.txt ] || complain "not what is packed: $(cat strays.txt)"
    done
}

# ---- packed on emulated libraries, and carried elsewhere ----

says 0 "there: bash packed/gpu.sh --run" bash "$gpu" --pack packed --from "$build" --emulated
mkdir "another folder" && mv packed "another folder/" && folder="$work/another folder/packed"
looks_right "$folder"
for file in bin/sluice bin/test_device_contract bin/test_operations bin/test_gpu_training bin/gpu_operations bin/gpu_train gpu.sh; do
    [ -e "$folder/$file" ] || complain "$file is not packed"
done
[ -s "$folder/needs" ] && complain "the emulation needs $(cat "$folder/needs")"

# A sanitizer that finds nothing, and reports that it ran.
mkdir tools records
printf '#!/bin/sh\necho "sanitizer: $*"\n' >tools/compute-sanitizer && chmod +x tools/compute-sanitizer
says 0 "record: $work/records/gpu-" "${clean[@]}" OUT="$work/records" bash "$folder/gpu.sh" --run --quick --seconds 1590
record=$(ls records/*.md)
for part in contract operations "operations, bf16" training "1, 2, 4 ranks" "NCCL, one GPU" "bench: operations" "bench: training" "bench: larger models" {memcheck,racecheck,synccheck}", "{training,operations}; do
    has "$record" "| $part | passed |"
done
for text in "on emulated libraries" "cuda:0, emulated GPU 0" "| NCCL between GPUs | not run: there is one GPU |" "## Operations on a GPU" "### a tiny Llama, tf32" "## Training on a GPU" "| tf32 | 4 |" "| bf16 | 4 |" "## Training larger models on a GPU"; do has "$record" "$text"; done
for text in threads_synchronize_by_events updates_agree ranks_share_gpus_as_requested \
    "gpt-nano, tf32, K = 4: weights " "sanitizer: --tool racecheck --error-exitcode 9"; do has "${record%.md}.log" "$text"; done

# ---- parts that fail, do not end, or do not begin ----

cp -r "$folder" stubs
printf '#!/bin/sh\necho "element 7 is wrong"\nexit 3\n' >stubs/bin/test_device_contract
printf '#!/bin/sh\nsleep 60\n' | tee stubs/bin/test_operations >stubs/bin/test_gpu_training
rm tools/compute-sanitizer
says 1 "record: $work/stubs/gpu-" "${clean[@]}" bash stubs/gpu.sh --run --quick --seconds 4
record=$(ls stubs/*.md)
for text in "| contract | FAILED: exit status 3 |" "    element 7 is wrong" "| operations | FAILED: not over after 1 s |" \
    "| memcheck | not run: there is no compute-sanitizer here |" "| bench: training | not run: no time is left |"; do has "$record" "$text"; done

# ---- no GPU ----

says 1 "gpu.sh: there is no GPU to run on: the NVIDIA driver shows no GPU" "${clean[@]}" EMU_DEVICES=0 bash "$folder/gpu.sh" --run
says 1 "there is no GPU to run on: there is no NVIDIA driver here" "${clean[@]}" EMU_DRIVER=0 bash "$folder/gpu.sh" --run
ls "$folder"/gpu-* 2>/dev/null && complain "a record of nothing"

# ---- refusals ----

says 1 "records has other things in it: name a new folder" bash "$gpu" --pack records --from "$build" --emulated
says 1 "--arch is 'hopper': give a number, as 90 for sm_90" bash "$gpu" --pack packed --arch hopper
says 1 "this is a packed folder; pack from Sluice's sources" bash "$folder/gpu.sh" --pack packed
says 2 "parts that do not begin in time are listed as not run" bash "$gpu" --walk

# ---- the plug-in for GPUs ----

if [ -n "$has_nvcc" ]; then
    # From this build; SLUICE_LONG=1: from one of its own, which takes minutes.
    own=(--arch 90)
    [ -n "${SLUICE_LONG-}" ] || own=(--from "$build")
    says 0 "there: bash real/gpu.sh --run" bash "$gpu" --pack real "${own[@]}"
    looks_right real
    grep -q "packed .* for \(sm_[0-9]*, \)*sm_[0-9]* with CUDA " real/about || complain "it is about: $(cat real/about)"
    ls real/lib/libcu* 2>/dev/null && complain "CUDA's own libraries are packed"
    needed=$(head -1 real/needs)
    [[ $needed = libcublas*.so.* ]] || complain "the plug-in needs no cuBLAS, only: $(cat real/needs)"
    cuda=${needed##*.} other=${needed%.*}.9
    says 1 "there is no GPU to run on: " "${clean[@]}" CUDA_VISIBLE_DEVICES= bash real/gpu.sh --run
    says 1 "$needed is not here: looked in $work/tools; name its folder" \
        "${clean[@]}" SLUICE_CUDA_LIBRARIES="$work/tools" bash real/gpu.sh --run
    touch "tools/$other"
    says 1 "$needed is not here, only $work/tools/$other: pack with CUDA 9, or install CUDA $cuda's" \
        "${clean[@]}" SLUICE_CUDA_LIBRARIES="$work/tools" bash real/gpu.sh --run
fi
finish
