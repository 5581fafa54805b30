#!/usr/bin/env bash
# test_cli_sample.sh COMMAND SOURCE -- sluice sample: one text for one seed whatever runs it, prompts of every
# kind, tokens that end a text, characters that are not cut, memory, and bad input.
. "$(dirname "$0")/../support/command.sh"
reference=$(realpath "$2")/tests/system/reference
cd "$work" || exit 1

tiny_gpt 2 | sed 's/"n_positions": 32/"n_positions": 160/' >config.json
python3 -c "
for k in range(1200): print('ein größeres Maß –', k * k % 97, '…')" >text
run train text --model config.json --seq 64 --batch 8 --steps 25 --out run --quiet
prompt=$(head -c 150 text | tail -c 60)

# ---- one text for one seed ----

run sample run --prompt "$prompt" --tokens 80 --seed 3 --quiet
cp stdout.txt text.3
for how in "--ranks 2" "--ranks 3 --threads 2" "--threads 2 --stream" "--ranks 7 --threads 1"; do
    run sample run --prompt "$prompt" --tokens 80 --seed 3 --quiet $how
    cmp -s stdout.txt text.3 || complain "$how gives another text"
done
run sample run --prompt "$prompt" --tokens 80 --seed 4 --quiet
cmp -s stdout.txt text.3 && complain "another seed gives the same text"
run sample run --prompt "$prompt" --tokens 80 --seed 3 --temperature 0 --quiet
cp stdout.txt greedy
for how in "--seed 4 --temperature 0 --ranks 2" "--top-k 1" "--top-p 1e-9 --temperature 2"; do
    run sample run --prompt "$prompt" --tokens 80 --quiet $how
    cmp -s stdout.txt greedy || complain "$how is not greedy"
done

# ---- prompts, and the object ----

run sample run --prompt "$prompt" --tokens 80 --seed 3 --json
json '(o["text"].rstrip("\n") == open("text.3", encoding="utf-8", newline="").read().rstrip("\n"), len(o["ids"]), o["stopped_by"])' "(True, 80, 'length')"
json '(bytes(o["prompt_ids"]) == o["prompt"].encode(), bytes(o["ids"]).decode("utf-8", "replace") == o["text"])' "(True, True)"
printf '%s' "$prompt" >prompt.txt
for file in prompt.txt -; do
    run sample run --prompt-file $file --tokens 80 --seed 3 --quiet <prompt.txt
    cmp -s stdout.txt text.3 || complain "--prompt-file $file is not that prompt"
done
printf 'a\377\0b' >bytes
run sample run --prompt-file bytes --tokens 1 --json
json '(o["prompt_ids"], ascii(o["prompt"]))' "([97, 255, 0, 98], \"'a\\\\ufffd\\\\x00b'\")"
# Tokens without a limit: as many as there are positions.
run sample run --prompt "$prompt" --json
json 'len(o["prompt_ids"]) + len(o["ids"])' 160

# ---- characters, with a token for each byte ----

python3 - <<'EOF'
import json
text = json.load(open('stdout.txt'))
assert bytes(text['ids']).decode('utf-8', 'replace') == text['text'], text
EOF
[ $? -eq 0 ] || complain "the text is not the tokens'"
run sample run --prompt "ein gr" --tokens 120 --temperature 1.5 --stream --quiet
python3 -c "open('stdout.txt', encoding='utf-8').read()" || complain "a character is cut"

# ---- tokens that end a text ----

cp -r run ends
rm ends/state.json
run sample ends --prompt "$prompt" --tokens 80 --seed 3 --json
read -r stop at <<<"$(python3 -c "
import json; ids = json.load(open('stdout.txt'))['ids']
at = max(ids.index(token) for token in ids); print(ids[at], at)")"
[ "$at" -gt 0 ] || complain "the text has one token only"
for eos in "$stop" "[250, $stop]"; do
    echo "{\"eos_token_id\": $eos}" >ends/generation_config.json
    run sample ends --prompt "$prompt" --tokens 80 --seed 3 --json
    json '(len(o["ids"]), o["stopped_by"])' "($at, 'token')"
done
echo '{"eos_token_id": null}' >ends/generation_config.json
sed -i "s/\"eos_token_id\": null/\"eos_token_id\": $stop/" ends/config.json
grep -q "\"eos_token_id\": $stop" ends/config.json || complain "config.json has no eos_token_id"
run sample ends --prompt "$prompt" --tokens 80 --seed 3 --json
json 'len(o["ids"])' "$at"
echo '{' >ends/generation_config.json
fails 1 "'ends/generation_config.json' is no JSON at line" sample ends --prompt a

# ---- a tokenizer of pieces of words, which every save has ----

