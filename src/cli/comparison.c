#include "cli/comparison.h"

#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "cli/oracle_columns.h"
#include "cli/workers.h"

#define CALIBRATED 0.999 /* of ten times the fleet */
#define CALIBRATION_FLEETS 10
#define LOAD_AT_START 0.5 /* of full use, by the work of the first minutes */
#define REPLICAS_SPARE 4
#define COARSE 0.06    /* precision at which variants are held against each other */
#define FINE 0.005     /* precision of the cost at a floor */
#define PROMISING 1.03 /* of the cheapest variant: played to the end */

enum round { ROUND_CELLS, ROUND_COLUMNS, ROUND_FREE, ROUND_KNOBS };
#define COLUMN_SHARES 8      /* processes among which the columns of an oracle are dealt */
#define TASK_ORACLE SIZE_MAX /* instead of a policy */
#define ORACLE_BYTES_MAX ((size_t)8 << 20)

/* ---- a family ---- */

static struct sweep_spec spec_of(struct player *player, const struct baseline *b, size_t variant,
                                 double guess)
{
    if (b == NULL)
        return (struct sweep_spec){.knob = KNOB_NONE, .play = player_play, .user = player};
    return (struct sweep_spec){.knob = b->knob,
                               .low = b->low,
                               .high = b->high,
                               .variant = variant,
                               .guess = guess,
                               .play = player_play,
                               .user = player};
}

/* All variants coarsely, then those that may be the cheapest to the end. A guess of 0 is none. */
static enum rc sweep_family(struct player *player, struct family *family, double floor,
                            double guess)
{
    const struct baseline *b = family->baseline;
    const size_t variants = b != NULL ? baseline_variants(b) : 1;
    double least = INFINITY;
    player_choose(player, family->policy, b);
    for (size_t v = 0; v < variants; v++) {
        struct sweep_spec spec = spec_of(player, b, v, guess);
        spec.precision = variants > 1 ? COARSE : FINE;
        const enum rc rc = sweep_to_floor(&family->sweep, &spec, floor);
        if (rc != RC_OK)
            return rc;
        least = fmin(least, sweep_variant_cost(&family->sweep, &spec, floor));
    }
    for (size_t v = 0; variants > 1 && v < variants; v++) {
        struct sweep_spec spec = spec_of(player, b, v, guess);
        spec.precision = FINE;
        if (!(sweep_variant_cost(&family->sweep, &spec, floor) <= least * PROMISING))
            continue;
        const enum rc rc = sweep_to_floor(&family->sweep, &spec, floor);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

/* Where the search for the fixed fleet begins. */
static double first_count(const struct cell *cell)
{
    return ceil(cell->demand / LOAD_AT_START) + 1;
}

/* Where the search for a count begins, for a minimum most of the fixed fleet that meets the floor;
 * 0: nobody knows. */
static double guess_of(const struct cell *cell, const struct baseline *b)
{
    if (b == NULL || b->knob == KNOB_TARGET)
        return 0;
    return b->knob == KNOB_LEAST ? 0.7 * (double)(cell->replicas_max - REPLICAS_SPARE) / 2
                                 : first_count(cell);
}

/* To every floor, and to what the policies without a knob attained: there they are compared. */
static void play_family(const struct comparison *c, struct compared *cell, struct family *family,
                        struct player *player)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < c->floor_count; i++)
        rc = sweep_family(player, family, c->floor[i], guess_of(&cell->cell, family->baseline));
    for (size_t i = 0; rc == RC_OK && baseline_tuned(family->baseline) && i < c->policy_count;
         i++) {
        const struct family *other = &cell->family[i];
        if (other->baseline == NULL && other->sweep.count > 0 && !other->failed &&
            other->sweep.point[0].attainment >= c->floor[c->floor_count - 1] - 0.05)
            rc = sweep_family(player, family, other->sweep.point[0].attainment,
                              guess_of(&cell->cell, family->baseline));
    }
    if (rc == RC_OK)
        return;
    family->failed = true;
    family->why = *player_why(player);
}

/* ---- a cell ---- */

/* Objectives that ten times the fleet misses are doubled; those that a person wrote are not. */
static enum rc calibrate(const struct comparison *c, struct player *player, struct cell *cell,
                         struct diag *why)
{
    const struct baseline *fixed = baseline_find(span_from("static"));
    const int attempts = c->options.setting.own.config != NULL ? 1 : 2;
    struct sweep_point point = {.knob = 0};
    player_choose(player, "static", fixed);
    for (int attempt = 0; attempt < attempts; attempt++) {
        point.knob =
            fmin(fmax(CALIBRATION_FLEETS, ceil(CALIBRATION_FLEETS * cell->demand / LOAD_AT_START)),
                 fixed->high);
        cell->loose = attempt > 0;
        player_set(player, cell);
        const enum rc rc = player_play(player, &point);
        if (rc != RC_OK) {
            *why = *player_why(player);
            return rc;
        }
        cell->uncalibrated = point.attainment < CALIBRATED;
        if (!cell->uncalibrated)
            return RC_OK;
    }
    if (attempts > 1 || point.attainment >= c->floor[c->floor_count - 1])
        return RC_OK;
    return fail(why, RC_RANGE,
                "nobody can meet the objectives of this pool here: %.0f replicas, ten times what "
                "the load needs, attain %.2f %%",
                point.knob, 100 * point.attainment);
}

