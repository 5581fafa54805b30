#!/usr/bin/env bash
# ranks.sh: no file of the executor reads another rank. Ranks are reached through the pipeline's
# list of them, which only open.c, that makes them, and workers.c, that starts and ends them, may use.
set -u
found=$(grep -nE 'pipeline(->|\.)rank\b' runtime/executor/*.c runtime/executor/*.h |
    grep -vE '^runtime/executor/(open|workers)\.c:')
[ -z "$found" ] && exit 0
printf '%s: reads the ranks of the pipeline: use positions or reports\n' "$found"
exit 1
