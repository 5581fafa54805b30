/* SPDX-License-Identifier: MIT */
/* command_info.c -- `sluice info`: what this build is and what this machine has. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "command_line.h"

/* The description that the linked BLAS gives of itself. */
static const char *blas_in_use(void) {
    static const char *const names[] = {"openblas_get_config", "bli_info_get_version_str"};
    static const char *const known[] = {"OpenBLAS", "BLIS"};
    for (int n = 0; n < 2; n++) {
        const char *(*describe)(void) = NULL;
        void *const symbol            = dlsym(RTLD_DEFAULT, names[n]);
        if (!symbol) continue;
        memcpy(&describe, &symbol, sizeof describe); /* ISO C has no such cast */
        static char words[256];
        const char *const text = describe();
        const bool named       = strstr(text, known[n]) != NULL;
        snprintf(words, sizeof words, "%s%s%s", named ? "" : known[n], named ? "" : " ", text);
        return words;
    }
    return dlsym(RTLD_DEFAULT, "cblas_sgemm") ? "a CBLAS that does not say its name"
                                              : "none: matrix products in plain C";
}

/* Print the devices of a kind that is a plug-in, or the reason why there are none. */
static void print_devices(const char *kind) {
    const sluice_device_ops *ops = NULL;
    int count                    = 0;
    char words[128];
    if (sluice_device_find(&ops, kind) != SLUICE_OK || ops->count(&count) != SLUICE_OK) {
        printf("%-9s no: %s\n", kind, sluice_last_error()->what);
        return;
    }
    for (int d = 0; d < count; d++)
        if (ops->describe(words, sizeof words, d) == SLUICE_OK)
            printf("%-9s %s:%d, %s\n", d == 0 ? kind : "", kind, d, words);
}

static void print_transport(const char *name) {
    char words[128];
    if (sluice_transport_describe(words, sizeof words, name) == SLUICE_OK)
        printf("%-9s %s\n", name, words);
    else
        printf("%-9s no: %s\n", name, sluice_last_error()->what);
}

static const cli_option_table none[]     = {{0}};
const cli_command_line command_info_line = {0, none};

int command_info(const cli_command *command, int argc, char **argv) {
    CLI_TRY(cli_parse(NULL, NULL, command, argc, argv));
    printf("version   sluice %s\n", sluice_version());
    printf("devices  ");
    for (const sluice_device_ops *const *device = sluice_devices(); *device; device++)
        printf(" %s", (*device)->name);
    printf("\n");
    for (const char *const *kind = sluice_device_plugins(); *kind; kind++) print_devices(*kind);
    for (int t = 0; sluice_transport_name(t); t++) print_transport(sluice_transport_name(t));
    printf("BLAS      %s\n", blas_in_use());
    printf("cores     %d\n", cli_cores());
    return CLI_OK;
}
