#!/usr/bin/env bash
# test_cli_tokenize.sh COMMAND SOURCE -- `sluice tokenize`, and text that `sluice train --tokenizer` tokenizes once.
. "$(dirname "$0")/../support/command.sh"
source=$(realpath "$2")
cd "$work" || exit 1
cp -r "$source/tests/system/tokenizer" tok
rm tok/make.py
mkdir texts
for k in 1 2 3; do
    { cat tok/hard.txt; seq "$k" "$((k * 400))"; echo "the end of file $k"; } >texts/$k.txt
done
# ids FILE: the tokens of a token file, after its magic, version, width and count are checked.
ids() {
    python3 - "$1" <<'PYTHON' || complain "$1 is no token file"
import struct, sys
data = open(sys.argv[1], "rb").read()
magic, version, count, upper = struct.unpack("<4i", data[:16])
width = {(20240520, 1): 2, (20240801, 7): 4}[magic, version]
assert not any(data[12:1024]) and len(data) == 1024 + width * count, "length"
print(*struct.unpack(f"<{count}{'H' if width == 2 else 'I'}", data[1024:]))
PYTHON
}
# same_ids FILE TEXT WHAT
same_ids() {
    [ "$(ids "$1")" = "$2" ] || complain "$3: $(ids "$1" | head -c 300), expected $(head -c 300 <<<"$2")"
}

# ---- the command ----