/* Length, work, objectives, the fixed fleet that meets the highest floor: from this follow the
 * bounds and the first count of all policies. */
static enum rc prepare(const struct comparison *c, struct compared *cell, struct player **ret)
{
    struct cell *own = &cell->cell;
    enum rc rc = player_new(&c->options, own, ret, &cell->why);
    if (rc != RC_OK)
        return rc;
    rc = player_measure(*ret, own, &cell->why);
    if (rc != RC_OK)
        return rc;
    rc = calibrate(c, *ret, own, &cell->why);
    if (rc != RC_OK)
        return rc;
    struct family fixed = {.policy = "static", .baseline = baseline_find(span_from("static"))};
    const struct sweep_point *best = NULL;
    rc = sweep_family(*ret, &fixed, c->floor[0], first_count(own));
    if (rc != RC_OK) {
        cell->why = *player_why(*ret);
        return rc;
    }
    best = sweep_best(&fixed.sweep, c->floor[0]);
    const double needed = ceil(own->demand / LOAD_AT_START) + 1; /* where no fleet is enough */
    const int64_t peak = num_to_int(best != NULL ? best->knob : needed, 1, REPLICAS_MAX);
    const int64_t wanted = num_to_int(ceil(own->demand / LOAD_AT_START) + 1, 1, peak);
    own->replicas_max = 2 * peak + REPLICAS_SPARE;
    own->initial = own->warm ? peak : wanted;
    player_set(*ret, own);
    return RC_OK;
}

/* A floor that nobody attains has no oracle; that is no failure. */
static enum rc play_oracle(const struct comparison *c, struct compared *cell, struct player *player)
{
    struct family fixed = {.policy = "static", .baseline = baseline_find(span_from("static"))};
    enum rc rc = RC_OK;
    buf_init(&cell->oracle_json, ORACLE_BYTES_MAX);
    for (size_t i = 0; i < c->floor_count && rc == RC_OK; i++) {
        struct buf json;
        rc = sweep_family(player, &fixed, c->floor[i], first_count(&cell->cell));
        const struct sweep_point *best = sweep_best(&fixed.sweep, c->floor[i]);
        if (rc != RC_OK || best == NULL)
            continue;
        const int64_t peak = num_to_int(best->knob, 1, REPLICAS_MAX);
        struct sweep_point *point = &cell->oracle.point[i];
        buf_init(&json, ORACLE_BYTES_MAX);
        rc = oracle_find(player, &cell->cell, c->floor[i], peak, point, &json);
        cell->oracle_found[i] = rc == RC_OK;
        if (rc == RC_OK) {
            if (cell->oracle_json.len > 0)
                buf_byte(&cell->oracle_json, ',');
            buf_span(&cell->oracle_json, buf_view(&json));
        } else if (rc == RC_NOT_FOUND) {
            rc = RC_OK;
        }
        buf_done(&json);
    }
    if (rc != RC_OK)
        cell->why = *player_why(player);
    return rc;
}

/* The columns of the oracle's table: those of the highest floor have the others in them. */
static enum rc play_columns(const struct compared *cell, struct player *player, size_t share)
{
    const int64_t peak = (cell->cell.replicas_max - REPLICAS_SPARE) / 2;
    return oracle_columns_play(player, &cell->cell, peak, share, COLUMN_SHARES);
}

/* Leaves the results in the folder of results; played again from there they cost nothing. */
static void play_cell(const struct comparison *c, struct compared *cell, int round, size_t policy)
{
    struct player *player = NULL;
    enum rc rc = prepare(c, cell, &player);
    cell->failed = rc != RC_OK;
    if (rc == RC_OK && round == ROUND_COLUMNS)
        rc = play_columns(cell, player, policy);
    for (size_t i = 0; rc == RC_OK && i < c->policy_count; i++) {
        struct family *family = &cell->family[i];
        const bool free_of_knobs = !baseline_tuned(family->baseline);
        if (free_of_knobs ? round >= ROUND_FREE && (policy == i || round == ROUND_KNOBS)
                          : round == ROUND_KNOBS && policy == i)
            play_family(c, cell, family, player);
    }
    if (rc == RC_OK && policy == TASK_ORACLE && play_oracle(c, cell, player) == RC_OK)
        buf_done(&cell->oracle_json); /* what is kept is kept in the folder */
    player_free(player);
}

