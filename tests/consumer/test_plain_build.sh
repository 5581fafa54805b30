#!/usr/bin/env bash
# test_plain_build.sh SOURCE CC GENERATOR -- a build as a stranger makes it, without a preset, in a path with a blank and a
# quote: optimized, warnings are no errors; and BUILD_SHARED_LIBS says which library there is. What it compiles, other
# tests run, so that it compiles as quickly as it can.
set -u
source=$(realpath "$1") cc=$2 generator=$3
here=$(dirname "$(realpath "$0")")
. "$here/../support/complain.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
odd="$work/a b'c"
mkdir "$odd"
ln -s "$source" "$odd/source"
cd "$odd" || exit 1
unset CMAKE_BUILD_TYPE BUILD_SHARED_LIBS
options=(-G "$generator" "-DCMAKE_C_COMPILER=$cc" -DSLUICE_CUDA=OFF -DSLUICE_TESTS=OFF -DSLUICE_BENCH=OFF)

# configure FOLDER OPTION...
configure() {
    local folder=$1
    shift
    cmake -S source -B "$folder" "${options[@]}" "$@" >"$folder.txt" 2>&1 || complain "$folder: $(tail -5 "$folder.txt")"
}

configure plain
grep -q "No CMAKE_BUILD_TYPE is given: Release" plain.txt || complain "nothing is said of the kind of build"
grep -q '^CMAKE_BUILD_TYPE:.*=Release$' plain/CMakeCache.txt || complain "a plain build is not optimized"
grep -q -- '-O[23]' plain/compile_commands.json || complain "a plain build is compiled without -O2"
grep -q -- '-Werror' plain/compile_commands.json && complain "in a plain build warnings are errors"
configure debug -DCMAKE_BUILD_TYPE=Debug
grep -q '^CMAKE_BUILD_TYPE:.*=Debug$' debug/CMakeCache.txt || complain "the kind of build that is given is not taken"

# ---- one library, as BUILD_SHARED_LIBS says; the command and a program are linked with it ----
# Both in one folder: they are made of the same objects, which are compiled once.

built() { # built FOLDER ON|OFF WANTED OTHER: built and installed, with the library WANTED and without OTHER
    configure built -DBUILD_SHARED_LIBS="$2" -DCMAKE_C_FLAGS_RELEASE=-O0 -DSLUICE_BLAS=plain
    cmake --build built -j "$(nproc)" >"$1.txt" 2>&1 || complain "$1: $(tail -5 "$1.txt")"
    cmake --install built --prefix "$odd/$1 there" >"$1.txt" 2>&1 || complain "$1: $(tail -5 "$1.txt")"
    [ -n "$(find "$1 there" -name "$3")" ] || complain "$1: there is no $3"
    [ -z "$(find "$1 there" -name "$4")" ] || complain "$1: there is $(find "$1 there" -name "$4")"
    "$1 there/bin/sluice" --version >/dev/null || complain "$1: the installed command does not run"
    mkdir "$1 used"
    cmake -S "$here/project" -B "$1 used" -G "$generator" -DCMAKE_PREFIX_PATH="$odd/$1 there" -DCMAKE_C_COMPILER="$cc" \
        -DLIBRARIES="$5" >"$1.txt" 2>&1 && cmake --build "$1 used" >"$1.txt" 2>&1 || complain "$1: $(tail -5 "$1.txt")"
    "$1 used/c11-sluice" >/dev/null || complain "$1: a program on the library fails"
    eval "flags=($(PKG_CONFIG_PATH=$(dirname "$(find "$1 there" -name sluice.pc)") pkg-config --cflags --libs sluice))"
    "$cc" "$here/consumer.c" "${flags[@]}" -o "$1 used/by-pkg-config" || complain "$1: pkg-config --libs is not enough"
}
built shared ON libsluice.so libsluice.a "sluice;shared"
readelf -d "shared there/bin/sluice" | grep -q 'NEEDED.*libsluice' || complain "the command is not linked with the shared library"
built static OFF libsluice.a 'libsluice.so*' sluice
finish
