#!/usr/bin/env bash
# test_cli_drawings.sh COMMAND -- pictures and traces as a user asks for them, and colour.
. "$(dirname "$0")/../support/command.sh"
cd "$work" || exit 1

# counts FILE TEXT NUMBER: so many lines of the file contain the text.
counts() {
    local got
    got=$(grep -cF -- "$2" "$1")
    [ "$got" -eq "$3" ] || complain "$1 has $got lines with '$2', expected $3"
}

# well_formed FILE...: by the readers that are installed.
well_formed() {
    for file in "$@"; do
        case $file in
        *.svg) python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$file" ;;
        *.json) python3 -c 'import sys, json; json.load(open(sys.argv[1]))' "$file" ;;
        esac || complain "$file is not well-formed"
    done
}

seq 1 600 >text.txt
tiny_gpt >tiny.json
mkdir folder.svg
little=(--data text.txt --model tiny.json --seq 16 --batch 5 --microbatches 3 --threads 1)

# ---- refusals: before anything is done ----

either='name a file that ends in .json (a trace for Perfetto) or .svg (a picture)'
refuse 2 "--svg is 'x.png'; name a file that ends in .svg" schedule 1f1b -p 2 -m 2 --svg x.png
refuse 2 "--svg is 'x.json'; name a file that ends in .svg" schedule 1f1b -p 2 -m 2 --svg x.json
refuse 2 "--svg is '.svg'; name a file that ends in .svg" schedule 1f1b -p 2 -m 2 --svg .svg
refuse 2 "--trace is 'x.txt'; $either" schedule 1f1b -p 2 -m 2 --trace x.txt
refuse 1 "'folder.svg' cannot be written: Is a directory; name another file" schedule 1f1b -p 2 -m 2 --svg folder.svg
refuse 1 "'no/x.json' cannot be written: No such file or directory; name another file" schedule 1f1b -p 2 -m 2 --trace no/x.json
refuse 2 "--csv prints the text form and draws nothing; leave out --svg and --trace, or --csv" schedule 1f1b -p 2 -m 2 --csv --svg x.svg
refuse 2 "--trace is 'x.png'; $either" train "${little[@]}" --trace x.png
refuse 2 "--trace is ''; $either" train "${little[@]}" --trace ''
refuse 1 "'no/x.svg' cannot be written: No such file or directory; name another file" train "${little[@]}" --trace no/x.svg
refuse 1 "'folder.svg' cannot be written: Is a directory; name another file" train "${little[@]}" --trace folder.svg
mkfifo fifo.json
alone="cannot be written: nobody reads from it"
refuse 1 "'fifo.json' $alone; name another file" schedule 1f1b -p 2 -m 2 --trace fifo.json
refuse 1 "'fifo.json' $alone; name another file" train "${little[@]}" --trace fifo.json
refuse 1 "'fifo.json' $alone; name another file" plan tiny.json --devices 1x1g --batch 2 --seq 16 -o fifo.json
refuse 1 "log 'fifo.json' $alone; name another with --log" train "${little[@]}" --log fifo.json

# ---- schedules ----

"$command" schedule 1f1b -p 2 -m 3 >plain.txt
"$command" schedule 1f1b -p 2 -m 3 --svg a.svg --trace a.json >drawn.txt || complain "drawing exits with $?"
cmp -s plain.txt drawn.txt || complain "drawing changes what is printed"
well_formed a.svg a.json
begin_to_read() { # what is written to fifo.json goes to read.json, until end_of_reading; nothing waits meanwhile.
    exec 8<>fifo.json 9<fifo.json
    timeout 60 cat <&9 8>&- >read.json &
}
end_of_reading() {
    exec 8>&- 9<&-
    wait $!
}
begin_to_read
run schedule 1f1b -p 2 -m 3 --trace fifo.json
end_of_reading
cmp -s a.json read.json || complain "the reader of a FIFO gets another trace"
begin_to_read
run train "${little[@]}" --ranks 2 --steps 1 --quiet --trace fifo.json --out piped
end_of_reading
well_formed a.svg read.json
counts a.json '"ph":"X"' 12
counts a.json '"ph":"s"' 6
counts a.json '"ph":"f"' 6
counts a.svg '<rect x=' 14 # of them 2 in the legend
has a.svg '>1f1b: 2 ranks, 2 stages, 3 micro-batches<'
printf '0F0,3F0,3B0,0B0\n1F0,2F0,2B0,1B0\n' >'v & w.csv'
"$command" schedule './v & w.csv' --svg v.svg >/dev/null || complain "drawing a file exits with $?"
well_formed v.svg
has v.svg '>v &#38; w.csv: 2 ranks, 4 stages, 1 micro-batches<'
echo old >kept.svg
"$command" schedule 1f1b -p 256 -m 512 --svg kept.svg >/dev/null 2>stderr.txt
[ $? -eq 2 ] || complain "a picture of too many actions does not exit with 2"
has stderr.txt "sluice: a picture of 262144 actions is too fine to see; at most 200000; write a trace (.json), or draw fewer micro-batches"
[ "$(cat kept.svg)" = old ] || complain "a picture that is refused takes the old one away"

