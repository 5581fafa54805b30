#!/usr/bin/env bash
# summary.sh PRESET...: what was not built and not run in these builds, why, and which package brings it: what CMake said,
# kept in build/PRESET/configured.txt by run.sh, and what the tests said. run.sh prints it at its end.
set -eu -o pipefail
cd "$(dirname "$0")/.."

# Lines "TEST: WHY" of tests that left something out.
not_run() { # not_run PRESET
    local log=build/$1/Testing/Temporary/LastTest.log
    [ -e "$log" ] || return 0
    awk '/^[0-9]+\/[0-9]+ Testing: / { test = $3 } /^not run/ { sub(/^not run:? */, ""); print test ": " $0 }' "$log"
}

disabled() { # disabled PRESET: how many tests are switched off
    ctest --preset "$1" -N 2>/dev/null | grep -c '(Disabled)' || true
}

for preset in "$@"; do
    sed -n 's/^-- not \(built\|run\): /not \1\t/p' "build/$preset/configured.txt" 2>/dev/null | sed "s/^/$preset\t/" || true
    not_run "$preset" | sed "s/^/$preset\tnot run\t/"
    [ ! -e "build/$preset/Testing" ] || count=$(disabled "$preset")
    [ "${count:-0}" -eq 0 ] || printf '%s\tnot run\t%d tests in which one thread works alone (no races there)\n' "$preset" "$count"
    count=0
done | awk -F'\t' '
    { what = $2 ": " $3; if (!(what in presets)) order[++n] = what; presets[what] = presets[what] (presets[what] == "" ? "" : ", ") $1 }
    END { print "== not built, not run"
          if (n == 0) print "nothing: everything was built and run"
          for (k = 1; k <= n; k++) print order[k] " [" presets[order[k]] "]" }'