/* ---- all, on all cores ---- */

struct task {
    size_t cell;
    size_t policy;
};

struct rounds {
    struct comparison *comparison;
    int round;
    struct task task[4096];
    size_t count;
};

static void play_task(void *user, size_t index)
{
    const struct rounds *rounds = user;
    struct comparison *c = rounds->comparison;
    const struct task *task = &rounds->task[index];
    play_cell(c, &c->cell[task->cell], rounds->round, task->policy);
}

/* On a terminal one line that grows: "[#####-----] baselines 3 of 9". */
static void tell_progress(void *user, size_t ended, size_t count)
{
    static const char *const names[] = {[ROUND_CELLS] = "fixed fleets",
                                        [ROUND_COLUMNS] = "columns of the oracle",
                                        [ROUND_FREE] = "policies without a knob",
                                        [ROUND_KNOBS] = "baselines"};
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

static void add_task(struct rounds *rounds, size_t cell, size_t policy)
{
    if (rounds->count < COUNT_OF(rounds->task))
        rounds->task[rounds->count++] = (struct task){.cell = cell, .policy = policy};
}

static bool same_load(const struct cell *a, const struct cell *b)
{
    return strcmp(a->trace, b->trace) == 0 && a->scale == b->scale;
}

static void run_round(struct comparison *c, int round)
{
    struct rounds rounds = {.comparison = c, .round = round};
    for (size_t i = 0; i < c->cell_count; i++) {
        bool first = true;
        for (size_t j = 0; j < i; j++)
            first &= !same_load(&c->cell[i].cell, &c->cell[j].cell);
        if (round == ROUND_CELLS && first)
            add_task(&rounds, i, 0);
        for (size_t p = 0; round == ROUND_COLUMNS && first && c->oracle && p < COLUMN_SHARES; p++)
            add_task(&rounds, i, p);
        for (size_t p = 0; round >= ROUND_FREE && p < c->policy_count; p++)
            if (baseline_tuned(c->cell[i].family[p].baseline) == (round == ROUND_KNOBS))
                add_task(&rounds, i, p);
        if (round == ROUND_FREE && c->oracle)
            add_task(&rounds, i, TASK_ORACLE);
    }
    const struct workers workers = {.task = play_task, .ended = tell_progress, .user = &rounds};
    workers_run(&workers, rounds.count, c->processes);
}

static void make_families(struct comparison *c)
{
    for (size_t i = 0; i < c->cell_count; i++)
        for (size_t p = 0; p < c->policy_count; p++)
            c->cell[i].family[p] = (struct family){
                .policy = c->policy[p], .baseline = baseline_find(span_from(c->policy[p]))};
}

void comparison_run(struct comparison *c)
{
    make_families(c);
    if (c->options.cache != NULL)
        for (int round = ROUND_CELLS; round <= ROUND_KNOBS; round++)
            run_round(c, round);
    /* Here everything is read back; what no process could do is done now. */
    for (size_t i = 0; i < c->cell_count; i++) {
        struct compared *cell = &c->cell[i];
        struct player *player = NULL;
        cell->failed = prepare(c, cell, &player) != RC_OK;
        for (int knobs = 0; !cell->failed && knobs < 2; knobs++)
            for (size_t p = 0; p < c->policy_count; p++)
                if (baseline_tuned(cell->family[p].baseline) == (knobs == 1))
                    play_family(c, cell, &cell->family[p], player);
        if (!cell->failed && c->oracle)
            cell->failed = play_oracle(c, cell, player) != RC_OK;
        player_free(player);
    }
}

/* ---- what it adds up to ---- */

const struct sweep_point *comparison_best(const struct family *family, double floor)
{
    return family->failed ? NULL : sweep_best(&family->sweep, floor);
}

const struct sweep_point *comparison_played(const struct family *family, double floor)
{
    const struct sweep_point *best = comparison_best(family, floor);
    const bool once = !baseline_tuned(family->baseline) && family->sweep.count > 0;
    return best == NULL && once && !family->failed ? &family->sweep.point[0] : best;
}

double comparison_knob(const struct compared *cell, const struct family *family,
                       const struct sweep_point *point)
{
    if (point == NULL || family->baseline == NULL)
        return NAN;
    return family->baseline->knob == KNOB_GIVEN ? (double)cell->cell.count_p95 : point->knob;
}

double comparison_peers_at(const struct comparison *c, const struct compared *cell,
                           const struct family *family, double attainment, const char **ret_policy)
{
    double best = NAN;
    *ret_policy = "";
    for (size_t i = 0; i < c->policy_count; i++) {
        const struct family *other = &cell->family[i];
        if (other == family || !baseline_tuned(other->baseline) || other->failed ||
            strcmp(other->policy, "static") == 0)
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
