/* SPDX-License-Identifier: MIT */
/* plugin.c -- finds and loads backends' libraries, each once per process. */
#include "runtime/device/plugin.h"

#include <assert.h>
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/alloc.h"
#include "runtime/base/error.h"

/* ---- where it is looked for ---- */

typedef struct search {
    const char *file;
    char found[PATH_MAX]; /* "": not yet */
    char looked[512];     /* folders, for the error */
} search;

static void look_in(search *s, const char *folder, size_t length) {
    char path[PATH_MAX];
    const size_t used = strlen(s->looked);
    if (length == 0 || s->found[0] != '\0') return;
    const int written = snprintf(path, sizeof path, "%.*s/%s", (int)length, folder, s->file);
    if (written < 0 || (size_t)written >= sizeof path) return;
    if (access(path, R_OK) == 0) memcpy(s->found, path, (size_t)written + 1);
    (void)snprintf(s->looked + used, sizeof s->looked - used, "%s%.*s", used > 0 ? ", " : "",
                   (int)length, folder);
}

static void look_in_list(search *s, const char *folders) {
    while (folders) {
        const char *const end = strchr(folders, ':');
        look_in(s, folders, end ? (size_t)(end - folders) : strlen(folders));
        folders = end ? end + 1 : NULL;
    }
}

/* The folder that `file` is in, with `below` after it. */
static void look_next_to(search *s, const char *file, const char *below) {
    char folder[PATH_MAX];
    const char *const last = strrchr(file, '/');
    if (!last) return;
    const int written = snprintf(folder, sizeof folder, "%.*s%s", (int)(last - file), file, below);
    if (written > 0 && (size_t)written < sizeof folder) look_in(s, folder, (size_t)written);
}

static void look_everywhere(search *s) {
    static const char here = 0;
    char program[PATH_MAX], library[PATH_MAX];
    Dl_info info;
    look_in_list(s, getenv("SLUICE_PLUGIN_PATH"));
    const ssize_t length             = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    if (dladdr(&here, &info) != 0 && realpath(info.dli_fname, library) &&
        strcmp(library, program) != 0)
        look_next_to(s, library, "/sluice");
    look_next_to(s, program, "/" SLUICE_PLUGINS_FROM_PROGRAM);
    look_next_to(s, program, ""); /* where it was built */
}

/* ---- loading ---- */

static sluice_status not_found(const search *s) {
    sluice__fail(SLUICE_E_UNSUPPORTED, "the plug-in %s is not here: looked in %s", s->file,
                 s->looked);
    return sluice__hint(SLUICE_E_UNSUPPORTED,
                        "build sluice where nvcc is, or name the plug-in's folder in "
                        "SLUICE_PLUGIN_PATH");
}

static sluice_status enter(const sluice__plugin **out, void *library, const char *path) {
    static const sluice__plugin_host host = {SLUICE__PLUGIN_VERSION, SLUICE__PLUGIN_TABLES,
                                             sluice__fail,           sluice__hint,
                                             sluice__alloc,          sluice__free};
    sluice__plugin_entry *entry           = NULL;
    void *const symbol                    = dlsym(library, SLUICE__PLUGIN_ENTRY);
    if (!symbol) return sluice__fail(SLUICE_E_UNSUPPORTED, "%s is not a Sluice plug-in", path);
    memcpy(&entry, &symbol, sizeof entry); /* ISO C has no cast from an object to a function */
    const sluice__plugin *const plugin = entry(&host);
    if (plugin->version != host.version || plugin->table_bytes != host.table_bytes) {
        sluice__fail(
            SLUICE_E_UNSUPPORTED,
            "%s is for version %d of plug-ins with tables of %zu bytes, not for %d with %zu", path,
            plugin->version, plugin->table_bytes, host.version, host.table_bytes);
        return sluice__hint(SLUICE_E_UNSUPPORTED, "install sluice and its plug-ins together");
    }
    *out = plugin;
    return SLUICE_OK;
}

static sluice_status load(const sluice__plugin **out, const char *name) {
    char file[64];
    (void)snprintf(file, sizeof file, "libsluice_%s.so", name);
    search s = {.file = file};
    look_everywhere(&s);
    if (s.found[0] == '\0') return not_found(&s);
    void *const library = dlopen(s.found, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *const reason = dlerror();
        return sluice__fail(SLUICE_E_UNSUPPORTED, "the plug-in %s does not load: %s", s.found,
                            reason ? reason : "the reason is unknown");
    }
    const sluice_status status = enter(out, library, s.found);
    if (status != SLUICE_OK) (void)dlclose(library);
    return status;
}

/* ---- those that are loaded ---- */

/* They stay until the process ends: their tables and the state of their threads are in use. */
enum { MAX_PLUGINS = 16, NAME_BYTES = 32 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    char name[NAME_BYTES];
    const sluice__plugin *plugin;
} loaded[MAX_PLUGINS]; /* under the lock */
static int loaded_count;

static sluice_status load_once(const sluice__plugin **out, const char *name) {
    for (int k = 0; k < loaded_count; k++) {
        if (strcmp(loaded[k].name, name) != 0) continue;
        *out = loaded[k].plugin;
        return SLUICE_OK;
    }
    if (loaded_count == MAX_PLUGINS || strlen(name) >= NAME_BYTES)
        return sluice__fail(SLUICE_E_UNSUPPORTED,
                            "the plug-in %s cannot be loaded: at most %d are, with names of less "
                            "than %d bytes",
                            name, (int)MAX_PLUGINS, (int)NAME_BYTES);
    SLUICE__TRY(load(out, name));
    memcpy(loaded[loaded_count].name, name, strlen(name) + 1);
    loaded[loaded_count++].plugin = *out;
    return SLUICE_OK;
}

static sluice_status find_plugin(const sluice__plugin **out, const char *name) {
    pthread_mutex_lock(&lock);
    const sluice_status status = load_once(out, name);
    pthread_mutex_unlock(&lock);
    return status;
}

/* ---- what they offer ---- */

sluice_status sluice__plugin_device(const sluice_device_ops **out, const char *plugin,
                                    const char *name) {
    const sluice__plugin *found = NULL;
    SLUICE__TRY(find_plugin(&found, plugin));
    assert(found);
    for (int k = 0; found->devices[k]; k++) {
        if (strcmp(found->devices[k]->name, name) != 0) continue;
        *out = found->devices[k];
        return SLUICE_OK;
    }
    return sluice__fail(SLUICE_E_UNSUPPORTED, "the plug-in %s has no device %s", plugin, name);
}

sluice_status sluice__plugin_transport(const sluice__transport_ops **out, const char *plugin,
                                       const char *name) {
    const sluice__plugin *found = NULL;
    SLUICE__TRY(find_plugin(&found, plugin));
    assert(found);
    for (int k = 0; found->transports[k]; k++) {
        if (strcmp(found->transports[k]->name, name) != 0) continue;
        *out = found->transports[k];
        return SLUICE_OK;
    }
    sluice__fail(SLUICE_E_UNSUPPORTED, "the plug-in %s was built without the transport %s", plugin,
                 name);
    return sluice__hint(SLUICE_E_UNSUPPORTED, "build it where %s.h is, or use --transport local",
                        name);
}
