/* SPDX-License-Identifier: MIT */
/*
 * library.h -- the functions of NCCL that are used, looked up in libnccl.so.2 on first use, so that
 * everything else works without it.
 */
#ifndef SLUICE_TRANSPORT_NCCL_LIBRARY_H
#define SLUICE_TRANSPORT_NCCL_LIBRARY_H

#include <nccl.h>

#include "sluice/status.h"

/* The oldest version that works: it can abort several communicators as one group. Those of a GPU
 * share a stream, where the first would wait for the last. */
enum { SLUICE__NCCL_OLDEST = 22200 };

/* clang-format off */
#define SLUICE__NCCL_MAP(X)                                                                        \
    X(GetVersion) X(GetUniqueId) X(GetErrorString) X(GetLastError)                                 \
    X(CommInitRankConfig) X(CommGetAsyncError) X(CommFinalize) X(CommDestroy) X(CommAbort)         \
    X(GroupStart) X(GroupEnd) X(Send) X(Recv) X(AllGather)
/* clang-format on */

typedef struct sluice__nccl {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): it is a declarator */
#define X(name) __typeof__(nccl##name) *name;
    SLUICE__NCCL_MAP(X)
#undef X
    int version; /* as NCCL_VERSION_CODE */
} sluice__nccl;

/* The library, loaded once per process. E_UNSUPPORTED: it is not there, too old, or has no such
 * function. */
sluice_status sluice__nccl_load(const sluice__nccl **out);

#endif
