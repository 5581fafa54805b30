#!/usr/bin/env bash
# test_cli_schedule_tools.sh COMMAND SOURCE -- sluice check and sluice simulate as a researcher meets
# them: proofs, chains of waits, costs from options and profiles, and refusals by text.
. "$(dirname "$0")/../support/command.sh"
source=$(realpath "$2")
cd "$work" || exit 1

# ---- check: proofs ----

run check 1f1b -p 4 -m 8
prints "proven: 1f1b runs to its end over a queue per stage boundary (local), and computes what it should"
prints "4 ranks, 4 stages, 8 micro-batches"
prints "64 actions: F, then B or I and W, once per micro-batch and stage, in order"
prints "48 transfers: each send meets its receive"
prints "peak stage-activations, rank by rank: 4 3 2 1"
run check forward-only -p 2 -m 3 --transport local
prints "6 actions: F, once"
run check zbv -p 4 -m 8 --transport nccl --json
json 'o["proven"]' True
json '(o["schedule"], o["ranks"], o["stages"], o["microbatches"], o["transport"])' \
    "('zbv', 4, 8, 8, 'nccl')"
json '(o["actions"], o["transfers"], o["peak_live"])' "(192, 96, [8, 8, 8, 8])"
run check interleaved -p 2 -v 3 -m 4 --group 4 --transport nccl
prints "over one queue of groups per rank (nccl)"
run check 1f1b -p 4 -m 8 --slack 2
prints "rank by rank: 7 5 3 1"
run check interleaved -p 4 -m 8 --extra-warmup 1
prints "rank by rank: 12 10 8 6"
run check hanayo -p 4 -v 4 -m 4 --transport nccl
prints "4 ranks, 16 stages, 4 micro-batches"
prints "96 transfers" # of 15 boundaries, 3 lie inside a rank

# ---- with transfers ----

