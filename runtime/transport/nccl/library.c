/* SPDX-License-Identifier: MIT */
/* library.c -- the one file that loads libnccl. */
#include "runtime/transport/nccl/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"

/* The loader's name for it; SLUICE_NCCL_LIBRARY names a file instead. */
static const char *file_name(void) {
    const char *const named = getenv("SLUICE_NCCL_LIBRARY");
    return named && named[0] ? named : "libnccl.so.2";
}

static sluice_status instead(sluice_status status) {
    return sluice__hint(status,
                        "install NCCL %d.%d or later, name its file in SLUICE_NCCL_LIBRARY, or use "
                        "--transport local",
                        SLUICE__NCCL_OLDEST / 10000, SLUICE__NCCL_OLDEST % 10000 / 100);
}

static sluice_status find(void *out, void *library, const char *name) {
    void *const symbol = dlsym(library, name);
    memcpy(out, &symbol, sizeof symbol); /* ISO C has no cast from an object to a function */
    if (symbol) return SLUICE_OK;
    return instead(sluice__fail(SLUICE_E_UNSUPPORTED, "%s has no %s", file_name(), name));
}

static sluice_status find_all(sluice__nccl *out, void *library) {
#define X(name) SLUICE__TRY(find(&out->name, library, "nccl" #name));
    SLUICE__NCCL_MAP(X)
#undef X
    return SLUICE_OK;
}

static sluice_status check_version(sluice__nccl *nccl) {
    const ncclResult_t got = nccl->GetVersion(&nccl->version);
    if (got != ncclSuccess)
        return sluice__fail(SLUICE_E_DEVICE, "%s does not say its version: %s", file_name(),
                            nccl->GetErrorString(got));
    if (nccl->version >= SLUICE__NCCL_OLDEST) return SLUICE_OK;
    return instead(sluice__fail(SLUICE_E_UNSUPPORTED, "%s is NCCL %d.%d.%d, which is too old",
                                file_name(), nccl->version / 10000, nccl->version % 10000 / 100,
                                nccl->version % 100));
}

static sluice_status load(sluice__nccl *out) {
    void *const library = dlopen(file_name(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *const reason = dlerror();
        return instead(sluice__fail(SLUICE_E_UNSUPPORTED, "NCCL does not load: %s",
                                    reason ? reason : "the reason is unknown"));
    }
    sluice_status status = find_all(out, library);
    if (status == SLUICE_OK) status = check_version(out);
    if (status != SLUICE_OK) (void)dlclose(library);
    return status;
}

/* It is never unloaded: its threads may outlive every communicator. */
sluice_status sluice__nccl_load(const sluice__nccl **out) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static sluice__nccl functions; /* under the lock until it is loaded */
    static bool loaded;
    pthread_mutex_lock(&lock);
    const sluice_status status = loaded ? SLUICE_OK : load(&functions);
    loaded                     = status == SLUICE_OK;
    *out                       = &functions;
    pthread_mutex_unlock(&lock);
    return status;
}