# ---- simulations ----

"$command" simulate 1f1b -p 2 -m 3 --link 0.5 --svg s.svg --trace s.json >/dev/null || complain "drawing a simulation exits with $?"
well_formed s.svg s.json
has s.svg '>waiting for a transfer<'
counts s.json '"ph":"X"' 12
refuse 1 "'no/x.svg' cannot be written: No such file or directory; name another file" simulate 1f1b -p 2 -m 2 --svg no/x.svg
"$command" simulate 1f1b -p 2 -m 3 --json >plain.json
"$command" simulate 1f1b -p 2 -m 3 --json --svg s.svg | cmp -s - plain.json || complain "drawing changes what --json prints"

# ---- a full disk ----

for form in "--svg full.svg" "--trace full.json" "--csv full.csv"; do
    ln -s /dev/full "${form#* }"
    # shellcheck disable=SC2086 # an option and its value
    "$command" simulate 1f1b -p 2 -m 2 $form >/dev/null 2>stderr.txt
    [ $? -eq 1 ] || complain "$form on a full disk does not exit with 1"
    [ "$(cat stderr.txt)" = "sluice: '${form#* }' cannot be written: No space left on device; name another file" ] ||
        complain "$form on a full disk says '$(cat stderr.txt)'"
    [ -e "${form#* }" ] && complain "$form on a full disk leaves half a file behind"
done

# ---- training ----

# train NAME OPTION...: a short run with its last step drawn; its output in NAME.txt.
train() {
    local name=$1
    shift
    "$command" train "${little[@]}" --ranks 2 --steps 3 --out "$name" "$@" >"$name.txt" 2>"$name.err" ||
        complain "training '$name' ($*) exits with $?: $(cat "$name.err")"
}

train picture --trace picture/step.svg
has picture.txt "saved in picture: weights, config, tokenizer, optimizer state, state of the run, log; last step in picture/step.svg"
well_formed picture/step.svg
has picture/step.svg '>step 3, simulated from its measured actions with free transfers<'
has picture/step.svg '>step 3, measured<'
has picture/step.svg '>memory in use<'
counts picture/step.svg '</title></rect>' 24
train trace --trace step.json --quiet
well_formed step.json
counts step.json '"ph":"X"' 24
counts step.json '"ph":"X","pid":2' 12
counts step.json '"ph":"s"' 12
counts step.json '"name":"process_name"' 2
[ "$(tail -1 picture.txt)" = "$(cat trace.txt)" ] || complain "drawing changes the weights"
"$command" train "${little[@]}" --steps 1 --out /dev/null/x --trace new.svg 2>/dev/null
[ -e new.svg ] && complain "a run that is refused leaves a drawing behind"

# ---- colour: on a terminal that supports it ----

on_terminal() { script -qec "$(printf '%q ' "$@")" /dev/null; }
escape=$(printf '\033')
if command -v script >/dev/null; then
    TERM=xterm on_terminal "$command" schedule 1f1b -p 2 -m 2 >colour.txt
    has colour.txt "$escape[0;1;4;34mF0"
    TERM=xterm NO_COLOR=1 on_terminal "$command" schedule 1f1b -p 2 -m 2 >plain.txt
    grep -qF "$escape" plain.txt && complain "NO_COLOR is not heard"
    TERM=dumb on_terminal "$command" schedule 1f1b -p 2 -m 2 >plain.txt
    grep -qF "$escape" plain.txt && complain "a dumb terminal gets colour"
else
    echo "not run: colour on a terminal (no 'script': the package bsdutils brings it)"
fi
grep -qF "$escape" drawn.txt && complain "a file gets colour"

finish
