#!/usr/bin/env bash
# test_cli_help.sh COMMAND -- help in each of its forms; the manual page and the completion have every command and option.
. "$(dirname "$0")/../support/command.sh"
cd "$work" || exit 1

says() { # says FILE ARGUMENT...: prints exactly that, and succeeds
    local file=$1
    shift
    "$command" "$@" >said.txt 2>&1 || complain "'$*' exits with $?: $(head -3 said.txt)"
    cmp -s said.txt "$file" || complain "'$*' prints: $(head -3 said.txt), expected: $(head -3 "$file")"
}

# ---- the same in each form ----

"$command" --help >all.txt || complain "--help exits with $?"
says all.txt -h
says all.txt help
"$command" --version >version.txt || complain "--version exits with $?"
says version.txt -V
"$command" help --man >sluice.1 || complain "help --man exits with $?"
"$command" help --completion bash >sluice.bash || complain "help --completion exits with $?"
refuse 2 "no command is called 'trian'; choose one of: train, eval, sample, schedule, check, simulate, profile, split, plan, tokenize, info, help" help trian
refuse 2 "--completion is 'fish'; choose one of: bash" help --completion fish

commands=$(sed -n 's/^  sluice \([a-z]*\) .*/\1/p' all.txt)
[ "$(wc -w <<<"$commands")" -ge 6 ] || complain "--help lists: $commands"

# complete_line WORD...: what bash offers for the last word.
complete_line() {
    bash -c '. ./sluice.bash; COMP_WORDS=(sluice "$@"); COMP_CWORD=$#; COMPREPLY=(); _sluice; printf "%s\n" "${COMPREPLY[@]}"' _ "$@"
}

for name in $commands; do
    "$command" "$name" --help >help.txt || complain "$name --help exits with $?"
    for form in "$name -h" "$name -?" "help $name"; do
        # shellcheck disable=SC2086 # two words
        says help.txt $form
    done
    says version.txt "$name" -V
    grep -q "^.SS $name\$" sluice.1 || complain "the manual page has no section $name"
    sed -n "/^.SS $name\$/,/^.S[SH] [^$name]/p" sluice.1 | sed 's/\\-/-/g' >section.txt
    complete_line "$name" -- >offered.txt
    for option in $(grep -oE '^(  -., |      )--[a-z-]+' help.txt | grep -o -- '--.*'); do
        grep -qx -- "$option" offered.txt || complain "completion of $name does not offer $option"
        [[ $option = --help || $option = --usage || $option = --version ]] && continue
        grep -q -- "fB$option.fR" section.txt || complain "the manual page of $name has no $option"
    done
done

# ---- completion ----

offers() { # offers "WORDS" WORD...: exactly those
    local expected=$1 got
    shift
    got=$(complete_line "$@" | paste -sd' ')
    [ "$got" = "$expected" ] || complain "for '$*' bash is offered '$got', expected '$expected'"
}
touch mine.csv
offers "train" tr
offers "nccl" check --transport n
offers "nccl" simulate --transport = n
offers "local host nccl" simulate --transport =
offers "zb1p zb2p zbv" schedule zb
offers "zbv" train --schedule zbv
offers "compute comms" schedule --csv =
offers "zbv" schedule --csv zbv # its value may be left out
offers "mine.csv" check min
offers "gpt-nano gpt-mini" train --model gpt-
offers "--steps" train --data text.txt --ste
offers "" train --steps 1

# ---- the manual page ----

if command -v man >/dev/null; then
    warnings=$(LC_ALL=C.UTF-8 MANWIDTH=100 man --warnings=w -l sluice.1 2>&1 >page.txt)
    [ -z "$warnings" ] || complain "man says of the page: $warnings"
    has page.txt "sluice - pipeline-parallel, micro-batching training"
fi
finish
