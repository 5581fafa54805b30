#!/usr/bin/env bash
# words.sh [--strict] -- words that the project no longer uses, in names, comments, errors and
# documents. Run in the repository's root; prints FILE:LINE of each with what to say instead, and how
# many there are. Fails only with --strict, which `lint` does not say yet.
set -u

# A pattern (grep -P, case ignored), '|', and what to say instead.
table='\blacks?\b = degradations, warnings
\bfurnish = allocate
\brehears(e|al) = warm up
\bbook(s|ed)?\b = charge, attribute (time to an entry)
\bhanded\b = input-to-weight tensors, "stash" for short
\bmoments\b = optimizer state, where they are not those of AdamW
\b(a|the|this|that|each|same|one) moment\b = time, tick
\blaboratory = schedule tools
\b(least|most)_|\b(MOST|LEAST)_ = min, max
\bof (one.s|his|our) own\b = custom, user-defined
\bdear(er|est)\b = most expensive, bottleneck
\b(make_)?room\b = available, workspace, capacity, reserve: the one meant
(?<!in )(?<!one )\bplaces?\b = offset, placement, device of a rank, index: the one meant
\b(life|lives)\b = lifetime of a buffer
\btold\b = report, error
\b(story|stories|ending|endings)\b = scenario, outcome
\b(emu_blow|emu_strike|emu_struck|emu__afflict|emu__kick|strikes?|struck|afflict(s|ed)?)\b = fault, inject, fired, wake
not to be had|to be had = out of host memory: N bytes requested
\bno finite number = not a finite number
is no plug-in = is not a Sluice plug-in
\bpeak_(held|live|microbatches)\b = peak stage-activations: one name everywhere
\bshall\b = must, will
\bwho(ever)? (has|is|wants|sees|counts|touches|writes|reads|knows|makes|leaves)\b = a caller that, whoever
\bbeside\b = in addition to, next to
(?-i)(^|[.*/] )Of (the|a|an|uneven|every|each|all|those|several|what|sums|no)\b = subject first'

# What is searched: sources, scripts and documents; not the records of past runs, nor this table.
files=$(git ls-files -- bench cmake docs examples include partition runtime tests '*.md' '*.txt' |
    grep -E '\.(c|h|cu|cuh|sh|py|md|txt|cmake)$' |
    grep -vE '^(bench/results/|cmake/words\.sh$|docs/words\.md$)')
found=0
while IFS= read -r line; do
    pattern=${line% = *} say=${line##* = }
    # shellcheck disable=SC2086 # a list of files without blanks
    hits=$(grep -HniP -- "$pattern" $files | cut -c 1-160)
    [ -n "$hits" ] || continue
    count=$(wc -l <<<"$hits")
    found=$((found + count))
    sed "s|\$|   -- say: ${say//|/\\|}|" <<<"$hits"
    printf '%5d  %s -> %s\n' "$count" "$pattern" "$say" >&2
done <<<"$table"
echo "words: $found lines with words that are no longer used" >&2
[ "${1:-}" != --strict ] || [ $found -eq 0 ]
