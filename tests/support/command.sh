# command.sh -- functions for tests of the command; sourced with the command as $1. Each test runs in
# an empty folder, and ends with `finish`.
set -u
command=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$(dirname "${BASH_SOURCE[0]}")/complain.sh"

# What models are called, as hints list them.
presets='gpt-nano, gpt-mini, gpt2-124m, gpt2-350m, gpt2-774m, gpt2-1.5b, llama-nano, llama-mini, llama-160m, llama-1b, '
presets+='llama-3b, llama-8b, mistral-7b, qwen2-0.5b, qwen2-1.5b, qwen2-7b, qwen3-0.6b, qwen3-1.7b, qwen3-4b, qwen3-8b'

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

# succeed ARGUMENT...: exits with 0; its output is in stdout.txt, its messages in stderr.txt.
succeed() {
    "$command" "$@" >stdout.txt 2>stderr.txt || complain "'$*' exits with $?: $(cat stderr.txt)"
}

# run ARGUMENT...: the same, without messages.
run() {
    succeed "$@"
    [ -s stderr.txt ] && complain "'$*' says '$(cat stderr.txt)'"
}

# fails STATUS PART ARGUMENT...: exits with it, and says something with this part.
fails() {
    local status=$1 part=$2 got=0
    shift 2
    "$command" "$@" >stdout.txt 2>stderr.txt || got=$?
    [ $got = "$status" ] || complain "'$*' exits with $got, expected $status"
    has stderr.txt "$part"
}

# prints TEXT: the last output contains it.
prints() {
    has stdout.txt "$1"
}

# json EXPRESSION EXPECTED: of the object printed last, called o.
json() {
    local got
    got=$(python3 -c "import json; o = json.load(open('stdout.txt')); print($1)" 2>&1)
    [ "$got" = "$2" ] || complain "$1 is '$got', expected '$2'"
}

# digest_of FILE: of the weights, in the last line that training printed.
digest_of() {
    tail -1 "$1" | sed -n 's/^weights \([0-9a-f]\{16\}\)$/\1/p'
}

# makespan [DIVISOR]: of the object that simulate --json prints, on standard input.
makespan() {
    sed -n 's/^  "makespan": \([0-9.]*\),$/\1/p' | awk -v d="${1:-1}" '{printf "%g", $1 / d}'
}

# ranks KEY: a list of whole numbers of the same object, with a space between them.
ranks() {
    sed -n "/\"$1\"/,/]/p" | grep -o '[0-9]*' | paste -sd' '
}

# tiny_gpt [BLOCKS]: the config.json of a GPT-2 over bytes that trains in milliseconds.
tiny_gpt() {
    echo "{\"model_type\": \"gpt2\", \"vocab_size\": 256, \"n_positions\": 32, \"n_embd\": 16, \"n_layer\": ${1:-4}, \"n_head\": 2}"
}

# branches: PipeDream's text of 10 ms, then two branches that no cut divides, of 8 together, then 6.
branches() {
    local n forward backward
    while read -r n forward backward; do
        echo "node$n -- Conv2d(3, 64) -- forward_compute_time=$forward.000, backward_compute_time=$backward.000, activation_size=4096.000, parameter_size=400.000"
    done <<<$'1 4 6\n2 1 2\n3 2 3\n4 2 4'
    printf '\tnode1 -- node2\n\tnode1 -- node3\n\tnode2 -- node4\n\tnode3 -- node4\n'
}
