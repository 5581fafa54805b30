#!/usr/bin/env bash
# test_schedules.sh COMMAND SOURCE -- every schedule has a golden time line, a section of
# docs/schedules.md with the same time line, in the order of the list, and a picture in
# docs/schedules/. SLUICE_BLESS=1 rewrites them.
. "$(dirname "$0")/../support/command.sh"
golden=$2/tests/golden/schedule
docs=$2/docs/schedules.md
pictures=$2/docs/schedules

# block NAME: the text between the fences of the section of that name.
block() {
    awk -v heading="## $1" '/^## /{here = $0 == heading} /^```$/{inside = 0}
                            here && inside; /^```text$/{inside = 1}' "$docs"
}

# put NAME FILE: the same replaced by a file.
put() {
    awk -v heading="## $1" -v file="$2" '
        /^## /{here = $0 == heading}
        /^```$/ && here {while ((getline line <file) > 0) print line; skip = 0}
        !skip
        /^```text$/ && here {skip = 1}' "$docs" >"$work/docs" && cat "$work/docs" >"$docs"
}

names=$("$command" schedule --list | sed 's/ .*//')
[ -n "$names" ] || complain "schedule --list prints nothing"
[ "$(sed -n 's/^## \([a-z0-9-]*\)$/\1/p' "$docs")" = "$names" ] ||
    complain "docs/schedules.md has other sections, or in another order, than: $names"
for name in $names; do
    "$command" schedule "$name" -p 4 -m 8 --columns 200 >"$work/$name" 2>&1 ||
        complain "schedule $name exits with $?"
    "$command" schedule "$name" -p 4 -m 8 --svg "$work/$name.svg" >/dev/null 2>&1 ||
        complain "schedule $name --svg exits with $?"
    if [ -n "${SLUICE_BLESS:-}" ]; then
        mkdir -p "$golden"
        cp "$work/$name" "$golden/$name.txt"
        put "$name" "$work/$name"
        mkdir -p "$pictures"
        cp "$work/$name.svg" "$pictures/$name.svg"
    fi
    diff -u "$golden/$name.txt" "$work/$name" ||
        complain "$name is not as in tests/golden/schedule; if intended, SLUICE_BLESS=1 and review the diff"
    block "$name" | diff -u "$golden/$name.txt" - ||
        complain "docs/schedules.md shows another time line of $name than tests/golden/schedule"
    cmp "$pictures/$name.svg" "$work/$name.svg" ||
        complain "docs/schedules/$name.svg is another picture; if intended, SLUICE_BLESS=1 and look at it"
    grep -qF "![$name](schedules/$name.svg)" "$docs" ||
        complain "docs/schedules.md does not show schedules/$name.svg"
done
[ "$(find "$pictures" -type f | wc -l)" -eq "$(wc -w <<<"$names")" ] ||
    complain "docs/schedules has files that no schedule has: $(ls "$pictures")"
[ "$(find "$golden" -type f | wc -l)" -eq "$(wc -w <<<"$names")" ] ||
    complain "tests/golden/schedule has files that no schedule has: $(ls "$golden")"

# The worked example of --why is what the command prints.
why=(simulate 1f1b -p 4 -m 4 --link 0.5 --why 1)
{
    echo "\$ sluice ${why[*]}"
    echo ...
    "$command" "${why[@]}" | sed -n '/^rank 1 stands/,$p'
} >"$work/why"
[ -z "${SLUICE_BLESS:-}" ] || put "Why a rank stands still" "$work/why"
block "Why a rank stands still" | diff -u "$work/why" - ||
    complain "docs/schedules.md shows other gaps than the command; if intended, SLUICE_BLESS=1 and review the diff"

# The table of hand-off latency agrees with the command.
row() { # row "NAME IN THE TABLE" DIVISOR SCHEDULE OPTION...: the same row from the simulator
    local title=$1 divisor=$2 free slow
    shift 2
    free=$("$command" simulate "$@" -p 4 -m 16 --costs 1,1,1 --link 0 --json)
    slow=$("$command" simulate "$@" -p 4 -m 16 --costs 1,1,1 --link 0.5 --json)
    has "$docs" "| $title | $(makespan "$divisor" <<<"$free") | $(makespan "$divisor" <<<"$slow") | $(ranks "peak_live" <<<"$slow") |"
}
row "gpipe" 1 gpipe
row "1f1b" 1 1f1b
row "1f1b, slack 1.5" 1 1f1b --slack 1.5
row "1f1b, slack 2" 1 1f1b --slack 2
row "interleaved, slack 1, divided by v = 2" 2 interleaved --slack 1
row "interleaved, divided by v = 2" 2 interleaved
row "hanayo, divided by v = 2" 2 hanayo
row "zb1p" 1 zb1p
row "zb2p" 1 zb2p
row "zbv, divided by v = 2" 2 zbv

finish
