#!/usr/bin/env bash
# test_cli_resume.sh COMMAND -- sluice train --save-every and --resume: the bits, the log and the held-out losses of
# a run that was never stopped; what is refused; damaged saves.
. "$(dirname "$0")/../support/command.sh"
cd "$work" || exit 1
seq 1 600 >text.txt
seq 2 601 >other.txt
tiny_gpt >tiny.json
little=(--model tiny.json --seq 16 --batch 5 -m 3 --threads 1 --steps 12 --eval-every 3 --dropout 0.1)

train() { succeed train "${little[@]}" "$@"; }
# same DIR WHAT: the last line that was printed, and DIR's log but for times, are those of the whole run.
same() {
    cmp -s <(tail -n 1 stdout.txt) weights.txt || complain "$2 ends with '$(tail -n 1 stdout.txt)', expected '$(cat weights.txt)'"
    cmp -s <(numbers "$1") numbers.txt || complain "the log after $2 differs: $(diff <(numbers "$1") numbers.txt | head -4)"
}
numbers() { # what is in DIR's log, without what depends on the machine.
    python3 -c "
import json
for line in open('$1/log.jsonl'):
    o = json.loads(line)
    print([o.get(k) for k in ('step', 'loss', 'lr', 'norm', 'held_out_loss_before', 'held_out_loss', 'weights')])"
}
# back DIR STEP: as after a kill: a copy of stopped/, with the saves up to STEP, as DIR.
back() {
    rm -rf "$1"
    cp -r stopped "$1"
    rm -f "$1"/{state.json,*.safetensors}
    for save in "$1"/saves/step-*; do
        [ "$((10#${save##*-}))" -le "$2" ] || rm -r "$save"
    done
}
refuses() { # refuses TEXT OPTION...: to resume from stopped/ with the options exits with 2 and says so.
    local text=$1
    shift
    fails 2 "sluice: $text" train text.txt "${little[@]}" --resume stopped --quiet "$@"
}

train text.txt --ranks 2 --quiet --out whole
cp stdout.txt weights.txt
numbers whole >numbers.txt
[ ! -e whole/saves ] || complain "without --save-every there are saves: $(ls whole/saves)"
train text.txt --ranks 2 --quiet --save-every 2 --keep 9 --out stopped
same stopped "a run with saves"
[ "$(ls stopped/saves | wc -l)" = 6 ] || complain "of 6 saves there are: $(ls stopped/saves)"

# ---- written in the background ----

train text.txt --ranks 2 --quiet --save-every 2 --keep 9 --save-async --out background
same background "a run with saves in the background"
diff -r stopped/saves background/saves || complain "saves in the background are others than those between them"
fails 2 "add --save-every or --save-minutes" train "${little[@]}" text.txt --save-async --out background --overwrite
train text.txt --ranks 2 --save-every 2 --save-async --explain-memory --out none
has stdout.txt "of host memory more, for the copy that --save-async writes"

# ---- the same bits with other ranks and schedules, from every save ----

back resumed 4
train text.txt --schedule zbv --ranks 2 --quiet --save-every 2 --resume resumed
same resumed "zbv from step 4"
[ "$(ls resumed/saves | tr '\n' ' ')" = "step-00000010 step-00000012 " ] || complain "the newest saves are $(ls resumed/saves)"
back resumed 8
echo '{"step":9,"lo' >>resumed/log.jsonl # the last line of a run that was killed
train text.txt --ranks 3 --resume resumed
has stdout.txt "resumed   from resumed/saves/step-00000008, after step 8 of 12"
same resumed "3 ranks from step 8"
train text.txt --resume resumed --quiet # at its end: nothing to do
same resumed "a run that was done"
back resumed 10
train text.txt --quiet --resume resumed/saves/step-00000002/ # it plans by itself
same resumed "a run from a named save"
back resumed 10 # a run that goes on has replaced the later ones
train text.txt --ranks 4 --quiet --shard-size 20000 --resume resumed/saves/step-00000006 --out elsewhere
cmp -s stdout.txt weights.txt || complain "with --out elsewhere it ends with '$(cat stdout.txt)'"
[ -e elsewhere/model.safetensors.index.json ] || complain "--shard-size writes no index: $(ls elsewhere)"
train text.txt --ranks 1 --quiet --resume elsewhere
[ ! -e elsewhere/model.safetensors.index.json ] || complain "an index stays next to one file"

# ---- options that are left out are those of the save ----

