#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# test_transfers.sh COMMAND ROOT -- the tables of docs/transfers.md agree with `sluice simulate`.
. "$(dirname "$0")/../support/command.sh"
docs=$2/docs/transfers.md

simulate() { "$command" simulate "$@" --json; }

sends() { # sends "TITLE" ARGUMENT...: makespan and sends outstanding
    local title=$1 out
    shift
    out=$(simulate "$@" -p 4 -m 16)
    has "$docs" "| $title | $(makespan <<<"$out") | $(ranks "peak_sends" <<<"$out") |"
}
queues() { # queues SCHEDULE COSTS: makespans over a queue for each boundary, and for each rank
    local row="| $1 | $2 |" link transport cell
    for link in 0 0.5 1; do
        cell=""
        for transport in local nccl; do
            cell="$cell${cell:+ / }$(simulate "$1" -p 4 -m 8 --costs "$2" --link "$link" --transport $transport | makespan)"
        done
        row="$row $cell |"
    done
    has "$docs" "$row"
}

for name in gpipe 1f1b interleaved dualpipev; do
    sends "$name, nothing known" $name
    sends "$name, costs known" $name --costs 1,1,1
    sends "$name, costs known, \`--link 2\`" $name --costs 1,1,1 --link 2
    sends "$name, costs known, \`--link 2 --outstanding 1\`" $name --costs 1,1,1 --link 2 --outstanding 1
done
for name in gpipe 1f1b interleaved hanayo zb1p zbv dualpipev; do queues $name 1,1,1; done
queues zb1p 5,1,1
queues zbv 5,1,1
finish
