#!/usr/bin/env bash
# test_barriers.sh TEST_OPERATIONS SOURCE -- in builds with ThreadSanitizer: every __syncthreads and __syncwarp
# of the kernels in SOURCE, one at a time, is not waited at (EMU_SKIP), and the tests of operations must end in
# a report of a data race in these kernels.
test_operations=$1 kernels=$2/runtime/device/cuda
report=$(mktemp) && trap 'rm -f "$report"' EXIT
export EMU_MODE=lazy TSAN_OPTIONS=halt_on_error=1:atexit_sleep_ms=0

# No kernel uses the shared memory of block_max before it: tests/emulation/selftest/races.cu does.
needed_by_none=$(grep -n -A 99 'T block_max(' "$kernels/lanes.cuh" | grep -m 1 '__syncthreads()')
needed_by_none=lanes.cuh:${needed_by_none%%-*}

tests_of() { # which tests reach the kernels of a file: fewer take less time
    case $1 in
        attention_cached*) echo 'cached_attention*' ;;
        attention*) echo 'attention*' ;;
        embedding*) echo 'embedding*' ;;
        lanes* | classifier*) echo 'classifier*' ;;
        *) echo '*' ;;
    esac
}

precision_of() { # fp32, but where only bf16 needs the barrier
    case $1 in
        classifier* | attention_mma*) echo bf16 ;;
    esac
}

sites=0 failed=0
for site in $(cd "$kernels" && grep -nE '__sync(threads|warp)(_[a-z]+)?\(' ./*.cu ./*.cuh | sed 's/^\.\///' | cut -d: -f1,2); do
    [ "$site" = "$needed_by_none" ] && continue
    sites=$((sites + 1))
    EMU_SKIP=$site "$test_operations" cuda $(precision_of "$site") "$(tests_of "$site")" >"$report" 2>&1
    code=$?
    line=$(grep -m 1 'SUMMARY: ThreadSanitizer: data race .*\(/runtime/device/cuda/\|emu_here::element\)' "$report")
    echo "$site: ${line#*data race }"
    if [ $code -ne 66 ] || [ -z "$line" ]; then
        echo "without the barrier at $site: exit $code, and no data race in $kernels" >&2
        tail -20 "$report" >&2
        failed=1
    fi
done
[ $sites -ge 10 ] || { echo "only $sites barriers in $kernels" >&2; exit 1; }
exit $failed
