/* decide.h - what the parts of `sluice decide` share: decisions on lines of observations, and
 * decisions of a state file worked out again. */
#ifndef SLUICE_CLI_DECIDE_H
#define SLUICE_CLI_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/duration.h"
#include "base/mem.h"
#include "cli/command.h"
#include "core/group.h"
#include "sim/installation.h"

struct decide_options {
    const char *config;
    const char *pool;
    const char *policy;
    struct cli_texts metrics;
    int64_t min;
    int64_t max;
    int64_t limit;
    bool exact;
    bool state;
    bool words;
    const char *recorded;
    const char *from;
    const char *to;
    bool verify;
};

extern const struct command_ops command_decide;

/* Prints the decisions of one tick to stdout: a JSON object in one line, or sentences. `line` is
 * where the tick stands in its source; state may be NULL; only_pool NULL is all. */
struct decide_tick {
    const struct group_spec *group;
    int64_t line;
    const struct observation *observation;
    const struct decision *decision;
    const struct group_state *state;
    const char *only_pool;
};
void decide_print(const struct decide_options *options, const struct decide_tick *tick);

#define DECIDE_TICK_NS (2 * SECOND_NS) /* between lines that give no time */

struct decide_lines {
    const struct decide_options *options;
    const struct group_spec *group;
    const char *only_pool;
    struct group_state *state;
    bool started;
    int64_t line;
    int64_t now_ns;
    struct arena arena;
    struct sample *sample;
    size_t sample_count;
    struct pod_sample *pod;
    size_t pod_count;
};

/* Decides what each line of the file says ("-": standard input), prints it, tells lines that cannot
 * be read. Returns an exit code. */
int decide_lines_read(struct decide_lines *l, const char *file);

/* Walks the ticks of options->recorded. Returns an exit code. */
int decide_recorded(const struct decide_options *options);

#endif
