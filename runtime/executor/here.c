/* SPDX-License-Identifier: MIT */
/* here.c -- the calling thread's rank and instruction. */
#include "runtime/executor/here.h"

extern _Thread_local sluice__here sluice__thread_is_here;
_Thread_local sluice__here sluice__thread_is_here = {-1, NULL};

sluice__here *sluice__where(void) {
    return &sluice__thread_is_here;
}
