#!/usr/bin/env bash
# test_cli_eval.sh COMMAND -- sluice eval: the loss that training reports, windows that overlap, folders of
# every kind, memory, and bad input.
. "$(dirname "$0")/../support/command.sh"
cd "$work" || exit 1

# close A B: two numbers differ by at most 1e-6 of the first.
close() {
    python3 -c "import sys; a, b = map(float, sys.argv[1:]); sys.exit(abs(a - b) > 1e-6 * abs(a))" "$1" "$2" ||
        complain "$1 and $2 differ"
}

# value KEY: of the JSON object printed last.
value() {
    python3 -c "import json; print(json.load(open('stdout.txt'))['$1'])"
}

tiny_gpt 2 | sed 's/"n_positions": 32/"n_positions": 64/' >config.json
python3 -c "
for k in range(1500): print(k * k % 977, 'and', k % 31)" >text
run train text --model config.json --seq 32 --batch 8 --steps 20 --save-every 10 --out run --json
held_out=$(tail -1 run/log.jsonl | python3 -c "import json, sys; print(json.loads(sys.stdin.read())['held_out_loss'])")

# ---- training's held-out windows, as a text of their own ----

python3 -c "
data = open('text', 'rb').read()
windows = (len(data) - 1) // 32
held = windows * 5 // 100
assert held <= 64, held
open('held', 'wb').write(data[(windows - held) * 32:windows * 32 + 1])"
run eval run --data held --json # the run's --seq
close "$held_out" "$(value loss)"
json '(o["tokens"] % 32, o["seq"], o["stride"], abs(round(o["bits_per_byte"] * 0.6931471805599453 - o["loss"], 6)))' "(0, 32, 32, 0.0)"
loss=$(value loss)

# Whatever the batch, the ranks and the threads, every token but the first counts once.
for how in "--batch 1" "--batch 5 --ranks 2" "--batch 64 --ranks 3 --threads 2" "--batch 1000"; do
    run eval run --data held --seq 32 --json $how
    close "$loss" "$(value loss)"
done

# ---- data of any length, and windows that overlap ----

head -c 101 text >short
bytes=$(stat -c %s short)
for seq in 1 7 32; do
    run eval run --data short --seq $seq --json
    json 'o["tokens"]' $((bytes - 1))
    json 'o["windows"]' $(((bytes - 2) / seq + 1))
done
run eval run --data short --seq 32 --stride 8 --json
json '(o["tokens"], o["windows"])' "(100, 10)"

# ---- folders ----

run eval run --data held --seq 32 --json
last=$(value loss)
run eval run/saves/step-00000010 --data held --seq 32 --json
[ "$(value loss)" != "$last" ] || complain "a save of step 10 has the loss of step 20"
mkdir hub
cp run/model.safetensors run/config.json hub
run eval hub --data held --seq 32 --json
close "$last" "$(value loss)"
rm run/state.json # the newest save is then the one of step 20 in saves
run eval run --data held --seq 32 --json
close "$last" "$(value loss)"

# ---- what is printed ----

run eval hub --data held --seq 32 --stride 16 --ranks 2 --threads 1
prints "model     hub: 2 blocks, width 16, 2 heads, vocabulary 256, "
prints "on 2 ranks of 1 thread (cpu)"
prints "of 32, 16 apart"
prints "bits per byte, over"
run eval hub --data held --quiet
[ "$(wc -l <stdout.txt)" = 1 ] || complain "--quiet prints more than the loss"
python3 -c "
import struct
open('t.bin', 'wb').write(struct.pack('<256i', 20240520, 1, 5000, *[0] * 253) + bytes(b for k in range(5000) for b in (k % 251, 0)))"
run eval hub --data t.bin --json
json '(o["tokens"], o["bits_per_byte"])' "(4999, None)"

# ---- memory: no gradients, no optimizer state; the plan that fits is found, or its numbers are said ----

run eval hub --explain-memory --ranks 2
prints "rank 1: arena "
prints "  parameters"
grep -qE "gradients|optimizer" stdout.txt && complain "an evaluation plans memory for training"
arena=$(sed -n 's/^rank 1: .*(\([0-9]*\) bytes).*/\1/p' stdout.txt)
run eval hub --data held --ranks 2 --memory-limit "$arena"
fails 1 "more than the limit of" eval hub --data held --ranks 2 --memory-limit $((arena - 1))
has stderr.txt "rank 1 needs"
has stderr.txt "use more --ranks, or a smaller --batch or --seq"
fails 1 "more than the limit of" eval hub --memory-limit 2kB --explain-memory

# ---- bad input ----

refuse 2 "no folder is named; for example: sluice eval sluice-out --data held-out.txt" eval
refuse 2 "there is no --data; name text files, folders or .bin files" eval hub
refuse 2 "--seq 65 is longer than the 64 positions of hub; give at most 64" eval hub --data held --seq 65
refuse 2 "--stride 17 would leave tokens out between windows of --seq 16" eval hub --data held --seq 16 --stride 17
refuse 2 "8 stages are more than the 7 layers of hub; name at most 7" eval hub --data held --ranks 8
refuse 2 "'none' is no folder that is here; name the --out of a run, one of its saves, or a folder with config.json and model.safetensors" eval none --data held
mkdir empty
refuse 2 "'empty' has no config.json; name the --out of a run, one of its saves, or a folder with config.json and model.safetensors" eval empty --data held
refuse 2 "--device virtual computes nothing; choose cpu, cuda or auto" eval hub --data held --device virtual
sed 's/"vocab_size": *256/"vocab_size": 300/' hub/config.json >empty/config.json
refuse 2 "'empty' has no tokenizer for its vocabulary of 300; name a folder that has with --tokenizer" eval empty --data held
cp hub/model.safetensors empty
fails 1 "shape (256, 16)" eval empty --data t.bin
truncate -s 3 hub/model.safetensors
fails 1 "hub/model.safetensors" eval hub --data held
finish
