#!/usr/bin/env bash
# test_cli.sh COMMAND DENY -- the command as a user meets it: refusals by text, and real small runs.
. "$(dirname "$0")/../support/command.sh"
deny=$(realpath "$2")
cd "$work" || exit 1

# refuse_train STATUS TEXT OPTION...: the same for a run that would work without the options.
refuse_train() {
    local status=$1 text=$2
    shift 2
    refuse "$status" "$text" train --data text.txt --model gpt-nano --steps 1 "$@"
}

little=(--data text.txt --model tiny.json --seq 16 --batch 5 --microbatches 3 --threads 1)

# train NAME OPTION...: a short run into folder NAME; its output in NAME.txt.
train() {
    local name=$1
    shift
    "$command" train "${little[@]}" --out "$name" "$@" >"$name.txt" 2>"$name.err" ||
        complain "training '$name' ($*) exits with $?: $(cat "$name.err")"
}

# le32 N: four bytes, little-endian.
le32() {
    printf "\\x$(printf %02x $(($1 & 255)))\\x$(printf %02x $(($1 >> 8 & 255)))"
    printf "\\x$(printf %02x $(($1 >> 16 & 255)))\\x$(printf %02x $(($1 >> 24 & 255)))"
}

seq 1 600 >text.txt
tiny_gpt >tiny.json
: >empty.txt
printf 'abc' >short.txt
mkdir hollow

# ---- refusals ----

