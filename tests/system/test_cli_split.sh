#!/usr/bin/env bash
# test_cli_split.sh COMMAND SOURCE -- sluice split: known splits, limits that the plan enforces, layouts
# in and out, devices, pictures, and bad input.
. "$(dirname "$0")/../support/command.sh"
examples=$(realpath "$2")/examples
cd "$work" || exit 1

# chain FILE MS...: PipeDream's text of nodes in a row that take so long.
chain() {
    local file=$1 n=0
    shift
    for ms; do
        n=$((n + 1))
        echo "node$n -- Linear -- forward_compute_time=$ms.000, backward_compute_time=0.000, activation_size=4096.000, parameter_size=400.000"
    done >"$file"
    while [ $n -gt 1 ]; do
        printf '\tnode%d -- node%d\n' $((n - 1)) $n >>"$file"
        n=$((n - 1))
    done
}

# ---- known values ----

chain even.txt 1 1 30 3
run split even.txt -p 3 --json
json '(o["split"], o["value"], o["proven_best"], o["estimate"])' "([2, 1, 1], 0.03, True, False)"
chain block.txt 0 1 2 3 3 3
run split block.txt -p 4 --json
json '(round(o["value"], 9), o["proven_best"])' "(0.003, True)"
chain six.txt 1 2 3 4 5 6
run split six.txt -p 2 --json
json '(o["split"], round(o["value"], 9), round(o["bound"], 9))' "([4, 2], 0.011, 0.0105)"
json '[(b["name"], b["split"], round(b["value"], 9)) for b in o["baselines"]][0]' "('equal layers', [3, 3], 0.015)"
json 'len(o["baselines"])' 4
run split six.txt -p 2
prints "6 layers in 2 stages on 2 ranks (line), 1f1b, 8 micro-batches of 1 sample"
prints "    0     0       4       10 ms          400  node1 .. node4"
prints "the slowest rank takes 11 ms, proven best; layers that could be cut anywhere would reach 10.5 ms (4.55 % less)"
prints "best                    11 ms     +0.0 %"
prints "equal layers            15 ms    +36.4 %"
prints "no layout (Megatron-LM): layer 0 ('node1') is neither an embedding nor part of a block"

# Two branches are one layer, whose name says so; 10 and 14 ms.
branches >graph.txt
run split graph.txt -p 2
prints "node2..node4"
prints "the slowest rank takes 14 ms, proven best"

# Objectives, pins, placements.
run split six.txt -p 2 --objective parameters --json
json '(o["split"], o["value"], o["objective"])' "([3, 3], 300.0, 'parameters')"
run split six.txt -p 2 --objective memory
prints "the fullest rank holds"
run split six.txt -p 2 --pin node5=0 --json
json 'o["split"]' "[5, 1]"
run split six.txt -p 2 --pin 2=1 --json
json 'o["split"]' "[2, 4]"
run split six.txt -p 2 --placement v --json
json '(o["schedule"], o["placement"], [s["rank"] for s in o["stages"]], round(o["value"], 9))' "('zbv', 'v', [0, 1, 1, 0], 0.012)"
run split six.txt -p 2 --chunks 3
prints "6 layers in 6 stages on 2 ranks (loop), interleaved"
run split six.txt -p 2 --schedule gpipe --recompute full --json
json '(o["schedule"], round(o["value"], 9))' "('gpipe', 0.022)"
run split six.txt --split 3,3
prints "the slowest rank takes 15 ms, within 36 % of the best: no split has less than 11 ms"
prints "this one                15 ms     +0.0 %"

# ---- a model: an estimate; the plan is that of sluice train ----

tiny_gpt >tiny.json
for _ in $(seq 400); do echo "to be or not to be"; done >text.txt
tiny=(split tiny.json --seq 8 -m 4)
run "${tiny[@]}" -p 2 --layout 'Ett|ttL' --json
json '(o["estimate"], o["split"], o["layout"])' "(True, [5, 6], 'Ett|ttL')"
python3 -c "import json
for r, rank in enumerate(json.load(open('stdout.txt'))['ranks']): print('rank %d: arena (%d bytes)' % (r, rank['bytes']))" >planned.txt
for split in "--split 5,6" "--layout Ett|ttL"; do
    # shellcheck disable=SC2086 # an option and its value
    run train --data text.txt --model tiny.json --seq 8 --batch 4 -m 4 $split --explain-memory
    sed -n 's/^\(rank .: arena\) .*\(([0-9]* bytes)\).*/\1 \2/p' stdout.txt | diff planned.txt - ||
        complain "sluice split plans other bytes than sluice train $split"
