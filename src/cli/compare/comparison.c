#include "cli/compare/comparison.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/compare/cell_play.h"
#include "cli/compare/workers.h"

enum round { ROUND_CELLS, ROUND_COLUMNS, ROUND_FREE, ROUND_KNOBS, ROUND_AGAIN };
#define COLUMN_SHARES 8      /* processes among which the columns of an oracle are dealt */
#define TASK_ORACLE SIZE_MAX /* instead of a policy */
#define TASKS_MAX 1000000

/* ---- all, on all cores ---- */

struct task {
    size_t cell;
    size_t policy; /* or TASK_ORACLE, or the share of the columns */
    size_t again;
};

struct rounds {
    struct comparison *comparison;
    int round;
    struct task *task; /* owned */
    size_t count;
    size_t cap;
};

static void play_families(const struct comparison *c, struct compared *cell, bool tuned,
                          struct player *player)
{
    for (size_t i = 0; i < c->policy_count; i++)
        if (baseline_tuned(cell->family[i].baseline) == tuned)
            cell_play_family(c, cell, &cell->family[i], player);
}

/* Leaves the results in the folder of results; played again from there they cost nothing. */
static void play_cell(const struct comparison *c, const struct task *task, int round,
                      struct player *player)
{
    struct compared *cell = &c->cell[task->cell];
    double ratio;
    switch ((enum round)round) {
    case ROUND_CELLS:
        return;
    case ROUND_COLUMNS:
        cell_play_columns(cell, player, task->policy, COLUMN_SHARES);
        return;
    case ROUND_FREE:
        if (task->policy != TASK_ORACLE)
            cell_play_family(c, cell, &cell->family[task->policy], player);
        else if (cell_play_oracle(c, cell, player) == RC_OK)
            buf_done(&cell->oracle_json); /* what is kept is kept in the folder */
        return;
    case ROUND_KNOBS:
        play_families(c, cell, false, player);
        cell_play_family(c, cell, &cell->family[task->policy], player);
        return;
    case ROUND_AGAIN:
        play_families(c, cell, false, player);
        play_families(c, cell, true, player);
        cell_play_again(c, cell, &cell->family[task->policy], player, task->again, &ratio);
        return;
    }
}

static void play_task(void *user, size_t index)
{
    const struct rounds *rounds = user;
    struct comparison *c = rounds->comparison;
    const struct task *task = &rounds->task[index];
    struct player *player = NULL;
    if (cell_prepare(c, &c->cell[task->cell], &player) == RC_OK)
        play_cell(c, task, rounds->round, player);
    player_free(player);
}

/* On a terminal one line that grows: "[#####-----] baselines 3 of 9". */
static void tell_progress(void *user, size_t ended, size_t count)
{
    static const char *const names[] = {[ROUND_CELLS] = "fixed fleets",
                                        [ROUND_COLUMNS] = "counts for the oracle",
                                        [ROUND_FREE] = "policies without a knob",
                                        [ROUND_KNOBS] = "baselines",
                                        [ROUND_AGAIN] = "other seeds"};
    static const char full[] = "##############################";
    static const char rest[] = "------------------------------";
    const struct rounds *rounds = user;
    const int width = (int)sizeof full - 1;
    const int done = count > 0 ? (int)((size_t)width * ended / count) : width;
    if (!rounds->comparison->progress || count == 0)
        return;
    (void)fprintf(stderr, "\r[%.*s%.*s] %s %zu of %zu ", done, full, width - done, rest,
                  names[rounds->round], ended, count);
    if (ended == count)
        (void)fputc('\n', stderr);
    (void)fflush(stderr);
}

/* A task that finds no place is played when everything is read back. */
static void add_task(struct rounds *rounds, size_t cell, size_t policy, size_t again)
{
    if (mem_grow((void **)&rounds->task, &rounds->cap, rounds->count + 1, sizeof(*rounds->task),
                 TASKS_MAX) == RC_OK)
        rounds->task[rounds->count++] =
            (struct task){.cell = cell, .policy = policy, .again = again};
}

static bool same_load(const struct cell *a, const struct cell *b)
{
    return strcmp(a->trace, b->trace) == 0 && a->scale == b->scale;
}

/* The first cell of a load plays what does not depend on the start-up time. */
static bool first_of_load(const struct comparison *c, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (same_load(&c->cell[i].cell, &c->cell[j].cell))
            return false;
    return true;
}

static void add_tasks(struct rounds *rounds, size_t i)
{
    const struct comparison *c = rounds->comparison;
    const int round = rounds->round;
    const bool first = first_of_load(c, i);
    if (round == ROUND_CELLS && first)
        add_task(rounds, i, 0, 0);
    for (size_t p = 0; round == ROUND_COLUMNS && first && c->oracle && p < COLUMN_SHARES; p++)
        add_task(rounds, i, p, 0);
    if (round == ROUND_FREE && c->oracle)
        add_task(rounds, i, TASK_ORACLE, 0);
    for (size_t p = 0; round >= ROUND_FREE && p < c->policy_count; p++) {
        const struct baseline *baseline = c->cell[i].family[p].baseline;
        if (round == ROUND_AGAIN)
            for (size_t s = 0; baseline == NULL && s < c->again; s++)
                add_task(rounds, i, p, s);
        else if (baseline_tuned(baseline) == (round == ROUND_KNOBS))
            add_task(rounds, i, p, 0);
    }
}

static void run_round(struct comparison *c, int round)
{
    struct rounds rounds = {.comparison = c, .round = round};
    for (size_t i = 0; i < c->cell_count; i++)
        add_tasks(&rounds, i);
    const struct workers workers = {.task = play_task, .ended = tell_progress, .user = &rounds};
    workers_run(&workers, rounds.count, c->processes);
    free(rounds.task);
}

