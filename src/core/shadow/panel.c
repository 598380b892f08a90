#include "core/shadow/panel.h"

#include <math.h>
#include <string.h>

#include "base/num.h"

#define MARGIN_FIRST 0.6
#define MARGIN_STEP 1.1664
#define FLOOR_MARGIN 1.2      /* on what is in demand above a floor: with none, ramps outrun it */
#define DEVIATIONS 2.0        /* of the load that must fit, too */
#define DAY_KEEP 0.99951880   /* 2^(-1/1440): a minute of a day's half-life */
#define WEEKS_KEEP 0.99996562 /* the same of two weeks */
#define HOUR_KEEP 0.98347145  /* e^(-1/60): a minute of the mean over an hour */
#define CURVE_KEEP 0.99903809 /* half a minute of six hours' half-life */
#define RATIO_MIN 0.1
#define RATIO_MAX 5.0
#define HOLD_FLIGHT_S 600 /* the count in flight swings: a shorter hold follows every swing */
#define SETTLE_S 30
#define START_HOLD_S 1800 /* of the candidate that begins */
#define START_MARGIN 1.17

/* Blocks of candidates that share a signal and a hold. */
static const struct {
    enum panel_signal signal;
    double starts; /* hold: times the start-up time, or */
    int64_t s;     /* seconds */
    int64_t first; /* of the sizes */
} blocks[PANEL_BLOCKS] = {
    {PANEL_SHORT, 0.5, 0, 0},   {PANEL_SHORT, 1.5, 0, 0},  {PANEL_SHORT, 0, 900, 0},
    {PANEL_SHORT, 0, 7200, 0},  {PANEL_LONG, 0.5, 0, 0},   {PANEL_LONG, 1.5, 0, 0},
    {PANEL_LONG, 0, 900, 0},    {PANEL_LONG, 0, 7200, 0},  {PANEL_FLOOR, 0, 300, 0},
    {PANEL_FLOOR, 0, 300, 14},  {PANEL_DAY, 0, 900, 0},    {PANEL_FLOOR, 0, 300, 28},
    {PANEL_FLIGHT, 0.5, 0, 0},  {PANEL_FLIGHT, 1.5, 0, 0}, {PANEL_FLIGHT, 0, 900, 0},
    {PANEL_FLIGHT, 0, 7200, 0},
};

/* Sizes of the floors, block by block: one by one, then in steps of a tenth. */
static const int16_t sizes[] = {
    1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 15,  16,  18,  19,  21,  24,  26,  29,
    31, 35, 38, 42, 46, 51, 56, 61, 67, 74, 81, 90, 98, 108, 119, 131, 144, 159, 174, 192, 211,
};

static_assert(COUNT_OF(sizes) == 3 * (size_t)PANEL_MARGINS, "three blocks of floors");

struct panel_rule panel_rule(int64_t candidate, int64_t start_s)
{
    const int64_t block = candidate / PANEL_MARGINS % PANEL_BLOCKS;
    const int64_t index = candidate % PANEL_MARGINS;
    struct panel_rule rule = {.signal = blocks[block].signal, .margin = MARGIN_FIRST};
    if (rule.signal == PANEL_FLOOR) {
        rule.least = sizes[blocks[block].first + index];
        rule.margin = FLOOR_MARGIN;
    } else {
        for (int64_t i = 0; i < index; i++)
            rule.margin *= MARGIN_STEP;
    }
    rule.hold_s =
        blocks[block].s > 0 ? blocks[block].s : (int64_t)(blocks[block].starts * (double)start_s);
    const int64_t least_s = rule.signal == PANEL_FLIGHT ? HOLD_FLIGHT_S : PANEL_HOLD_LEAST_S;
    if (rule.hold_s < least_s)
        rule.hold_s = least_s;
    return rule;
}

/* Square-root staffing in the right unit: the second term is the deviation of the work that comes
 * within the time that a request may wait. */
double panel_need(const struct panel_world *w, const struct panel_rule *rule, double demand)
{
    const struct fluid_model *m = &w->model;
    const double prompt_s = m->t.prompt * m->load.prompt;
    const double share = prompt_s / m->work_s;
    const double heavy_s = m->t.prompt * m->load.prompt_heavy;
    const double spread =
        share * heavy_s / m->slack_s + (1 - share) * m->sequence_s / m->iteration_s;
    const double need =
        w->margin * (rule->margin * demand + DEVIATIONS * sqrt(demand * spread)) / m->use;
    return fmax(need, w->margin * (double)rule->least);
}

