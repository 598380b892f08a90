/* player.h - plays settings of one cell of a comparison (a trace at a scale, a start-up time) and
 * keeps what came out in a folder, so that nothing is played twice. */
#ifndef SLUICE_CLI_COMPARE_PLAYER_H
#define SLUICE_CLI_COMPARE_PLAYER_H

#include "cli/setting.h"
#include "cli/trace_file.h"
#include "sim/simulation.h"

#define PLAYER_SEEDS_MAX 32
#define PLAYER_WARM_SPAN_NS INT64_C(7200000000000) /* shorter traces are played twice */

/* What all cells share. */
struct player_options {
    struct setting_options setting;
    const char *lengths;
    const struct fault_plan *faults; /* NULL: none */
    const char *cache;               /* folder; NULL: nothing is kept */
    const char *build; /* what is kept of baselines holds for all programs of this name; NULL: for
                          this very one */
    double cv;
    int64_t shift_ns;
    int64_t limit_ns; /* of the trace; 0 = all */
    int64_t seeds;
    double spread; /* of the start-up time */
};

struct player;

/* Opens the trace. */
enum rc player_new(const struct player_options *options, const struct cell *cell,
                   struct player **ret, struct diag *diag) MUST_CHECK;
void player_free(struct player *player);
/* Fills what is found on the way but for replicas_max and initial: length, work, fluid bound. */
enum rc player_measure(struct player *player, struct cell *cell, struct diag *diag) MUST_CHECK;
/* Cell values found meanwhile. */
void player_set(struct player *player, const struct cell *cell);

/* Chooses what is played next. */
void player_choose(struct player *player, const char *name, const struct baseline *baseline);
/* For sweep_spec.play: the mean over the seeds; user is the player. */
enum rc player_play(void *player, struct sweep_point *point);
/* The same with one seed, counted from 0, below PLAYER_SEEDS_MAX. */
enum rc player_play_seed(struct player *player, size_t seed, struct sweep_point *point) MUST_CHECK;
/* One run of a setting with what a sweep does not ask for; not kept. */
struct player_run {
    const int64_t *plan; /* counts by minute; NULL: the policy decides */
    size_t plan_count;
    int64_t initial;
    size_t seed;
    bool minutes; /* ret->minute is filled; the caller frees it */
    bool changes; /* ret->change, too */
};
enum rc player_run(struct player *player, const struct sweep_point *point,
                   const struct player_run *how, struct simulation_result *ret,
                   struct buf *ret_json) MUST_CHECK;
/* The same from the count that its runs begin with, with the first seed, minutes and changes: for a
 * plot over time. */
enum rc player_watch(struct player *player, const struct sweep_point *point,
                     struct simulation_result *ret) MUST_CHECK;
/* Replicas that its runs begin with. */
double player_initial(const struct player *player, const struct sweep_point *point);
/* Replicas that every minute of the trace needs at full use; the caller frees them. */
enum rc player_demand(struct player *player, double **ret, size_t *ret_count) MUST_CHECK;
/* A result by a name of the caller's, in this cell. */
bool player_kept(const struct player *player, struct span name, struct sweep_point *ret,
                 struct buf *ret_json);
enum rc player_keep(struct player *player, struct span name, struct span json) MUST_CHECK;
const struct diag *player_why(const struct player *player); /* of the last error */
/* The result of a setting as JSON members, one object a seed, from what is kept: appended, with
 * commas between. */
enum rc player_print(struct player *player, const struct sweep_point *point, bool *first,
                     struct buf *ret) MUST_CHECK;

#endif
