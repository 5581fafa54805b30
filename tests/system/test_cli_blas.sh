#!/usr/bin/env bash
# test_cli_blas.sh COMMAND -- --blas: each library that is here gives results that do not depend on ranks and threads; it
# is named, kept in saves, and taken by runs that are resumed; what is not here is refused.
. "$(dirname "$0")/../support/command.sh"
cd "$work" || exit 1

seq 1 600 >text.txt
tiny_gpt >tiny.json
little=(train --data text.txt --model tiny.json --seq 16 --batch 6 --microbatches 3 --steps 2 --overwrite)

refuse 2 "--blas is 'cublas'; choose one of: $("$command" train --data text.txt --blas cublas 2>&1 | sed 's/.*one of: //')" "${little[@]}" --blas cublas
fails 2 "--blas means nothing to virtual devices" train --device virtual --costs 1,1,1 --blas plain

used=$("$command" info | sed -n 's/^.* \([a-z]*\): .* (used)$/\1/p')
[ -n "$used" ] || complain "info does not say what is used: $("$command" info)"

# digest NAME ARGUMENT...: the weights of a run with this library.
digest() {
    local blas=$1
    shift
    "$command" "${little[@]}" --blas "$blas" --quiet --out "out$blas" "$@" 2>stderr.txt || complain "--blas $blas: $(cat stderr.txt)"
}
names=$("$command" info | sed -n '/^BLAS/,/^cores/{s/^\(BLAS \| \) *\([a-z]*\): [^n].*/\2/p}')
[ "$names" = "${names/plain/}" ] && complain "info does not list plain: $names"
for blas in $names; do
    one=$(digest "$blas" --ranks 1 --threads 1)
    [ "$one" = "$(digest "$blas" --ranks 1 --threads 2)" ] || complain "$blas: two threads give other weights than one"
    [ "$one" = "$(digest "$blas" --ranks 2 --threads 1)" ] || complain "$blas: two ranks give other weights than one"
done
[ "$(digest auto)" = "$(digest "$used")" ] || complain "auto is not $used"

# It is named in what is printed, in the log, and in the save.
run "${little[@]}" --blas plain --steps 1 --decay none --out first
has stdout.txt "products  plain: C without a library"
has first/log.jsonl '"blas":"plain"'
has first/state.json '"blas": "plain"'

# A run that is resumed keeps it; another one is taken if it is asked for.
again=(train --data text.txt --resume first --out second --overwrite --steps 2)
run "${again[@]}"
has stdout.txt "products  plain: "
if [ "$used" != plain ]; then
    succeed "${again[@]}" --blas "$used"
    has stderr.txt "sluice: blas was 'plain' in 'first' and is '$used' now: the result differs by rounding"
    has stdout.txt "products  $used: "
fi

# LIBXSMM that can make no code is passed over, and info says why.
if [ "$used" = libxsmm ]; then
    LIBXSMM_TARGET=generic "$command" info >stdout.txt
    has stdout.txt "libxsmm: no: libxsmm needs a processor with AVX, and takes this one for 'generic'"
    grep -q "libxsmm.*(used)" stdout.txt && complain "libxsmm is used without kernels"
    LIBXSMM_TARGET=generic fails 1 "libxsmm needs a processor with AVX" "${little[@]}" --blas libxsmm

    # A save names what cannot be used here: refused, unless another one is asked for.
    run "${little[@]}" --steps 1 --decay none --out third
    again=(train --data text.txt --resume third --out second --overwrite --steps 2)
    LIBXSMM_TARGET=generic fails 2 "'third' was trained with libxsmm, which cannot be used here (libxsmm needs a processor with AVX, and takes this one for 'generic')" "${again[@]}"
    has stderr.txt "install it, or choose one with --blas"
    LIBXSMM_TARGET=generic succeed "${again[@]}" --blas plain
    has stderr.txt "blas was 'libxsmm' in 'third' and is 'plain' now"
fi

finish
