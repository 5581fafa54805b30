#!/usr/bin/env bash
# ranks.sh: no file of the executor reads another rank. A rank's struct and its device's memory are used by its thread
# alone; others learn of it through its position, its report or the transport. Only open.c,
# which makes the ranks, and workers.c, which starts and ends them, may use the pipeline's list of them.
set -u
failed=0

# refuse WHY PATTERN [BUT]: no line of the executor, those two files apart, matches the pattern (grep -E) and not BUT.
refuse() {
    local found
    found=$(grep -nE -- "$2" runtime/executor/*.c runtime/executor/*.h)
    [ $? -le 1 ] || exit 2 # a pattern that grep refuses finds nothing
    found=$(grep -vE '^runtime/executor/(open|workers)\.c:' <<<"$found" | grep -vE -- "${3:-^$}" | grep .)
    [ -z "$found" ] && return
    sed "s|\$|   -- $1|" <<<"$found"
    failed=1
}

refuse 'reads the ranks of the pipeline: use positions or reports' 'pipeline(->|\.)rank\b'
refuse 'call a pipeline pipeline: this check finds its ranks by that name' '\bsluice_pipeline \*+(const )?\w+' \
    '\bsluice_pipeline \*+(const )?(pipeline|out)\b'
refuse 'goes from one rank to its neighbour: use positions or reports' \
    '(^|[^[:alnum:]_.>])rank *(\[|\+\+|--|[-+] *[[:alnum:](&])'
refuse 'a rank other than the one that was given' '\bsluice__rank \*(const )?\w+ *='
refuse 'memory that all ranks share: keep it in the pipeline or in the rank' '^ *static [^(]*(=|;)' '\bconst\b'
refuse "stores an address of a rank where others find it" \
    'pipeline(->|\.)[^=;]*[^-+=!<>|&]=[^=].*\brank->(arena|report|tensors|events|clock|loads|device|stream|transfers)\b'
exit $failed