count='give a whole number from 1 to'
refuse 2 "no command is named; see sluice --help"
refuse 2 "no command is called 'trian'; choose one of: train, eval, sample, schedule, check, simulate, profile, split, plan, tokenize, info, help" trian
refuse 2 "there is no --data; name text files, folders or .bin files" train
refuse 1 "cannot read 'missing.txt': No such file or directory; --data takes readable text files, folders or .bin files" train --data missing.txt
refuse 2 "'empty.txt' is empty; --data takes readable text files, folders or .bin files" train --data empty.txt
refuse 2 "there is no text in the data; name text files, or folders with text files that are not hidden" train --data hollow
refuse 2 "the data has 3 tokens; two sequences of 128 need 257; give more data, or use shorter sequences" train --data short.txt
refuse_train 2 "--ranks is '0'; $count 4096" --ranks 0
refuse_train 2 "--ranks is '2x'; $count 4096" --ranks 2x
refuse_train 2 "--stages is '-1'; $count 4096" --stages -1
refuse_train 2 "--batch is 'nan'; $count 1073741824" --batch nan
refuse_train 2 "--steps is '0'; $count 1073741824" --steps 0
refuse_train 2 "--seq is '0'; $count 1073741824" --seq 0
refuse_train 2 "--threads is '0'; $count 1024" --threads 0
refuse_train 2 "--eval-every is '1.5'; $count 1073741824" --eval-every 1.5
refuse_train 2 "--microbatches is ''; $count 1048576" --microbatches ''
refuse_train 2 "--warmup is '-1'; give a whole number from 0 to 1073741824" --warmup -1
refuse_train 2 "--seed is '-1'; give a whole number from 0 to 9223372036854775807" --seed -1
refuse_train 2 "--lr is 'nan'; give a finite number, more than 0" --lr nan
refuse_train 2 "--lr is 'inf'; give a finite number, more than 0" --lr inf
refuse_train 2 "--lr is '1e999'; give a finite number, more than 0" --lr 1e999
refuse_train 2 "--lr is '0'; give a finite number, more than 0" --lr 0
refuse_train 2 "--lr is '1e-3x'; give a finite number, more than 0" --lr 1e-3x
refuse_train 2 "--min-lr 1 is more than --lr 0.001; make it smaller" --min-lr 1
refuse_train 2 "--clip is '-1'; give a finite number, at least 0" --clip -1
refuse_train 2 "--weight-decay is 'nan'; give a finite number, at least 0" --weight-decay nan
refuse_train 2 "--betas is '0.9'; give two numbers, as in 0.9,0.95" --betas 0.9
refuse_train 2 "--betas is '0.9,1'; both must be less than 1" --betas 0.9,1
refuse_train 2 "--dropout is 'nan'; give a finite number, at least 0" --dropout nan
refuse_train 2 "--dropout is '1'; it must be less than 1" --dropout 1
refuse_train 2 "--timeout is '0'; give a finite number, more than 0" --timeout 0
refuse_train 2 "--skip-nonfinite is '-1'; give a whole number from 0 to 1073741824" --skip-nonfinite -1
refuse_train 2 "--decay is 'linear'; choose one of: none, cosine" --decay linear
refuse_train 2 "--optimizer is 'adam'; choose one of: adamw, sgd" --optimizer adam
refuse_train 2 "optimizer sgd has no betas; leave --betas out" --optimizer sgd --betas 0.9,0.99
refuse_train 2 "optimizer adamw has no momentum; leave --momentum out" --momentum 0.9
refuse_train 2 "--momentum is '1'; it must be less than 1" --optimizer sgd --momentum 1
refuse_train 2 "no model preset is called 'gpt-huge'; choose one of $presets" --model gpt-huge
refuse_train 1 "cannot read 'no.json': No such file or directory; --model takes a preset's name, a config.json or a folder with one" --model no.json
names=$("$command" schedule --list | sed 's/ .*//')
[ "$(wc -w <<<"$names")" -ge 12 ] || complain "schedule --list prints: $names"
refuse_train 2 "no schedule is called '2f2b'; choose one of: $(paste -sd, <<<"$names" | sed 's/,/, /g')" --schedule 2f2b
refuse_train 2 "schedule 'forward-only' has no backward and trains nothing; choose another of those that \`sluice schedule --list\` prints" --schedule forward-only
refuse_train 1 "cannot read 'no.csv': No such file or directory; a schedule is a readable file, or a name without '/'" --schedule no.csv
refuse_train 2 "--microbatches 17 of --batch 16 would leave some empty; at most 16 are possible" --microbatches 17
refuse_train 2 "--stages 3 is not a multiple of --ranks 2, and every rank has the same number of stages; name one of them" --ranks 2 --stages 3
refuse_train 2 "--ranks 2 x --chunks 2 are not --stages 6; name two of them" --ranks 2 --chunks 2 --stages 6
refuse_train 2 "3 stages do not divide into the 2 per rank of zbv; name --ranks" --schedule zbv --stages 3
others='leave the number of chunks out, or choose interleaved, looped-bfs or hanayo, which take any'
refuse_train 2 "1f1b has 1 stage per rank, not 2; $others" --ranks 2 --stages 4
refuse_train 2 "zbv has 2 stages per rank, not 3; $others" --schedule zbv --chunks 3
refuse_train 2 "--slack is '0.5'; give a finite number, at least 1" --slack 0.5
refuse_train 2 "slack is 2.5; it must be from 1 to 2" --slack 2.5
refuse_train 2 "gpipe has no warm-up slack; leave the slack out, or choose 1f1b or interleaved" --schedule gpipe --slack 2
refuse_train 2 "1f1b has no extra warm-up; leave the extra warm-up out, or choose interleaved" --extra-warmup 1
refuse_train 2 "1f1b has no rounds to group micro-batches in; leave the group out, or choose interleaved" --group 2
refuse_train 2 "12 stages are more than the 11 layers of gpt-nano; name at most 11" --ranks 12
must='must list the layers of each stage'
refuse_train 2 "split: 8 layers are listed, the model has 11; --split '3,5' $must" --split 3,5
refuse_train 2 "split: expected a number from 1 to 11 at byte 2; --split '3,x' $must" --split 3,x
refuse_train 2 "split: 2 stages are listed, 3 are wanted; --split '5,6' $must" --split 5,6 --ranks 3
refuse_train 2 "--seq 129 is longer than the 128 positions of gpt-nano; give at most 128" --seq 129
refuse_train 1 "--out 'tiny.json' cannot be written to: Not a directory; name another folder" --out tiny.json
refuse_train 2 "'text.txt' is written to, and cannot be data at the same time; name other data, or another folder for results" --log text.txt
refuse_train 1 "--out 'text.txt/x' cannot be created: Not a directory; name another folder" --out text.txt/x
refuse_train 1 "--out 'no/x' cannot be created: No such file or directory; name another folder" --out no/x
refuse_train 1 "log 'hollow' cannot be written: Is a directory; name another with --log" --log hollow
recompute='give none, full, or stages from 0 to 1, as in 0,1'
refuse_train 2 "--recompute is 'all'; $recompute" --ranks 2 --recompute all
refuse_train 2 "--recompute is '0,2'; $recompute" --ranks 2 --recompute 0,2
refuse_train 2 "--recompute is '0,'; $recompute" --ranks 2 --recompute 0,
refuse_train 2 "--memory-limit is '2 potatoes'; give bytes, as in 2GiB, 500MiB or 1000000" --memory-limit '2 potatoes'
refuse_train 2 "--memory-limit is '-1'; give bytes, as in 2GiB, 500MiB or 1000000" --memory-limit -1
refuse_train 1 "cannot read 'no.safetensors': No such file or directory; --init takes a readable safetensors file, or a folder with one" --init no.safetensors
refuse 2 "no schedule is named; for example: sluice schedule 1f1b -p 4 -m 8" schedule
refuse 2 "-p is missing; say how many ranks" schedule 1f1b -m 2
refuse 2 "-m is missing; say how many micro-batches" schedule 1f1b -p 2
refuse 2 "--ranks is '0'; $count 4096" schedule 1f1b -p 0 -m 2
refuse 2 "'gpipe' is a second schedule; name one" schedule 1f1b gpipe -p 2 -m 2
refuse 2 "4096 ranks x 4097 micro-batches x 1 chunks are more than 16777216; name fewer" schedule 1f1b -p 4096 -m 4097
refuse 2 "4096 ranks x 1048576 micro-batches x 4096 chunks are more than 16777216; name fewer" schedule interleaved -p 4096 -m 1048576 -v 4096
refuse 2 "4096 stages x 2049 micro-batches are more than 8388608, too many to simulate; sluice schedule --csv prints them" schedule 1f1b -p 4096 -m 2049
[ "$("$command" schedule 1f1b -p 4096 -m 1025 --csv | tail -n +4096)" = "$(for ((i = 0; i < 1025; i++)); do printf '4095F%d,4095B%d,' $i $i; done | sed 's/,$//')" ] ||
    complain "the last rank of a large schedule is not as it should be"
