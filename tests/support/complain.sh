# complain.sh -- sourced by tests in shell: count what is wrong, and say at the end whether anything was.
failures=0

complain() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

finish() {
    [ $failures -eq 0 ] && echo "all as expected"
    exit $((failures > 0))
}
