#include "sim/sweep.h"

#include <math.h>

#include "base/num.h"

#define STEP 1.02

static const struct sweep_point *find(const struct sweep *sweep, size_t variant, double knob)
{
    for (size_t i = 0; i < sweep->count; i++)
        if (sweep->point[i].variant == variant && sweep->point[i].knob == knob)
            return &sweep->point[i];
    return NULL;
}

/* Plays a setting unless it was played. */
static enum rc play_once(struct sweep *sweep, const struct sweep_spec *spec, double knob)
{
    if (find(sweep, spec->variant, knob) != NULL)
        return RC_OK;
    if (sweep->count == SWEEP_POINTS_MAX)
        return RC_LIMIT;
    struct sweep_point *point = &sweep->point[sweep->count];
    *point = (struct sweep_point){.knob = knob, .variant = spec->variant};
    const enum rc rc = spec->play(spec->user, point);
    sweep->count += rc == RC_OK;
    return rc;
}

/* Where the search stands: the cheapest setting known to meet the floor before it is missed for the
 * first time, and the one that misses it. Cheaper is upward in `direction`. */
struct bracket {
    const struct sweep_point *met;
    const struct sweep_point *missed;
};

static bool whole(const struct sweep_spec *spec)
{
    return spec->knob != KNOB_TARGET;
}

/* Position on the way from dear to cheap. */
static double place_of(const struct sweep_spec *spec, double knob)
{
    return whole(spec) ? -knob : knob;
}

static struct bracket known(const struct sweep *sweep, const struct sweep_spec *spec, double floor)
{
    struct bracket b = {NULL, NULL};
    for (size_t i = 0; i < sweep->count; i++) {
        const struct sweep_point *p = &sweep->point[i];
        if (p->variant == spec->variant && p->attainment < floor &&
            (b.missed == NULL || place_of(spec, p->knob) < place_of(spec, b.missed->knob)))
            b.missed = p;
    }
    for (size_t i = 0; i < sweep->count; i++) {
        const struct sweep_point *p = &sweep->point[i];
        if (p->variant == spec->variant && p->attainment >= floor &&
            (b.missed == NULL || place_of(spec, p->knob) < place_of(spec, b.missed->knob)) &&
            (b.met == NULL || place_of(spec, p->knob) > place_of(spec, b.met->knob)))
            b.met = p;
    }
    return b;
}

/* Attainment on an axis along which misses fall about evenly with the knob's logarithm. */
static double log_odds(double share)
{
    const double inside = fmin(fmax(share, 1e-5), 1 - 1e-5);
    return num_log(inside / (1 - inside));
}

/* The setting between the two at which a straight line meets the floor, kept off the ends. */
static double between(const struct sweep_spec *spec, const struct bracket *b, double floor)
{
    const double from = log_odds(b->met->attainment);
    const double to = log_odds(b->missed->attainment);
    const double share = from > to ? (from - log_odds(floor)) / (from - to) : 0.5;
    const double knob =
        b->met->knob * num_pow(b->missed->knob / b->met->knob, fmin(fmax(share, 0.15), 0.85));
    if (!whole(spec))
        return knob;
    return fmin(fmax(rint(knob), b->missed->knob + 1), b->met->knob - 1);
}

/* No setting is left between them, or their costs differ by less than what is asked for. */
static bool close_enough(const struct sweep_spec *spec, const struct bracket *b)
{
    if (b->met->gpu_hours - b->missed->gpu_hours <= spec->precision * b->met->gpu_hours)
        return true;
    return whole(spec) ? b->met->knob - b->missed->knob <= 1
                       : b->missed->knob <= b->met->knob * STEP;
}

/* A setting beyond the one end that is known, by a factor that doubles; the end itself: there is
 * nothing beyond it. */
static double beyond(const struct sweep_spec *spec, double knob, bool dearer, double factor)
{
    const bool up = whole(spec) == dearer;
    double next = up ? knob * factor : knob / factor;
    if (whole(spec))
        next = up ? ceil(next) : floor(next);
    return fmin(fmax(next, spec->low), spec->high);
}

