#include "cli/compare/cell_play.h"

#include <math.h>
#include <string.h>

#include "base/num.h"
#include "cli/compare/oracle_columns.h"

#define CALIBRATED 0.999 /* of ten times the fleet */
#define CALIBRATION_FLEETS 10
#define LOAD_AT_START 0.5 /* of full use, by the work of the first minutes */
#define REPLICAS_SPARE 4
#define COARSE 0.06    /* precision at which variants are held against each other */
#define FINE 0.005     /* precision of the cost at a floor */
#define PROMISING 1.03 /* of the cheapest variant: played to the end */
#define HOPEFUL 1.10   /* of the cheapest peer: with other seeds it may be that itself */
#define ORACLE_BYTES_MAX ((size_t)8 << 20)

/* ---- a family ---- */

static struct sweep_spec spec_of(struct player *player, const struct baseline *b, size_t variant,
                                 double guess)
{
    if (b == NULL)
        return (struct sweep_spec){
            .knob = KNOB_NONE, .variant = variant, .play = player_play, .user = player};
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

static enum rc play_promises(struct player *player, struct family *family)
{
    enum rc rc = RC_OK;
    player_choose(player, family->policy, NULL);
    for (size_t i = 0; rc == RC_OK && i < family->promise_count; i++) {
        const struct sweep_spec spec = spec_of(player, NULL, i, 0);
        rc = sweep_to_floor(&family->sweep, &spec, family->promise[i]);
    }
    return rc;
}

/* Tunes a family to every attainment that a policy without a knob reached. */
static enum rc sweep_to_what_it_attained(const struct comparison *c, struct player *player,
                                         struct family *family, const struct family *other,
                                         double guess)
{
    enum rc rc = RC_OK;
    if (other->baseline != NULL || other->failed)
        return RC_OK;
    for (size_t i = 0; rc == RC_OK && i < other->sweep.count; i++)
        if (other->sweep.point[i].attainment >= c->floor[c->floor_count - 1] - 0.05)
            rc = sweep_family(player, family, other->sweep.point[i].attainment, guess);
    return rc;
}

void cell_play_family(const struct comparison *c, struct compared *cell, struct family *family,
                      struct player *player)
{
    const double guess = guess_of(&cell->cell, family->baseline);
    enum rc rc = RC_OK;
    if (family->promise_count > 0)
        rc = play_promises(player, family);
    for (size_t i = 0; rc == RC_OK && family->promise_count == 0 && i < c->floor_count; i++)
        rc = sweep_family(player, family, c->floor[i], guess);
    for (size_t i = 0; rc == RC_OK && baseline_tuned(family->baseline) && i < c->policy_count; i++)
        rc = sweep_to_what_it_attained(c, player, family, &cell->family[i], guess);
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

enum rc cell_prepare(const struct comparison *c, struct compared *cell, struct player **ret)
{
    struct cell *own = &cell->cell;
    own->troubled = false;
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
    own->troubled = c->options.faults != NULL;
    player_set(*ret, own);
    return RC_OK;
}

enum rc cell_play_oracle(const struct comparison *c, struct compared *cell, struct player *player)
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

void cell_play_columns(const struct compared *cell, struct player *player, size_t share,
                       size_t share_count)
{
    const int64_t peak = (cell->cell.replicas_max - REPLICAS_SPARE) / 2;
    oracle_columns_play(player, &cell->cell, peak, share, share_count);
}

/* ---- other seeds ---- */

/* What the peer would cost with this seed at `attainment`, by the two settings that are nearest
 * with the first seed; a little beyond them the line goes on. NAN: it never came near. */
static double cost_again(struct player *player, const struct family *peer, double first_attainment,
                         double attainment, size_t seed)
{
    const struct sweep_pair pair = sweep_around(&peer->sweep, first_attainment);
    if (pair.above == NULL)
        return NAN;
    struct sweep_point above = *pair.above;
    player_choose(player, peer->policy, peer->baseline);
    if (player_play_seed(player, seed, &above) != RC_OK)
        return NAN;
    if (pair.below == NULL)
        return above.gpu_hours;
    struct sweep_point below = *pair.below;
    if (player_play_seed(player, seed, &below) != RC_OK)
        return NAN;
    const double beyond = (above.attainment - below.attainment) / 2;
    const double within =
        beyond > 0 ? fmin(fmax(attainment, below.attainment - beyond), above.attainment + beyond)
                   : attainment;
    return sweep_mix(&above, &below, within);
}

void cell_play_again(const struct comparison *c, const struct compared *cell,
                     const struct family *family, struct player *player, size_t again,
                     double *ret_ratio)
{
    const size_t seed = (size_t)c->options.seeds + again;
    struct sweep_point own = {.knob = 0};
    double peers = NAN;
    *ret_ratio = NAN;
    if (family->failed || family->sweep.count == 0)
        return;
    player_choose(player, family->policy, family->baseline);
    if (player_play_seed(player, seed, &own) != RC_OK)
        return;
    const double first = family->sweep.point[0].attainment;
    const char *name = "";
    const double least = comparison_peers_at(c, cell, family, first, &name);
    for (size_t i = 0; i < c->policy_count; i++) {
        const struct family *peer = &cell->family[i];
        if (comparison_is_peer(family, peer) &&
            !(sweep_cost_at(&peer->sweep, first) > HOPEFUL * least))
            peers = fmin(peers, cost_again(player, peer, first, own.attainment, seed));
    }
    *ret_ratio = own.gpu_hours / peers;
}
