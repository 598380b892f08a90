/* report.h - what `sluice replay` found, as words, as JSON, and as one page. */
#ifndef SLUICE_CLI_REPLAY_REPORT_H
#define SLUICE_CLI_REPLAY_REPORT_H

#include <stdio.h>

#include "cli/replay/play.h"

#define REPORT_RUNS 2 /* simulated: as recorded, and the other configuration */
#define REPORT_BYTES_MAX ((size_t)64 << 20)

struct report {
    const char *state;
    const char *pool;  /* only this one; NULL = all */
    const char *other; /* name of the other configuration; NULL = there is none */
    const char *title; /* of its run */
    const struct config *config[REPORT_RUNS];
    const struct recorded *recorded;
    const struct retake *retake;
    const struct play *play[REPORT_RUNS]; /* the second is NULL without another configuration */
    const struct play_engine *engine;     /* by pool of the record */
    double gpus;
    uint64_t seed;
    struct buf assumptions; /* made by report_assume(); a line each */
};

/* Everything that had to be assumed, in words. */
void report_assume(struct report *report);
void report_words(const struct report *report, struct buf *out);
void report_json(const struct report *report, struct buf *out);
void report_html(const struct report *report, struct buf *out);

/* For the three: which pools are told, and the name of a simulated run. */
bool report_tells(const struct report *report, const char *pool);
/* 0: recorded, 1: simulated as recorded, 2: the other one */
const char *report_run_title(const struct report *report, size_t row);

#endif
