/* SPDX-License-Identifier: MIT */
/*
 * fuzz_device_list.c -- any bytes as a list of devices. Oracle: an accepted one has ranks with
 * names, links between them, and prints as a list that parses to the same.
 */
#include <stdint.h>
#include <string.h>

#include "sluice/allocator.h"
#include "sluice/device_list.h"
#include "tests/fuzz/oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_print(const sluice_device_list *list) {
    char *text = NULL, *again = NULL;
    sluice_device_list *same = NULL;
    if (sluice_device_list_print(&text, list) != SLUICE_OK ||
        sluice_device_list_parse(&same, text, strlen(text), "fuzz") != SLUICE_OK ||
        sluice_device_list_print(&again, same) != SLUICE_OK || strcmp(text, again) != 0)
        oracle_fail("what is printed is not the same");
    sluice_text_free(text);
    sluice_text_free(again);
    sluice_device_list_free(same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    sluice_device_list *list = NULL;
    if (sluice_device_list_parse(&list, (const char *)data, bytes, "fuzz") != SLUICE_OK) {
        if (list || sluice_last_error()->what[0] == '\0')
            oracle_fail("a refusal without a message");
        return 0;
    }
    if (list->rank_count < 1) oracle_fail("no ranks");
    for (int r = 0; r < list->rank_count; r++)
        if (!list->ranks[r].name) oracle_fail("a rank without a name");
    for (int l = 0; l < list->link_count; l++) {
        const sluice_link_cost *const link = &list->links[l];
        if (link->from < 0 || link->from >= list->rank_count || link->to < 0 ||
            link->to >= list->rank_count || !(link->latency >= 0) || !(link->bandwidth > 0))
            oracle_fail("a link that cannot be");
    }
    check_print(list);
    sluice_device_list_free(list);
    return 0;
}
