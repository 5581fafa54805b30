#!/usr/bin/env bash
# test_cli_plan.sh COMMAND SOURCE -- sluice plan: the best plan as a table, an object and a file; several
# lists of devices; what is missing where nothing fits; what would help; the picture; bad input.
. "$(dirname "$0")/../support/command.sh"
examples=$(realpath "$2")/examples
cd "$work" || exit 1

# ---- the same input, the same plan, as it is kept ----

run plan gpt-mini --devices 2x40MiB --effort 120 --batch 8 -m 4 -o plan.json --json
cp stdout.txt first.txt
json "o['answers'][0]['proven_best'], o['answers'][0]['estimate'], len(o['answers'][0]['plans']) > 1" "True True True"
json "o['answers'][0]['plans'][0] == json.load(open('plan.json'))" True
json "[p['predicted']['step_s'] for p in o['answers'][0]['plans']] == sorted(p['predicted']['step_s'] for p in o['answers'][0]['plans'])" True
json "max(o['answers'][0]['plans'][0]['predicted']['bytes']) <= 40 << 20, o['answers'][0]['plans'][0]['microbatches']" "True [2, 2, 2, 2]"
run plan gpt-mini --devices 2x40MiB --effort 120 --batch 8 -m 4 --json
cmp -s stdout.txt first.txt || complain "the same input gives another plan"

# ---- the table, and a comparison ----

run plan gpt-mini --devices 2x40MiB --devices 1x80MiB --effort 120 --batch 4
has stdout.txt "gpt-mini on 2x40MiB, batch 4 (estimate"
has stdout.txt "the fastest is 2x40MiB with a step in"
has stdout.txt "no other is faster"
run plan "$examples/profile.json" --devices 2 --batch 4
has stdout.txt "profile.json on 2, batch 4"
run plan "$examples/planning/slow.json" --devices "$examples/planning/two-speeds.json" --batch 4 --json
json "[r['device'] for r in o['answers'][0]['plans'][0]['ranks']]" "['slow', 'fast']"
run plan gpt-mini --devices 2 --batch 8 --effort 1 --json
json "o['answers'][0]['simulations'], o['answers'][0]['bound_s'] > 0" "1 True"

# ---- memory ----

# Only recomputation fits.
run plan gpt-mini --devices 2x13MiB --effort 120 --batch 8 -m 8 --json
json "any(s['recompute'] for r in o['answers'][0]['plans'][0]['ranks'] for s in r['stages'])" True
fails 1 "no plan fits: in the one that comes closest (1f1b on 1 rank, 1 micro-batch, recomputing all stages) rank 0 needs" \
    plan gpt-mini --devices 1x8MiB --batch 2 -m 1
fails 1 "these fit: more ranks (" plan gpt-mini --devices 1x8MiB --batch 2 -m 1
# What is said to fit does.
limit=$("$command" plan gpt-mini --devices 1x8MiB --batch 2 -m 1 2>&1 | sed -n 's/.*or \([0-9.]*\) MiB of memory.*/\1/p')
limit=$(python3 -c "print(int(($limit + 0.01) * 1048576))")
run plan gpt-mini --devices "1x$limit" --effort 120 --batch 2 -m 1

# ---- what would help ----

# kinds: of the changes that were printed last.
kinds() { python3 -c "import json; print(*[c['kind'] for c in json.load(open('stdout.txt'))['answers'][0]['advice']])"; }
# is_true EXPRESSION: of the object printed last, called o, its best plan, and its changes by kind, c.
is_true() {
    python3 - "$1" <<'EOF' || complain "'$1' is not true of the advice '$(kinds)'"
import json, sys
o = json.load(open('stdout.txt'))['answers'][0]
best, c = o['plans'][0], {c['kind']: c for c in o['advice']}
step = lambda plan: plan['predicted']['step_s']
layers = lambda plan, rank: sum(s['last_layer'] - s['first_layer'] + 1 for s in plan['ranks'][rank]['stages'])
near = lambda a, b: abs(a - b) < 1e-7 * abs(b)  # files have 9 digits
sys.exit(not eval(sys.argv[1]))
EOF
}

