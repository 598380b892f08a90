#include "sim/sweep.h"

#include <math.h>

#define STEP 1.02

static const struct sweep_point *find(const struct sweep *sweep, size_t variant, double knob)
{
    for (size_t i = 0; i < sweep->count; i++)
        if (sweep->point[i].variant == variant && sweep->point[i].knob == knob)
            return &sweep->point[i];
    return NULL;
}

/* Plays a setting unless it was played; tells whether it meets the floor. */
static enum rc try(struct sweep *sweep, const struct sweep_spec *spec, double knob, double floor,
                   bool *ret_met)
{
    const struct sweep_point *known = find(sweep, spec->variant, knob);
    if (known == NULL) {
        if (sweep->count == SWEEP_POINTS_MAX)
            return RC_LIMIT;
        struct sweep_point *point = &sweep->point[sweep->count];
        *point = (struct sweep_point){.knob = knob, .variant = spec->variant};
        const enum rc rc = spec->play(spec->user, point);
        if (rc != RC_OK)
            return rc;
        sweep->count++;
        known = point;
    }
    *ret_met = known->attainment >= floor;
    return RC_OK;
}

/* Whole numbers, dearer upward: doubling finds one that meets the floor. */
static enum rc sweep_whole(struct sweep *sweep, const struct sweep_spec *spec, double floor)
{
    double below = spec->low - 1;
    double above = spec->low;
    bool met = false;
    for (;;) {
        const enum rc rc = try(sweep, spec, above, floor, &met);
        if (rc != RC_OK)
            return rc;
        if (met || above >= spec->high)
            break;
        below = above;
        above = fmin(above * 2, spec->high);
    }
    while (met && above - below > 1) {
        const double middle = rint((below + above) / 2 - 0.25);
        bool here = false;
        const enum rc rc = try(sweep, spec, middle, floor, &here);
        if (rc != RC_OK)
            return rc;
        if (here)
            above = middle;
        else
            below = middle;
    }
    return RC_OK;
}

/* A larger target is cheaper: from the dearest end. */
static enum rc sweep_target(struct sweep *sweep, const struct sweep_spec *spec, double floor)
{
    double dear = spec->low;
    double cheap = spec->high;
    bool met = false;
    enum rc rc = try(sweep, spec, dear, floor, &met);
    if (rc != RC_OK || !met)
        return rc;
    rc = try(sweep, spec, cheap, floor, &met);
    while (rc == RC_OK && !met && cheap / dear > STEP) {
        const double middle = sqrt(dear * cheap);
        bool here = false;
        rc = try(sweep, spec, middle, floor, &here);
        if (here)
            dear = middle;
        else
            cheap = middle;
    }
    return rc;
}

enum rc sweep_to_floor(struct sweep *sweep, const struct sweep_spec *spec, double floor)
{
    bool met;
    switch (spec->knob) {
    case KNOB_NONE:
    case KNOB_GIVEN:
        return try(sweep, spec, 0, floor, &met);
    case KNOB_COUNT:
    case KNOB_LEAST:
        return sweep_whole(sweep, spec, floor);
    case KNOB_TARGET:
        return sweep_target(sweep, spec, floor);
    }
    return RC_OK;
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

double sweep_cost_at(const struct sweep *sweep, double attainment)
{
    const struct sweep_point *above = sweep_best(sweep, attainment);
    if (above == NULL)
        return NAN;
    /* Among the points below, the one that gives the cheapest mixture with `above`. */
    double best = above->gpu_hours;
    for (size_t i = 0; i < sweep->count; i++) {
        const struct sweep_point *below = &sweep->point[i];
        if (below->attainment >= attainment || below->gpu_hours >= above->gpu_hours ||
            attainment - below->attainment > 0.03)
            continue;
        const double share =
            (attainment - below->attainment) / (above->attainment - below->attainment);
        best = fmin(best, below->gpu_hours + share * (above->gpu_hours - below->gpu_hours));
    }
    return best;
}