enum panel_signal panel_demand(const struct panel *panel, const struct panel_rule *rule)
{
    if (rule->signal != PANEL_FLOOR)
        return rule->signal;
    return panel->flight != 0 ? PANEL_FLIGHT : PANEL_SHORT;
}

static int64_t count_of(const struct panel_world *w, const struct panel_rule *rule, double demand)
{
    const double need = panel_need(w, rule, demand);
    return num_to_int(ceil(need - 1e-9), w->least, w->most);
}

static int64_t hold_of(const struct panel_world *w, const struct panel_rule *rule)
{
    return rule->hold_s > w->hold_s ? rule->hold_s : w->hold_s;
}

void panel_init(struct panel *panel, const struct panel_world *world, int64_t ready)
{
    memset(panel, 0, sizeof(*panel));
    panel->cheaper = -1;
    miss_curve_init(&panel->curve);
    panel->real = (struct hold){.count = ready};
    shadow_init(&panel->mirror, ready, world->model.iteration_s, 0);
    for (int64_t i = 0; i < PANEL_CANDIDATES; i++) {
        const struct panel_rule rule = panel_rule(i, world->start_s);
        const int64_t count = rule.signal == PANEL_FLOOR ? rule.least : ready;
        shadow_init(&panel->candidate[i], num_clamp(count, world->least, world->most),
                    world->model.iteration_s, 0);
        if (rule.signal == PANEL_LONG && rule.hold_s <= START_HOLD_S && rule.margin <= START_MARGIN)
            panel->chosen = i; /* the last of them */
    }
}

/* ---- judging ---- */

static void judge(struct panel *panel, const struct panel_world *world)
{
    const double life_s = fluid_residence_s(&panel->mirror.fluid, &world->model);
    const int64_t delay_s = num_to_int(life_s, 1, SHADOW_DELAY_MAX);
    for (int64_t at_s = panel->judged; at_s <= panel->second - delay_s; at_s++) {
        const size_t slot = (size_t)(at_s / SHADOW_SLOT_S % PANEL_SLOTS);
        const double requests = panel->slot_requests[slot] / SHADOW_SLOT_S;
        shadow_judge(&panel->mirror, &world->model, &panel->curve, requests, at_s);
        for (int64_t i = 0; i < PANEL_CANDIDATES; i++)
            shadow_judge(&panel->candidate[i], &world->model, &panel->curve, requests, at_s);
        panel->slot_code[slot] = (uint8_t)shadow_stress(&panel->mirror, &world->model, at_s);
        panel->judged = at_s + 1;
    }
}

static void teach_curve(struct panel *panel, int64_t minute)
{
    for (int64_t at_s = minute * 60; at_s < (minute + 1) * 60; at_s += SHADOW_SLOT_S) {
        const size_t slot = (size_t)(at_s / SHADOW_SLOT_S % PANEL_SLOTS);
        if (panel->slot_requests[slot] > 0)
            miss_curve_add(&panel->curve, panel->slot_code[slot], panel->slot_requests[slot],
                           panel->slot_missed[slot]);
    }
}

/* A control variate: what the mirror missed in this minute stands for what shadows would. */
static void settle_minute(struct panel *panel, int64_t minute)
{
    const size_t at = (size_t)(minute % SHADOW_MINUTES);
    const double requests = panel->minute_requests[at];
    const double missed = panel->minute_missed[at];
    const double doubt = 3 + 0.003 * requests;
    const double ratio =
        fmin(fmax((missed + doubt) / (shadow_missed(&panel->mirror, minute) + doubt), RATIO_MIN),
             RATIO_MAX);
    for (int64_t i = 0; i < PANEL_CANDIDATES; i++)
        shadow_settle(&panel->candidate[i], ratio * shadow_missed(&panel->candidate[i], minute));
    panel->told += ratio * shadow_missed(&panel->candidate[panel->minute_chosen[at]], minute);
    panel->day += missed;
    panel->requests += requests;
    if (!(panel->minute_bound[at] > 0)) { /* what limits cost is no debt to be paid back */
        panel->all += requests;
        panel->missed += missed;
    }
    teach_curve(panel, minute);
}

static void settle(struct panel *panel, const struct panel_world *world)
{
    const double life_s = fluid_residence_s(&panel->mirror.fluid, &world->model);
    const int64_t late_s = 3 * num_to_int(life_s, 1, SHADOW_DELAY_MAX) + SETTLE_S;
    while ((panel->settled + 1) * 60 + late_s <= panel->second &&
           (panel->settled + 1) * 60 <= panel->judged)
        settle_minute(panel, panel->settled++);
}

