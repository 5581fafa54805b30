#!/usr/bin/env bash
# test_headers.sh BUILD CC CXX SANITIZERS -- each installed header compiles alone as C11, C17 and
# C++17, without a warning; and the shared library shows public names only.
. "$(dirname "$0")/installed.sh"

compiles() { # compiles HEADER STANDARD COMPILER LANGUAGE
    printf '#include <sluice/%s>\nextern int anything;\n' "$1" | # a file may not be empty
        "$3" -x "$4" "-std=$2" "${strict[@]}" -I "$prefix/sluice/include" -fsyntax-only - ||
        complain "$1 does not compile alone as $2"
}

count=0
for path in "$prefix"/sluice/include/sluice/*.h; do
    header=$(basename "$path")
    compiles "$header" c11 "$cc" c
    compiles "$header" c17 "$cc" c
    compiles "$header" c++17 "$cxx" c++
    count=$((count + 1))
done
wanted=$(find "$here/../../include/sluice" -name '*.h' | wc -l)
[ "$count" -eq "$wanted" ] || complain "$count headers are installed, of $wanted"

names=$(nm -D --defined-only "$libraries/libsluice.so" | sed 's/.* //')
[ "$(grep -c '^sluice_[a-z]' <<<"$names")" -ge 100 ] || complain "the library shows too few names: $names"
private=$(grep -v '^sluice_[a-z]' <<<"$names") && complain "the library shows private names: $private"
declared=$(echo '#include "sluice/sluice.h"' | "$cc" -E -P -I"$prefix/sluice/include" -x c -) # some are made by macros
undeclared=$(for name in $names; do grep -qw "$name" <<<"$declared" || echo "$name"; done)
[ -z "$undeclared" ] || complain "the library shows what no header declares: $undeclared"
finish
