#!/usr/bin/env bash
# packages.sh build|test|lint: install the Debian packages that are missing: those that a build needs, those of the tests,
# too, or also the linters'; say which.
set -eu
level=${1:-test}
missing=()
need() { # need PACKAGE why
    dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed' && return
    echo "needed: $1 ($2)"
    missing+=("$1")
}
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "no apt here: gcc, CMake >= 3.25, ninja, pkg-config, jansson, PCRE2, utf8proc and xxHash (for tests g++, cmocka and Python, too) must be installed by hand"
    exit 0
fi
need gcc "the compiler"
need libc6-dev "the C library's headers"
need cmake "the build"
need ninja-build "the build"
need pkg-config "finds the libraries"
if [ "$(dpkg --print-architecture)" = amd64 ]; then
    need libxsmm-dev "matrix products"
else
    need libopenblas0-pthread "matrix products"
fi
need libjansson-dev "JSON"
need libpcre2-dev "regular expressions of tokenizers"
need libutf8proc-dev "Unicode's form NFC for tokenizers"
need libxxhash-dev "digests of weights"
if [ "$level" != build ]; then
    need g++ "CUDA's kernels on the CPU, where CUDA's headers are"
    need binutils "names the line of a fault in a kernel"
    need libcmocka-dev "the tests"
    need libopenblas0-pthread "matrix products with --blas openblas"
    need libblis4-pthread "matrix products with --blas blis"
    need libdnnl2 "matrix products with --blas onednn"
    need python3 "reads what the command draws and prints for scripts"
fi
if [ "$level" = lint ]; then
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
# Old lists may do where there is no network for new ones; without the packages themselves nothing goes on.
said=$("${as_root[@]}" apt-get update -qq 2>&1) || true
said+=$'\n'$("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" 2>&1) && exit 0
why=$(sed -n 's/^E: //p' <<<"$said" | head -1)
echo "these packages are missing and apt-get cannot install them, perhaps because this machine is offline (${why:-it says nothing}): ${missing[*]}" >&2
exit 1