static struct family make_family(const struct comparison *c, const char *policy)
{
    const struct own_pool *own = &c->options.setting.own;
    struct family family = {.policy = policy, .baseline = baseline_find(span_from(policy))};
    if (family.baseline != NULL || (own->config != NULL && strcmp(policy, own->label) == 0))
        return family;
    for (size_t i = 0; i < c->floor_count; i++)
        family.promise[family.promise_count++] = c->floor[i];
    return family;
}

static void make_families(struct comparison *c)
{
    for (size_t i = 0; i < c->cell_count; i++)
        for (size_t p = 0; p < c->policy_count; p++)
            c->cell[i].family[p] = make_family(c, c->policy[p]);
}

/* From what is kept; what no process could do is done now. */
static void read_back(const struct comparison *c, struct compared *cell)
{
    struct player *player = NULL;
    cell->failed = cell_prepare(c, cell, &player) != RC_OK;
    if (!cell->failed) {
        play_families(c, cell, false, player);
        play_families(c, cell, true, player);
    }
    for (size_t p = 0; !cell->failed && p < c->policy_count; p++)
        for (size_t s = 0; cell->family[p].baseline == NULL && s < c->again; s++)
            cell_play_again(c, cell, &cell->family[p], player, s, &cell->family[p].again[s]);
    if (!cell->failed && c->oracle)
        cell->failed = cell_play_oracle(c, cell, player) != RC_OK;
    player_free(player);
}

void comparison_run(struct comparison *c)
{
    make_families(c);
    if (c->options.cache != NULL)
        for (int round = ROUND_CELLS; round <= ROUND_AGAIN; round++)
            run_round(c, round);
    for (size_t i = 0; i < c->cell_count; i++)
        read_back(c, &c->cell[i]);
}

/* ---- what it adds up to ---- */

/* The run that promised this floor; NULL: there is none, or the family promises nothing. */
static const struct sweep_point *promised(const struct family *family, double floor)
{
    for (size_t i = 0; i < family->sweep.count; i++) {
        const struct sweep_point *point = &family->sweep.point[i];
        if (point->variant < family->promise_count && family->promise[point->variant] == floor)
            return point;
    }
    return NULL;
}

const struct sweep_point *comparison_best(const struct family *family, double floor)
{
    if (family->failed)
        return NULL;
    if (family->promise_count == 0)
        return sweep_best(&family->sweep, floor);
    const struct sweep_point *point = promised(family, floor);
    return point != NULL && point->attainment >= floor ? point : NULL;
}

const struct sweep_point *comparison_played(const struct family *family, double floor)
{
    const struct sweep_point *best = comparison_best(family, floor);
    const bool once = !baseline_tuned(family->baseline) && family->sweep.count > 0;
    if (best != NULL || !once || family->failed)
        return best;
    const struct sweep_point *point = promised(family, floor);
    return point != NULL ? point : &family->sweep.point[0];
}

double comparison_knob(const struct compared *cell, const struct family *family,
                       const struct sweep_point *point)
{
    if (point == NULL || family->baseline == NULL)
        return NAN;
    return family->baseline->knob == KNOB_GIVEN ? (double)cell->cell.count_p95 : point->knob;
}

bool comparison_is_peer(const struct family *family, const struct family *other)
{
    return other != family && baseline_tuned(other->baseline) && !other->failed &&
           strcmp(other->policy, "static") != 0;
}

double comparison_peers_at(const struct comparison *c, const struct compared *cell,
                           const struct family *family, double attainment, const char **ret_policy)
{
    double best = NAN;
    *ret_policy = "";
    for (size_t i = 0; i < c->policy_count; i++) {
        const struct family *other = &cell->family[i];
        if (!comparison_is_peer(family, other))
            continue;
        const double cost = sweep_cost_at(&other->sweep, attainment);
        if (cost < best || isnan(best)) {
            best = cost;
            *ret_policy = isnan(cost) ? *ret_policy : other->policy;
        }
    }
    return best;
}

double comparison_oracle(const struct comparison *c, const struct compared *cell, size_t floor)
{
    return c->oracle && cell->oracle_found[floor] ? cell->oracle.point[floor].gpu_hours : NAN;
}

bool comparison_valid(const struct comparison *c, const struct compared *cell, size_t floor)
{
    const double oracle = comparison_oracle(c, cell, floor);
    if (isnan(oracle))
        return !c->oracle;
    /* A run that is played twice counts its second half: the first start is not in it. */
    if (oracle < cell->cell.fluid_hours * (1 - 1e-9))
        return false;
    for (size_t p = 0; p < c->policy_count; p++) {
        const struct sweep_point *best = comparison_best(&cell->family[p], c->floor[floor]);
        if (best != NULL && best->gpu_hours < oracle * (1 - 1e-9))
            return false;
    }
    return true;
}

size_t comparison_failures(const struct comparison *c, FILE *out)
{
    size_t failures = 0;
    for (size_t i = 0; i < c->cell_count; i++) {
        const struct compared *cell = &c->cell[i];
        if (cell->failed) {
            (void)fprintf(out, "sluice %s: %s: %s\n", c->command, cell->cell.trace, cell->why.text);
            failures++;
            continue;
        }
        for (size_t p = 0; p < c->policy_count; p++) {
            if (!cell->family[p].failed)
                continue;
            (void)fprintf(out, "sluice %s: %s, policy %s: %s\n", c->command, cell->cell.trace,
                          cell->family[p].policy, cell->family[p].why.text);
            failures++;
        }
    }
    return failures;
}