# A limit that forbids the best split: what the search finds without it, and layers for the rank that idles.
slow="$examples/planning/slow.json"
printf '{"sluice_devices": 1, "ranks": [{"name": "a", "memory_bytes": 25165824}, {"name": "b", "memory_bytes": 3145728}]}' >small.json
run plan "$slow" --devices 2 --batch 8 -m 8 --json
free=$(python3 -c "import json; print(json.load(open('stdout.txt'))['answers'][0]['plans'][0]['predicted']['step_s'])")
[ "$(kinds)" = "" ] || complain "there is nothing to gain, and the advice is: $(kinds)"
run plan "$slow" --devices small.json --batch 8 -m 8 --json
[ "$(kinds)" = "limits layers" ] || complain "small.json: the advice is '$(kinds)'"
is_true "near(step(c['limits']['plan']), $free) and near(c['limits']['gain'], 1 - $free / step(best))"
is_true "c['limits']['short']['rank'] == 1 and c['limits']['short']['bytes'] > c['limits']['short']['limit'] == 3 << 20"
is_true "c['layers']['short']['bytes'] == c['layers']['plan']['predicted']['bytes'][1]"
is_true "layers(c['layers']['plan'], 1) == layers(best, 1) + c['layers']['layers']"
is_true "near(c['layers']['gain'], 1 - step(c['layers']['plan']) / step(best)) and c['layers']['gain'] >= 0.01"
is_true "o['advice_simulations'] <= 98"
run plan "$slow" --devices small.json --batch 8 -m 8
has stdout.txt "less: rank 1 would need"
has stdout.txt "layers more there would save"

# A larger batch fits, and a plan for it is at least as good.
run plan gpt-mini --devices 2x20MiB --effort 120 --batch 8 --json
[ "$(kinds)" = "batch" ] || complain "2x20MiB: the advice is '$(kinds)'"
is_true "max(c['batch']['plan']['predicted']['bytes']) <= 20 << 20 and c['batch']['short'] is None"
is_true "near(1 + c['batch']['gain'], c['batch']['plan']['batch'] / step(c['batch']['plan']) / (best['batch'] / step(best)))"
read -r batch micro step <<<"$(python3 -c "
import json
p = [c for c in json.load(open('stdout.txt'))['answers'][0]['advice'] if c['kind'] == 'batch'][0]['plan']
print(p['batch'], len(p['microbatches']), p['predicted']['step_s'])")"
run plan gpt-mini --devices 2x20MiB --effort 120 --batch "$batch" -m "$micro" --json
is_true "step(best) <= $step * (1 + 1e-7)"

# One layer is most of the work: more than two ranks are of little use.
python3 - <<'EOF' >peak.json
import json
layer = lambda n, s, w: dict(name=n, kind='linear', forward_s=s, input_s=s, weight_s=w, recompute_s=s, parameter_bytes=64, saved_bytes=64,
                          input_to_weight_bytes=0, scratch_bytes=0, output_bytes=64, parameters=16)
print(json.dumps(dict(sluice_profile=1, device='made up', tables=[dict(microbatch=1, layers=[
    layer('a', 0.3, 0.3), layer('b', 0.3, 0.3), layer('c', 0.3, 0.3), layer('peak', 3, 0.01)])], update_s_per_parameter=0)))
EOF
run plan peak.json --devices 2 --batch 16 -m 16 --json
two=$(python3 -c "import json; print(json.load(open('stdout.txt'))['answers'][0]['plans'][0]['predicted']['step_s'])")
run plan peak.json --devices 4 --batch 16 --json
[ "$(kinds)" = "ranks" ] || complain "peak.json: the advice is '$(kinds)'"
is_true "near(step(c['ranks']['plan']), $two) and len(best['ranks']) == 4 and len(c['ranks']['plan']['ranks']) == 2"
is_true "near(c['ranks']['gain'], 1 - step(best) / $two)"
run plan peak.json --devices 4 --batch 16
has stdout.txt "ranks 2 and 3 buy only"

