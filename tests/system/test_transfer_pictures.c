/* SPDX-License-Identifier: MIT */
/*
 * test_transfer_pictures.c -- docs/gpu.md draws the transfers of some schedules in the order in
 * which GPUs issue them; the order must be that of the programs.
 *
 * A column is a group, one kernel on each of two GPUs; a transfer stands in its sender's row, and
 * the arrows between the rows show its direction.
 */
#include "tests/support/damage.h"

enum { RANKS = 4, COLUMNS = 40, CELL = 4, LINE = 16 + COLUMNS * CELL };

/* Rows of ranks and of arrows, in turn. */
typedef struct picture {
    char rows[2 * RANKS][LINE];
    int ranks, columns;
} picture;

static size_t place_of(int column) {
    return 8 + CELL * (size_t)column;
}

static void put(picture *out, int row, int column, const char *text) {
    char *const at = &out->rows[row][place_of(column)];
    memcpy(at, text, strlen(text));
}

/* One post of `rank`: its column is its group's. */
static void draw_post(picture *out, int rank, const sluice_instruction *at) {
    const int low    = rank < at->peer ? rank : at->peer;
    const int high   = rank + at->peer - low;
    const int column = at->group - 1;
    char text[16];
    if (!at->sends) return;
    if (column >= COLUMNS) fail_msg("more than %d groups", COLUMNS);
    if (column + 1 > out->columns) out->columns = column + 1;
    (void)snprintf(text, sizeof text, "%d%c%d", at->stage,
                   at->payload == SLUICE_PAYLOAD_ACTIVATION ? 'F' : 'B', at->microbatch);
    put(out, 2 * rank, column, text);
    for (int row = 2 * low + 1; row < 2 * high; row++) {
        char *const arrow = &out->rows[row][place_of(column) + (rank == low ? 0 : 1)];
        *arrow            = high - low > 1 && row % 2 == 0 ? '|' : rank == low ? 'v' : '^';
    }
}

static void finish(char *text, size_t bytes, const picture *p) {
    size_t used = 0;
    for (int row = 0; row < 2 * p->ranks - 1; row++) {
        char line[LINE];
        memcpy(line, p->rows[row], sizeof line);
        int length = 8 + CELL * p->columns;
        while (length > 0 && line[length - 1] == ' ') length--;
        used += (size_t)snprintf(text + used, bytes - used, "    %.*s\n", length, line);
    }
}

static void draw(char *text, size_t bytes, const char *name, int ranks, int m) {
    sluice_program *program =
        compile_over(generate_schedule(name, ranks, m), SLUICE_QUEUES_PER_RANK);
    picture p = {.ranks = ranks};
    memset(p.rows, ' ', sizeof p.rows);
    for (int r = 0; r < ranks; r++) {
        int count;
        const sluice_instruction *list = sluice_program_list(&count, program, r);
        char *const row                = p.rows[2 * (size_t)r];
        memcpy(row, "rank ", 5);
        row[5] = (char)('0' + r);
        for (int n = 0; n < count; n++)
            if (list[n].kind == SLUICE_INSTRUCTION_POST_SEND) draw_post(&p, r, &list[n]);
    }
    finish(text, bytes, &p);
    sluice_program_free(program);
}

static const struct drawn {
    const char *schedule;
    int ranks, microbatches;
} drawn[] = {{"gpipe", 3, 4}, {"1f1b", 3, 4}, {"zb1p", 3, 4}, {"looped-bfs", 3, 2}, {"zbv", 3, 3}};

static void pictures_show_the_programs_order(void **state) {
    (void)state;
    static char document[1 << 16];
    FILE *const file = fopen(SLUICE_SOURCE "/docs/gpu.md", "r");
    assert_non_null(file);
    document[fread(document, 1, sizeof document - 1, file)] = '\0';
    (void)fclose(file);
    int missing = 0;
    for (size_t k = 0; k < sizeof drawn / sizeof *drawn; k++) {
        char text[2 * RANKS * LINE];
        draw(text, sizeof text, drawn[k].schedule, drawn[k].ranks, drawn[k].microbatches);
        if (strstr(document, text)) continue;
        missing++;
        print_error("docs/gpu.md does not show %s, %d ranks, %d micro-batches:\n%s\n",
                    drawn[k].schedule, drawn[k].ranks, drawn[k].microbatches, text);
    }
    assert_int_equal(missing, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pictures_show_the_programs_order)};
    return cmocka_run_group_tests_name("pictures", tests, NULL, NULL);
}