back resumed 6
succeed train text.txt --threads 1 --eval-every 3 --quiet --resume resumed
same resumed "a run that is resumed by --resume alone"
sgd=(text.txt --model tiny.json --seq 16 --threads 1 --ranks 2 --steps 4 --lr 0.05 --optimizer sgd --momentum 0.5 --decay none --dropout 0.12345678 --quiet)
"$command" train "${sgd[@]}" --save-every 2 --out plain >weights_of_sgd.txt 2>stderr.txt || complain "sgd with saves exits with $?"
rm -r plain/saves/step-00000004 plain/state.json
succeed train text.txt --ranks 1 --quiet --resume plain
cmp -s stdout.txt weights_of_sgd.txt || complain "sgd ends with '$(cat stdout.txt)', expected '$(cat weights_of_sgd.txt)'"
refuse 2 "there is no --data; name the files and folders that the run was started with" train --resume plain
succeed train text.txt --ranks 1 --quiet --steps 5 --resume plain

# ---- the plan that a run has made ----

resume_with() { # resume_with KEY VALUE: go on with this in planned/plan.json, and with a step of 77 s.
    python3 - "$1" "$2" <<'EOF'
import json, sys
plan = json.load(open("planned/plan.json"))
plan["predicted"]["step_s"] = 77
assert sys.argv[1] in plan, plan.keys()
plan[sys.argv[1]] = json.loads(sys.argv[2])
json.dump(plan, open("planned/plan.json", "w"))
EOF
    train text.txt --resume planned
}
train text.txt --quiet --out planned
resume_with optimizer '"adamw"'
has stdout.txt "a step in about 77 s (estimate)"
resume_with optimizer '"sgd"'
grep "about 77 s" stdout.txt && complain "a plan for sgd is used for adamw"
echo '{' >planned/plan.json
train text.txt --resume planned # it plans again
grep "^planned " stdout.txt >plans.txt || complain "with a damaged plan.json nothing is planned"

# ---- what would change the result ----

refuses "batch was '5' in 'stopped" --batch 6
refuses "microbatches was '3' in 'stopped" -m 4
refuses "seed was '1' in 'stopped" --seed 2
refuses "lr was '0.001' in 'stopped' and is '0.002' now, which would change the result; give it as before, or add --allow-changes" \
    --lr 0.002
refuses "steps was '12' in 'stopped" --steps 13
refuses "model was 'gpt2, 4 blocks" --model gpt-mini
refuses "optimizer was 'adamw' in 'stopped" --optimizer sgd --lr 0.001
refuses "beta1 was '0.9' in 'stopped" --betas 0.8,0.95
refuses "dropout was '0.1' in 'stopped" --dropout 0.2
refuses "batch was '5' in 'stopped' and is '6' now (also changed: seed, clip), which would change the result; give them as before, or add --allow-changes" \
    --batch 6 --seed 3 --clip 2
fails 2 "data was '" train other.txt "${little[@]}" --resume stopped
back resumed 4
train text.txt --lr 0.002 --allow-changes --quiet --resume resumed
cmp -s stdout.txt weights.txt && complain "--allow-changes changes nothing"

# Parameters of the same shapes, and other arithmetic.
llama() { # llama BASE EPSILON
    echo '{"model_type": "llama", "vocab_size": 256, "max_position_embeddings": 32, "hidden_size": 16, "intermediate_size": 24,'
    echo '"num_hidden_layers": 2, "num_attention_heads": 2, "rope_theta": '"$1"', "rms_norm_eps": '"$2}"
}
llama 10000 1e-6 >llama.json
llama 5000 1e-6 >base.json
llama 10000 1e-5 >epsilon.json
succeed train text.txt --model llama.json "${little[@]:2}" --quiet --out llama
for other in base epsilon; do
    fails 2 "sluice: model was 'llama, 2 blocks, width 16, 2 heads (2 of keys and values), vocabulary 256, 32 positions, untied, norms with 1e-06, rotary base 10000' in 'llama' and is" \
        train text.txt --model $other.json "${little[@]:2}" --quiet --resume llama
done

# ---- damaged saves, and none ----

back resumed 8
printf x | dd of=resumed/saves/step-00000008/optimizer.safetensors bs=1 seek=9000 conv=notrunc 2>dd.txt
rm resumed/saves/step-00000006/state.json
train text.txt --ranks 2 --quiet --resume resumed
has stderr.txt "sluice: the save 'resumed/saves/step-00000008' is not used: 'resumed/saves/step-00000008/optimizer.safetensors' is damaged: its checksum is"
has stderr.txt "sluice: the save 'resumed/saves/step-00000006' is not used: cannot read 'resumed/saves/step-00000006/state.json': No such file"
same resumed "a run from before damaged saves"
back resumed 8
rm resumed/saves/step-00000008/model.safetensors
mkfifo resumed/saves/step-00000008/model.safetensors # nothing waits for a writer
train text.txt --quiet --resume resumed
has stderr.txt "sluice: the save 'resumed/saves/step-00000008' is not used: 'resumed/saves/step-00000008/model.safetensors' is a FIFO, not a file"
same resumed "a run from before a FIFO"
refuse 2 "there is no save in 'none'; --resume takes the --out of an earlier run, or one of its saves; without --resume the run starts anew" \
    train text.txt --resume none
[ ! -e none ] || complain "--resume of a folder that is not there makes it"
finish
