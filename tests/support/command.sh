# command.sh -- functions for tests of the command; sourced with the command as $1. Each test runs in
# an empty folder, and ends with `finish`.
set -u
command=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$(dirname "${BASH_SOURCE[0]}")/complain.sh"

# refuse STATUS TEXT ARGUMENT...: exits with STATUS and exactly the message TEXT, prints nothing and leaves no file.
refuse() {
    local status=$1 text=$2 got
    shift 2
    "$command" "$@" >stdout.txt 2>stderr.txt
    got=$?
    [ $got -eq "$status" ] || complain "'$*' exits with $got, expected $status"
    [ "$(cat stderr.txt)" = "sluice: $text" ] ||
        complain "'$*' says '$(cat stderr.txt)', expected 'sluice: $text'"
    [ -s stdout.txt ] && complain "'$*' prints '$(head -1 stdout.txt)'"
    [ -e sluice-out ] && complain "'$*' leaves sluice-out behind" && rm -rf sluice-out
}

# has FILE TEXT: the file contains the text.
has() {
    grep -qF -- "$2" "$1" || complain "$1 has no '$2': $(head -c 800 "$1")"
}
