#!/usr/bin/env bash
# packages.sh [lint]: install the Debian packages that a build and the tests need (and the linters)
# and that are missing; say which.
set -eu
missing=()
need() { # need PACKAGE why
    dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed' && return
    echo "needed: $1 ($2)"
    missing+=("$1")
}
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "no apt here: gcc, CMake >= 3.25, ninja, a CBLAS, jansson, xxHash and cmocka must be installed by hand"
    exit 0
fi
need gcc "the compiler"
need g++ "CUDA's kernels on the CPU, where CUDA's headers are"
need binutils "names the line of a fault in a kernel"
need libc6-dev "the C library's headers"
need cmake "the build"
need ninja-build "the build"
need pkg-config "finds the libraries"
need libopenblas-dev "matrix products"
need libjansson-dev "JSON"
need libxxhash-dev "digests of weights"
need libcmocka-dev "the tests"
need python3-minimal "reads the drawings that a test makes"
if [ "${1:-}" = lint ]; then
    need clang "a second compiler"
    need clang-format "lint"
    need clang-tidy "lint"
    need cppcheck "lint"
fi
[ ${#missing[@]} -eq 0 ] && exit 0
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "only root can install these here; run: apt-get install ${missing[*]}"; exit 1; }
    as_root=(sudo)
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
