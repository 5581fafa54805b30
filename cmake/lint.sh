#!/usr/bin/env bash
# lint.sh BUILD: what the target `lint` runs, a line for each part and its time, and findings. Fails if there are any.
# What was found good is noted in BUILD/lint, by the content of everything that the outcome depends on, and not
# checked again; remove that folder to check everything.
# The static analyzer follows SLUICE_LINT_NODES states of a function, of tests only where that is given. Its own
# limit, 225000, takes minutes more.
set -u -o pipefail
build=$1
for tool in "$SLUICE_CLANG_TIDY" "$SLUICE_CPPCHECK" "$SLUICE_CLANG_FORMAT"; do
    case $tool in *NOTFOUND | "")
        echo "lint needs clang-format, clang-tidy (14) and cppcheck: apt-get install clang clang-format clang-tidy cppcheck" >&2
        exit 1 ;;
    esac
done
failed=0
notes=$build/lint
mkdir -p "$notes/tidy"

begin() { # begin WHAT: says what is done now
    printf 'lint: %s\n' "$1"
    started=$SECONDS
}

end() { # end STATUS
    [ "$1" -eq 0 ] || failed=1
    printf 'lint:   %s, %d s\n' "$([ "$1" -eq 0 ] && echo "nothing found" || echo "FINDINGS above")" $((SECONDS - started))
}

# ---- clang-tidy: one process per file; several in one process give false findings in every va_list ----

# Everything that the outcome for a file depends on: its text and that of its headers as clang reads them, with comments
# and macros, how it is compiled, the checks, the tool.
digest() { # digest COMMAND: a compiler, its options, -o FILE -c FILE
    local options=-${1#* -}
    { printf '%s\n' "$1" && cat "$notes/tool" &&
        bash -c "clang -E -CC -dD ${options%% -o *} ${1#* -c }" 2>/dev/null; } | sha256sum | cut -d' ' -f1
}

tidy() { # tidy "FILE<tab>COMMAND": prints only findings
    local file=${1%%$'\t'*} said key without=()
    [[ -z $deep && $file == */tests/* ]] && without=(--checks='-clang-analyzer-*')
    key=$(digest "${1#*$'\t'}") || key=
    [ -n "$key" ] && [ -e "$notes/tidy/$key" ] && return
    echo . >>"$notes/checked"
    if said=$("$SLUICE_CLANG_TIDY" -p "$build" --quiet --extra-arg={-Xclang,-analyzer-config,-Xclang,max-nodes="$nodes"} \
        "${without[@]}" "$file" 2>&1); then
        [ -z "$key" ] || : >"$notes/tidy/$key"
        return
    fi
    printf '%s\n' "$said"
    return 1
}
export -f tidy digest
nodes=${SLUICE_LINT_NODES:-30000}
deep=${SLUICE_LINT_NODES-}
export build notes nodes deep

# "FILE<tab>COMMAND" of each C file, the first of several commands.
commands=$(awk -F'": "' '/^ *"command": / { command = $2; sub(/",?$/, "", command); gsub(/\\"/, "\"", command); gsub(/\\\\/, "\\", command) }
    /^ *"file": .*\.c",?$/ { file = $2; sub(/",?$/, "", file); if (!seen[file]++) print file "\t" command }' \
    "$build/compile_commands.json" | sort)
count=$(grep -c . <<<"$commands")
[ "$count" -gt 0 ] || { echo "lint finds no C file in $build/compile_commands.json" >&2; exit 1; }
{ "$SLUICE_CLANG_TIDY" --version; echo "$nodes $deep"; cat .clang-tidy tests/.clang-tidy runtime/device/cpu/.clang-tidy; } >"$notes/tool"
: >"$notes/checked"
begin "clang-tidy over $count files, $(nproc) at a time"
(
    while sleep 60; do
        printf 'lint:   %d of them checked so far\n' "$(wc -l <"$notes/checked")"
    done
) &
clock=$!
trap 'kill $clock 2>/dev/null' EXIT
xargs -d '\n' -P "$(nproc)" -I {} bash -o pipefail -c 'tidy "$1"' _ {} <<<"$commands"
status=$?
kill $clock && wait $clock 2>/dev/null
printf 'lint:   %d files were new or changed, or had findings\n' "$(wc -l <"$notes/checked")"
end $status

# ---- clang-format ----

begin "clang-format"
find bench examples include partition runtime tests -regex '.*\.\(c\|h\|cu\|cuh\)' -print0 |
    xargs -0 "$SLUICE_CLANG_FORMAT" --dry-run -Werror
end $?

# ---- cppcheck: it keeps what it found, by the content of each file, apart from suppressions ----

kept=$notes/cppcheck-$({ "$SLUICE_CPPCHECK" --version; cat cmake/cppcheck.txt "$build/compile_commands.json"
    grep -rn cppcheck-suppress bench examples include partition runtime tests; } | sha256sum | cut -c 1-16)
[ -d "$kept" ] || rm -rf "$notes"/cppcheck-*
mkdir -p "$kept"
begin "cppcheck, $(nproc) files at a time"
# It says that it does not look for unused functions then; it does, where it keeps what it found, and exits with 0.
said=$("$SLUICE_CPPCHECK" -j "$(nproc)" --cppcheck-build-dir="$kept" --project="$build/compile_commands.json" --enable=all \
    --inline-suppr --quiet --suppressions-list=cmake/cppcheck.txt 2>&1 |
    grep -v "unusedFunction check can't be used with '-j'")
[ -z "$said" ] || printf '%s\n' "$said"
end $((${#said} > 0))

# ---- the walls between modules: which may include which, one meaning for each private name, and words ----

for script in arrows.py names.py backends.py ranks.sh words.sh; do
    begin "cmake/$script"
    case $script in
    *.py) python3 "cmake/$script" ;;
    *) bash "cmake/$script" ;;
    esac
    end $?
done
[ $failed -eq 0 ] && echo "lint: nothing found"
exit $failed
