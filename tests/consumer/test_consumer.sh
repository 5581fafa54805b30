#!/usr/bin/env bash
# test_consumer.sh BUILD CC CXX SANITIZERS -- consumer.c against the installed library, as C11, C17
# and C++17, static and shared, found by pkg-config and by find_package().
. "$(dirname "$0")/installed.sh"
export PKG_CONFIG_PATH=$libraries/pkgconfig
said= # output of the first one; all must print the same

run() { # run PROGRAM [VARIABLE=VALUE]: checks its output, and whether it uses the shared library
    local got
    [ -x "$1" ] || return # reported already: it does not build
    got=$(env "${2:-_=}" "$1" 2>&1) || complain "${1##*/} exits with $?: $got"
    said=${said:-$got}
    [ "$got" = "$said" ] || complain "${1##*/} prints '$got', the first one '$said'"
    case $1 in
    *shared) env "${2:-_=}" ldd "$1" | grep -q "libsluice.so.* => $prefix/" || complain "${1##*/} is not shared" ;;
    *) ldd "$1" | grep -q libsluice && complain "${1##*/} is not static" ;;
    esac
}

# ---- pkg-config ----

with_pkg_config() { # with_pkg_config COMPILER LANGUAGE STANDARD
    local flags shared static
    # It escapes blanks and quotes in paths. The archive is named, or the linker would take the shared library next to it.
    eval "flags=($(pkg-config --cflags sluice)) shared=($(pkg-config --libs sluice))"
    eval "static=($(pkg-config --static --libs sluice | sed 's/-lsluice\>/-l:libsluice.a/'))"
    "$1" -x "$2" "-std=$3" "${strict[@]}" "${flags[@]}" "$here/consumer.c" -x none "${static[@]}" \
        -o "$prefix/$3-static" || complain "$3, static, does not build with pkg-config"
    "$1" -x "$2" "-std=$3" "${strict[@]}" "${flags[@]}" "$here/consumer.c" -x none "${shared[@]}" \
        -o "$prefix/$3-shared" || complain "$3, shared, does not build with pkg-config"
    run "$prefix/$3-static"
    run "$prefix/$3-shared" "LD_LIBRARY_PATH=$libraries"
}
with_pkg_config "$cc" c c11
with_pkg_config "$cc" c c17
with_pkg_config "$cxx" c++ c++17
[[ $said == "sluice $(pkg-config --modversion sluice) "* ]] || complain "the program prints '$said'"

# ---- find_package() ----

made=$(cmake -S "$here/project" -B "$prefix/project" -G Ninja -DCMAKE_PREFIX_PATH="$prefix/sluice" \
    -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx" 2>&1 && cmake --build "$prefix/project" 2>&1) ||
    complain "what finds the package does not build: $made"
for standard in c11 c17 c++17; do
    run "$prefix/project/$standard-sluice"
    run "$prefix/project/$standard-shared"
done
finish