refuse 2 "groups of 2 micro-batches are fewer than the 3 ranks, which would wait for each other" schedule interleaved -p 3 -m 6 --group 2
refuse 2 "zbv has 2 stages per rank, not 1; $others" schedule zbv -p 2 -m 4 -v 1
"$command" train --data text.txt --nonsense >/dev/null 2>stderr.txt
[ $? -eq 2 ] || complain "an unknown option does not exit with 2"
has stderr.txt "unrecognized option '--nonsense'"

# ---- schedule and info ----

"$command" --version >version.txt
"$command" info >info.txt || complain "info exits with $?"
has info.txt "$(cat version.txt)"
has info.txt "devices   cpu"
"$command" schedule 1f1b -p 2 -m 2 --columns 60 >schedule.txt || complain "schedule exits with $?"
has schedule.txt "rank 0 |F0-F1-......B0====...B1====|"
has schedule.txt "rank 1 |...F0-B0====F1-B1====......|"
has schedule.txt "makespan 9, makespan idle 33.3 %"
"$command" schedule 1f1b -p 2 -m 3 --csv >1f1b.csv
[ "$(cat 1f1b.csv)" = "0F0,0F1,0B0,0F2,0B1,0B2
1F0,1B0,1F1,1B1,1F2,1B2" ] || complain "schedule --csv prints: $(cat 1f1b.csv)"
"$command" schedule ./1f1b.csv --csv | cmp -s - 1f1b.csv || complain "a CSV file does not come back"
refuse 2 "1f1b.csv has 2 ranks and 3 are named; leave the number out" schedule 1f1b.csv -p 3
refuse 2 "1f1b.csv has 2 stages on 2 ranks and 2 per rank are named; leave the number out" schedule 1f1b.csv -v 2
refuse 2 "--slack, --group and --extra-warmup shape a schedule by name, and 1f1b.csv is a file; leave them out" schedule 1f1b.csv --slack 2
printf '0F0,0B0\n1F0,1Q0\n' >bad.csv
"$command" schedule bad.csv >/dev/null 2>stderr.txt
[ $? -eq 1 ] || complain "a bad CSV file does not exit with 1"
has stderr.txt "sluice: bad.csv: "

# ---- training ----

train one --ranks 1 --steps 4 --eval-every 2
for file in model.safetensors config.json optimizer.safetensors state.json log.jsonl tokenizer.json tokenizer_config.json; do
    [ -s "one/$file" ] || complain "one/$file is missing"
done
[ "$(ls -A one | wc -l)" -eq 7 ] || complain "one/ has more than its seven files: $(ls -A one)"
has one.txt "model     tiny.json: 4 blocks, width 16, 2 heads, vocabulary 256, 17.8 k parameters"
has one.txt "held-out loss "
has one.txt "makespan idle: simulated "
has one.txt "saved in one: weights, config, tokenizer, optimizer state, state of the run, log"
digest=$(digest_of one.txt)
[ -n "$digest" ] || complain "the last line of a run is '$(tail -1 one.txt)'"
[ "$(wc -l <one/log.jsonl)" -eq 4 ] || complain "four steps are logged in $(wc -l <one/log.jsonl) lines"
pattern='^{"step":2,"loss":[0-9.]*,"lr":[0-9.e-]*,"epoch":[0-9.e-]*,"norm":[0-9.]*,"tokens_per_s":[0-9.]*,"step_s":[0-9.e-]*,"makespan_idle":[0-9.e-]*,"inner_idle":\[[0-9.e-]*\],"ledger":\[{"F":[0-9.e-]*,"I":[0-9.e-]*,"W":[0-9.e-]*,"recompute":0.0,"wait-up":0.0,"wait-down":0.0,"transfer":0.0,"update":[0-9.e-]*,"idle":[0-9.e-]*,"wait-send":0.0,"unaccounted":[0-9.e-]*,"on_core":[0-9.e-]*}\],"held_out_loss":[0-9.]*}$'
sed -n 2p one/log.jsonl | grep -q "$pattern" || complain "logged: $(sed -n 2p one/log.jsonl)"
head -1 one/log.jsonl | grep -q '"held_out_loss_before":5\.' || complain "logged: $(head -1 one/log.jsonl)"
tail -1 one/log.jsonl | grep -q "\"weights\":\"$digest\"}\$" || complain "logged: $(tail -1 one/log.jsonl)"

refuse_train 2 "--ledger prints a table and --quiet prints none; leave one of them out" --ledger --quiet
refuse_train 2 "--ledger prints a table and --json prints none; leave one of them out" --ledger --json
train ledger --ranks 2 --steps 2 --ledger --trace ledger.json
has ledger.txt "where the last step's time went, in milliseconds: as measured, and simulated from its measured actions"
[ "$(grep -Ec '^(0|1|simulated|all, %)  ' ledger.txt)" = 6 ] || complain "--ledger prints: $(grep -A9 '^rank ' ledger.txt)"
# Entries of every row sum to its step, up to rounding.
awk '/^(0|1|simulated) / { sum = $12; for (f = 2; f <= 11; f++) sum += $f
    if (sum - $13 > 0.06 || $13 - sum > 0.06 || NF < 13) bad = 1; rows++ } END { exit bad || rows != 5 }' \
    <(sed -n '/^rank .*unaccounted/,$p' ledger.txt) || complain "--ledger does not sum up: $(cat ledger.txt)"
