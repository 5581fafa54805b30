/* SPDX-License-Identifier: MIT */
/* resident.c -- resident memory, as /proc/self/smaps counts it: pages that were touched. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

bench_resident bench_resident_now(void) {
    bench_resident found = {0};
    char line[1024];
    size_t resident  = 0; /* of the mapping that is being read */
    FILE *const file = fopen("/proc/self/smaps", "re");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "Rss:", 4) == 0) {
            resident = 1024 * (size_t)strtoull(line + 4, NULL, 10);
            found.all += resident;
        }
        /* A mapping's last line: two letters per flag. */
        if (strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " hg")) found.arenas += resident;
    }
    if (file) (void)fclose(file);
    return found;
}
