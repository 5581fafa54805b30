#include "plan_command.h"
int plan_write_svg(const plan_job *job) {
    (void)job;
    return CLI_OK;
}
