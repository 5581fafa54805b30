# installed.sh -- sourced by tests of what `cmake --install` makes: BUILD CC CXX SANITIZERS. Installs
# into a separate folder, $prefix; sources are in $here. Ends with `finish`.
set -u
here=$(dirname "$(realpath "$0")")
build=$1 cc=$2 cxx=$3 sanitizers=${4:-}
if [ -n "$sanitizers" ]; then
    echo "not run: the library of this build is instrumented ($sanitizers), and its users are not"
    exit 77
fi
prefix=$(mktemp -d "$build/installed.XXXXXX")
trap 'rm -rf "$prefix"' EXIT
. "$here/../support/complain.sh"
strict=(-Wall -Wextra -Wpedantic -Werror)

installed=$(cmake --install "$build" --prefix "$prefix/sluice" 2>&1) || { echo "$installed"; exit 1; }
pc=$(find "$prefix/sluice" -name sluice.pc)
libraries=$(dirname "$(dirname "$pc")")
