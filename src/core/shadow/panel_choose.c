/* panel_choose.c - what may still be missed, and which candidate is followed. */
#include <math.h>

#include "core/shadow/panel.h"

#define HORIZON_S 86400.0 /* over which past misses are made good */
#define ALLOWED_MIN 0.5   /* times the promised share */
#define ALLOWED_MAX 0.9   /* a tenth less than promised: what comes is worse than what was tried */
#define DOUBT 30.0        /* misses that the shadows are trusted for before any were told */
#define CALIBRATION_MIN 0.5
#define CALIBRATION_MAX 2.0
#define BELIEF_S 900.0     /* of requests that the first belief weighs as much as */
#define BELIEF_MARGIN 1.15 /* that is believed to just keep the promise */
#define BELIEF_MAX 8.0
#define STAY 0.99  /* of its cost: the chosen one is left for more than this only */
#define FUTILE 1.2 /* times the fewest misses: more is not paid for what cannot be had */

static double allowed(const struct panel *panel, double alpha)
{
    const double horizon = fmax(panel->rate * HORIZON_S, 1);
    const double left = alpha * (panel->all + horizon) - panel->missed;
    return fmin(fmax(left / horizon, ALLOWED_MIN * alpha), ALLOWED_MAX * alpha);
}

/* The cheapest of many is seldom as good as it looks: what the chosen ones missed in truth, over
 * what their shadows had told. */
static double calibration(const struct panel *panel)
{
    const double ratio = (panel->day + DOUBT) / (panel->told + DOUBT);
    return fmin(fmax(ratio, CALIBRATION_MIN), CALIBRATION_MAX);
}

/* Of a floor: the margin that it is on the largest load of the day. */
static double margin_of(const struct panel_world *world, const struct panel_rule *rule)
{
    if (rule->signal != PANEL_FLOOR)
        return rule->margin;
    const double peak = fmax(world->demand[PANEL_DAY], 1e-9);
    return fmax((double)rule->least * world->model.use / peak, 1e-3);
}

double panel_rate(const struct panel *panel, const struct panel_world *world, int64_t candidate)
{
    const struct panel_rule rule = panel_rule(candidate, world->start_s);
    const double relative = BELIEF_MARGIN / margin_of(world, &rule);
    const double square = relative * relative;
    const double belief = world->alpha * fmin(BELIEF_MAX, square * square * relative);
    const double weight = fmax(panel->rate * BELIEF_S, 1);
    const double missed = shadow_missed_likely(&panel->candidate[candidate]) + weight * belief;
    return calibration(panel) * missed / (panel->requests + weight);
}

static bool eligible(const struct panel *panel, int64_t candidate)
{
    const enum panel_signal signal = panel_rule(candidate, 0).signal;
    return signal == PANEL_FLOOR || (signal == PANEL_FLIGHT) == (panel->flight != 0);
}

static double price(const struct panel *panel, int64_t candidate)
{
    return panel->candidate[candidate].cost * (candidate == panel->chosen ? STAY : 1);
}

/* What would change the answer: the rule that the budget has to let in next. */
static void find_cheaper(struct panel *panel, const double rate[PANEL_CANDIDATES])
{
    const double cost = panel->candidate[panel->chosen].cost;
    panel->cheaper = -1;
    for (int64_t i = 0; i < PANEL_CANDIDATES; i++)
        if (panel->candidate[i].cost < STAY * cost && isfinite(rate[i]) &&
            (panel->cheaper < 0 || rate[i] < rate[panel->cheaper]))
            panel->cheaper = i;
    panel->cheaper_foreseen = panel->cheaper < 0 ? 0 : rate[panel->cheaper];
}

void panel_choose(struct panel *panel, const struct panel_world *world)
{
    const int64_t before = panel->chosen;
    double rate[PANEL_CANDIDATES] = {0};
    double least = INFINITY;
    for (int64_t i = 0; i < PANEL_CANDIDATES; i++) {
        rate[i] = eligible(panel, i) ? panel_rate(panel, world, i) : INFINITY;
        least = fmin(least, rate[i]);
    }
    panel->allowed = allowed(panel, world->alpha);
    const double bar = least <= panel->allowed ? panel->allowed : FUTILE * least;
    int64_t best = -1;
    for (int64_t i = 0; i < PANEL_CANDIDATES; i++)
        if (rate[i] <= bar && (best < 0 || price(panel, i) < price(panel, best)))
            best = i;
    if (best < 0)
        return;
    panel->chosen = best;
    panel->foreseen = rate[best];
    find_cheaper(panel, rate);
    if (best == before)
        return;
    /* Up at once; down only when the new hold is over since the fleet itself was last raised, and
     * that may be now: the candidate's own raise lies behind (R6). */
    const struct hold *hold = &panel->candidate[best].hold;
    const int64_t raised_s = hold->count > panel->real.count ? panel->second : panel->real.from_s;
    if (hold->count >= panel->real.count) {
        panel->real = *hold;
        if (panel->real.from_s < raised_s)
            panel->real.from_s = raised_s;
    } else {
        panel->real.most = hold->count;
    }
}
