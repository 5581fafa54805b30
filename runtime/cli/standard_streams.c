/* SPDX-License-Identifier: MIT */
/* standard_streams.c -- standard input, output and error: there from the start, and every write
 * checked. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "ends.h"

static bool keeps_on, has_lost_output;

/* Not cli_fail(), which flushes the stream that is being written. */
static void lose_output(int reason) {
    has_lost_output = true;
    dprintf(STDERR_FILENO, "sluice: standard output cannot be written: %s\n", strerror(reason));
    if (!keeps_on) _exit(CLI_FAILED);
}

/* A pipe whose writers do not block may be full for a while. */
static bool is_worth_waiting(int reason) {
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return reason == EINTR || (reason == EAGAIN && (poll(&output, 1, -1) >= 0 || errno == EINTR));
}

/* What is printed after a loss is dropped. */
static ssize_t write_output(void *unused, const char *bytes, size_t count) {
    (void)unused;
    for (size_t done = 0; done < count && !has_lost_output;) {
        const ssize_t more = write(STDOUT_FILENO, bytes + done, count - done);
        if (more >= 0)
            done += (size_t)more;
        else if (!is_worth_waiting(errno))
            lose_output(errno);
    }
    return (ssize_t)count;
}

/* A file opened later must not become standard output: the lowest free number is taken. */
static void open_closed(void) {
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
        if (fcntl(stream, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", stream == STDIN_FILENO ? O_RDONLY : O_WRONLY);
}

void cli_open_streams(void) {
    const cookie_io_functions_t functions = {.write = write_output};
    const struct sigaction ignore         = {.sa_handler = SIG_IGN};
    open_closed();
    /* Both become errors of the write. */
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL);
    FILE *const checked = fopencookie(NULL, "w", functions);
    if (!checked) return;
    stdout = checked;
    setvbuf(stdout, NULL, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, BUFSIZ);
}

void cli_keep_on_without_output(void) {
    keeps_on = true;
}

bool cli_has_lost_output(void) {
    return has_lost_output;
}

int cli_close_streams(int exit_status) {
    keeps_on = true; /* `exit_status` may say more */
    (void)fflush(stdout);
    if (!has_lost_output && close(STDOUT_FILENO) != 0) lose_output(errno); /* over a network */
    return exit_status == CLI_OK && has_lost_output ? CLI_FAILED : exit_status;
}
