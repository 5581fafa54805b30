#!/usr/bin/env bash
# test_cli_tokenizer.sh COMMAND -- the tokenizer in the saves of `sluice train`: of the weights that it starts from, of
# the bytes of text, or none.
. "$(dirname "$0")/../support/command.sh"
cd "$work" || exit 1
seq 1 600 >text.txt
python3 - <<'PYTHON'
import struct
tokens = [(k * k + 3 * k) % 97 for k in range(2000)]
open("ids.bin", "wb").write(struct.pack("<256i", 20240520, 1, 2000, *[0] * 253) + struct.pack("<2000H", *tokens))
PYTHON
tiny_gpt 2 >tiny.json
little=(--model tiny.json --seq 16 --batch 4 -m 2 --threads 1 --ranks 2)
files() { # files DIR: of a tokenizer.
    (cd "$1" && echo *token* merges.txt* vocab.json* generation_config.json* | tr ' ' '\n' | grep -v '\*$' | paste -sd' ')
}
listed() { # listed DIR: what its state.json says of them.
    python3 -c "import json; print(' '.join(sorted(json.load(open('$1/state.json'))['tokenizer'])))"
}
# holds DIR FILES: it has exactly these files of a tokenizer, and says so.
holds() {
    [ "$(files "$1")" = "$2" ] || complain "$1 has the tokenizer '$(files "$1")', expected '$2'"
    [ "$(listed "$1")" = "$2" ] || complain "$1 says that it has the tokenizer '$(listed "$1")', expected '$2'"
}
own="tokenizer.json tokenizer_config.json"

# ---- bytes ----

run train text.txt "${little[@]}" --steps 3 --save-every 1 --keep 9 --out bytes
prints "saved in bytes: weights, config, tokenizer, optimizer state, state of the run, log"
for folder in bytes bytes/saves/step-0000000{1,2,3}; do
    holds "$folder" "$own"
    cmp -s bytes/tokenizer.json "$folder/tokenizer.json" || complain "$folder has another tokenizer"
done
python3 - <<'PYTHON' || complain "the tokenizer of bytes is another"
import json
made = json.load(open("bytes/tokenizer.json"))
assert sorted(made["model"]["vocab"].values()) == list(range(256)), "ids"
assert made["model"]["merges"] == [], "merges"
assert json.load(open("bytes/tokenizer_config.json"))["model_max_length"] == 32, "length"
PYTHON
sed 's/256/200/' tiny.json >few.json
run train text.txt --model few.json "${little[@]:2}" --steps 1 --optimizer sgd --momentum 0 --out few
prints "saved in few: weights, config, no tokenizer, state of the run, log"
holds few ""

# ---- a folder of weights ----

cp -r bytes weights
rm -r weights/saves weights/{state.json,log.jsonl,tokenizer.json,tokenizer_config.json}
head -c 300000 /dev/urandom >weights/tokenizer.json
printf 'a\0b' >weights/tokenizer.model
: >weights/merges.txt
echo '{}' >blob
ln -s ../blob weights/vocab.json
echo '{"x": 1}' >weights/generation_config.json
theirs="generation_config.json merges.txt tokenizer.json tokenizer.model vocab.json"
run train ids.bin "${little[@]}" --steps 4 --save-every 1 --init weights --out copied --quiet
for folder in copied copied/saves/step-0000000{3,4}; do
    [ "$(listed "$folder")" = "$theirs" ] || complain "$folder says that it has '$(listed "$folder")'"
    for file in $theirs; do
        cmp -s "weights/$file" "$folder/$file" || complain "$folder/$file is another than weights/$file"
    done
done
[ -L copied/vocab.json ] && complain "a link is saved as a link"
run train ids.bin "${little[@]}" --steps 1 --init weights/model.safetensors --out by-file --quiet
[ "$(listed by-file)" = "$theirs" ] || complain "by its file a folder of weights has '$(listed by-file)'"
ln -s weights/model.safetensors other.safetensors
run train text.txt "${little[@]}" --steps 1 --init other.safetensors --out other --quiet
holds other "$own"

# Text needs a tokenizer that can be used.
fails 1 "sluice: the tokenizer that the run would have cannot be used on text: " train text.txt "${little[@]}" --steps 1 --init weights
has stderr.txt "; name another one with --tokenizer, train on the text's bytes with --tokenizer bytes, or give token files"
run train text.txt "${little[@]}" --steps 1 --init weights --tokenizer bytes --out asked --quiet
holds asked "$own"

# It comes from the save that is resumed, whatever has become of the folder and of that save.
rm -r weights/tokenizer.json copied/saves/step-00000004 copied/state.json
echo changed >weights/merges.txt
cp copied/saves/step-00000003/tokenizer.json kept
run train ids.bin "${little[@]}" --steps 9 --decay none --allow-changes --save-every 1 --keep 1 --resume copied --quiet
[ "$(ls copied/saves)" = step-00000009 ] || complain "of the saves there are $(ls copied/saves)"
for folder in copied copied/saves/step-00000009; do
    [ "$(listed "$folder")" = "$theirs" ] || complain "resumed, $folder says that it has '$(listed "$folder")'"
    cmp -s kept "$folder/tokenizer.json" || complain "resumed, $folder has not the tokenizer of its save"
    [ -s "$folder/merges.txt" ] && complain "resumed, $folder has the tokenizer of the weights, not of its save"
done

# A save whose tokenizer is damaged is not used.
cp -r bytes damaged
rm damaged/{state.json,saves/step-00000003/state.json}
echo >>damaged/saves/step-00000002/tokenizer.json
succeed train text.txt "${little[@]}" --steps 3 --resume damaged --quiet
has stderr.txt "sluice: the save 'damaged/saves/step-00000002' is not used: 'damaged/saves/step-00000002/tokenizer.json' is damaged: it has "
has stdout.txt "$(tail -1 bytes/log.jsonl | sed 's/.*"weights":"\([0-9a-f]*\)".*/weights \1/')"

# What cannot be read is refused before the first step.
hint="every save gets the tokenizer next to --init's weights; make the file readable, or remove it"
mkfifo weights/tokenizer.json
refuse 1 "'weights/tokenizer.json' is a FIFO, not a file; $hint" train text.txt "${little[@]}" --steps 1 --init weights
rm weights/tokenizer.json
ln -s gone weights/tokenizer.json
refuse 1 "cannot read 'weights/tokenizer.json': No such file or directory; $hint" train text.txt "${little[@]}" --steps 1 --init weights
rm weights/tokenizer.json
truncate -s 300M weights/tokenizer.json
refuse 1 "'weights/tokenizer.json' has 314572800 bytes; a tokenizer's files have at most 268435456 here; $hint" train text.txt "${little[@]}" --steps 1 --init weights
rm weights/tokenizer.json

# ---- ids of tokens: nothing is made up ----

run train ids.bin "${little[@]}" --steps 1 --out ids
prints "saved in ids: weights, config, no tokenizer, optimizer state, state of the run, log"
holds ids ""
run train ids.bin "${little[@]}" --steps 1 --init bytes --out ids-init --quiet
holds ids-init "$own"

# A run that replaces another one removes its tokenizer, but no file that it did not list.
echo mine >bytes/vocab.json
run train ids.bin "${little[@]}" --steps 1 --out bytes --overwrite --quiet
[ "$(files bytes)" = vocab.json ] || complain "replaced, a run's folder has '$(files bytes)', expected 'vocab.json'"
[ -z "$(listed bytes)" ] || complain "replaced, a run's folder says that it has '$(listed bytes)'"
finish
