#!/usr/bin/env bash
# test_schedules.sh COMMAND SOURCE -- every schedule has a golden time line and a section of
# docs/schedules.md with the same time line, in the order of the list. SLUICE_BLESS=1 rewrites both.
set -u
command=$(realpath "$1")
golden=$2/tests/golden/schedule
docs=$2/docs/schedules.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

complain() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# block NAME: what stands between the fences of the section of that name.
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
    if [ -n "${SLUICE_BLESS:-}" ]; then
        mkdir -p "$golden"
        cp "$work/$name" "$golden/$name.txt"
        put "$name" "$work/$name"
    fi
    diff -u "$golden/$name.txt" "$work/$name" ||
        complain "$name is not as in tests/golden/schedule; if intended, SLUICE_BLESS=1 and review the diff"
    block "$name" | diff -u "$golden/$name.txt" - ||
        complain "docs/schedules.md shows another time line of $name than tests/golden/schedule"
done
[ "$(find "$golden" -type f | wc -l)" -eq "$(wc -w <<<"$names")" ] ||
    complain "tests/golden/schedule has files that no schedule has: $(ls "$golden")"
[ $failures -eq 0 ] && echo "all as expected"
exit $((failures > 0))