done
run "${tiny[@]}" -p 2
prints "times are an estimate: what layers describe, at the rates of a device of the kind cpu"
run "${tiny[@]}" -p 2 --device cuda --precision bf16
prints "of the kind cuda"
run "${tiny[@]}" -p 5 --split 1,1,3,4,2
prints "no layout (Megatron-LM): stage 2 begins with layer 2 ('transformer.h.0.mlp'), which is not the first of a block or of the loss, and a layout cuts only there"

# Layouts go where splits go.
run split "$examples/profile.json" --microbatch-size 1 --layout 'Et|ttL' --json
json '(o["split"], o["microbatch_size"])' "([3, 5], 1)"
run simulate 1f1b -p 2 -m 4 --profile "$examples/profile.json" --microbatch-size 1 --layout 'Et|ttL'
prints "layers 3,5"

# ---- limits ----

# The best split needs more than one rank may have: the next one that fits.
run split "$examples/planning/slow.json" -p 2 --pin layer8=1 --json
json 'o["split"]' "[6, 6]"
best=$(python3 -c "import json; print(json.load(open('stdout.txt'))['ranks'][0]['bytes'])")
run split "$examples/planning/slow.json" -p 2 --memory-limit $((best - 1)) --json
json '(o["split"], o["refused"], o["proven_best"], all(r["bytes"] <= r["limit"] for r in o["ranks"]))' "([5, 7], 1, True, True)"
run split "$examples/planning/slow.json" -p 2 --memory-limit $((best - 1))
prints "1 better split would need more memory than a limit allows"
refuse 1 "no split fits: in the one that comes closest rank 1 needs 10.19 MiB, which is 6.19 MiB more than its limit of 4.00 MiB; recompute, use smaller micro-batches or more ranks, or raise the limit" split "$examples/planning/slow.json" -p 2 --memory-limit 4MiB
"$command" "${tiny[@]}" -p 2 --memory-limit 100KiB >stdout.txt 2>stderr.txt && complain "100 KiB are enough"
grep -Eq '^sluice: no split fits: in the one that comes closest rank [01] needs [0-9.]+ KiB, which is [0-9.]+ KiB more than its limit of 100\.00 KiB; (these fit: .*|nothing that was tried fits.*)$' stderr.txt ||
    complain "100 KiB: $(cat stderr.txt)"

# ---- devices ----

devices=("$examples/planning/slow.json" --devices)
run split "${devices[@]}" "$examples/planning/two-speeds.json"
prints "the slowest rank takes 8 ms, proven best; not even layers that could be cut anywhere would reach less"
prints "none              fast"
run split "${devices[@]}" "$examples/planning/small-memory.json" --json
json '([r["limit"] for r in o["ranks"]], [b["fits"] for b in o["baselines"]])' "([12582912, None], [False, False, False, False])"

# ---- pictures ----

run split "${devices[@]}" "$examples/planning/small-memory.json" --svg bars.svg
python3 -c "import xml.dom.minidom as x; x.parse('bars.svg')" || complain "the picture is not XML"
for text in "rank 1" "limit" "bound 8.256 ms" "memory of the plan" "prefers-color-scheme:dark"; do has bars.svg "$text"; done

# ---- bad input ----