[ "$(grep -o '"wait-down"' ledger.json | wc -l)" = 4 ] || complain "a trace has no ledgers of both time lines"

# The same bits in any split, and with any output.
train two --ranks 2 --steps 4 --quiet
[ "$(cat two.txt)" = "weights $digest" ] || complain "2 ranks: '$(cat two.txt)', 1 rank: $digest"
train three --split 2,5,4 --schedule gpipe --steps 4 --json
tail -1 three.txt | grep -q "\"weights\":\"$digest\"}\$" || complain "3 stages: $(tail -1 three.txt)"
cmp -s three.txt three/log.jsonl || complain "--json does not print the log"
train wide --schedule interleaved --stages 6 --ranks 2 --steps 4 --quiet
[ "$(cat wide.txt)" = "weights $digest" ] || complain "interleaved, 3 stages per rank: '$(cat wide.txt)'"
train vee --schedule v-half --split 2,3,4,2 --steps 4 --quiet
[ "$(cat vee.txt)" = "weights $digest" ] || complain "v-half by its split: '$(cat vee.txt)'"
train file --schedule ./1f1b.csv --steps 4 --log file.jsonl
[ "$(digest_of file.txt)" = "$digest" ] || complain "a CSV file: $(tail -1 file.txt)"
[ -s file.jsonl ] && [ ! -e file/log.jsonl ] || complain "--log does not say where the log goes"
cmp -s one/model.safetensors two/model.safetensors || complain "equal weights, unequal files"