# ---- the picture ----

run plan gpt-mini --devices 2x40MiB --devices 1x80MiB --effort 120 --batch 4 --svg plan.svg
python3 -c "import xml.dom.minidom as x; x.parse('plan.svg')" || complain "the picture is not XML"
for text in "gpt-mini, batch 4: the best plans" "2x40MiB: " "1x80MiB: memory of the plan" "rank 1" "idle " "step " "limit" \
    "prefers-color-scheme:dark"; do has plan.svg "$text"; done
run plan "$slow" --devices small.json --batch 8 -m 8 --svg plan.svg
has plan.svg "rank 1, b"
fails 2 "--svg is 'x.png'; name a file that ends in .svg" plan gpt-mini --devices 2 --batch 4 --svg x.png
fails 1 "'nowhere/x.svg' cannot be written" plan gpt-mini --devices 2 --batch 4 --svg nowhere/x.svg

# ---- sluice train runs it as it is ----

for n in $(seq 400); do echo "line $n of a text that is long enough to train on"; done >text.txt
run plan gpt-mini --devices 2x14MiB --effort 120 --batch 8 -m 8 --seq 64 -o plan.json
planned=$(python3 -c "import json; print(*json.load(open('plan.json'))['predicted']['bytes'])")
run train text.txt --plan plan.json --explain-memory
got=$(sed -n 's/^rank [0-9]*: arena [^(]*(\([0-9]*\) bytes.*/\1/p' stdout.txt | paste -sd' ')
[ "$got" = "$planned" ] || complain "the plan has '$planned' bytes, and training '$got'"
run train text.txt --plan plan.json --steps 3 --quiet --out planned
cp stdout.txt planned.txt
run train text.txt --batch 8 --seq 64 --microbatches 8 --ranks 1 --steps 3 --quiet --out plain
cmp -s stdout.txt planned.txt || complain "the plan trains to '$(cat planned.txt)', one rank to '$(cat stdout.txt)'"
fails 2 "--batch is what --plan decides; leave one of them out" train text.txt --plan plan.json --batch 8
fails 2 "--split is what --plan decides" train text.txt --plan plan.json --split 7,8
fails 1 "nowhere.json" train text.txt --plan nowhere.json
sed 's/"vocabulary": 256/"vocabulary": 300/' plan.json >other.json
fails 1 "'other.json' is for a vocabulary of 300, and the data's is 256" train text.txt --plan other.json
sed 's/"name": "[a-z0-9-]*", "chunks": 2/"name": "gpipe", "chunks": 1/' plan.json >other.json
fails 2 "the plan has 4 stages on 2 ranks, and its schedule 2 on 2" train text.txt --plan other.json
run plan "$examples/profile.json" --devices 2 --batch 4 -o other.json
fails 1 "is of a profile that names no model" train text.txt --plan other.json

# ---- bad input ----

fails 2 "no model or profile is named; for example: sluice plan gpt-mini --devices 4x24GiB --batch 16" plan
fails 2 "there is no --batch" plan gpt-mini --devices 2
fails 2 "there are no --devices; say how many and with how much memory" plan gpt-mini --batch 2
fails 2 "the number of --devices is '0'" plan gpt-mini --devices 0x1GiB --batch 2
fails 2 "the memory of --devices is '1furlong'" plan gpt-mini --devices 2x1furlong --batch 2
fails 1 "nowhere.json" plan gpt-mini --devices nowhere.json --batch 2
fails 2 "a batch of 8 does not divide into 3 micro-batches" plan gpt-mini --devices 2 --batch 8 -m 3
fails 2 "the profile has no table for a size of micro-batches that divides a batch of 8" \
    plan "$examples/profile.json" --devices 2 --batch 8 -m 1
fails 2 "--seq is about a model" plan "$examples/profile.json" --devices 2 --batch 8 --seq 4
finish
