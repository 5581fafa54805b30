#!/usr/bin/env bash
# test_cli_saves.sh COMMAND -- which saves of a run stay in --out, which are replaced, and what is never touched: files
# of others, and what is found of a save that was being replaced.
. "$(dirname "$0")/../support/command.sh"
cd "$work" || exit 1
seq 1 600 >text.txt
little=(text.txt --model gpt-nano --seq 16 --batch 4 -m 2 --threads 1 --ranks 1 --quiet)

train() { succeed train "${little[@]}" "$@"; }
saves() { # saves DIR STEPS: these are the saves of DIR.
    local there
    there=$(ls -A "$1/saves" | sed 's/^step-0*//' | paste -sd' ')
    [ "$there" = "$2" ] || complain "$1 has the saves '$there', expected '$2'"
}

# ---- files of others ----

mkdir -p mine/saves kept
echo weights >mine/model-pretrained.safetensors
echo words >mine/modelcard.safetensors.md
echo notes >kept/notes
ln -s ../../kept mine/saves/step-00000001
train --steps 4 --save-every 1 --keep 1 --out mine --overwrite
saves mine "4"
[ "$(cat mine/model-pretrained.safetensors mine/modelcard.safetensors.md kept/notes | paste -sd' ')" = "weights words notes" ] ||
    complain "files of others are not there any more: $(ls mine kept)"

# ---- another way from an earlier save ----

train --steps 8 --save-every 2 --keep 5 --out branch
cp -r branch other
train --resume branch/saves/step-00000002 --lr 0.01 --allow-changes --steps 4 --save-every 1 --keep 5
saves branch "2 3 4"
cp stdout.txt weights.txt
train --resume branch
cmp -s stdout.txt weights.txt || complain "after another way, --resume ends with '$(cat stdout.txt)', expected '$(cat weights.txt)'"

# ---- weights in half the size ----

train --model llama-nano --steps 6 --out whole
cp stdout.txt weights.txt
train --model llama-nano --steps 6 --save-every 3 --save-type bf16 --out half
cmp -s stdout.txt weights.txt || complain "saved as bf16, it ends with '$(cat stdout.txt)', expected '$(cat weights.txt)'"
has half/config.json '"torch_dtype": "bfloat16"'
has whole/config.json '"torch_dtype": "float32"'
[ $((2 * $(stat -c %s half/model.safetensors))) -lt $(($(stat -c %s whole/model.safetensors) + 10000)) ] ||
    complain "bf16 is not half the size: $(ls -l half whole)"
succeed train text.txt --resume half/saves/step-00000003 --quiet --out on
cmp -s stdout.txt weights.txt || complain "resumed from bf16, it ends with '$(cat stdout.txt)', expected '$(cat weights.txt)'"
[ "$(grep -c F32 on/model.safetensors)" = 1 ] || complain "without --save-type the weights are not F32"
refuse 2 "--save-type is 'f16'; choose one of: f32, bf16" train text.txt --save-type f16

# ---- a folder as a model ----

train --model half --init half --steps 1 --out again # another run that starts from these weights
cp stdout.txt weights.txt
train --model half/config.json --init half/model.safetensors --steps 1 --out again --overwrite
cmp -s stdout.txt weights.txt || complain "a folder starts as '$(cat stdout.txt)', its files as '$(cat weights.txt)'"
succeed split half --ranks 2
has stdout.txt "half: 11 layers in 2 stages"
mkdir empty
refuse 1 "cannot read 'empty/config.json': No such file or directory; --model takes a preset's name, a config.json or a folder with one" \
    train text.txt --model empty

# ---- the folder of another run ----

refuse 1 "--out 'other' has the model.safetensors of another run; name another folder, or replace it with --overwrite" \
    train "${little[@]}" --resume branch --out other
train --resume branch/saves/step-00000002 --out other --overwrite --save-every 1 --keep 9
saves other "3 4 5 6 7 8"
[ "$(wc -l <other/log.jsonl)" = 6 ] || complain "the log of a replaced run is continued: $(cut -c1-30 other/log.jsonl)"

# ---- between two names ----

train --steps 4 --save-every 2 --out halves
cp stdout.txt weights.txt
rm halves/state.json
rm -r halves/saves/step-00000004
mv halves/saves/step-00000002 halves/saves/.step-00000002.old # as a kill leaves it where names cannot be swapped
train --resume halves --save-every 2
cmp -s stdout.txt weights.txt || complain "from a save between two names, it ends with '$(cat stdout.txt)', expected '$(cat weights.txt)'"
saves halves "4"

# ---- a damaged description ----

train --steps 4 --save-every 1 --keep 3 --out damaged
cp stdout.txt weights.txt
rm damaged/state.json
sed -i 's/"n_head": 4/"n_head": 8/' damaged/saves/step-00000004/config.json
"$command" train text.txt --ranks 1 --quiet --resume damaged >stdout.txt 2>stderr.txt || # the model is that of a whole save
    complain "with a damaged config.json --resume exits with $?: $(cat stderr.txt)"
cmp -s stdout.txt weights.txt || complain "with a damaged config.json it ends with '$(cat stdout.txt)', expected '$(cat weights.txt)'"
has stderr.txt "sluice: the save 'damaged/saves/step-00000004' is not used: 'damaged/saves/step-00000004/config.json' is damaged"
finish