static double first_of(const struct sweep_spec *spec)
{
    const double usual = whole(spec) ? spec->low : sqrt(spec->low * spec->high);
    const double knob = spec->guess > 0 ? spec->guess : usual;
    return fmin(fmax(whole(spec) ? rint(knob) : knob, spec->low), spec->high);
}

static enum rc search(struct sweep *sweep, const struct sweep_spec *spec, double wanted)
{
    double factor = whole(spec) ? 1.25 : 2;
    enum rc rc = RC_OK;
    while (rc == RC_OK) {
        const struct bracket b = known(sweep, spec, wanted);
        double knob;
        if (b.met == NULL && b.missed == NULL) {
            knob = first_of(spec);
        } else if (b.met != NULL && b.missed != NULL) {
            if (close_enough(spec, &b))
                return RC_OK;
            knob = between(spec, &b, wanted);
        } else {
            const struct sweep_point *end = b.met != NULL ? b.met : b.missed;
            knob = beyond(spec, end->knob, b.met == NULL, factor);
            if (knob == end->knob)
                return RC_OK;
            factor *= factor;
        }
        rc = play_once(sweep, spec, knob);
    }
    return rc;
}

enum rc sweep_to_floor(struct sweep *sweep, const struct sweep_spec *spec, double floor)
{
    switch (spec->knob) {
    case KNOB_NONE:
    case KNOB_GIVEN:
        return play_once(sweep, spec, 0);
    case KNOB_COUNT:
    case KNOB_LEAST:
    case KNOB_TARGET:
        return search(sweep, spec, floor);
    }
    return RC_OK;
}

double sweep_variant_cost(const struct sweep *sweep, const struct sweep_spec *spec, double floor)
{
    const struct bracket b = known(sweep, spec, floor);
    if (b.met == NULL)
        return NAN;
    if (b.missed == NULL)
        return b.met->gpu_hours;
    const double share = (b.met->attainment - floor) / (b.met->attainment - b.missed->attainment);
    return b.met->gpu_hours + share * (b.missed->gpu_hours - b.met->gpu_hours);
}

const struct sweep_point *sweep_best(const struct sweep *sweep, double floor)
{
    const struct sweep_point *best = NULL;
    for (size_t i = 0; i < sweep->count; i++) {
        const struct sweep_point *point = &sweep->point[i];
        if (point->attainment >= floor && (best == NULL || point->gpu_hours < best->gpu_hours))
            best = point;
    }
    return best;
}

struct sweep_pair sweep_around(const struct sweep *sweep, double attainment)
{
    struct sweep_pair pair = {.above = sweep_best(sweep, attainment)};
    if (pair.above == NULL)
        return pair;
    /* Among the points below, the one that gives the cheapest mixture with `above`. */
    double best = pair.above->gpu_hours;
    for (size_t i = 0; i < sweep->count; i++) {
        const struct sweep_point *below = &sweep->point[i];
        if (below->attainment >= attainment || below->gpu_hours >= pair.above->gpu_hours ||
            attainment - below->attainment > 0.03)
            continue;
        const double cost = sweep_mix(pair.above, below, attainment);
        if (cost < best) {
            best = cost;
            pair.below = below;
        }
    }
    return pair;
}

double sweep_mix(const struct sweep_point *above, const struct sweep_point *below,
                 double attainment)
{
    if (below == NULL || !(above->attainment > below->attainment))
        return above->gpu_hours;
    const double share = (attainment - below->attainment) / (above->attainment - below->attainment);
    return below->gpu_hours + share * (above->gpu_hours - below->gpu_hours);
}

double sweep_cost_at(const struct sweep *sweep, double attainment)
{
    const struct sweep_pair pair = sweep_around(sweep, attainment);
    return pair.above == NULL ? NAN : sweep_mix(pair.above, pair.below, attainment);
}
