#!/usr/bin/env bash
# test_cli_train_plan.sh COMMAND SOURCE -- sluice train plans by itself; --plan on virtual devices, with a
# schedule as CSV, and where it does not fit what is here.
. "$(dirname "$0")/../support/command.sh"
examples=$(realpath "$2")/examples
cd "$work" || exit 1
for n in $(seq 400); do echo "line $n of a text that is long enough to train on"; done >text.txt

plan() { # plan FILE EXPRESSION EXPECTED: of the plan in FILE, called p.
    local got
    got=$(python3 -c "import json; p = json.load(open('$1')); print($2)" 2>&1)
    [ "$got" = "$3" ] || complain "$2 of $1 is '$got', expected '$3'"
}
# change NEW STATEMENT: plan.json with a change, as NEW.
change() { python3 -c "import json; p = json.load(open('plan.json')); $2; json.dump(p, open('$1', 'w'))"; }

# ---- it plans by itself: the bits are those of any other run, and the plan runs again ----

little=(text.txt --model gpt-nano --seq 32 --steps 2)
succeed train "${little[@]}" --out one
grep -Eq '^planned   [a-z0-9-]+ on [0-9]+ ranks?, layers [0-9,]+, a step in about [0-9.e-]+ s \(estimate\); one/plan.json, --plan runs it again$' stdout.txt ||
    complain "sluice train does not say what it has planned: $(cat stdout.txt)"
tail -n 1 stdout.txt >weights.txt
plan one/plan.json "p['model'], p['batch'], p['microbatches'], p['schedule']['name'] in ('looped-bfs', 'gpipe-lifo')" \
    "gpt-nano 16 [2, 2, 2, 2, 2, 2, 2, 2] False"
succeed train "${little[@]}" --ranks 2 --schedule 1f1b --out two --quiet
cmp -s stdout.txt weights.txt || complain "the plan trains to '$(cat weights.txt)', 1f1b on 2 ranks to '$(cat stdout.txt)'"
[ ! -e two/plan.json ] || complain "a run with --ranks writes a plan.json"
succeed train text.txt --plan one/plan.json --steps 2 --out again --quiet
cmp -s stdout.txt weights.txt || complain "the plan trains to '$(cat weights.txt)', and again to '$(cat stdout.txt)'"

# Micro-batches stay as they are given, also uneven ones.
succeed train "${little[@]}" --batch 9 -m 4 --out nine --quiet
cp stdout.txt nine.txt
plan nine/plan.json "p['batch'], p['microbatches']" "9 [3, 2, 2, 2]"
succeed train "${little[@]}" --batch 9 -m 4 --ranks 1 --out one-nine --quiet
cmp -s stdout.txt nine.txt || complain "9 samples train to '$(cat nine.txt)', on one rank to '$(cat stdout.txt)'"

# Memory: it plans for the limit, and what a plan decides switches planning off.
succeed train text.txt --memory-limit 20MiB --explain-memory
grep -q '^planned   ' stdout.txt || complain "--explain-memory does not plan"
[ "$(sed -n 's/^rank [0-9]*: arena [^(]*(\([0-9]*\) bytes.*/\1/p' stdout.txt | sort -n | tail -n 1)" -le $((20 << 20)) ] ||
    complain "the plan exceeds the limit"
fails 1 "no plan fits: in the one that comes closest" train text.txt --memory-limit 4MiB --out none
[ ! -e none ] || complain "where no plan fits, a folder is left behind"
succeed train text.txt --recompute full --explain-memory
grep -q '^planned' stdout.txt && complain "sluice train plans in spite of --recompute"

# ---- a plan on virtual devices: as long as it predicts; a loose bound, for busy machines ----

