#!/usr/bin/env bash
# test_cli_memory_limit.sh COMMAND -- under a memory limit of the shell: every command ends, and training works or says
# in a sentence what it lacks. (OpenBLAS asks without end for memory that it does not get.)
. "$(dirname "$0")/../support/command.sh"
cd "$work" || exit 1

seq 1 600 >text.txt
tiny_gpt >tiny.json
little=(--data text.txt --model tiny.json --seq 16 --batch 5 --microbatches 3 --ranks 2 --threads 2 --steps 1 --overwrite)

# limited LETTER KIB WORD...: the command under `ulimit -LETTER KIB`; its status.
limited() {
    (
        ulimit "-$1" "$2"
        shift 2
        timeout -s KILL 30 "$command" "$@" >stdout.txt 2>stderr.txt
    )
}

for kib in 80000 110000 150000 200000; do
    limited v $kib --version || complain "--version under ulimit -v $kib exits with $?, not with 0"
    [ $failures -eq 0 ] || break # the others may take as long
    limited v $kib nonsense
    [ $? -eq 2 ] || complain "a wrong command under ulimit -v $kib does not exit with 2"
done

# ends LETTER KIB WORD...: the command does what it should, or says what it lacks.
ends() {
    local letter=$1 kib=$2
    limited "$@"
    case $? in
        0) done=$((done + 1)) ;;
        1) grep -q '^sluice: .*\(memory\|cannot be started\|cannot start a thread\).*ulimit' stderr.txt ||
               complain "ulimit -$letter $kib: says '$(cat stderr.txt)'" ;;
        137) # the others would take as long
            complain "ulimit -$letter $kib: '${*:3:2}' does not end"
            finish
            ;;
        *) complain "ulimit -$letter $kib: '${*:3:2}' exits with $?: $(cat stderr.txt)" ;;
    esac
}

done=0
for kib in $(seq 80000 60000 1400000); do ends v "$kib" train "${little[@]}" --out "out$kib"; done
for kib in $(seq 60000 120000 900000); do ends d "$kib" train "${little[@]}" --out "out$kib"; done
has_openblas=$("$command" info | grep -c 'openblas: OpenBLAS')
for blas in onednn openblas; do
    "$command" info | grep -q "$blas: [^n]" || continue # not installed
    for kib in $(seq 60000 90000 900000); do ends v "$kib" train "${little[@]}" --blas $blas --out "out$blas$kib"; done
done
for kib in $(seq 90000 200000 1290000); do ends v "$kib" profile tiny.json --seq 16 --microbatch 1 --ranks 2 --threads 2 --steps 3 --json; done
[ $done -ge 8 ] || complain "only $done runs had enough memory"

# OpenBLAS keeps memory for each thread that multiplies.
[ "$has_openblas" -eq 1 ] || finish
openblas=("${little[@]}" --blas openblas)
limited v 450000 train "${openblas[@]}" --out few
has stderr.txt "sluice: out of host memory: matrix products on 4 compute threads need 512.00 MiB, 128.00 MiB for each, and there is memory for "
has stderr.txt "; ulimit -v limits this process to 439.45 MiB: raise that, or use fewer ranks, or fewer threads of each"
limited v 450000 train "${openblas[@]}" --ranks 1 --threads 1 --out few || complain "one thread under ulimit -v 450000: $(cat stderr.txt)"

# It is counted in the plan.
run train "${openblas[@]}" --explain-memory
[ "$(grep -c '256.0 MiB  of host memory more, which products on its compute threads need' stdout.txt)" -eq 2 ] ||
    complain "--explain-memory does not count the memory of products: $(cat stdout.txt)"

finish
