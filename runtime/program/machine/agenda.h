/* SPDX-License-Identifier: MIT */
/* agenda.h -- what comes next in simulated time: a heap of entries, the earliest on top. */
#ifndef SLUICE_PROGRAM_AGENDA_H
#define SLUICE_PROGRAM_AGENDA_H

#include <stdbool.h>

#include "sluice/status.h"

/* At one time, ranks come before transfers, and lower numbers first. */
typedef struct sluice__entry {
    double time;
    bool is_transfer; /* that is ready; else a rank that proceeds */
    int number;
} sluice__entry;

typedef struct sluice__agenda {
    sluice__entry *heap;
    int count;
} sluice__agenda;

/* An agenda of up to `max` entries; free `heap` with sluice__free(). E_HOST_MEMORY. */
sluice_status sluice__agenda_make(sluice__agenda *out, int max);
void sluice__agenda_add(sluice__agenda *agenda, sluice__entry entry);
/* Remove the earliest entry and return it; there must be one. */
sluice__entry sluice__agenda_take(sluice__agenda *agenda);

#endif
