/* SPDX-License-Identifier: MIT */
/* command_run.c -- starts the command, waits for it, and reads what it said. */
#include "tests/support/command_run.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

void command_add(command_line *line, const char *argument) {
    int count = 0;
    while (line->arguments[count]) count++;
    assert_in_range(count, 0, COMMAND_ARGUMENTS - 2);
    line->arguments[count] = argument;
}

static void redirect(const char *path, int to) {
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || dup2(file, to) < 0) _exit(126);
}

pid_t command_start(const command_line *line) {
    const pid_t process = fork();
    assert_true(process >= 0);
    if (process > 0) return process;
    redirect(line->output, STDOUT_FILENO);
    redirect(line->errors, STDERR_FILENO);
    if (line->preload) (void)setenv("LD_PRELOAD", line->preload, 1);
    for (int k = 0; k < 4 && line->variables[k][0]; k++)
        (void)setenv(line->variables[k][0], line->variables[k][1], 1);
    (void)execv(line->arguments[0], (char *const *)line->arguments);
    _exit(127);
}

static void read_into(char *text, size_t bytes, const char *path) {
    FILE *const file = fopen(path, "rb");
    if (!file) fail_msg("'%s' cannot be read", path);
    text[fread(text, 1, bytes - 1, file)] = '\0';
    (void)fclose(file);
}

command_end command_wait(pid_t process, const command_line *line) {
    command_end end = {0};
    int status      = 0;
    assert_int_equal(waitpid(process, &status, 0), process);
    end.status = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    read_into(end.output, sizeof end.output, line->output);
    read_into(end.errors, sizeof end.errors, line->errors);
    return end;
}

command_end command_run(const command_line *line) {
    return command_wait(command_start(line), line);
}

void command_shell(const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (system(text) != 0) fail_msg("'%s' fails", text);
}
