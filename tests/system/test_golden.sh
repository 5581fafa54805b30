#!/usr/bin/env bash
# test_golden.sh COMMAND SOURCE -- what the command says, compared with files of tests/golden/ that a reader can
# review: help/ (--help of each command), plan/ (printed plans and splits of fixed profiles), refused.txt (command
# lines that are refused, with their statuses and sentences) and sentences.txt (all sentences in the sources).
# SLUICE_BLESS=1 rewrites them; a new line "$ sluice ..." in refused.txt is filled in that way.
. "$(dirname "$0")/../support/command.sh"
source=$(realpath "$2")
golden=$source/tests/golden
export LC_ALL=C COLUMNS=80
cd "$work" || exit 1

# compare NAME FILE: the file is tests/golden/NAME.
compare() {
    if [ -n "${SLUICE_BLESS:-}" ]; then cp "$2" "$golden/$1"; fi
    diff -u "$golden/$1" "$2" || complain "tests/golden/$1 says something else; if intended, SLUICE_BLESS=1 and review the diff"
}

# ---- --help ----

"$command" --help >help.txt || complain "--help exits with $?"
compare help/sluice.txt help.txt
names=$(sed -n 's/^  sluice \([a-z]*\) .*  .*/\1/p' help.txt)
[ -n "$names" ] || complain "--help lists no commands"
for name in $names; do
    "$command" "$name" --help >"$name.help" || complain "$name --help exits with $?"
    compare "help/$name.txt" "$name.help"
done
[ "$(find "$golden/help" -type f | wc -l)" -eq $(($(wc -w <<<"$names") + 1)) ] || complain "tests/golden/help has files of no command"

# ---- files for the rest ----

cp "$source/tests/fuzz/profile/two-tables" profile.json
cp "$source/tests/fuzz/device_list/two" devices.json
cp "$source/tests/fuzz/plan/named" plan.json
cp "$source/tests/fuzz/schedule/1f1b" two.csv
branches >branches.txt
seq 1 600 >text.txt
model() { # model KEYS: a configuration with these instead of, or behind, the usual ones
    echo "{\"model_type\": \"gpt2\", \"vocab_size\": 256, \"n_positions\": 32, \"n_embd\": 16, \"n_layer\": 4, $1}"
}
model '"n_head": 2' >tiny.json
model '"n_head": 3' >heads.json
model '"n_head": 2, "speed": 9' >unknown-key.json
model '"n_head": 2, "activation_function": "relu"' >other.json
echo '{"n_head": 2,' >broken.json
echo '[1]' >list.json
: >empty.txt
echo few >few.txt
printf 'text\0more' >zeros.txt
echo few >few.bin
cp few.bin two.bin
mkdir folder used damaged
echo '{"step": 1}' >used/log.jsonl
echo '{"step": 1}' >damaged/state.json
echo '{"sluice_profile": 99}' >other-version.json
printf '0F0,0B0\n1F0,1X0\n' >broken.csv
printf '0F0,0F0,0B0\n1F0,1B0\n' >twice.csv
printf '0F0,0F1,0B1,0B0\n1F1,1B1,1B0,1F0\n' >backward.csv
printf '0F0,0B0,0F1,0B1\n1F1,1B1,1F0,1B0\n' >deadlock.csv

# ---- plans ----

# plan NAME ARGUMENT...: what a command prints that exits with 0.
plan() {
    local name=$1
    shift
    { echo "\$ sluice $*" && "$command" "$@" 2>&1; } >"plan.$name" || complain "'$*' exits with $?: $(tail -3 "plan.$name")"
    sed -i '/ of host memory more, which products /d' "plan.$name" # what the BLAS takes
    compare "plan/$name.txt" "plan.$name"
}
plan branches plan branches.txt --devices 2x1GiB --batch 4
plan branches-json plan branches.txt --devices 2x40KiB --batch 2 --json
plan tiny plan tiny.json --devices 2x1MiB --devices 4x1MiB --batch 8 --seq 16 --effort 50
plan split split branches.txt -p 2 -m 4
plan split-given split tiny.json -p 2 -m 4 --seq 16 --split 3,8 --recompute 1
plan split-tiny split tiny.json -p 2 -m 4 --seq 16 --json
plan memory train text.txt --model tiny.json --seq 16 --batch 4 --microbatches 2 --threads 1 --ranks 2 --schedule 1f1b --explain-memory
plan virtual simulate 1f1b -p 2 -m 3 --costs 2,1,1 --link 0.5 --columns 80

# ---- refusals ----

# say: the same table, with what the command says now behind each line that begins with "$ sluice".
say() {
    local line words
    while IFS= read -r line; do
        case $line in
            "# "*) printf '%s\n\n' "$line" ;;
            "\$ sluice"*)
                eval "words=(${line#\$ sluice})"
                "$command" "${words[@]}" >said.out 2>said.err
                printf '%s\n[%d]\n' "$line" $?
                sed "s/^/    /" said.err
                [ -s said.out ] && printf '    (it printed something before)\n'
                echo
                ;;
        esac
    done <"$golden/refused.txt"
}
say >refused.txt
compare refused.txt refused.txt

# ---- all sentences ----

python3 "$source/tests/system/sentences.py" "$source" >sentences.txt || complain "sentences.py exits with $?"
compare sentences.txt sentences.txt

finish
