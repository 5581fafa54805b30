# installed.sh -- sourced by tests of what `cmake --install` makes: BUILD CC CXX SANITIZERS. Installs
# into a separate folder, $prefix; sources are in $here. Ends with `finish`.
set -u
here=$(dirname "$(realpath "$0")")
build=$1 cc=$2 cxx=$3 sanitizers=${4:-}
if [ -n "$sanitizers" ]; then
    echo "not run: the library of this build is instrumented ($sanitizers), and its users are not"
    exit 77
fi
# A path with a blank, whatever the build's path is: pkg-config 1.8 prints nothing for a path with a quote.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
prefix="$folder/with a blank"
mkdir "$prefix"
. "$here/../support/complain.sh"
strict=(-Wall -Wextra -Wpedantic -Werror)

installed=$(cmake --install "$build" --prefix "$prefix/sluice" 2>&1) || { echo "$installed"; exit 1; }
pc=$(find "$prefix/sluice" -name sluice.pc)
libraries=$(dirname "$(dirname "$pc")")
