#!/usr/bin/env bash
# test_packages.sh COMMAND SOURCE -- tests/packages.sh with a dpkg-query and an apt-get that are stubs: what each level
# needs, and the one sentence of a machine without a network.
. "$(dirname "$0")/../support/command.sh"
packages=$(realpath "$2")/tests/packages.sh
cd "$work" || exit 1
mkdir tools
printf '#!/bin/sh\n[ ! -e missing ] || ! grep -qx "$4" missing || exit 1\necho "install ok installed"\n' >tools/dpkg-query
printf '#!/bin/sh\necho "$*" >>asked\n[ ! -e offline ] || { echo "E: Failed to fetch http://there/$1"; exit 100; }\n' >tools/apt-get
printf '#!/bin/sh\n[ "$1" = -u ] && echo 0\n' >tools/id
chmod +x tools/*

# says STATUS LEVEL: runs it; what it prints is in said.txt.
says() {
    PATH=$work/tools:$PATH bash "$packages" "$2" >said.txt 2>&1
    local got=$?
    [ $got -eq "$1" ] || complain "packages.sh $2 exits with $got, expected $1: $(cat said.txt)"
}

for level in build test lint; do
    says 0 $level
    [ ! -s said.txt ] && [ ! -e asked ] || complain "with everything there, packages.sh $level says: $(cat said.txt)"
done

# ---- a build needs no C++, no cmocka, no Python, no linter ----

printf '%s\n' g++ libcmocka-dev python3 clang cppcheck >missing
says 0 build
[ -e asked ] && complain "for a build alone it installs: $(cat asked)"
says 0 test
has asked "install -y -qq g++ libcmocka-dev python3"
grep -q cppcheck asked && complain "for the tests it installs: $(cat asked)"
says 0 lint
has asked "install -y -qq g++ libcmocka-dev python3 clang cppcheck"

# ---- offline ----

touch offline
says 1 test
[ "$(tail -n +4 said.txt)" = "these packages are missing and apt-get cannot install them, perhaps because this machine is offline (Failed to fetch http://there/update): g++ libcmocka-dev python3" ] ||
    complain "offline it says: $(cat said.txt)"
finish
