#!/usr/bin/env bash
# lint.sh BUILD: what the target `lint` runs. Prints findings only; fails if there are any.
set -u -o pipefail
build=$1
for tool in "$SLUICE_CLANG_TIDY" "$SLUICE_CPPCHECK" "$SLUICE_CLANG_FORMAT"; do
    case $tool in *NOTFOUND | "")
        echo "lint needs clang-format, clang-tidy (14) and cppcheck: apt-get install clang clang-format clang-tidy cppcheck" >&2
        exit 1 ;;
    esac
done
failed=0
# One process per file: several in one process give false findings in every va_list.
tidy() { # tidy FILE: prints only findings
    local said
    said=$("$SLUICE_CLANG_TIDY" -p "$build" --quiet "$1" 2>&1) && return
    printf '%s\n' "$said"
    return 1
}
export -f tidy
export build
files=$(sed -n 's/^ *"file": "\(.*\.c\)",\?$/\1/p' "$build/compile_commands.json" | sort -u)
[ -n "$files" ] || { echo "lint finds no C file in $build/compile_commands.json" >&2; exit 1; }
xargs -d '\n' -P "$(nproc)" -I {} bash -c 'tidy "$1"' _ {} <<<"$files" || failed=1
find bench examples include partition runtime tests -regex '.*\.\(c\|h\|cu\|cuh\)' -print0 |
    xargs -0 "$SLUICE_CLANG_FORMAT" --dry-run -Werror || failed=1
"$SLUICE_CPPCHECK" --project="$build/compile_commands.json" --enable=all --inline-suppr --quiet \
    --suppressions-list=cmake/cppcheck.txt --error-exitcode=1 || failed=1
# The walls between modules: which may include which, one meaning for each private name, and words.
python3 cmake/arrows.py || failed=1
python3 cmake/names.py || failed=1
python3 cmake/backends.py || failed=1
bash cmake/ranks.sh || failed=1
bash cmake/words.sh || failed=1
[ $failed -eq 0 ] && echo "lint: nothing found"
exit $failed
