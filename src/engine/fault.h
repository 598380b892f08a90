/* fault.h - how an emulated engine misbehaves when asked to: one row a fault, "NAME" or
 * "NAME=VALUE". */
#ifndef SLUICE_ENGINE_FAULT_H
#define SLUICE_ENGINE_FAULT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/rc.h"

/* Counts are of generation requests from 1; 0 everywhere means: not asked for. */
struct faults {
    int64_t crash_after;    /* dies by SIGKILL when that many requests have come */
    int64_t crash_after_ns; /* the same, by time since the start */
    int64_t hang_after;     /* from then on nothing is answered, connections stay open */
    int64_t hang_after_ns;
    int64_t never_ready; /* loading without end */
    int64_t end_every;   /* every such answer stops in its middle: the stream ends properly, */
    int64_t fin_every;   /* or the connection is closed without the end of the stream, */
    int64_t reset_every; /* or it is reset */
    int64_t error_every; /* every such request gets an error 500 */
    int64_t wrong_every; /* every such answer has one wrong byte */
    int64_t ignore_sigterm;
    int64_t exit_at_once; /* before anything else; the exit code + 1 */
    int64_t grandchild;   /* a child that sleeps and ignores SIGTERM is started */
    int64_t log_flood;    /* lines of 100 bytes a second on standard output */
};

/* Reads one "NAME[=VALUE]" into *faults. RC_UNKNOWN names the nearest; RC_SYNTAX. */
enum rc fault_parse(const char *text, struct faults *faults, struct diag *diag) MUST_CHECK;
void fault_print_help(FILE *out); /* a line for each */

/* True for the requests that an "every" fault hits. */
bool fault_hits(int64_t every, int64_t request_number);

#endif