static void forget(struct panel *panel)
{
    panel->requests *= DAY_KEEP;
    panel->all *= WEEKS_KEEP;
    panel->missed *= WEEKS_KEEP;
    panel->day *= DAY_KEEP;
    panel->told *= DAY_KEEP;
    for (int64_t i = 0; i < PANEL_CANDIDATES; i++) {
        panel->candidate[i].cost *= DAY_KEEP;
        panel->candidate[i].miss *= DAY_KEEP;
        panel->candidate[i].square *= DAY_KEEP * DAY_KEEP;
    }
}

void panel_missed(struct panel *panel, int64_t at_s, double count)
{
    if (at_s < panel->settled * 60)
        at_s = panel->settled * 60; /* late, but it counts */
    if (at_s >= panel->second) {
        panel->fresh += count;
        return;
    }
    panel->slot_missed[at_s / SHADOW_SLOT_S % PANEL_SLOTS] += count;
    panel->minute_missed[at_s / 60 % SHADOW_MINUTES] += count;
}

/* ---- a second ---- */

static void record(struct panel *panel, const struct panel_second *now)
{
    const size_t slot = (size_t)(panel->second / SHADOW_SLOT_S % PANEL_SLOTS);
    const size_t minute = (size_t)(panel->second / 60 % SHADOW_MINUTES);
    if (panel->second % SHADOW_SLOT_S == 0)
        panel->slot_requests[slot] = panel->slot_missed[slot] = 0;
    if (panel->second % 60 == 0) {
        panel->minute_requests[minute] = panel->minute_missed[minute] =
            panel->minute_bound[minute] = 0;
        panel->minute_chosen[minute] = (uint16_t)panel->chosen;
    }
    panel->slot_requests[slot] += now->requests;
    panel->minute_requests[minute] += now->requests;
    panel->minute_bound[minute] += now->bound ? 1 : 0;
    panel->slot_missed[slot] += panel->fresh;
    panel->minute_missed[minute] += panel->fresh;
    panel->fresh = 0;
}

static void follow_rate(struct panel *panel)
{
    const size_t minute = (size_t)((panel->second / 60 - 1) % SHADOW_MINUTES);
    const double rate = panel->minute_requests[minute] / 60;
    const double share = fmax(1 - HOUR_KEEP, 60 / (double)panel->second);
    panel->rate += (rate - panel->rate) * share;
}

void panel_second(struct panel *panel, const struct panel_world *world,
                  const struct panel_second *now)
{
    record(panel, now);
    panel->mirror.ready = (int32_t)num_clamp(now->ready, 0, INT32_MAX);
    shadow_second(&panel->mirror, &world->model, now->prompts, panel->second);
    for (int64_t i = 0; i < PANEL_CANDIDATES; i++)
        shadow_second(&panel->candidate[i], &world->model, now->prompts, panel->second);
    judge(panel, world);
    settle(panel, world);
    panel->second++;
    if (panel->second % 30 == 0)
        miss_curve_make(&panel->curve, CURVE_KEEP);
    if (panel->second % 60 != 0)
        return;
    forget(panel);
    follow_rate(panel);
    panel_choose(panel, world);
}

/* ---- a tick ---- */

static double shadow_flight(const struct shadow *s, const struct fluid_model *m)
{
    return (s->fluid.running + s->fluid.prompts / m->load.prompt) / m->sequences * m->use;
}

int64_t panel_tick(struct panel *panel, const struct panel_world *world)
{
    for (int64_t i = 0; i < PANEL_CANDIDATES; i++) {
        struct shadow *s = &panel->candidate[i];
        const struct panel_rule rule = panel_rule(i, world->start_s);
        const enum panel_signal signal = panel_demand(panel, &rule);
        const double demand =
            signal == PANEL_FLIGHT ? shadow_flight(s, &world->model) : world->demand[signal];
        const int64_t need = count_of(world, &rule, demand);
        const int64_t count = hold_follow(&s->hold, need, panel->second, hold_of(world, &rule));
        shadow_order(s, &world->model, count, panel->second, world->start_s);
    }
    const struct panel_rule rule = panel_rule(panel->chosen, world->start_s);
    const int64_t need = count_of(world, &rule, world->demand[panel_demand(panel, &rule)]);
    return hold_follow(&panel->real, need, panel->second, hold_of(world, &rule));
}