# ---- memory ----

# A model that does not fit in one rank's memory: refused there with remedies, trained by 2 and by 4.
"$command" train "${little[@]}" --ranks 1 --steps 4 --memory-limit 400KiB --out big >big.txt 2>big.err
[ $? -eq 1 ] || complain "a run over its memory limit does not exit with 1"
has big.err "sluice: rank 0 needs 496.25 KiB, which is 96.25 KiB more than the limit of 400.00 KiB per rank; these fit: 2 ranks (381.75 KiB)"
[ -e big ] && complain "a run that is refused leaves its folder behind"
for ranks in 2 4; do
    train big$ranks --ranks $ranks --steps 4 --memory-limit 400KiB
    [ "$(digest_of big$ranks.txt)" = "$digest" ] || complain "under a limit: $(tail -1 big$ranks.txt)"
done
"$command" train "${little[@]}" --ranks 1 --explain-memory --out plan >plan.txt || complain "--explain-memory exits with $?"
has plan.txt "rank 0: arena 496.2 KiB (508160 bytes), live 496.2 KiB at its peak"
has plan.txt "149.0 KiB  optimizer state"
"$command" train "${little[@]}" --ranks 1 --explain-memory --optimizer sgd --momentum 0.9 --out plan >plan.txt
has plan.txt "74.5 KiB  optimizer state"
[ -e plan ] && complain "--explain-memory trains"

# Recomputation saves memory and does not change the bits.
"$command" train "${little[@]}" --ranks 2 --explain-memory --recompute 0 >plan.txt
has plan.txt "rank 0: arena 304.5 KiB (311808 bytes)"
train again --ranks 2 --steps 4 --recompute full
[ "$(digest_of again.txt)" = "$digest" ] || complain "recomputing: $(tail -1 again.txt)"

# bf16: its memory is planned, it trains, and its bits do not depend on the split; a precision of GPUs is refused by name.
"$command" train "${little[@]}" --ranks 1 --explain-memory --precision bf16 >plan.txt || complain "a plan in bf16 exits with $?"
has plan.txt "rank 0: arena 472.8 KiB (484096 bytes), live 472.8 KiB at its peak"
has plan.txt "74.5 KiB  parameters"
has plan.txt "41.5 KiB  copies of parameters that layers read"
has plan.txt "149.0 KiB  optimizer state"
has plan.txt "28.0 KiB  saved activations, until W"
refuse_train 1 "device cpu does not compute in tf32; it computes in: fp32, bf16" --precision tf32
train halves --ranks 1 --steps 4 --precision bf16
train halves-apart --ranks 3 --schedule zb1p --steps 4 --precision bf16
cmp -s <(tail -n 1 halves.txt) <(tail -n 1 halves-apart.txt) || complain "in bf16 3 ranks end with '$(tail -n 1 halves-apart.txt)', 1 with '$(tail -n 1 halves.txt)'"
has halves/state.json '"precision": "bf16"'

