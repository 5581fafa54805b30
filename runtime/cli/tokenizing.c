/* SPDX-License-Identifier: MIT */
/* tokenizing.c -- text that becomes a token file: how far it is, how fast, and what a signal
 * removes. */
#include "tokenizing.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "ends.h"
#include "training.h"

typedef struct watched {
    bool talks, live, shown;
    double started, printed; /* seconds of a steady clock */
} watched;

/* Bytes of text in a second, in MB (10^6), as speeds are said. */
static double speed_of(const sluice_tokenized *it, double seconds) {
    return seconds > 0 ? (double)it->done_bytes / 1e6 / seconds : 0;
}

static void show(void *context, const sluice_tokenized *it) {
    watched *const to = context;
    const double now = train_clock(), elapsed = now - to->started;
    const double done    = it->bytes > 0 ? (double)it->done_bytes / (double)it->bytes : 1;
    const double between = to->live ? 0.1 : 15;
    if (!to->talks || now - to->printed < between || done <= 0) return;
    const long left = lround(elapsed / done * (1 - done));
    printf(to->live ? "\rtokenized %3.0f %%  %s of %s  %.1f MB/s  %ld:%02ld left\033[K"
                    : "tokenized %3.0f %%  %s of %s  %.1f MB/s  %ld:%02ld left\n",
           100 * done, cli_bytes((size_t)it->done_bytes).text, cli_bytes((size_t)it->bytes).text,
           speed_of(it, elapsed), left / 60, left % 60);
    fflush(stdout);
    to->shown   = to->live;
    to->printed = now;
}

int cli_tokenize(cli_tokenized *out, const char *path, const sluice_corpus *corpus,
                 const sluice_bpe *bpe, const cli_separator *separator, int threads, bool talks) {
    static char part[PATH_BYTES + 8]; /* which a signal may read */
    watched to = {talks, isatty(STDOUT_FILENO) != 0, false, train_clock(), train_clock()};
    sluice_tokenize_options options = SLUICE_TOKENIZE_OPTIONS_INIT;
    options.threads                 = threads;
    options.separator               = separator->kind;
    options.eos                     = separator->eos;
    options.progress                = show;
    options.context                 = &to;
    if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
        return cli_fail(CLI_USAGE, "'%s' is longer than a path may be", path);
    cli_remove_on_signal(part);
    const sluice_status status = sluice_tokenize(&out->made, path, corpus, bpe, &options);
    cli_remove_on_signal(NULL);
    out->seconds = train_clock() - to.started;
    if (to.shown) printf("\r\033[K");
    return cli_report(status);
}

void cli_print_tokenized(const char *path, const cli_tokenized *it) {
    const sluice_tokenized *const made = &it->made;
    printf(
        "tokens    %lld in %s (uint%d), %.2f bytes of text a token; %s in %.1f s on %d thread%s, "
        "%.1f MB/s\n",
        (long long)made->tokens, path, 8 * made->token_bytes,
        (double)made->bytes / (double)(made->tokens > 0 ? made->tokens : 1),
        cli_bytes((size_t)made->bytes).text, it->seconds, made->threads,
        made->threads == 1 ? "" : "s", speed_of(made, it->seconds));
}
