/* SPDX-License-Identifier: MIT */
/* blas_option.c -- `--blas`: which library multiplies on the CPU. */
#include <string.h>

#include "model_options.h"

const char *cli_blas_word(int index) {
    return index == 0 ? "auto" : sluice_blas_name(index - 1);
}

bool cli_multiplies_on_cpu(const char *device) {
    const sluice_device_ops *ops = sluice_devices()[0];
    if (device && sluice_device_find(&ops, device) != SLUICE_OK) return false;
    return strcmp(ops->name, "cpu") == 0;
}

int cli_settle_blas(const char **blas, const char *device) {
    if (cli_multiplies_on_cpu(device)) return cli_report(sluice_blas_find(blas, *blas));
    if (!*blas) return CLI_OK;
    return cli_fail(CLI_USAGE,
                    "--blas chooses what multiplies on the CPU, and --device is %s; leave one of "
                    "them out",
                    device);
}
