# run.sh -- tests, sanitizers and bench on a machine with a GPU, and the record of it; sourced by gpu.sh.
small=(--model gpt-nano --seq 16 --batch 4 -m 4 --steps 2)
found_libraries=() # by libraries.sh
rows=() troubles='' failed=0

# ---- parts ----

add_row() { # add_row NAME OUTCOME TIME
    rows+=("| $1 | $2 | $3 |")
    printf '%-22s %s %s\n' "$1" "$2" "$3"
    write_record
}

# part NAME SECONDS COMMAND...: within its share of the 530 seconds, and what is left of all; its output is
# in $work/said. If it does not end in time it has failed, unless it `may_be_cut`.
part() {
    local name=$1 limit=$(($2 * seconds / 530 + 1)) left=$((deadline - SECONDS)) begin status time
    shift 2
    : >"$work/said"
    [ "$left" -ge 2 ] || { add_row "$name" "not run: no time is left" ""; return; }
    [ "$limit" -le "$left" ] || limit=$left
    begin=$EPOCHREALTIME
    timeout -k 5 "$limit" "$@" >"$work/said" 2>&1 </dev/null
    status=$?
    time=$(awk "BEGIN { printf \"%.1f s\", ${EPOCHREALTIME/,/.} - ${begin/,/.} }")
    { printf '\n==== %s: %s\n\n' "$name" "$*"; cat "$work/said"; } >>"$log"
    case $status in
    0) add_row "$name" passed "$time"; return ;;
    124 | 137)
        [ -z "${may_be_cut-}" ] || { add_row "$name" "not run to its end: it takes more than $limit s" "$time"; return; }
        set -- "FAILED: not over after $limit s"
        ;;
    *) set -- "FAILED: exit status $status" ;;
    esac
    failed=1
    troubles+=$(printf '\n### %s\n\n%s; the end of what it says:\n\n' "$name" "$1"; tail -n 40 "$work/said" | sed 's/^/    /')$'\n'
    add_row "$name" "$1" "$time"
}

# bench NAME SECONDS PROGRAM OPTION...: what it prints becomes a chapter of the record.
bench() {
    part "bench: $1" "$2" "${@:3}" ${quick:+--quick}
    grep -q '^# ' "$work/said" && { echo; cat "$work/said"; } >>"$work/bench"
    write_record
}

# Small cases under each of compute-sanitizer's checking tools. How long they take is unknown. Calls of the CUDA API that
# fail are not reported: libraries try some that may, and the code checks its own.
sanitize() {
    local sanitizer tool may_be_cut=yes
    sanitizer=$(PATH=$PATH:${CUDA_HOME:-/usr/local/cuda}/bin:/usr/local/cuda/bin command -v compute-sanitizer)
    for tool in memcheck racecheck synccheck; do
        if [ -z "$sanitizer" ]; then
            add_row "$tool" "not run: there is no compute-sanitizer here" ""
            continue
        fi
        part "$tool, training" 30 "$sanitizer" --tool $tool --error-exitcode 9 --report-api-errors no "$folder/bin/sluice" train \
            --data "$folder/gpu" "${small[@]}" --device cuda:0 -p 2 --ranks-per-device 2 --precision bf16 --out "$work/out" --overwrite
        part "$tool, operations" 35 "$sanitizer" --tool $tool --error-exitcode 9 --report-api-errors no "$folder/bin/test_operations" cuda
    done
}

# NCCL, if the machine has it: on one GPU what is possible there, and between up to four.
try_nccl() {
    local gpus source
    gpus=$(grep -c 'cuda:[0-9]*, ' "$work/info")
    if [ ! -e "$folder/lib/libnccl.so.2" ]; then
        source=$(cuda_folders | folder_of libnccl.so.2)
        [ -n "$source" ] || { add_row NCCL "not run: there is no libnccl.so.2 here" ""; return; }
        export SLUICE_NCCL_LIBRARY=$source/libnccl.so.2
        found_libraries+=("$(realpath "$SLUICE_NCCL_LIBRARY")")
    fi
    [ ! -e "$folder/bin/test_nccl_self" ] || part "NCCL, alone" 20 "$folder/bin/test_nccl_self"
    part "NCCL, one GPU" 30 bash "$folder/gpu/nccl.sh" "$folder" 1 "$@"
    if [ "$gpus" -lt 2 ]; then
        add_row "NCCL between GPUs" "not run: there is one GPU" ""
    else
        [ "$gpus" -lt 4 ] || gpus=4
        part "NCCL between GPUs" 30 bash "$folder/gpu/nccl.sh" "$folder" "$gpus" "$@"
    fi
}

# ---- the record ----

driver() {
    nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | sort -u | paste -sd' ' | grep . ||
        sed -n 's/.*Kernel Module *\([0-9.]*\).*/\1/p' /proc/driver/nvidia/version 2>/dev/null | grep . || echo "not known"
}

write_record() {
    {
        printf '# Sluice on a GPU\n\n- %s\n- run %s%s\n' "$(cat "$folder/about")" "$date" "${quick:+, as little as runs everything once}"
        sed -n 's/^\(cuda  *\|  *\)\(cuda:[0-9]*, .*\)/- \2/p' "$work/info"
        printf -- '- driver %s; libraries: %s\n' "$(driver)" "${found_libraries[*]:-those packed}"
        printf -- '- host: %s, %s cores, %s\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)" "$(nproc)" \
            "$(. /etc/os-release 2>/dev/null && echo "$PRETTY_NAME")"
        printf '\n## Parts\n\n| part | outcome | time |\n|:--|:--|--:|\n'
        printf '%s\n' "${rows[@]}"
        [ -z "$troubles" ] || printf '\n## What failed\n%s' "$troubles"
        [ ! -e "$work/bench" ] || sed 's/^#/##/' "$work/bench"
    } >"$record"
}

# ---- all of it ----

run() {
    local model=(gpt-mini --seq 128 --batch 8 -m 4 --steps 3)
    [ -z "$quick" ] || model=(gpt-nano --seq 16 --batch 4 -m 4 --steps 2)
    deadline=$((SECONDS + seconds))
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    export SLUICE_PLUGIN_PATH=$folder/lib
    find_libraries
    "$folder/bin/sluice" info >"$work/info" 2>&1 || refuse "the command does not run here: $(tail -1 "$work/info")"
    grep -q 'cuda:0, ' "$work/info" || refuse "there is no GPU to run on: $(sed -n 's/^cuda  *no: //p' "$work/info")"
    date=$(date '+%F %H:%M')
    record=${OUT:-$folder}/gpu-$(date +%F-%H%M).md
    log=${record%.md}.log
    : >"$log" && : >"$record" || refuse "no record can be written into ${OUT:-$folder}"

    part contract 25 "$folder/bin/test_device_contract" cuda
    part operations 30 "$folder/bin/test_operations" cuda ${quick:+"updates*"}
    part "operations, bf16" 30 "$folder/bin/test_operations" cuda bf16 ${quick:+"linear*"}
    bench operations 60 "$folder/bin/gpu_operations"
    part training 60 "$folder/bin/test_gpu_training" ${quick:+"ranks*"}
    part "1, 2, 4 ranks" 50 bash "$folder/gpu/ranks.sh" "$folder" "${model[@]}"
    try_nccl "${small[@]:1}"
    bench training 120 "$folder/bin/gpu_train"
    bench "larger models" 110 "$folder/bin/gpu_train" --larger
    sanitize # last: what is not over in time has not failed
    echo "record: $record"
    return $failed
}
