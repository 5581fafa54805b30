#!/usr/bin/env bash
# ranks.sh FOLDER MODEL OPTION... -- the command trains on one card with 1, 2 and 4 ranks and as many
# micro-batches: the same weights, in fp32, TF32 and bf16, which differ from each other.
set -u
folder=$1 model=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0 seen=()
for precision in fp32 tf32 bf16; do
    for ranks in 1 2 4; do
        "$folder/bin/sluice" train --data "$folder"/gpu --model "$model" --device cuda:0 --precision $precision \
            -p $ranks --ranks-per-device $ranks --out "$work/out" --overwrite "$@" >"$work/said" 2>&1 ||
            { cat "$work/said"; exit 1; }
        got=$(tail -1 "$work/said")
        echo "$model, $precision, K = $ranks: $got"
        [ $ranks -eq 1 ] && one=$got
        [ "$got" = "$one" ] || { echo "$ranks ranks: other bits than one"; failed=1; }
    done
    for other in "${seen[@]}"; do
        [ "$one" != "$other" ] || { echo "$precision has the bits of another precision"; failed=1; }
    done
    seen+=("$one")
done
exit $failed
