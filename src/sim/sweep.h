/* sweep.h - turning one knob until a floor of attainment is just met, at the least cost.
 *
 * Along a knob attainment and cost go the same way, roughly. So: from a guess to a value that meets
 * the floor and one that does not, then between them by interpolation, to steps of 2 % (or whole
 * numbers) or until the two cost nearly the same; of all values tried the cheapest that meets the
 * floor counts. Points of an earlier search are used again. Pure; one owner. */
#ifndef SLUICE_SIM_SWEEP_H
#define SLUICE_SIM_SWEEP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rc.h"
#include "sim/baseline.h"

#define SWEEP_POINTS_MAX 512

/* One setting that was played. */
struct sweep_point {
    double knob;
    size_t variant;
    double attainment; /* share, mean over seeds */
    double gpu_hours;
};

struct sweep {
    struct sweep_point point[SWEEP_POINTS_MAX];
    size_t count;
};

/* Plays one setting; an error ends the sweep. */
typedef enum rc sweep_play_fn(void *user, struct sweep_point *point);

struct sweep_spec {
    enum baseline_knob knob;
    double low;
    double high;
    size_t variant;
    double guess;     /* played first; 0: none */
    double precision; /* enough is known when the costs on both sides differ by this share */
    sweep_play_fn *play;
    void *user;
};

/* Adds points to the sweep until the cheapest setting of this variant that meets the floor is
 * known to a step. RC_LIMIT: too many points. */
enum rc sweep_to_floor(struct sweep *sweep, const struct sweep_spec *spec, double floor) MUST_CHECK;
/* Cheapest point that meets the floor; NULL: none does. */
const struct sweep_point *sweep_best(const struct sweep *sweep, double floor);
/* What this variant would cost at the floor by what is known of it, however coarsely; NAN: no
 * setting of it was found that meets it. */
double sweep_variant_cost(const struct sweep *sweep, const struct sweep_spec *spec, double floor);

/* Two settings between which an attainment lies, so that their mixture is cheapest; above NULL: the
 * sweep does not reach it, below NULL: `above` alone is cheapest. */
struct sweep_pair {
    const struct sweep_point *above;
    const struct sweep_point *below;
};
struct sweep_pair sweep_around(const struct sweep *sweep, double attainment);
/* Cost of the mixture that attains so much (outside of the two: extrapolated). */
double sweep_mix(const struct sweep_point *above, const struct sweep_point *below,
                 double attainment);
/* Cost at exactly this attainment, interpolated; NAN when the sweep does not reach it. */
double sweep_cost_at(const struct sweep *sweep, double attainment);

#endif
