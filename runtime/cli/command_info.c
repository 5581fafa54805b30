/* SPDX-License-Identifier: MIT */
/* command_info.c -- `sluice info`: what this build is and what this machine has. */
#include <stdio.h>
#include <string.h>

#include "command_line.h"

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

/* Print what multiplies on the CPU unless --blas says otherwise, then all that could. */
static void print_blas(void) {
    const char *usual = NULL, *name;
    char words[128];
    if (sluice_blas_find(&usual, NULL) != SLUICE_OK)
        printf("BLAS      no: %s\n", sluice_last_error()->what);
    for (int k = 0; (name = sluice_blas_name(k)) != NULL; k++) {
        printf("%-9s %s", k == 0 && usual ? "BLAS" : "", name);
        if (sluice_blas_describe(words, sizeof words, name) != SLUICE_OK)
            printf(": no: %s\n", sluice_last_error()->what);
        else
            printf(": %s%s\n", words, usual && strcmp(name, usual) == 0 ? " (used)" : "");
    }
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
    print_blas();
    printf("cores     %d\n", cli_cores());
    return CLI_OK;
}
