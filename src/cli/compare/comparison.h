/* comparison.h - policies against each other on traces: every cell (trace, scale, start-up time)
 * with every policy swept to every floor, and what that adds up to. */
#ifndef SLUICE_CLI_COMPARE_COMPARISON_H
#define SLUICE_CLI_COMPARE_COMPARISON_H

#include <stdio.h>

#include "cli/compare/oracle_play.h"

#define COMPARISON_POLICIES_MAX 32
#define COMPARISON_FLOORS_MAX 4
#define COMPARISON_AGAIN_MAX 16

/* What has no knob plays once for each floor, with the floor as its promise: points by variant. */
struct family {
    const char *policy;
    const struct baseline *baseline; /* NULL: no knob */
    struct sweep sweep;
    double again[COMPARISON_AGAIN_MAX]; /* without a knob: of the cheapest peer, by other seeds */
    double promise[COMPARISON_FLOORS_MAX];
    size_t promise_count; /* 0: plays as it stands, whatever the floor */
    bool failed;
    struct diag why;
};

/* A cell with its families, in the order of the policies. */
struct compared {
    struct cell cell;
    struct family family[COMPARISON_POLICIES_MAX];
    struct sweep oracle;    /* one point a floor that it attains, in the order of the floors */
    struct buf oracle_json; /* their runs, with commas between */
    bool oracle_found[COMPARISON_FLOORS_MAX];
    bool failed;
    struct diag why;
};

struct comparison {
    const char *command; /* that words are from */
    struct player_options options;
    struct compared *cell;
    size_t cell_count;
    const char *policy[COMPARISON_POLICIES_MAX];
    size_t policy_count;
    double floor[COMPARISON_FLOORS_MAX]; /* shares */
    size_t floor_count;
    size_t again; /* further seeds that tuned settings are played with */
    size_t processes;
    bool oracle; /* is looked for */
    bool progress;
    size_t plots; /* cells of which the page shows the course of time */
};

/* Plays everything; what failed is marked in its cell or family. */
void comparison_run(struct comparison *comparison);
/* Cheapest point of a family that meets a floor; NULL: none. */
const struct sweep_point *comparison_best(const struct family *family, double floor);
/* The same; of what is played once the one run, also where it does not meet the floor. */
const struct sweep_point *comparison_played(const struct family *family, double floor);
/* What is shown as the knob of a point: NAN where there is none. */
double comparison_knob(const struct compared *cell, const struct family *family,
                       const struct sweep_point *point);
/* Has a knob that is turned, and is not the fixed fleet: that one knows the whole trace. */
bool comparison_is_peer(const struct family *family, const struct family *other);
/* Least cost of all other policies with a knob at this attainment; NAN: none reaches it. */
double comparison_peers_at(const struct comparison *comparison, const struct compared *cell,
                           const struct family *family, double attainment, const char **ret_policy);
/* GPU-hours of the oracle at a floor; NAN: not looked for, or none found. */
double comparison_oracle(const struct comparison *comparison, const struct compared *cell,
                         size_t floor);
/* fluid bound <= oracle <= every policy that attains the floor: else the cell proves nothing. */
bool comparison_valid(const struct comparison *comparison, const struct compared *cell,
                      size_t floor);
size_t comparison_failures(const struct comparison *comparison, FILE *out);

void comparison_table(const struct comparison *comparison, FILE *out);
enum rc comparison_json(const struct comparison *comparison, struct buf *ret) MUST_CHECK;
/* One page; the first `plots` cells are played once more for what happened over time. */
enum rc comparison_html(const struct comparison *comparison, struct buf *ret) MUST_CHECK;

#endif