# Dropout draws the same numbers in any split, and with recomputation; it is printed, and saved.
train drops --ranks 1 --steps 4 --dropout 0.3
has drops.txt "5 samples (80 tokens), dropout 0.3"
has drops/config.json '"resid_pdrop": 0.3,'
dropped=$(digest_of drops.txt)
[ "$dropped" != "$digest" ] || complain "--dropout changes nothing"
train drops3 --ranks 3 --schedule gpipe --recompute 0,2 --threads 2 --steps 4 --dropout 0.3
[ "$(digest_of drops3.txt)" = "$dropped" ] || complain "dropout on 3 ranks: $(tail -1 drops3.txt)"

# A machine without huge pages or pinning: the same bits, and a note.
degraded() { # degraded NOTE COMMAND...: a run of 2 ranks under that command
    local note=$1
    shift
    "$@" "$command" train "${little[@]}" --ranks 2 --steps 4 --out poor --overwrite >poor.txt 2>poor.err
    local got=$?
    if [ $got -eq 77 ]; then echo "not run: $(cat poor.err)" && return; fi
    [ $got -eq 0 ] || complain "'$*' exits with $got: $(cat poor.err)"
    has poor.txt "note      $note"
    [ "$(digest_of poor.txt)" = "$digest" ] || complain "'$*': $(tail -1 poor.txt)"
}
degraded "2 compute threads share 1 core: none is bound to one, and those that wait sleep" taskset -c "$(taskset -cp $$ | sed 's/.*: \([0-9]*\).*/\1/')"
degraded "there are no huge pages" "$deny" huge-pages
if [ "$(nproc)" -ge 2 ]; then
    degraded "1 thread cannot be bound to a core" "$deny" pin
else
    echo "not run: a machine without the right to bind threads (there is one core, nothing is bound)"
fi
train crowd --ranks 4 --threads 3 --steps 4 --ledger
has crowd.txt "note      12 compute threads share $(nproc) core"
has crowd.txt "note: 12 compute threads share $(nproc) core"
[ "$(digest_of crowd.txt)" = "$digest" ] || complain "4 ranks of 3 threads: $(tail -1 crowd.txt)"

# The next run starts from what was saved.
train next --init one/model.safetensors --steps 1
value_of() { sed -n "$2s/.*\"$1\":\([0-9.]*\).*/\1/p" "$3"; }
[ "$(value_of held_out_loss 4 one/log.jsonl)" = "$(value_of held_out_loss_before 1 next/log.jsonl)" ] ||
    complain "--init starts elsewhere: $(head -1 next/log.jsonl)"
train config --model one/config.json --init one/model.safetensors --steps 1 --quiet
[ "$(digest_of config.txt)" = "$(digest_of next.txt)" ] || complain "the config.json saved is not the one read"
train from_folder --model one/config.json --init one --steps 1 --quiet
[ "$(digest_of from_folder.txt)" = "$(digest_of next.txt)" ] || complain "--init FOLDER loads other weights than its file"
refuse_train 1 "folder 'hollow' has neither model.safetensors nor model.safetensors.index.json; --init takes a readable safetensors file, or a folder with one" --init hollow
must='--model must be the model it was saved from'
refuse 1 "'transformer.wte.weight' in one/model.safetensors has shape (256, 16) and the model's has (256, 64); $must" \
    train --data text.txt --model gpt-nano --init one/model.safetensors
