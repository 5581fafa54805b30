#!/usr/bin/env bash
# test_planning.sh COMMAND SOURCE -- the tables, the output and the pictures of docs/planning.md are what
# sluice split prints and draws. SLUICE_BLESS=1 rewrites output and pictures.
. "$(dirname "$0")/../support/command.sh"
docs=$2/docs/planning.md
pictures=$2/docs/planning
cd "$2" || exit 1

# row NAME: the row of the table of devices, from what the command prints for scripts.
row() {
    "$command" split examples/planning/slow.json --devices "examples/planning/$1.json" --json |
        python3 -c "
import json, sys
o = json.load(sys.stdin)
ranks = o['ranks']
print('| $1 | %s | %s | %s | %s | %s |' % (
    ','.join(str(n) for n in o['split']),
    ','.join('%.4g' % (1e3 * r['seconds']) for r in ranks),
    '%.4g' % (1e3 * ranks[0]['transfer_seconds']),
    ','.join('%.1f' % (r['bytes'] / 1048576) for r in ranks),
    '%.4g' % (1e3 * o['bound'])))"
}

for name in two-speeds slow-link small-memory; do
    has "$docs" "$(row $name)"
    "$command" split examples/planning/slow.json --devices "examples/planning/$name.json" --svg "$work/$name.svg" >/dev/null ||
        complain "split on $name exits with $?"
    [ -n "${SLUICE_BLESS:-}" ] && mkdir -p "$pictures" && cp "$work/$name.svg" "$pictures/$name.svg"
    cmp "$pictures/$name.svg" "$work/$name.svg" ||
        complain "docs/planning/$name.svg is another picture; if intended, SLUICE_BLESS=1 and look at it"
    has "$docs" "![$name](planning/$name.svg)"
done
[ "$(find "$pictures" -type f | wc -l)" -eq 3 ] || complain "docs/planning has files that are in no example: $(ls "$pictures")"

# The output below the command in the section about it.
line=$(sed -n 's/^    \$ sluice \(split .*\)$/\1/p' "$docs")
# shellcheck disable=SC2086 # its arguments
"$command" $line >"$work/output" 2>&1 || complain "'$line' exits with $?"
if [ -n "${SLUICE_BLESS:-}" ]; then
    awk -v file="$work/output" '
        /^```$/ && skip {while ((getline text <file) > 0) print text; skip = 0}
        !skip
        /^```text$/ {skip = 1}' "$docs" >"$work/docs" && cat "$work/docs" >"$docs"
fi
awk '/^```$/{inside = 0} inside; /^```text$/{inside = 1}' "$docs" | diff -u - "$work/output" ||
    complain "docs/planning.md shows other output of sluice $line"

finish