run schedule 1f1b -p 2 -m 2 --csv=comms
[ "$(cat stdout.txt)" = "0F0,0SEND_F0,0F1,0SEND_F1,0RECV_B0,0RECV_B1,0WAIT_SEND_F0,0B0,0WAIT_SEND_F1,0B1,0REDUCE_GRAD,0WAIT_REDUCE_GRAD
1RECV_F0,1F0,1RECV_F1,1B0,1SEND_B0,1F1,1B1,1REDUCE_GRAD,1WAIT_REDUCE_GRAD,1SEND_B1,1WAIT_SEND_B0,1WAIT_SEND_B1" ] ||
    complain "--csv=comms prints $(cat stdout.txt)"
for schedule in interleaved zbv dualpipev; do
    run schedule $schedule -p 3 -m 7 --csv=comms
    mv stdout.txt named.csv
    for transport in local nccl; do
        run check named.csv --transport $transport
        prints "3 ranks, 6 stages, 7 micro-batches"
    done
    run schedule named.csv --csv=comms
    cmp -s stdout.txt named.csv || complain "$schedule: --csv=comms of its own rows is another text"
    run schedule named.csv --csv=compute
    cmp -s stdout.txt named.csv || complain "$schedule: --csv=compute changes a file's rows"
done
refuse 2 "--csv is 'all'; choose one of: compute, comms" schedule 1f1b -p 2 -m 2 --csv=all

# ---- simulate: what is planned, as a file ----

# What was planned under costs runs as it is: the same time, the same sends outstanding.
run simulate interleaved -p 4 -m 8 --costs 5,1,1 --csv planned.csv --json
grep -v '"schedule"' stdout.txt >planned.txt
run simulate planned.csv --costs 5,1,1 --json
grep -v '"schedule"' stdout.txt >again.txt
cmp -s planned.txt again.txt || complain "what simulate --csv wrote simulates otherwise: $(diff planned.txt again.txt)"
run simulate interleaved -p 4 -m 8 --json
sed -n '/"peak_sends"/,/]/p' stdout.txt >unplanned.txt
sed -n '/"peak_sends"/,/]/p' planned.txt | cmp -s - unplanned.txt && complain "costs do not change what is outstanding"
run simulate gpipe -p 4 -m 8 --recompute full --costs 1,1,1 --link 1 --outstanding 1 --csv again.csv --json
grep '"makespan"' stdout.txt >planned.txt
run simulate again.csv --recompute full --costs 1,1,1 --link 1 --json
grep '"makespan"' stdout.txt | cmp -s - planned.txt || complain "a planned program that recomputes takes another time: $(grep '"makespan"' stdout.txt)"
refuse 2 "--csv cannot say which transfers are issued as one, as they are over nccl; leave out --transport" simulate 1f1b -p 2 -m 2 --transport nccl --csv plan.csv
for transport in local nccl; do
    refuse 2 "the costs add up to more than 1.79769e+308, the largest number, when rank 0 runs 0F1; give smaller costs, or faster links" simulate zbv -p 2 -m 4 --costs 1e308,1e308,1e308 --transport $transport
done
refuse 2 "--csv is 'plan.txt'; give a file that ends in .csv" simulate 1f1b -p 2 -m 2 --csv plan.txt

# ---- check: mistakes ----

printf '0F0,0F1,0B0,0B1\n1F0,1F1,1B1,1B0\n' >mine.csv
run check mine.csv
printf '0F0,0B0,0F1,0B1\n1F1,1B1,1F0,1B0\n' >stuck.csv
chain='deadlock: rank 0 waits for 0RECV_B0 <- rank 1 is at 1RECV_F1 <- rank 0'
refuse 1 "stuck.csv: $chain" check stuck.csv
# A schedule with transfers is checked as written: each rank sends first, which one queue cannot do.
printf '0F0,0SEND_F0,0F1,0SEND_F1,0RECV_B0,0B0,0RECV_B1,0B1\n1RECV_F0,1F0,1B0,1SEND_B0,1RECV_F1,1F1,1B1,1SEND_B1\n' >first.csv
run check first.csv
refuse 1 "first.csv: deadlock: rank 0's queue is at 0SEND_F1 <- rank 1's queue is at 1SEND_B0 <- rank 0's queue" check first.csv --transport nccl
printf '0F0,0SEND_F0,0B0\n1RECV_F0,1F0,1B0,1SEND_B0\n' >lost.csv
refuse 1 "lost.csv: 1SEND_B0 of rank 1 has no receive on rank 0" check lost.csv
printf '0F0,0F1,0B0,0B1\n1F0,1B0,1B1\n' >half.csv
refuse 1 "half.csv: stage 1 of rank 1 never does F of micro-batch 1: nobody takes 0F1 of rank 0" check half.csv
printf '0F0,0B0,0F1,0B1\n1F1,1B1,1F2,1B2\n' >shifted.csv
refuse 1 "shifted.csv: 1F2 of rank 1 takes from 0F2, which rank 0 never does; 0F0 of rank 0, which nobody takes, has no 1F0 on rank 1; number micro-batches from 0 in every row" check shifted.csv
printf '0F0,0B0\n1F0\n' >back.csv
refuse 1 "back.csv: stage 1 of rank 1 never does B (or I) of micro-batch 0" check back.csv
printf '0B0,0F0\n' >before.csv
refuse 1 "before.csv: 0B0 of rank 0 comes before 0F0" check before.csv
printf '0F0,0X0\n' >junk.csv
"$command" check junk.csv >stdout.txt 2>stderr.txt
[ $? -eq 2 ] || complain "a schedule that cannot be parsed does not exit with 2"
grep -q "junk.csv: .*line 1, cell 2" stderr.txt || complain "no line and cell: $(cat stderr.txt)"

refuse 2 "cannot read './none.csv': No such file or directory; a schedule is a readable file, or a name without '/'" check ./none.csv
printf '0F0,0B0,0W0\n' >older.csv
refuse 2 "older.csv: schedule: 0W0 follows 0B0, a whole backward, at line 1, cell 3, byte 8; in the older dialect B is the input half of a backward: write I for every such B" check older.csv
printf '0F0\n0B0\n' >placed.csv
"$command" check placed.csv >stdout.txt 2>stderr.txt
[ $? -eq 2 ] || complain "a stage on two lines does not exit with 2"
printf '0F0\n2F0\n' >gap.csv
"$command" check gap.csv >stdout.txt 2>stderr.txt
[ $? -eq 1 ] || complain "a stage that is on no rank does not exit with 1"
# What spreadsheets add is ignored, and a blank last line is no rank.
printf '\xef\xbb\xbf"0F0", 0B0\r\n1F0,"1B0" \r\n\r\n' >sheet.csv
run check sheet.csv
prints "2 ranks, 2 stages, 1 micro-batch"
# Two boundaries between the same ranks: one queue needs one order.
printf '0F0,0SEND_F0,3RECV_F0,3F0,0F1,3B0,3SEND_B0,0SEND_F1,3RECV_F1,3F1,3B1,3SEND_B1,0RECV_B0,0B0,0RECV_B1,0B1\n1RECV_F0,1F0,2F0,2SEND_F0,1RECV_F1,1F1,2F1,2SEND_F1,2RECV_B0,2B0,1B0,1SEND_B0,2RECV_B1,2B1,1B1,1SEND_B1\n' >vee.csv
run check vee.csv
refuse 1 "vee.csv: in one queue, transfer 1 from rank 0 to rank 1 is sent as 3SEND_B0 and received as 1RECV_F1" check vee.csv --transport nccl
# Waits for sends stand where the file says.
printf '0F0,0SEND_F0,0RECV_B0,0B0,0WAIT_SEND_F0\n1RECV_F0,1F0,1B0,1SEND_B0,1WAIT_SEND_B0\n' >waits.csv
run check waits.csv
printf '0F0,0WAIT_SEND_F0,0SEND_F0,0RECV_B0,0B0\n1RECV_F0,1F0,1B0,1SEND_B0\n' >early.csv
refuse 1 "early.csv: 0WAIT_SEND_F0 of rank 0 does not follow 0SEND_F0" check early.csv

"$command" check stuck.csv --json >stdout.txt 2>stderr.txt
[ $? -eq 1 ] || complain "check --json of a wrong schedule does not exit with 1"
[ "$(cat stderr.txt)" = "sluice: stuck.csv: $chain" ] || complain "--json says '$(cat stderr.txt)'"
json '(o["proven"], o["schedule"], o["transport"])' "(False, 'stuck.csv', 'local')"
json 'o["reason"]' "$chain"
"$command" check junk.csv --json >stdout.txt 2>stderr.txt
json '(o["proven"], "cell 2" in o["reason"])' "(False, True)"

refuse 2 "no schedule is named; for example: sluice check 1f1b -p 4 -m 8" check
refuse 2 "-p is missing; say how many ranks" check 1f1b -m 4
refuse 2 "-m is missing; say how many micro-batches" check 1f1b -p 4
refuse 2 "'b' is a second schedule; name one" check a b
refuse 2 "--transport is 'gloo'; choose one of: local, host, nccl" check 1f1b -p 2 -m 2 --transport gloo
refuse 2 "4096 stages x 2049 micro-batches are more than 8388608, too many to simulate; sluice schedule --csv prints them" check 1f1b -p 4096 -m 2049

# ---- simulate: times ----

run simulate 1f1b -p 4 -m 16 --link 0.5 --columns 100
prints "1f1b: 4 ranks, 4 stages, 16 micro-batches; F = I = W = 1, B = 2; a queue per stage boundary (local)"
prints "makespan 71, step 71, makespan idle 32.4 %"
prints "critical path: compute 57 in 38 actions, transfer 14 in 28 transfers"
prints "transfers: 96, which take 48: 22.5 hidden behind compute, 25.5 exposed"
prints "rank 0 |"
run simulate gpipe -p 4 -m 16 --link 0.5 --json
json '(o["makespan"], o["peak_live"], o["transfers"]["count"])' "(60.0, [16, 16, 16, 16], 96)"
run simulate 1f1b -p 4 -m 16 --link 0.5 --slack 2 --json
json '(o["makespan"], o["peak_live"])' "(60.0, [7, 5, 3, 1])"
json 'o["critical_path"]["compute"] + o["critical_path"]["transfer"]' "60.0"
json 'o["transfers"]["hidden"] + o["transfers"]["exposed"] == o["transfers"]["time"]' True
run simulate 1f1b -p 4 -m 8 --json
json '(o["makespan"], o["makespan_idle"] < 0.2728, o["inner_idle"][3], o["busy"])' \
    "(33.0, True, 0.0, [24.0, 24.0, 24.0, 24.0])"
json '["%.4f" % idle for idle in o["rank_makespan_idle"]]' "['0.2727', '0.2727', '0.2727', '0.2727']"
json '"peak_bytes" in o' False
run simulate zb2p -p 4 -m 8 --json
json '(o["makespan"], o["inner_idle"])' "(27.0, [0.0, 0.0, 0.0, 0.0])"

# ---- simulate: why a rank stands still ----

run simulate 1f1b -p 2 -m 2 --link 0.5 --why 1
prints "rank 1 stands still for 4 of 10, in 3 gaps"
prints "         0         1.5         1.5           1         0.5  receive of activation 0F0 from rank 0; rank 0 is at 0F0"
prints "       7.5           8         0.5           0         0.5  send of gradient 1B1 to rank 0"
prints "         8          10           2           2           0  norm; rank 0 is at 0B1"
prints "receive          1         1.5           1         0.5"
prints "send             1         0.5           0         0.5"
prints "other ranks      1           2           2           0"
run simulate forward-only -p 2 -m 8 --costs '1,1,1;10,1,1' --why 0
prints "end of the step; rank 1 is at 1F"
run simulate gpipe -p 2 -m 8 --why 0
prints "; rank 1 is at 1F7, 1B0"
run simulate gpipe -p 3 -m 8 --why 2 --transport nccl
prints "rank 0 is at 0B6, 0B7"
run simulate 1f1b -p 2 -m 2 --link 0.5 --why 0 --json
json '(o["why"]["rank"], [g["kind"] for g in o["why"]["gaps"]])' "(0, ['receive', 'receive'])"
json '[o["why"]["gaps"][0][key] for key in ("from", "to", "time", "absent", "transfer", "peer")]' \
    "[2.0, 5.0, 3.0, 2.5, 0.5, 1]"
json '(o["why"]["gaps"][0]["waits_for"], o["why"]["gaps"][0]["meanwhile"])' \
    "('receive of gradient 1B0 from rank 1', ['1F0', '1B0'])"
json 'o["why"]["totals"]["receive"]' "{'gaps': 2, 'time': 4.0, 'absent': 3.0, 'transfer': 1.0}"
json 'o["why"]["totals"]["send"]["gaps"]' 0
run simulate 1f1b -p 1 -m 1 --why 0
prints "rank 0 stands still for 0 of 3, in 0 gaps"
refuse 2 "--why is '2' and the schedule has 2 ranks; give one from 0 to 1" simulate 1f1b -p 2 -m 2 --why 2
refuse 2 "--why is '-1'; give a whole number from 0 to 4095" simulate 1f1b -p 2 -m 2 --why -1

# F, I, W of each stage, and one recomputed; a slow link between ranks 1 and 2; an update.
run simulate gpipe -p 3 -m 1 --costs '1,1,1;2,0.5,0.5;1,1,1' --link 0.25 --link 1-2:3,2 --update 4 --json
json '(o["makespan"], o["step"])' "(16.5, 20.5)"
printf '1,1,1\n2,0.5,0.5\n1,1,1\n' >costs.txt
run simulate gpipe -p 3 -m 1 --costs @costs.txt --link 0.25 --link 1-2:3,2 --json
json 'o["makespan"]' "16.5"
run simulate gpipe -p 1 -m 2 --costs 1,1,1,5 --recompute full --json
json 'o["makespan"]' "16.0"
run simulate gpipe -p 2 -m 2 --recompute 1 --transport nccl --json
json '(o["makespan"], o["transport"])' "(11.0, 'nccl')"

# ---- simulate: overlap groups that cost less than their sum ----

for row in "4 16 95.5" "8 32 192.5"; do
    read -r p m makespan <<<"$row"
    run simulate dualpipev -p "$p" -m "$m" --overlap 0.9166667
    prints "F = I = W = 1, B = 2; groups x 0.916667; a queue"
    prints "makespan $makespan, step $makespan,"
    run schedule dualpipev -p "$p" -m "$m" --overlap 0.9166667
    prints "F = I = W = 1, B = 2, transfers free, groups x 0.916667"
    prints "makespan $makespan,"
done
sed 's/"device"/"overlap": 0.5, "device"/' "$source/examples/profile.json" >overlap.json
grep -q overlap overlap.json || complain "the example profile has no device"
run simulate dualpipev -p 2 -m 6 --profile overlap.json --microbatch-size 1 --json
half=$(python3 -c "import json; print(json.load(open('stdout.txt'))['busy'])")
run simulate dualpipev -p 2 -m 6 --profile "$source/examples/profile.json" --microbatch-size 1 --overlap 0.5 --json
json 'o["busy"]' "$half"
run simulate dualpipev -p 2 -m 6 --profile overlap.json --microbatch-size 1 --overlap 1 --json
json 'o["busy"][0] > '"$half"'[0]' True
factor='a group takes at most the sum of its actions: give a factor of more than 0, and at most 1'
refuse 2 "--overlap is '1.01'; $factor" simulate dualpipev -p 4 -m 16 --overlap 1.01
refuse 2 "--overlap is '0'; give a finite number, more than 0" schedule dualpipev -p 4 -m 16 --overlap 0
refuse 2 "--csv prints no times, which --overlap changes; leave out one of them" schedule dualpipev -p 4 -m 16 --csv --overlap 1

# ---- simulate: options that change nothing, or are given twice ----

# warns TEXT ARGUMENT...: exits with 0, and says the warning alone, in the object of --json, too.
warns() {
    local text=$1
    shift
    "$command" "$@" >stdout.txt 2>stderr.txt || complain "'$*' exits with $?: $(cat stderr.txt)"
    [ "$(cat stderr.txt)" = "sluice: warning: $text" ] || complain "'$*' says '$(cat stderr.txt)', expected a warning: $text"
    "$command" "$@" --json >stdout.txt 2>stderr.txt
    json 'o["warnings"]' "['$text']"
}
s=(simulate 1f1b -p 4 -m 4)
warns "--link 0-3 has no effect: no transfer goes between these ranks" "${s[@]}" --link 0-3:1
warns "--link names the link between ranks 1 and 0 twice; the last one counts" "${s[@]}" --link 0-1:1 --link 1-0:2
warns "--link gives the cost of every link 2 times; the last one counts" "${s[@]}" --link 1 --link 0-1:1 --link 2
warns "--link has no effect: the schedule has no transfers" simulate gpipe -p 1 -m 2 --link 1
warns "--overlap has no effect: the schedule has no overlap groups" "${s[@]}" --overlap 0.5
sed 's/"links": \[/&{"from": 2, "to": 1, "latency_s": 1, "bytes_per_s": 1},/' "$source/examples/profile.json" >twice.json
warns "the profile lists the link from rank 2 to rank 1 twice; the last one counts" "${s[@]}" --profile twice.json --microbatch-size 1
run simulate interleaved -p 4 -m 4 --link 0-3:1 --json # the last rank sends to the first
json '"warnings" in o' False
run simulate forward-only -p 2 -m 4 --link 0-1:1

# ---- simulate: times that overflow ----

s=(simulate gpipe -p 2 -m 2)
sum='add up to more than 1.79769e+308, the largest number'
better='give smaller costs, or faster links'
for json in "" --json; do
    while IFS=: read -r options where; do
        # shellcheck disable=SC2086 # options and their values; --json or nothing
        refuse 2 "the costs $sum, when $where; $better" "${s[@]}" $options $json
    done <<'END'
--costs 1e308,1,1:rank 0 runs 0F1
--costs 1,1e308,1e308:rank 1 runs 1B0
--costs 1,1,1,1e308 --recompute full:rank 0 runs 0recompute1
--link 1e308:the activation of stage 0 and micro-batch 1 goes from rank 0 to rank 1
--link 0,1e-310:the activation of stage 0 and micro-batch 0 goes from rank 0 to rank 1
END
done
refuse 2 "the times of 2 ranks and 4 transfers $sum; $better" "${s[@]}" --update 1e308 --json
sed 's/"forward_s": [^,]*/"forward_s": 1e308/' "$source/examples/profile.json" >large.json
refuse 1 "'large.json': the times of the layers for micro-batches of 1 $sum; --profile takes what sluice profile wrote, or PipeDream's text" "${s[@]}" --profile large.json --microbatch-size 1
sed 's/"forward_s": [^,]*/"forward_s": 1e200/' "$source/examples/profile.json" >large.json
refuse 2 "the layers cost 8e+200 in all, too much to be divided: its square overflows; give the costs in a larger unit" "${s[@]}" --profile large.json --microbatch-size 1

# ---- simulate: profiles ----

profile=$source/examples/profile.json
run simulate 1f1b -p 4 -m 8 --profile "$profile" --microbatch-size 2
prints "seconds on an example, not measured, layers 2,2,2,2"
prints "bytes: peak in use, with parameters, gradients and optimizer state"
run simulate 1f1b -p 4 -m 8 --profile "$profile" --microbatch-size 1 --json
json '(o["makespan"] > 0.02, o["step"] > o["makespan"], len(o["peak_bytes"]))' "(True, True, 4)"
json 'o["peak_bytes"][1] > 1 << 20' True
run simulate 1f1b -p 4 -m 8 --profile "$profile" --microbatch-size 1 --split 1,2,2,3 --update 0 --json
json 'o["step"] == o["makespan"]' True
run simulate interleaved -p 2 -v 2 -m 4 --profile "$profile" --microbatch-size 1 --recompute full --json
json 'o["stages"]' 4

# ---- simulate: refusals ----

s=(simulate 1f1b -p 2 -m 2)
costs='give F,I,W or F,I,W,recompute for all stages, or for each, as in 1,1,1;2,1,1'
refuse 2 "no schedule is named; for example: sluice simulate 1f1b -p 4 -m 8" simulate
refuse 2 "--costs is '1,1'; $costs" "${s[@]}" --costs 1,1
refuse 2 "--costs is '1,1,1,1,1'; $costs" "${s[@]}" --costs 1,1,1,1,1
refuse 2 "--costs is 'x'; give a finite number, at least 0" "${s[@]}" --costs 1,x,1
refuse 2 "--costs is '-1'; give a finite number, at least 0" "${s[@]}" --costs 1,-1,1
refuse 2 "--costs is ';', which lists nothing; give F,I,W" "${s[@]}" --costs ';'
refuse 2 "--costs lists 3 stages and the schedule has 2; list one for all, or each" "${s[@]}" --costs '1,1,1;1,1,1;1,1,1'
refuse 1 "cannot read 'no.txt': No such file or directory; --costs @FILE takes a readable file" "${s[@]}" --costs @no.txt
refuse 2 "--costs and --profile both say what stages cost; name one of them" "${s[@]}" --costs 1,1,1 --profile "$profile"
refuse 2 "--split divides a profile's layers; name one with --profile" "${s[@]}" --split 1,1
refuse 2 "--microbatch-size chooses a table of a profile; name one with --profile" "${s[@]}" --microbatch-size 2
refuse 2 "the profile has tables for micro-batches of 1, 2, and none is chosen; choose one with --microbatch-size" "${s[@]}" --profile "$profile"
refuse 2 "the profile has no table for micro-batches of 3; it has 1, 2; choose one with --microbatch-size" "${s[@]}" --profile "$profile" --microbatch-size 3
refuse 1 "cannot read 'no.json': No such file or directory; --profile takes what sluice profile wrote, or PipeDream's text" "${s[@]}" --profile no.json
refuse 2 "split: 5 layers are listed, the model has 8; --split '2,3' must list the layers of each stage" "${s[@]}" --profile "$profile" --microbatch-size 1 --split 2,3
refuse 2 "9 stages need as many layers, and there are 8; ask for at most 8 stages" simulate 1f1b -p 9 -m 2 --profile "$profile" --microbatch-size 1
echo '{"sluice_profile": 1, "device": "d", "tables": [{"microbatch": 1, "layers": [{}]}]}' >empty.json
refuse 1 "'empty.json', table 0, layer 0 has no \"name\"; --profile takes what sluice profile wrote, or PipeDream's text" "${s[@]}" --profile empty.json
link='give latency or latency,bandwidth, the bandwidth more than 0, as in 0.5,2 or 0-1:0.5,2'
refuse 2 "--link is '1,0'; $link" "${s[@]}" --link 1,0
refuse 2 "--link is '1,2,3'; $link" "${s[@]}" --link 1,2,3
refuse 2 "--link is ''; give a finite number, at least 0" "${s[@]}" --link ''
refuse 2 "--link is '0-2:1'; before ':' give two ranks from 0 to 1, as in 0-1" "${s[@]}" --link 0-2:1
refuse 2 "--link is '0:1'; before ':' give two ranks from 0 to 1, as in 0-1" "${s[@]}" --link 0:1
refuse 2 "--link is '1-1:1'; before ':' give two ranks from 0 to 1, as in 0-1" "${s[@]}" --link 1-1:1
refuse 2 "--update is 'soon'; give a finite number, at least 0" "${s[@]}" --update soon
refuse 2 "--recompute is '2'; give none, full, or stages from 0 to 1, as in 0,1" "${s[@]}" --recompute 2
refuse 1 "$chain" simulate stuck.csv

# ---- train on virtual devices ----

# run_virtual ARGUMENT...: as run; on a busy machine timers may be late, which is said.
run_virtual() {
    "$command" train --device virtual "$@" >stdout.txt 2>stderr.txt || complain "'$*' exits with $?: $(cat stderr.txt)"
    grep -v '^sluice: warning: the shortest action takes ' stderr.txt | grep . && complain "'$*' says '$(cat stderr.txt)'"
}

run_virtual --costs 0.002,0.002,0.002 --schedule zbv -p 3 -m 6 --steps 2 --ledger --trace run.json
prints "pipeline  zbv on 3 ranks (virtual), 6 stages, 6 micro-batches"
prints "step 2/2  0."
prints "one step, simulated from the costs (in milliseconds):"
prints "where the last step's time went, in milliseconds: as measured, and simulated from the costs"
[ "$(grep -Ec '^(0|1|2|simulated|all, %)  ' stdout.txt)" = 8 ] || complain "--ledger prints: $(cat stdout.txt)"
got=$(python3 -c "import json; o = json.load(open('run.json'))['otherData']; print(o['1']['step'] <= o['2']['step'], len(o['2']['ledger']), o['1']['ledger'][0]['F'])")
[ "$got" = "True 3 0.024" ] || complain "a virtual run's trace says '$got'"
run_virtual --profile "$profile" --microbatch-size 2 --schedule 1f1b -p 4 -m 4 --recompute full --quiet
[ "$(wc -l <stdout.txt)" = 1 ] || complain "--quiet prints: $(cat stdout.txt)"
printf '0F0,0F1,0B0,0B1\n1F0,1B0,1F1,1B1\n' >own.csv
printf '0.001,0.001,0.001\n0.002,0.001,0.001\n' >own.txt
run_virtual --costs @own.txt --schedule own.csv
prints "pipeline  own.csv on 2 ranks (virtual), 2 stages, 2 micro-batches"
run_virtual --costs 0.002,0.002,0.002 --schedule dualpipev -p 4 -m 16 --overlap 0.9166667 --quiet
prints ", simulated 0.191 s" # 95.5 actions
[ -e sluice-out ] && complain "a virtual run leaves sluice-out behind"

# Links as in sluice simulate, where a transfer's size is 1 without a profile; the log's objects.
run simulate gpipe -p 2 -m 2 --costs 0.001,0.001,0.001 --link 0.002,250 --link 0-1:0.001,500 --update 0.003 --json
step=$(python3 -c "import json; print('%.6f' % json.load(open('stdout.txt'))['step'])")
run_virtual --costs 0.001,0.001,0.001 --schedule gpipe -p 2 -m 2 --link 0.002,250 --link 0-1:0.001,500 --update 0.003 --steps 2 --json --log run.jsonl
cmp -s stdout.txt run.jsonl || complain "--json prints $(cat stdout.txt), and the log is $(cat run.jsonl)"
[ "$(wc -l <run.jsonl)" = 2 ] || complain "the log of 2 steps is $(cat run.jsonl)"
tail -1 run.jsonl >stdout.txt
json '(sorted(o))' "['inner_idle', 'ledger', 'makespan_idle', 'simulated_s', 'step', 'step_s']"
json '(o["step"], "%.6f" % o["simulated_s"], o["step_s"] >= o["simulated_s"], len(o["ledger"]))' "(2, '$step', True, 2)"
v=(train --device virtual)
# A nanosecond is shorter than any timer is late; no time at all is not.
"$command" "${v[@]}" --costs 1e-9,1e-9,1e-9 -p 2 -m 2 --link 0-1:0 --link 0-1:0 --steps 2 --json >stdout.txt 2>stderr.txt
grep -Eq '^sluice: warning: the shortest action takes 1e-06 ms, less than 20 times the [0-9.e-]+ ms by which timers are late here: steps take longer than they should; give --costs at least [0-9]+ times as large, or simulate such times only \(sluice simulate\)$' stderr.txt ||
    complain "actions of a nanosecond: $(cat stderr.txt)"
[ "$(wc -l <stderr.txt)" = 2 ] || complain "two warnings are $(cat stderr.txt)"
[ "$(grep -c '"warnings":\["--link names the link between ranks 0 and 1 twice; the last one counts","the shortest action' stdout.txt)" = 1 ] ||
    complain "the warnings are not in the first object alone: $(cat stdout.txt)"
run "${v[@]}" --costs 0,0,0 -p 2 -m 2
refuse 2 "there are no costs for the virtual devices; give --costs F,I,W, --profile FILE or --plan FILE" "${v[@]}"
refuse 2 "--costs and --profile both say what stages cost; name one of them" "${v[@]}" --costs 1,1,1 --profile "$profile"
for option in "--data x" "--model gpt-nano" "--lr 1" "--batch 4" "--threads 1" "--out x"; do
    name=${option%% *}
    # shellcheck disable=SC2086 # an option and its value
    refuse 2 "$name means nothing to virtual devices, which compute nothing; leave it out" "${v[@]}" --costs 1,1,1 $option
done
refuse 2 "--data means nothing to virtual devices, which compute nothing; leave it out" "${v[@]}" --costs 1,1,1 text.txt
refuse 2 "--costs gives times for virtual devices; add --device virtual" train --data x --costs 1,1,1
refuse 2 "--profile gives times for virtual devices; add --device virtual" train --data x --device cpu --profile x
refuse 2 "--microbatch-size gives times for virtual devices; add --device virtual" train --data x --microbatch-size 2
refuse 2 "no device is called 'abacus'; choose one of: cpu virtual cuda auto" train --device abacus
refuse 2 "--costs is '1,1'; $costs" "${v[@]}" --costs 1,1
refuse 2 "schedule 'forward-only' has no backward actions" "${v[@]}" --costs 1,1,1 --schedule forward-only
refuse 2 "own.csv has 2 ranks and 3 are named; leave the number out" "${v[@]}" --costs 1,1,1 --schedule own.csv -p 3

finish