refuse 2 "no model or profile is named; for example: sluice split gpt-mini --ranks 4" split
refuse 2 "'b' is a second model or profile; name one" split a b
refuse 2 "-p is missing; say how many ranks" split six.txt
refuse 2 "no model preset is called 'gpt-9'; choose one of $presets" split gpt-9 -p 2
refuse 1 "cannot read 'none/p.json': No such file or directory; give a preset's name, a config.json or a profile" split none/p.json -p 2
refuse 1 "cannot read 'none.txt': No such file or directory; give a preset's name, a config.json or a profile" split none.txt -p 2
refuse 2 "'text.txt' is no profile, and a model is a preset's name or a config.json" split text.txt -p 2
refuse 2 "7 stages are more than the 6 layers of six.txt; name at most 6" split six.txt -p 7
refuse 2 "--ranks is '0'; give a whole number from 1 to 4096" split six.txt -p 0
refuse 2 "--placement is v, and that of 1f1b with 2 stages on 2 ranks is line; leave one of them out" split six.txt -p 2 --placement v --schedule 1f1b
refuse 2 "--placement is 'ring'; choose one of: line, loop, v" split six.txt -p 2 --placement ring
refuse 2 "--objective is 'peace'; choose one of: time, memory, parameters" split six.txt -p 2 --objective peace
refuse 2 "--memory-limit is '5parsec'; give bytes, as in 2GiB, 500MiB or 1000000" split six.txt -p 2 --memory-limit 5parsec
refuse 2 "--memory-limit is 'nan'; give bytes, as in 2GiB, 500MiB or 1000000" split six.txt -p 2 --memory-limit nan
refuse 2 "--pin is 'node1'; give LAYER=STAGE, as in node1=0" split six.txt -p 2 --pin node1
refuse 2 "--pin is 'head=1', and no layer is called 'head'; layers are node1 to node6, or 0 to 5" split six.txt -p 2 --pin head=1
refuse 2 "the layer of --pin is '6'; give a whole number from 0 to 5" split six.txt -p 2 --pin 6=1
refuse 2 "the stage of --pin is '2'; give a whole number from 0 to 1" split six.txt -p 2 --pin 1=2
refuse 2 "the pins contradict each other: layer 0 is pinned to stage 1, and layer 5 to stage 0; pin layers to stages in ascending order" split six.txt -p 2 --pin 5=0 --pin 0=1
refuse 2 "split: 5 layers are listed, the model has 6; --split '2,3' must list the layers of each stage" split six.txt --split 2,3
refuse 2 "--split and --layout both say what stages have; name one of them" split six.txt --split 2,4 --layout 'E|L'
refuse 2 "--split and --layout both say what stages have; name one of them" train --data text.txt --split 2,4 --layout 'E|L'
refuse 2 "layout: part 3 is 'L', and the model has a block there ('t'); --layout is 'Ett|L'" "${tiny[@]}" --layout 'Ett|L'
refuse 2 "layout: expected E, t, m, L, |, (, ) or * at byte 1; --layout is 'Ex|L'" "${tiny[@]}" --layout 'Ex|L'
refuse 2 "--layout 'Ett|ttL' has 2 stages, and the schedule 3" "${tiny[@]}" --layout 'Ett|ttL' -p 3
refuse 2 "--layout divides a profile's layers; name one with --profile" simulate 1f1b -p 2 -m 4 --layout 'E|L'
refuse 2 "--seq is about a model, and 'six.txt' is a profile; leave it out" split six.txt -p 2 --seq 8
refuse 2 "the profile has tables for micro-batches of 1, 2, and none is chosen; choose one with --microbatch-size" split "$examples/profile.json" -p 2
refuse 2 "--svg is 'x.png'; name a file that ends in .svg" split six.txt -p 2 --svg x.png
refuse 2 "the list of devices has 2, and the schedule 3 ranks; list one device for each rank" split "${devices[@]}" "$examples/planning/two-speeds.json" -p 3
echo '{"sluice_devices": 1, "ranks": []}' >none.json
"$command" split six.txt --devices none.json >stdout.txt 2>stderr.txt && complain "a list without devices is taken"
[ "$(wc -l <stderr.txt)" = 1 ] || complain "no devices: $(cat stderr.txt)"
echo '{"sluice_devices": 1, "ranks": [{"name": "a", "profile": "six.txt"}, {"name": "b", "profile": "graph.txt"}]}' >other.json
refuse 2 "the profile of rank 1 has 2 layers, and rank 0's profile has 6" split six.txt --devices other.json
sed 's/"forward_s": 0.5e-3/"forward_s": 1e300/' "$examples/planning/slow.json" >absurd.json
refuse 2 "layer 0 on rank 0 takes 1e+300 s for F; it may take 0 to 1e+12" split absurd.json -p 2
for cost in -1 nan 1e400; do
    sed "s/forward_compute_time=3.000/forward_compute_time=$cost/" six.txt >wrong.txt
    refuse 1 "'wrong.txt', line 3: the node's times are missing, or not numbers of 0 or more" split wrong.txt -p 2
done
echo '{"sluice_profile": 1, "device": "d", "tables": [{"microbatch": 1, "layers": [{}]}]}' >empty.json
refuse 1 "'empty.json', table 0, layer 0 has no \"name\"" split empty.json -p 2

finish