sed 's/"tie_word_embeddings": true/"tie_word_embeddings": false/' one/config.json >untied.json
refuse_train 1 "one/model.safetensors has no tensor 'lm_head.weight'; $must" --model untied.json --init one/model.safetensors
train untied --model untied.json --steps 1
refuse_train 1 "'lm_head.weight' in untied/model.safetensors differs from 'transformer.wte.weight' from element 0 on, and the model uses one for both; $must" --model tiny.json --init untied/model.safetensors

# Token files, and a model that knows fewer tokens than they may hold.
{ le32 20240520; le32 1; le32 1000; head -c $((253 * 4)) /dev/zero; head -c 2000 /dev/zero | tr '\0' '\1'; } >ones.bin
refuse 2 "'ones.bin' has token 257 at byte 1024, which is not below the vocabulary of 256; use a model with a larger vocabulary" \
    train --data ones.bin --model one/config.json --seq 32
{ le32 20240520; le32 1; le32 1000; head -c $((253 * 4)) /dev/zero; head -c 2000 /dev/zero; } >zeros.bin
"$command" train --data zeros.bin --model one/config.json --seq 16 --batch 4 --steps 1 --out zeros --quiet >zeros.txt ||
    complain "training on a token file exits with $?"

# A number that is not finite stops the run with a message.
"$command" train "${little[@]}" --optimizer sgd --lr 1e30 --clip 0 --steps 9 --out wild >/dev/null 2>stderr.txt
[ $? -eq 1 ] || complain "a diverging run does not exit with 1"
grep -q "^sluice: step [2-9], micro-batch 0: the loss is nan; the first value that is not finite is the output of layer 'transformer.h.[0-3].*' (stage [01], rank [01]); nothing was updated; use a lower learning rate" stderr.txt ||
    complain "a diverging run says '$(cat stderr.txt)'"
"$command" train "${little[@]}" --optimizer sgd --lr 1e30 --clip 0 --steps 9 --skip-nonfinite 2 --out skips >/dev/null 2>stderr.txt
[ $? -eq 1 ] || complain "a diverging run that may skip does not exit with 1"
[ "$(grep -c 'skipped, [12] of at most 2$' stderr.txt)" = 2 ] || complain "skipping says '$(cat stderr.txt)'"
tail -1 skips/log.jsonl | grep -q '^{"step":[3-9],"lr":.*,"reason":"step [3-9], micro-batch 0: .*","skipped":2}$' ||
    complain "a skipped step is logged as '$(tail -1 skips/log.jsonl)'"

# A rank that takes too long stops all of them with a message.
"$command" train --data text.txt --model gpt-mini --seq 128 --batch 128 --microbatches 2 --ranks 2 --threads 1 --timeout 0.01 --out late >/dev/null 2>stderr.txt
[ $? -eq 1 ] || complain "a run past its deadline does not exit with 1"
grep -Eq '^sluice: rank 1, stage 1, 1RECV_F0: no rank finished anything for 0.01 s: rank 1 waits for 1RECV_F0; rank 0 (is at 0F0|has not begun); ' stderr.txt ||
    complain "a run past its deadline says '$(cat stderr.txt)'"

# Ctrl-C: the step is finished, and the weights are saved.
set -m # without job control a shell lets background jobs ignore it
"$command" train "${little[@]}" --steps 100000 --out broken >broken.txt 2>broken.err &
running=$!
for ((tries = 0; tries < 200; tries++)); do
    [ -s broken/log.jsonl ] && break
    sleep 0.1
done
kill -INT $running
wait $running
[ $? -eq 130 ] || complain "an interrupted run does not exit with 130"
grep -q '^sluice: interrupted after step [0-9]* of 100000; saved in broken$' broken.err ||
    complain "an interrupted run says '$(cat broken.err)'"
[ -s broken/model.safetensors ] || complain "an interrupted run does not save"
tail -1 broken/log.jsonl | grep -q "\"weights\":\"$(digest_of broken.txt)\"}\$" ||
    complain "an interrupted run logs '$(tail -1 broken/log.jsonl)'"

finish
