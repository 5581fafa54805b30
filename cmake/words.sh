#!/usr/bin/env bash
# words.sh -- words that the project no longer uses, in names, comments, errors and documents. Run in
# the repository's root; prints FILE:LINE of each with what to say instead, and fails if there are
# any: `lint` runs this.
set -u

# A pattern (grep -P, case ignored), ' = ', and what to say instead. What is good English, such as a
# file that is "the one place for" something, an update "in place" or "handed over", is no match.
table='->lacks\b|_lacks\b|\blacks\.[ch]\b|\blacks *= = degradations, warnings
\bfurnish = allocate
rehears(e|al) = warm up
(\b|_)book(s|ed|ing)?(\b|_) = charge, attribute (time to an entry)
(\.|->|_|\*)handed\b|\bhanded(\[|,| tensors?\b| bytes\b) = input-to-weight tensors, "stash" for short
\bmoments\b(?!.*(adamw|gradient)) = optimizer state, where they are not those of AdamW
\b(a|the|this|that|each|same|one) moment\b = time, tick
laboratory = schedule tools
\b(least|most)_|\b(MOST|LEAST)(_|\b *[\]<>=]) = min, max
\bone.s own\b|own_schedule = custom, user-defined
\bdear(er|est)\b = most expensive, bottleneck
(\b|_)rooms?(\b|_)(?! for) = available, workspace, capacity, reserve, module: the one meant
(?<!in )(?<!the one )(?<!take )(?<!takes )\bplaces?\b(?=[][;,=).>-]| [=<>+-])|\*places?\b|sluice__place\b(?! *\() = offset, placement, device of a rank, index: the one meant
\blife\b|_life\b|\blives(\[|\.|->| =) = lifetime of a buffer
\btold\b(?! apart) = report, error
\b(story|stories)(\b|_) = scenario
\b(emu_blow|emu_strike|emu_struck|emu__afflict|emu__kick|strikes?|struck|afflict(s|ed)?)\b = fault, inject, fired, wake
not to be had|\b(is|are|was) to be had = out of host memory: N bytes requested
\bno finite number = not a finite number
(?<!there )is no plug-in = is not a Sluice plug-in
\bpeak_(held|microbatches)\b|(?<!["`])\bpeak_live\b(?!["`]) = peak stage-activations: one name everywhere
\bshall\b = must, will
(?<![a-z] )\bwho(ever)? (has|is|wants|sees|counts|touches|writes|reads|knows|makes|leaves)\b|\bfor who\b = a caller that, whoever
(?<!--)\bbeside\b = in addition to, next to
(?-i)(^|[.*/] )Of (the|a|an|uneven|every|each|all|those|several|what|sums|no)\b = subject first'

# What is searched: sources, scripts and documents; not the records of past runs, nor this table.
folders='bench cmake docs examples include partition runtime tests *.md *.txt'
set -f # git expands the patterns
# shellcheck disable=SC2086 # lists of folders and files without blanks
files=$(git ls-files -- $folders |
    grep -E '\.(c|h|cu|cuh|sh|py|md|txt|cmake)$' |
    grep -vE '^(bench/results/|cmake/words\.sh$|docs/words\.md$)')
found=0
while IFS= read -r line; do
    pattern=${line% = *} say=${line##* = }
    # shellcheck disable=SC2086
    hits=$(grep -HniP -- "$pattern" $files)
    [ $? -le 1 ] || exit 2 # a pattern that grep refuses finds nothing
    [ -n "$hits" ] || continue
    found=$((found + $(wc -l <<<"$hits")))
    sed "s|\$|   -- say: ${say//|/\\|}|" <<<"$hits" | cut -c 1-200
done <<<"$table"
[ "$found" -eq 0 ]
