#!/usr/bin/env bash
# test_cli_data.sh COMMAND -- data as the command meets it: folders, files that are none, files that change.
. "$(dirname "$0")/../support/command.sh"
cd "$work" || exit 1

seq 1 600 >text.txt
tiny_gpt >tiny.json

# ---- data that misbehaves ----

mkdir -p mixed/deep
seq 1 500 >mixed/a.txt
seq 1 100 >mixed/deep/b.txt
printf 'P\0NG' >mixed/image
ln -s ../text.txt mixed/link.txt
ln -s . mixed/loop
mkfifo fifo mixed/fifo
: >mixed/seen.txt

# in_mixed OPTION...: a short run on that folder, which writes into it.
in_mixed() {
    "$command" train mixed --model tiny.json --seq 16 --batch 4 --microbatches 2 --threads 1 --steps 2 "$@"
}
# What the command prints, logs and saves is no data of its own, also where it is there already.
echo "an earlier line" >>mixed/seen.txt
mkdir mixed/out
echo "an earlier result" >mixed/out/notes
in_mixed --out mixed/out --log mixed/log.jsonl >>mixed/seen.txt || complain "training on a folder that it writes to exits with $?"
has mixed/seen.txt "data      3 files, "
has mixed/seen.txt "left out: 4 files (1 not text, 1 FIFO, socket or device, 1 link, 1 written to), 1 folder (1 written to)"
rm -r mixed/out
refuse 2 "'mixed' is written to, and cannot be data at the same time; name other data, or another folder for results" \
    train mixed --model tiny.json --out mixed
# A FIFO without a writer must not make anything wait.
for words in "train fifo --steps 1" "train text.txt --steps 1 --init fifo" "train text.txt --steps 1 --model ./fifo" "train text.txt --steps 1 --plan fifo" \
    "check ./fifo" "simulate 1f1b -p 2 -m 4 --costs @fifo" "simulate 1f1b -p 2 -m 4 --profile fifo" "split ./fifo -p 2" \
    "plan gpt-nano --devices fifo --batch 4"; do
    # shellcheck disable=SC2086 # words of a command line
    timeout 20 "$command" $words >/dev/null 2>stderr.txt
    grep -q "fifo' is a FIFO, not a file" stderr.txt || complain "'$words' says '$(cat stderr.txt)'"
done

# A file that changes while it is read ends the run in a sentence and a save, from which it goes on to the weights of a
# run that nothing disturbed, once the file is what it was.
steady=(--model tiny.json --seq 16 --batch 4 -m 4 --threads 1 --warmup 0 --decay none)
changes() { # changes NAME HOW SIZE COMMAND...: COMMAND changes NAME.txt, and the run says how, and its bytes.
    local name=$1 how=$2 size=$3 step
    shift 3
    seq 1 20000 >"$name.txt"
    "$command" train "$name.txt" "${steady[@]}" --ranks 2 --steps 1000000 --out "$name" >"$name.out" 2>stderr.txt &
    local child=$!
    for ((k = 0; k < 200; k++)); do
        grep -q '^step' "$name.out" && break
        sleep 0.05
    done
    "$@"
    wait "$child"
    [ $? -eq 1 ] || complain "a run whose data is $how does not exit with 1"
    grep -q "^sluice: .*'$name.txt' was $how while in use: at byte [0-9]*, which was to be read, it has $size bytes in all, and had 108894" stderr.txt ||
        complain "a run whose data is $how says '$(cat stderr.txt)'"
    step=$(sed -n "s/^sluice: the weights after step \([0-9]*\) are saved in $name\$/\1/p" stderr.txt)
    [ -n "$step" ] || complain "a run whose data is $how does not save: '$(cat stderr.txt)'"
    seq 1 20000 >"$name.txt"
    run train "$name.txt" "${steady[@]}" --ranks 3 --steps "$((step + 2))" --resume "$name" --quiet
    mv stdout.txt resumed.txt
    run train "$name.txt" "${steady[@]}" --ranks 1 --steps "$((step + 2))" --out "$name-whole" --quiet
    cmp -s stdout.txt resumed.txt || complain "data that was $how: resumed it ends with '$(cat resumed.txt)', undisturbed with '$(cat stdout.txt)'"
}
changes shrinks truncated 0 truncate -s 0 shrinks.txt
changes other rewritten 108894 dd if=/dev/zero of=other.txt bs=1 count=1 seek=50000 conv=notrunc status=none

finish
