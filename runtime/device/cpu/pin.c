/* SPDX-License-Identifier: MIT */
/* pin.c -- the one file that binds threads to cores. */
#include "runtime/device/cpu/pin.h"

int sluice__cores(cpu_set_t *cores) {
    CPU_ZERO(cores);
    if (sched_getaffinity(0, sizeof *cores, cores) != 0)
        return 1; /* more cores than the set holds */
    const int count = CPU_COUNT(cores);
    return count > 0 ? count : 1;
}

bool sluice__pin(pthread_t thread, const cpu_set_t *cores, int n) {
    for (size_t core = 0; core < CPU_SETSIZE; core++) {
        if (!CPU_ISSET(core, cores) || n-- > 0) continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(core, &one);
        return pthread_setaffinity_np(thread, sizeof one, &one) == 0;
    }
    return false;
}

void sluice__unpin(const cpu_set_t *cores) {
    if (CPU_COUNT(cores) > 0) (void)sched_setaffinity(0, sizeof *cores, cores);
}
