#!/usr/bin/env bash
# test_files.sh BUILD CC CXX SANITIZERS -- what is installed next to the library: licence, documents, manual page,
# completion; that nothing looks into the folder of the build; and that plug-ins are found, wherever the prefix is.
. "$(dirname "$0")/installed.sh"
source=$(cd "$here/../.." && pwd)
root=$prefix/sluice

for file in share/doc/sluice/{LICENSE,README.md,CHANGELOG.md,docs/schedules.md,docs/schedules/zbv.svg,examples/regression.c} \
    share/man/man1/sluice.1 share/bash-completion/completions/sluice include/sluice/version.h; do
    [ -s "$root/$file" ] || complain "$file is not installed"
done

# Links in the README lead somewhere, as far as they are about what is installed.
grep -o '](\(docs\|tests/golden\)/[^)]*)' "$root/share/doc/sluice/README.md" | tr -d ']()' | sed 's/#.*//' | while read -r link; do
    [ -e "$root/share/doc/sluice/$link" ] || echo "$link"
done >"$prefix/missing"
[ ! -s "$prefix/missing" ] || complain "the README shows what is not installed: $(paste -sd' ' "$prefix/missing")"

# ---- the version is one ----

version=$("$root/bin/sluice" --version)
[ "$version" = "sluice $(PKG_CONFIG_PATH=$libraries/pkgconfig pkg-config --modversion sluice)" ] ||
    complain "the command says '$version', sluice.pc another version"
grep -q "^## ${version#sluice }\b" "$source/CHANGELOG.md" || complain "CHANGELOG.md has no section ${version#sluice }"
head -1 "$source/debian/changelog" | grep -q "^sluice (${version#sluice }[-~)]" ||
    complain "debian/changelog begins with '$(head -1 "$source/debian/changelog")', and this is $version"
grep -q "\"$version\"" "$root/share/man/man1/sluice.1" || complain "the manual page is of another version"

# ---- nothing looks into the folder of the build ----

for file in "$root/bin/sluice" "$libraries"/libsluice.so*; do
    [ -e "$file" ] || continue # BUILD_SHARED_LIBS=OFF
    paths=$(readelf -d "$file" | grep -E 'RPATH|RUNPATH')
    # A command that needs the shared library finds it relative to itself.
    readelf -d "$file" | grep -q 'NEEDED.*libsluice' && paths=$(grep -v '\[$ORIGIN/\.\./lib[a-z0-9_/-]*\]' <<<"$paths")
    [ -z "$paths" ] || complain "${file##*/} is installed with $paths"
done
found=$(grep -rlF "$(realpath "$build")" "$root/bin" "$root/include" "$libraries/pkgconfig" "$libraries/cmake" "$root/share")
[ -z "$found" ] || complain "the folder of the build is named in: $found"

# ---- plug-ins: next to the library, before and after the prefix is moved ----

looks_in() { # looks_in ROOT: what the command says of a plug-in that is no library
    mkdir -p "$1${libraries#"$root"}/sluice"
    echo "no library" >"$1${libraries#"$root"}/sluice/libsluice_cuda.so"
    "$1/bin/sluice" info | grep -q "^cuda .*/sluice/libsluice_cuda.so does not load" ||
        complain "in ${1##*/} no plug-in is found: $("$1/bin/sluice" info | grep '^cuda')"
}
unset SLUICE_PLUGIN_PATH
looks_in "$root"
mv "$root" "$prefix/moved here"
looks_in "$prefix/moved here"
finish
