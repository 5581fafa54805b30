#!/usr/bin/env bash
# test_cli_settings.sh COMMAND -- options that do nothing sensible are said, and sizes are read as people write them.
. "$(dirname "$0")/../support/command.sh"
cd "$work" || exit 1

seq 1 600 >text.txt
tiny_gpt >tiny.json
little=(train text.txt --model tiny.json --seq 16 --batch 5 --microbatches 3 --threads 1 --ranks 1)

# ---- notes: OPTIONS | the note; none without one ----

while IFS='|' read -r options note; do
    # shellcheck disable=SC2086 # words of a command line
    run "${little[@]}" $options --out noted --overwrite
    if [ -n "$note" ]; then
        prints "note      $note"
        grep -qF "\"warnings\":[\"$note\"]" <(head -1 noted/log.jsonl) ||
            complain "'$options' does not log '$note': $(head -c 300 noted/log.jsonl)"
    else
        grep '^note' stdout.txt && complain "'$options' is no reason for a note"
        grep -q warnings noted/log.jsonl && complain "'$options' is no reason for a warning in the log"
    fi
done <<'NOTES'
--steps 4 --warmup 8 --lr 0.5|the warm-up of 8 steps is longer than the run of 4: the learning rate ends at 0.25 and never is 0.5
--steps 4 --warmup 4 --lr 0.5|the warm-up takes all 4 steps: the last one, after it, has the minimum learning rate, 0.05, and none has 0.5
--steps 1|the only step has the minimum learning rate, 0.0001; --decay none gives it 0.001
--steps 1 --decay none|
--steps 4 --warmup 3|
--steps 2 --batch 200|a minibatch of 200 samples has some of the 136 training windows several times; more data, shorter sequences or a smaller --batch avoid that
--steps 2 --batch 136|
NOTES

# ---- epochs ----

run "${little[@]}" --steps 2 --batch 34 --out epochs
prints "epoch 0.25"
prints "epoch 0.50"
grep -q '"epoch":0.25,' epochs/log.jsonl || complain "the log has no epoch 0.25: $(head -c 300 epochs/log.jsonl)"

# ---- sizes: TEXT | what the limit is called ----

while IFS='|' read -r text size; do
    "$command" "${little[@]}" --explain-memory --memory-limit "$text" >explained.txt || complain "--memory-limit $text exits with $?"
    has explained.txt "less than the limit of $size"
done <<'SIZES'
16G|16.0 GiB
16g|16.0 GiB
16GiB|16.0 GiB
16gib|16.0 GiB
16GB|14.9 GiB
16gb|14.9 GiB
0.5T|512.0 GiB
900k|900.0 KiB
900kB|878.9 KiB
700mib|700.0 MiB
1000000|976.6 KiB
1000000b|976.6 KiB
SIZES
for wrong in 16X 16GBB 16iB G 0 0.5 1e30G -1G nanG; do
    refuse 2 "--memory-limit is '$wrong'; give bytes, as in 2GiB, 500MiB or 1000000" "${little[@]}" --memory-limit "$wrong"
done
run plan gpt-nano --devices 2x1g --batch 4

# ---- --explain-memory against --memory-limit ----

"$command" "${little[@]}" --explain-memory --memory-limit 400K >explained.txt 2>stderr.txt
[ $? -eq 1 ] || complain "--explain-memory of a run over its limit does not exit with 1"
has explained.txt "rank 0: arena 496.2 KiB (508160 bytes)"
has explained.txt "  96.2 KiB more than the limit of 400.0 KiB"
has stderr.txt "sluice: rank 0 needs 496.25 KiB, which is 96.25 KiB more than the limit of 400.00 KiB per rank; these fit: "

finish