cp -r "$reference/../tokenizer" tok
sed 's/"vocab_size": 256/"vocab_size": 640/' config.json >words.json
run train text --model words.json --tokenizer tok --seq 64 --batch 4 --steps 8 --out words --quiet
run tokenize prompt.txt --tokenizer tok -o prompt.bin --quiet
ids=$(python3 -c "
import struct; data = open('prompt.bin', 'rb').read()[1024:]
print(list(struct.unpack(f'<{len(data) // 2}H', data)))")
run sample words --prompt-file prompt.txt --tokens 30 --json
json 'o["prompt_ids"]' "$ids"
json 'len(o["ids"]), len(o["text"]) > 0' "30 True"
cp stdout.txt words.json
rm words/tokenizer*.json words/state.json
refuse 2 "'words' has no tokenizer for its vocabulary of 640; name a folder that has with --tokenizer" sample words --prompt a
run sample words --tokenizer tok --prompt-file prompt.txt --tokens 30 --json --ranks 2
json 'o["text"] == json.load(open("words.json"))["text"]' True
# Text is evaluated in the same tokens as its token file; bits are per byte of the text.
run tokenize text --tokenizer tok -o text.bin --quiet
run eval words --tokenizer tok --data text.bin --seq 64 --json
json 'o["bits_per_byte"]' None
cp stdout.txt tokens.json
run eval words --tokenizer tok --data text --seq 64 --json
json 'o["loss"] == json.load(open("tokens.json"))["loss"], o["tokens"] == json.load(open("tokens.json"))["tokens"]' "True True"
bytes=$(stat -c %s text)
json 'abs(o["bits_per_byte"] * 0.6931471805599453 * '$bytes' / o["tokens"] / o["loss"] - 1) < 1e-3' True
[ -z "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'sluice-*.bin' -newer text.bin 2>/dev/null)" ] ||
    complain "tokens of an evaluation are left behind"

# ---- a line about it, unless it is quiet ----

succeed sample run --prompt "$prompt" --tokens 5 --ranks 2
grep -qE "^sluice: 5 tokens after a prompt of [0-9]+ in [0-9.]+ s; [0-9.]+ tokens/s on 2 ranks$" stderr.txt ||
    complain "the line about speed is '$(cat stderr.txt)'"

# ---- memory: the cache is planned, and what does not fit is refused ----

for tokens in 60 120; do
    run sample run --prompt "$(head -c 20 prompt.txt)" --tokens $tokens --explain-memory --ranks 1
    grep -qE "gradients|optimizer" stdout.txt && complain "generation plans memory for training"
    has stdout.txt "keys, values and logits of the sequence"
    sed -n 's/^rank 0: .*(\([0-9]*\) bytes).*/\1/p' stdout.txt >arena.$tokens
done
# 60 positions more: keys and values of 16 floats in 2 blocks.
[ $(($(cat arena.120) - $(cat arena.60))) -eq $((60 * 2 * 2 * 16 * 4)) ] ||
    complain "arenas are $(cat arena.60) and $(cat arena.120)"
succeed sample run --prompt "$(head -c 20 prompt.txt)" --tokens 120 --ranks 1 --memory-limit "$(cat arena.120)"
fails 1 "more than the limit of" sample run --prompt "$(head -c 20 prompt.txt)" --tokens 120 --ranks 1 --memory-limit $(($(cat arena.120) - 1))
has stderr.txt "use more --ranks, or fewer --tokens, a shorter prompt, or a larger --memory-limit"

# ---- bad input ----

refuse 2 "no folder is named; for example: sluice sample sluice-out --prompt 'The '" sample
refuse 2 "'more' is a second folder; name one, and the prompt with --prompt" sample run more
refuse 2 "the prompt is empty, and the model in 'run' has no token to begin a text with; give --prompt TEXT or --prompt-file FILE" sample run
refuse 2 "--prompt and --prompt-file are both the prompt; leave one out" sample run --prompt a --prompt-file text
refuse 2 "--stream prints text and --json one object at the end; leave one of them out" sample run --prompt a --stream --json
refuse 2 "--top-p 1.5 is a share of more than all; give at most 1" sample run --prompt a --top-p 1.5
refuse 2 "a prompt of 3 tokens and --tokens 158 are more than the 160 positions of the model in 'run'; give at most --tokens 157" sample run --prompt abc --tokens 158
fails 2 "positions; give a shorter prompt" sample run --prompt-file text
has stderr.txt "the model in 'run' has 160"
fails 1 "--prompt-file takes a readable file, or - for standard input" sample run --prompt-file none
cp -r "$reference/llama" llama
refuse 2 "'llama' has no tokenizer for its vocabulary of 80; name a folder that has with --tokenizer" sample llama --prompt a
finish
