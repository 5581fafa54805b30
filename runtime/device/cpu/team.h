/* SPDX-License-Identifier: MIT */
/*
 * team.h -- the compute threads of one device: the caller and its workers.
 *
 * A job is a number of tasks that may run in any order on any thread, so a task's result must
 * depend on its index alone. One thread at a time may call sluice__team_run().
 */
#ifndef SLUICE_DEVICE_CPU_TEAM_H
#define SLUICE_DEVICE_CPU_TEAM_H

#include <stdbool.h>
#include <stdint.h>

#include "sluice/status.h"

typedef struct sluice__team sluice__team;

/* `thread` is 0 for the caller, 1.. for the workers: an index for workspaces only. */
typedef void sluice__team_task(const void *job, int64_t task, int thread);

/* Make the caller the first of `threads`. E_HOST_MEMORY, E_DEVICE if a thread cannot start. */
sluice_status sluice__team_start(sluice__team **out, int threads, int first_core, bool pin);
void sluice__team_stop(sluice__team *team); /* NULL is fine */
/* Threads that could not be bound to a core. */
int sluice__team_unpinned(const sluice__team *team);
/* Compute threads of all teams of this process. */
int sluice__team_threads(void);

/* Run tasks 0 .. tasks - 1; all are complete on return. Without a team the caller runs them. */
void sluice__team_run(sluice__team *team, int64_t tasks, sluice__team_task *function,
                      const void *job);

#endif
