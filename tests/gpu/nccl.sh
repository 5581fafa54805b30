#!/usr/bin/env bash
# nccl.sh FOLDER GPUS MODEL OPTION... -- the command trains on so many GPUs, a rank on each, through NCCL and
# without: the same weights. The deadline covers the first load of all libraries. On one GPU that covers joining, gathering and leaving.
set -u
folder=$1 gpus=$2 model=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
for schedule in gpipe 1f1b zbv; do
    for transport in local host nccl; do
        "$folder/bin/sluice" train --data "$folder"/gpu --model "$model" --device cuda --schedule $schedule -p "$gpus" \
            --transport $transport --timeout 60 --out "$work/out" --overwrite "$@" >"$work/said" 2>&1 ||
            { cat "$work/said"; exit 1; }
        got=$(tail -1 "$work/said")
        echo "$model, $schedule, $gpus GPUs, $transport: $got"
        [ $transport = local ] && local=$got
        [ "$got" = "$local" ] || { echo "$transport: other bits than copies"; failed=1; }
    done
done
exit $failed