virtual() { # virtual FILE SCALE: runs the plan.
    succeed train --device virtual --plan "$1" --scale "$2" --json
    python3 -c "
import json
o = json.load(open('stdout.txt'))
planned = $2 * json.load(open('$1'))['predicted']['step_s']
assert abs(o['planned_s'] / planned - 1) < 1e-6 and abs(o['simulated_s'] / planned - 1) < 1e-6, 'planned'
assert 0.99 * planned < o['step_s'] < 3 * planned, 'took'" 2>assert.txt ||
        complain "$1 on virtual devices: $(tail -n 1 assert.txt), $(cat stdout.txt)"
}
succeed plan gpt2-124m --devices 4 --batch 8 --seq 64 -o plan.json
virtual plan.json 0.1
succeed plan gpt2-124m --devices 8 --device cuda --precision bf16 --batch 16 -m 4 --seq 64 -o cuda.json
virtual cuda.json 20
succeed plan "$examples/profile.json" --devices 2 --batch 4 -o profile.json
virtual profile.json 10
succeed plan "$examples/planning/slow.json" --devices "$examples/planning/slow-link.json" --batch 4 -o link.json
virtual link.json 2
succeed train --device virtual --plan link.json --scale 3 --quiet
grep -Eq '^step 1/1  [0-9.]+ s, simulated [0-9.]+ s \([-+][0-9.]+ %\), planned [0-9.]+ s$' stdout.txt ||
    complain "a virtual run does not say what was planned: $(cat stdout.txt)"
fails 2 "--link is what --plan decides" train --device virtual --plan link.json --link 1
fails 2 "--batch is what --plan decides" train --device virtual --plan link.json --batch 2

# ---- a schedule as CSV ----

succeed plan gpt-nano --devices 2 --batch 8 -m 4 --seq 32 -o plan.json
ranks=$(python3 -c "import json; print(len(json.load(open('plan.json'))['ranks']))")
read -r name chunks <<<"$(python3 -c "import json; s = json.load(open('plan.json'))['schedule']; print(s['name'], s['chunks'])")"
"$command" schedule "$name" -p "$ranks" -v "$chunks" -m 4 --csv >mine.csv
change csv.json "p['schedule'] = {'csv': open('mine.csv').read()}"
succeed train text.txt --plan plan.json --steps 2 --out named --quiet
cp stdout.txt named.txt
succeed train text.txt --plan csv.json --steps 2 --out lists --quiet
cmp -s stdout.txt named.txt || complain "as CSV the plan trains to '$(cat stdout.txt)', by name to '$(cat named.txt)'"
virtual csv.json 10
"$command" schedule 1f1b -p 2 -m 5 --csv >five.csv
change five.json "p['schedule'] = {'csv': open('five.csv').read()}"
fails 2 "'five.json' has 4 micro-batches, and its schedule 5" train text.txt --plan five.json
change wrong.json "p['schedule'] = {'csv': '0F0,0F0'}"
fails 1 "wrong.json: " train text.txt --plan wrong.json

# ---- what does not fit ----

change mixed.json "p['ranks'][1]['device'] = 'cuda'"
fails 2 "rank 0 of 'mixed.json' is for cpu and rank 1 for cuda, and a run has devices of one kind" \
    train text.txt --plan mixed.json
change named.json "p['ranks'][1]['device'] = 'new'"
fails 2 "rank 1 of 'named.json' is for 'new', which is no kind of device; say where to run it" \
    train text.txt --plan named.json
succeed train text.txt --plan named.json --device cpu --steps 1 --out cpu --quiet
change other.json "p['parameters'] += 1"
fails 1 "it has changed since; plan again" train text.txt --plan other.json
fails 1 "it has changed since; plan again" train --device virtual --plan other.json
change short.json "p['ranks'][1]['stages'].pop()"
fails 1 "short.json" train text.txt --plan short.json
change bare.json "[s.pop(k) for r in p['ranks'] for s in r['stages'] for k in ('forward_s', 'input_s', 'weight_s', 'recompute_s')]"
fails 1 "'bare.json' does not say how long its stages take" train --device virtual --plan bare.json
change edited.json "p['predicted']['step_s'] *= 2"
succeed train --device virtual --plan edited.json --scale 10 --quiet
has stderr.txt "and its costs add up to"
fails 1 "is of a profile that names no model; train a plan of a model, or run it on --device virtual" \
    train text.txt --plan profile.json
echo '{' >broken.json
fails 1 "'broken.json'" train text.txt --plan broken.json
finish
