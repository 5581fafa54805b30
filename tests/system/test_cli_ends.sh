#!/usr/bin/env bash
# test_cli_ends.sh COMMAND [SANITIZERS] -- how the command ends: standard streams that are closed, full or broken, signals,
# losses that are not finite, logs and folders that cannot be used.
. "$(dirname "$0")/../support/command.sh"
cd "$work" || exit 1
set -m # without job control a shell lets background jobs ignore Ctrl-C
set -o pipefail

seq 1 600 >text.txt
tiny_gpt >tiny.json
little=(--data text.txt --model tiny.json --seq 16 --batch 5 --microbatches 3 --threads 1)

# ---- standard streams: every command ----

exec 7> >(:) # a pipe that nobody reads
wait $!

# loses REASON STATUS: the last command, with its messages in stderr.txt, said so.
loses() {
    [ "$2" -eq 1 ] || complain "'$line': exits with $2 although standard output is lost: $1"
    [ "$(tail -1 stderr.txt)" = "sluice: standard output cannot be written: $1" ] ||
        complain "'$line': says '$(cat stderr.txt)' although standard output is lost: $1"
}

table='--help
--version
help
help train
help --man
help --completion bash
info
schedule --help
schedule --list
schedule gpipe -p 4 -m 8
schedule gpipe -p 4 -m 8 --csv
schedule gpipe -p 4 -m 8 --csv=comms
check 1f1b -p 2 -m 4
simulate 1f1b -p 2 -m 4
simulate 1f1b -p 2 -m 4 --json
split gpt-nano --ranks 2
split gpt-nano --ranks 2 --json
plan gpt-nano --devices 1 --batch 2
plan gpt-nano --devices 1 --batch 2 --json
profile tiny.json --seq 16 --microbatch 1 --ranks 1 --threads 1 --steps 3 --json
train --device virtual --costs 0.001,0.001,0.001 -p 2 -m 2 --json
train --data text.txt --model tiny.json --seq 16 --ranks 1 --threads 1 --steps 1 --overwrite
train --data text.txt --model tiny.json --seq 16 --ranks 1 --threads 1 --steps 1 --overwrite --json
train --data text.txt --model tiny.json --seq 16 --ranks 1 --explain-memory'
[ "${2-}" != thread ] || table=$(grep '^train' <<<"$table") # the others have one
while read -ra words; do
    line=${words[*]}
    "$command" "${words[@]}" >/dev/full 2>stderr.txt
    loses "No space left on device" $?
    "$command" "${words[@]}" >&7 2>stderr.txt
    loses "Broken pipe" $?
    "$command" "${words[@]}" >&- 2>stderr.txt || complain "'$line': exits with $? where standard output is closed"
    grep -v '^sluice: warning: ' stderr.txt && complain "'$line': says that where standard output is closed"
    "$command" "${words[@]}" >stdout.txt <&- 2>&- || complain "'$line': exits with $? where the others are closed"
    [ -s stdout.txt ] || complain "'$line': prints nothing where the others are closed"
done <<<"$table"
mv sluice-out closed
"$command" train "${little[@]}" --steps 1 --quiet --out none <&- >&- 2>&- || complain "exits with $? where all streams are closed"
cmp -s none/config.json closed/config.json || complain "a closed stream's number has become a file's"

# A reader that goes early ends what is long, early.
"$command" schedule gpipe -p 64 -m 1024 --csv 2>stderr.txt | head -c 10 >/dev/null && complain "half a schedule is a success"
line="schedule | head" loses "Broken pipe" 1
"$command" schedule gpipe -p 4 -m 8 --csv | head -1 >/dev/null || complain "a short schedule fits into a pipe"
"$command" train "${little[@]}" --steps 100000 --json --out piped 2>piped.err | head -2 >/dev/null
[ "${PIPESTATUS[0]}" -eq 1 ] || complain "a run that nobody reads exits with ${PIPESTATUS[0]}"
has piped.err "sluice: standard output cannot be written: Broken pipe"
grep -q '^sluice: interrupted after step [0-9]* of 100000; saved in piped$' piped.err || complain "a run that nobody reads says '$(cat piped.err)'"
[ -s piped/model.safetensors ] || complain "a run that nobody reads saves nothing"

# A file is written whole or stays what it was.
echo old >old.svg
(ulimit -f 2 && exec "$command" schedule 1f1b -p 16 -m 64 --svg old.svg >/dev/null 2>stderr.txt)
[ $? -eq 1 ] || complain "a file that becomes too large exits with $?"
[ "$(cat stderr.txt)" = "sluice: 'old.svg' cannot be written: File too large; name another file" ] || complain "a file that becomes too large: '$(cat stderr.txt)'"
[ "$(cat old.svg)" = old ] && [ ! -e old.svg.part ] || complain "a file that becomes too large: $(ls -l old.svg*)"