run tokenize tok/hard.txt --tokenizer tok -o hard.bin
same_ids hard.bin "$(cat tok/ids.txt)" "hard.txt has other ids than the reference"
prints "data      1 file, 248 B; between files: eos
tokenizer tok, vocabulary 640
tokens    "
prints " in hard.bin (uint16), "
for text in texts/*.txt; do
    run tokenize "$text" --tokenizer tok -o one.bin --overwrite --quiet
    [ "$(wc -l <stdout.txt)" = 1 ] || complain "--quiet prints '$(cat stdout.txt)'"
    ids one.bin >"${text%.txt}.ids"
done
mv texts/*.ids .
run tokenize texts --tokenizer tok -o none.bin --separator none --threads 1
same_ids none.bin "$(cat 1.ids 2.ids 3.ids | paste -sd' ')" "--separator none"
run tokenize texts --tokenizer tok -o eos.bin --json
same_ids eos.bin "$(cat 1.ids <(echo 0) 2.ids <(echo 0) 3.ids | paste -sd' ')" "the usual separator"
json "o['files'], o['tokens'], o['token_bytes'], o['separator'], o['vocabulary'], o['output']" \
    "3 $(ids eos.bin | wc -w) 2 eos 640 eos.bin"
json "o['bytes']" "$(cat texts/* | wc -c)"
run tokenize texts --tokenizer tok -o again.bin --threads 3 --separator eos --quiet
cmp -s eos.bin again.bin || complain "three threads write another file"
for k in 1 2; do
    { cat texts/$k.txt; echo; } >joined-$k
    run tokenize joined-$k --tokenizer tok -o one.bin --overwrite --quiet
    ids one.bin >joined-$k.ids
done
run tokenize texts --tokenizer tok -o newline.bin --separator newline --quiet
same_ids newline.bin "$(cat joined-1.ids joined-2.ids 3.ids | paste -sd' ')" "--separator newline"
run tokenize texts --tokenizer bytes -o bytes.bin --quiet
same_ids bytes.bin "$(python3 -c "
print(*b'\n'.join(open(f'texts/{k}.txt', 'rb').read() for k in (1, 2, 3)))")" "the tokenizer of bytes"

# Ids above 65535 take uint32.
mkdir wide
python3 - <<'PYTHON'
import json
wide = json.load(open("tok/tokenizer.json"))
wide["added_tokens"][0]["id"] = 70000
wide["model"]["vocab"]["<|endoftext|>"] = 70000
json.dump(wide, open("wide/tokenizer.json", "w"))
PYTHON
run tokenize texts --tokenizer wide -o wide.bin --json
json "o['token_bytes'], o['vocabulary']" "4 70001"
same_ids wide.bin "$(ids eos.bin | sed 's/\b0\b/70000/g')" "a wide vocabulary"

# A folder's own rules, and what is written is no data.
cp -r texts inside
printf 'P\0NG' >inside/image
run tokenize inside --tokenizer tok -o inside/out.bin
prints "left out: 1 file (1 not text)"
run tokenize inside --tokenizer tok -o inside/out.bin --overwrite
prints "left out: 2 files (1 not text, 1 written to)"

# Nothing is left of a failure, or after a signal.
refuse 1 "'hard.bin' is there already; name another file, or replace it with --overwrite" \
    tokenize texts --tokenizer tok -o hard.bin
mkdir empty
refuse 1 "'empty' has no tokenizer; --tokenizer takes a folder with a tokenizer.json, or with vocab.json and merges.txt" \
    tokenize texts --tokenizer empty -o new.bin
mkdir unigram
echo '{"model": {"type": "Unigram", "vocab": []}}' >unigram/tokenizer.json
fails 1 "sluice: the tokenizer of 'unigram' cannot be used: " tokenize texts --tokenizer unigram -o new.bin
has stderr.txt Unigram
refuse 2 "-o is 'new', and token files are known by their name: end it in .bin" \
    tokenize texts --tokenizer tok -o new
refuse 2 "there is no --tokenizer; for example: sluice tokenize novel.txt --tokenizer gpt2 -o novel.bin" \
    tokenize texts -o new.bin
refuse 1 "cannot read 'gone': No such file or directory; name readable text files, or folders of them" \
    tokenize gone --tokenizer tok -o new.bin
refuse 1 "cannot write 'no/new.bin': No such file or directory" tokenize texts --tokenizer tok -o no/new.bin --quiet
refuse 2 "'eos.bin' is a token file, not text; name text files, or folders of them" \
    tokenize eos.bin --tokenizer tok -o new.bin --quiet
refuse 2 "--separator is eos, and the tokenizer of 'bytes' has no token for the end of a text; choose newline or none" \
    tokenize texts --tokenizer bytes -o new.bin --separator eos
for _ in $(seq 300); do cat texts/*.txt; done >large.txt
(trap '' XFSZ; ulimit -f 64; "$command" tokenize large.txt --tokenizer tok -o new.bin --quiet 2>stderr.txt >stdout.txt)
has stderr.txt "sluice: cannot write 'new.bin': File too large"
for _ in $(seq 20); do cat large.txt; done >huge.txt
"$command" tokenize huge.txt --tokenizer tok -o new.bin --threads 1 --quiet >/dev/null &
until [ -e new.bin.part ] || ! kill -0 $! 2>/dev/null; do sleep 0.01; done
kill -TERM $!
wait $! && complain "a signal does not end it"
rm huge.txt
for left in new.bin new.bin.part; do [ -e $left ] && complain "$left is left behind"; done

# ---- training on text ----

tiny_gpt 2 | sed 's/256/640/' >tiny.json
little=(--model tiny.json --seq 16 --batch 4 -m 2 --threads 1 --ranks 2)
run train eos.bin "${little[@]}" --steps 4 --out from-file --quiet
weights=$(digest_of stdout.txt)
run train texts --tokenizer tok "${little[@]}" --steps 4 --save-every 2 --out text
prints "tokens    $(ids eos.bin | wc -w) in text/tokens.bin (uint16), "
prints "data      3 files, "
prints " of text, $(ids eos.bin | wc -w) tokens; windows of 16: "
cmp -s text/tokens.bin eos.bin || complain "training makes other tokens than sluice tokenize"
[ "$(digest_of stdout.txt)" = "$weights" ] || complain "on text weights are $(digest_of stdout.txt), on its tokens $weights"
for folder in text text/saves/step-0000000{2,4}; do
    cmp -s tok/tokenizer.json "$folder/tokenizer.json" || complain "$folder has another tokenizer"
done

# A preset takes the tokenizer's vocabulary.
run train texts --tokenizer tok --model gpt-nano --seq 16 --batch 2 --steps 1 --ranks 1 -m 1 --out preset --quiet
grep -q '"vocab_size": 640' preset/config.json || complain "a preset has $(grep vocab_size preset/config.json)"

# Resumed, the tokens are used again; they are made again if they may be others, and refused if they are.
resumed() { # resumed WHAT: to the same result.
    rm -r text/saves/step-00000004 text/state.json
    succeed train texts "${little[@]}" --steps 4 --resume text --quiet
    [ "$(digest_of stdout.txt)" = "$weights" ] || complain "$1: weights $(digest_of stdout.txt), expected $weights"
}
cp -rp text kept
made=$(stat -c %y text/tokens.bin)
resumed "resumed"
[ "$(stat -c %y text/tokens.bin)" = "$made" ] || complain "resumed, the text is tokenized again"
again() { rm -r text; cp -rp kept text; }
again
touch texts/2.txt
resumed "after its text was touched"
[ "$(stat -c %y text/tokens.bin)" = "$made" ] && complain "the tokens of a text that was touched are used again"
again
rm text/tokens.bin
resumed "without its tokens"
again
cp texts/2.txt before
echo "more text" >>texts/2.txt
fails 2 "sluice: data was '$(ids eos.bin | wc -w) tokens, checksum " train texts "${little[@]}" --steps 9 --decay none --resume text
has stderr.txt "which would change the result"
succeed train texts "${little[@]}" --steps 5 --decay none --resume text --allow-changes --quiet
mv before texts/2.txt
again
cp -r tok other
python3 - <<'PYTHON'
import json
other = json.load(open("other/tokenizer.json"))
other["model"]["merges"] = other["model"]["merges"][:40]
json.dump(other, open("other/tokenizer.json", "w"))
PYTHON
cp text/tokens.bin before.bin
fails 2 "sluice: the run in 'text' was trained with another tokenizer (vocabulary 640, checksum " \
    train texts "${little[@]}" --tokenizer other --steps 4 --resume text
has stderr.txt "which would change the result"
cmp -s text/tokens.bin before.bin || complain "a refused run has replaced the tokens of the run that it would go on from"

# The tokenizer next to the model, or to the weights; bytes if they are asked for.
mkdir model
cp tiny.json model/config.json
cp tok/tokenizer.json model
run train texts "${little[@]}" --model model/config.json --steps 4 --out of-model --quiet
[ "$(digest_of stdout.txt)" = "$weights" ] || complain "next to the model: weights $(digest_of stdout.txt), expected $weights"
run train texts --model model "${little[@]:2}" --steps 4 --out of-folder --quiet
[ "$(digest_of stdout.txt)" = "$weights" ] || complain "with the model: weights $(digest_of stdout.txt), expected $weights"
run train texts "${little[@]}" --init text --steps 1 --out of-init --quiet
cmp -s of-init/tokens.bin eos.bin || complain "next to the weights the tokenizer is another"
run train texts "${little[@]}" --init text --tokenizer bytes --steps 1 --out of-bytes
prints "3 files, $(($(cat texts/* | wc -c) + 2)) tokens"
grep -q '"merges": \[\]' of-bytes/tokenizer.json || complain "trained on bytes, the tokenizer is another"

# What cannot be is refused before anything is made.
tiny_gpt 2 >small.json
refuse 2 "the tokenizer has tokens up to 639, and small.json has a vocabulary of 256, which they must be below; name the model's own --tokenizer, or a model with a larger vocabulary" \
    train texts --tokenizer tok "${little[@]:2}" --model small.json
run train texts --tokenizer tok "${little[@]}" --explain-memory --out explained
[ -e explained ] && complain "--explain-memory makes a folder"
finish
