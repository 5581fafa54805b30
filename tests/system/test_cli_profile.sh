#!/usr/bin/env bash
# test_cli_profile.sh COMMAND -- sluice profile, and what reads profiles: measured ones, and PipeDream's text.
. "$(dirname "$0")/../support/command.sh"
cd "$work" || exit 1

tiny_gpt 2 >tiny.json
tiny=(tiny.json --seq 8 --steps 2)

# ---- refusals ----

refuse 2 "no model is named; for example: sluice profile gpt-mini -o profile.json" profile
refuse 2 "'gpt-mini' is a second model; name one" profile gpt-nano gpt-mini
refuse 2 "there is no -o; name the file to write, or print with --json" profile gpt-nano
refuse 2 "no model preset is called 'gpt-9'; choose one of $presets" profile gpt-9 -o p.json
refuse 2 "--microbatch is 'x'; give a whole number from 1 to 1048576" profile "${tiny[@]}" -o p.json --microbatch 1,x
refuse 2 "--microbatch is ''; give a whole number from 1 to 1048576" profile "${tiny[@]}" -o p.json --microbatch 1,
refuse 2 "--microbatch is '0'; give a whole number from 1 to 1048576" profile "${tiny[@]}" -o p.json --microbatch 0
refuse 2 "micro-batches of 2 samples are listed twice" profile "${tiny[@]}" -o p.json --microbatch 2,2
refuse 2 "--seq 64 is longer than the 32 positions of tiny.json; give at most 32" profile tiny.json --seq 64 -o p.json
refuse 2 "device virtual computes nothing, so that there is nothing to measure" profile "${tiny[@]}" -o p.json --device virtual
refuse 1 "device cpu does not compute in tf32; it computes in: fp32, bf16" profile "${tiny[@]}" -o p.json --precision tf32
refuse 2 "--ranks is '0'; give a whole number from 1 to 4096" profile "${tiny[@]}" -o p.json --ranks 0
[ -e p.json ] && complain "a refusal leaves p.json behind"
"$command" profile "${tiny[@]}" -o none/p.json 2>err.txt && complain "a file in no folder is written"
has err.txt "'none/p.json' cannot be written"

# ---- a profile ----

echo before >p.json
"$command" profile "${tiny[@]}" -p 2 --microbatch 4,1 -o p.json >said.txt 2>err.txt || complain "profile exits with $?: $(cat err.txt)"
has said.txt "2 ranks of"
has said.txt "all 7 layers"
has said.txt "link 0 to 1:"
has said.txt "ns per parameter (adamw)"
has p.json '"sluice_profile": 1'
has p.json '"model": "tiny.json"'
has p.json '"sequence": 8'
has p.json '"spread"'
[ "$(ls p.json*)" = p.json ] || complain "temporary files are left: $(ls)"

"$command" profile "${tiny[@]}" -p 1 --json --optimizer sgd >q.json 2>err.txt || complain "profile --json exits with $?: $(cat err.txt)"
has q.json '"optimizer": "sgd"'
[ "$(head -c 1 q.json)" = "{" ] || complain "--json prints something else first"
grep -q '"links"' q.json && complain "one rank has links"

# ---- what reads it ----

for table in 1 4; do
    "$command" simulate 1f1b -p 2 -m 4 --profile p.json --microbatch-size $table >said.txt 2>err.txt || complain "simulate exits with $?: $(cat err.txt)"
    has said.txt "seconds on cpu:"
done
"$command" train --device virtual --profile q.json --schedule gpipe -p 2 -m 2 >said.txt 2>err.txt || complain "train --device virtual exits with $?: $(cat err.txt)"
has said.txt "simulated"

branches >graph.txt
"$command" simulate gpipe -p 2 -m 1 --profile graph.txt --json >said.txt 2>err.txt || complain "simulate of PipeDream's text exits with $?: $(cat err.txt)"
has said.txt '"step": 0.024'
"$command" simulate gpipe -p 2 -m 1 --profile graph.txt >said.txt
has said.txt "layers 1,1"
"$command" train --device virtual --profile graph.txt --schedule gpipe -p 2 -m 1 >said.txt 2>err.txt || complain "train on PipeDream's text exits with $?: $(cat err.txt)"
has said.txt "simulated 0.024 s"
refuse 2 "3 stages need as many layers, and there are 2; ask for at most 2 stages" simulate gpipe -p 3 -m 1 --profile graph.txt
sed 's/backward/forward/' graph.txt >wrong.txt
refuse 1 "'wrong.txt', line 1: the node's times are missing, or not numbers of 0 or more; --profile takes what sluice profile wrote, or PipeDream's text" simulate gpipe -p 2 -m 1 --profile wrong.txt
finish