# ---- signals ----

# started NAME: run NAME, in the background, has logged a step.
started() {
    for ((tries = 0; tries < 200; tries++)); do
        [ -s "$1/log.jsonl" ] && return
        sleep 0.05
    done
    complain "run '$1' has not begun: $(cat "$1.err")"
}
evaluated() { # the same before its first step
    for ((tries = 0; tries < 400; tries++)); do
        grep -q '^held-out' "$1.txt" 2>/dev/null && return
        sleep 0.05
    done
    complain "run '$1' has not begun: $(cat "$1.err")"
}
endless() { exec "$command" train "${little[@]}" --steps 100000 --out "$1" >"$1.txt" 2>"$1.err"; }

for pair in INT:130 TERM:143 HUP:129; do
    signal=${pair%:*}
    endless $signal &
    started $signal
    kill -$signal $!
    wait $!
    status=$?
    [ $status -eq ${pair#*:} ] || complain "SIG$signal: exits with $status"
    step=$(sed -n 's/^sluice: interrupted after step \([0-9]*\) of 100000; saved in .*$/\1/p' $signal.err)
    [ "$(cat $signal.err)" = "sluice: finishing step $step, then saving; again to stop without
sluice: interrupted after step $step of 100000; saved in $signal" ] || complain "SIG$signal: says '$(cat $signal.err)'"
    [ -s $signal/model.safetensors ] || complain "SIG$signal: nothing is saved"
    tail -1 $signal/log.jsonl | grep -q "^{\"step\":$step,.*\"weights\":\"$(digest_of $signal.txt)\"}\$" ||
        complain "SIG$signal: logs '$(tail -1 $signal/log.jsonl)'"
done

# A signal that was ignored at the start stays ignored.
(trap '' HUP && endless nohup) &
started nohup
kill -HUP $!
sleep 0.2
kill -TERM $!
wait $!
[ $? -eq 143 ] || complain "under nohup SIGHUP ends a run"
[ "$(grep -c finishing nohup.err)" = 1 ] || complain "under nohup SIGHUP is heard: $(cat nohup.err)"

# A second signal does not wait for the step, which takes seconds here.
"$command" train text.txt --model gpt-mini --seq 128 --batch 1024 --ranks 1 --threads 1 --steps 9 --out twice >twice.txt 2>twice.err &
evaluated twice
sleep 0.2
kill -INT $!
sleep 0.2
kill -TERM $!
SECONDS=0
wait $!
[ $? -eq 143 ] || complain "a second signal does not end the run"
[ $SECONDS -le 2 ] || complain "a second signal takes $SECONDS s"
[ "$(cat twice.err)" = "sluice: finishing step 1, then saving; again to stop without" ] || complain "two signals: '$(cat twice.err)'"
[ -e twice/model.safetensors ] && complain "a second signal saves"

# Two at once, as `timeout` sends them to the process and to its group, are one.
endless both &
started both
kill -TERM $! && kill -INT $!
wait $!
status=$?
[ $status -eq 143 ] || [ $status -eq 130 ] || complain "two signals at once: exits with $status"
grep -q '^sluice: interrupted after step' both.err || complain "two signals at once: says '$(cat both.err)'"

# Other commands end at once, and so does a run before its first step.
ends_at_once() { # ends_at_once ARGUMENT...: half a second after its start
    "$command" "$@" >stdout.txt 2>stderr.txt &
    sleep 0.5
    kill -INT $!
    wait $!
    local status=$?
    [ $status -eq 130 ] || complain "'$*': exits with $status after Ctrl-C: $(cat stderr.txt)"
    ls made.json* 2>/dev/null && complain "'$*': leaves a file behind"
}
ends_at_once plan gpt2-1.5b --devices 64x80GiB --batch 512 --effort 1000000 -o made.json
ends_at_once profile gpt2-124m --microbatch 1,2,4 --ranks 1 --threads 1 -o made.json
ends_at_once train --device virtual --costs 5,5,5 -p 2 -m 2

# Time in which the process is stopped does not count against --timeout: not that of an action that goes on after it.
"$command" train "${little[@]}" --batch 64 --ranks 1 --steps 100000 --timeout 1.5 --out stopped >stopped.txt 2>stopped.err &
started stopped
kill -STOP $!
sleep 3
kill -CONT $!
sleep 0.3
kill -TERM $!
wait $!
[ $? -eq 143 ] || complain "a run that was stopped for a while ends before its time: $(cat stopped.err)"
"$command" train --device virtual --costs 3,3,3 -p 2 -m 1 --timeout 0.3 >/dev/null 2>stderr.txt
grep -q '^sluice: rank 1.*: no rank finished anything for 0.3 s: .*; if a single action can take that long, raise --timeout$' stderr.txt ||
    complain "a timeout says '$(cat stderr.txt)'"

# ---- losses that are not finite, and logs ----

# The weights before the step that went wrong are saved.
wild=(--optimizer sgd --lr 1e30 --clip 0 --decay none --warmup 0)
"$command" train "${little[@]}" "${wild[@]}" --steps 9 --out wild >wild.txt 2>wild.err
[ $? -eq 1 ] || complain "a diverging run exits with $?"
step=$(sed -n 's/^sluice: the weights after step \([0-9]*\) are saved in wild$/\1/p' wild.err)
"$command" train "${little[@]}" "${wild[@]}" --steps "${step:-1}" --out tame >tame.txt 2>tame.err
cmp -s wild/model.safetensors tame/model.safetensors || complain "a diverging run does not save its last good state: $(cat wild.err tame.err)"
[ "$(digest_of wild.txt)" = "$(digest_of tame.txt)" ] || complain "a diverging run has saved '$(tail -1 wild.txt)'"

# Training is worth more than its log.
note="sluice: the log cannot be written"
"$command" train "${little[@]}" --steps 3 --log /dev/full --out logless >/dev/null 2>stderr.txt || complain "without its log a run exits with $?"
[ "$(cat stderr.txt)" = "$note: No space left on device; the run goes on without" ] || complain "without its log a run says '$(cat stderr.txt)'"
[ -s logless/model.safetensors ] || complain "without its log a run saves nothing"
tiny_gpt 1 | sed "s,16,4," >one.json # its weights are shorter than the limit, and the log is longer
(ulimit -f 80 && exec "$command" train text.txt --model one.json --seq 16 --batch 1 --threads 1 --optimizer sgd --steps 400 --quiet --out long >/dev/null 2>stderr.txt) || complain "with a short log a run exits with $?"
[ "$(cat stderr.txt)" = "$note: File too large; the run goes on without" ] || complain "with a short log a run says '$(cat stderr.txt)'"
python3 -c 'import json; [json.loads(line) for line in open("long/log.jsonl")]' || complain "half a line is logged: $(tail -1 long/log.jsonl)"

# ---- the folder of results ----

endless busy &
started busy
refuse 1 "--out 'busy' is in use by another run, process $!; wait for its end, or name another folder" train "${little[@]}" --steps 1 --out busy --overwrite
kill -KILL $!
{ wait $!; } 2>/dev/null
other="name another folder, or replace it with --overwrite"
refuse 1 "--out 'busy' has the log.jsonl of another run; $other" train "${little[@]}" --steps 1 --out busy
run train "${little[@]}" --steps 1 --out busy --overwrite --quiet
refuse 1 "--out 'busy' has the model.safetensors of another run; $other" train "${little[@]}" --steps 1 --out busy
endless removed & # what was trained is saved all the same
started removed
rm -rf removed
kill -TERM $!
wait $!
[ -s removed/model.safetensors ] || complain "into a folder that was removed nothing is saved: $(cat removed.err)"
mkdir -p first/saves/.step-00000001 # of a run that was killed in its first save
run train "${little[@]}" --steps 2 --save-every 1 --out first
[ "$(ls -A first/saves)" = "$(printf 'step-0000000%d\n' 1 2)" ] || complain "a part of a save stays: $(ls -A first/saves)"
refuse 1 "--out 'first' has the model.safetensors of another run; $other" train "${little[@]}" --steps 1 --out first
rm first/*.*
refuse 1 "--out 'first' has the saves of another run; $other" train "${little[@]}" --steps 1 --out first
[ "$(ls -A busy | paste -sd' ')" = "config.json log.jsonl model.safetensors optimizer.safetensors plan.json state.json tokenizer.json tokenizer_config.json" ] || complain "a folder has $(ls -A busy)"

# What a save needs is known before the first step.
(ulimit -f 64 && exec "$command" train "${little[@]}" --optimizer sgd --steps 1 --out small >stdout.txt 2>stderr.txt)
[ "$(cat stderr.txt)" = "sluice: a save has a file of 146.4 KiB, and no file may be larger than 64.0 KiB here; raise that limit (ulimit -f)" ] ||
    complain "where files must be small a run says '$(cat stderr.txt)'"
[ -e small ] && complain "where files must be small a folder is left behind"
mkdir disk
unshare -rm sh -c 'mount -t tmpfs -o size=128k none disk && exec "$@"' sh "$command" train "${little[@]}" --optimizer sgd --steps 1 --out disk/out >stdout.txt 2>stderr.txt
if grep -q '^\(unshare\|mount\)' stderr.txt; then
    echo "not run: a disk that is too small ($(cat stderr.txt))"
else
    [ "$(cat stderr.txt)" = "sluice: a save takes 151.2 KiB, and --out 'disk/out' has 124.0 KiB left on its disk; free disk space, or name another folder" ] ||
        complain "on a small disk a run says '$(cat stderr.txt)'"
fi

finish
