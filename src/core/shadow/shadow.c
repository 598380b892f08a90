#include "core/shadow/shadow.h"

#include <math.h>

#include "base/num.h"

#define PARTS 256.0     /* of a request, in struct shadow's minutes */
#define DRAIN_SHARE 0.7 /* of a residence that a stopping replica still runs */
#define DRAIN_MAX_S 120.0
#define DEVIATIONS 0.5 /* of the misses, that one must be ready for */

int64_t hold_follow(struct hold *hold, int64_t need, int64_t now_s, int64_t hold_s)
{
    if (need >= hold->count) {
        hold->count = need;
        hold->most = 0;
        hold->from_s = now_s;
        return need;
    }
    hold->most = need > hold->most ? need : hold->most;
    if (now_s - hold->from_s >= hold_s) {
        hold->count = hold->most;
        hold->most = 0;
        hold->from_s = now_s;
    }
    return hold->count;
}

void shadow_init(struct shadow *shadow, int64_t ready, double iteration_s, int64_t now_s)
{
    const int32_t count = (int32_t)num_clamp(ready, 0, INT32_MAX);
    *shadow = (struct shadow){.fluid = {.iteration_s = iteration_s},
                              .hold = {.count = count, .from_s = now_s},
                              .ready = count};
}

static void start(struct shadow *s, int32_t count, int64_t due_s)
{
    for (size_t i = 0; i < SHADOW_STARTS; i++) {
        const bool last = i + 1 == SHADOW_STARTS;
        if (s->start[i].count > 0 && !last)
            continue;
        s->start[i].count += count;
        s->start[i].due_s = (int32_t)num_clamp(due_s, 0, INT32_MAX);
        break;
    }
    s->pending += count;
}

/* Takes back starts, the youngest first; returns how many are still to go. */
static int32_t take_back(struct shadow *s, int32_t count)
{
    for (size_t i = SHADOW_STARTS; i-- > 0 && count > 0;) {
        const int32_t some = s->start[i].count < count ? s->start[i].count : count;
        s->start[i].count -= some;
        s->pending -= some;
        count -= some;
    }
    return count;
}

void shadow_order(struct shadow *s, const struct fluid_model *model, int64_t count, int64_t now_s,
                  int64_t start_s)
{
    const int64_t more = num_clamp(count, 0, INT32_MAX / 2) - (s->ready + (int64_t)s->pending);
    if (more > 0)
        start(s, (int32_t)more, now_s + start_s);
    if (more >= 0)
        return;
    const int32_t stop = take_back(s, (int32_t)-more);
    s->ready -= stop;
    s->cost += stop * DRAIN_SHARE * fmin(DRAIN_MAX_S, fluid_residence_s(&s->fluid, model));
}

static void become_ready(struct shadow *s, int64_t now_s)
{
    size_t kept = 0;
    for (size_t i = 0; i < SHADOW_STARTS && s->start[i].count > 0; i++) {
        if (s->start[i].due_s <= now_s) {
            s->ready += s->start[i].count;
            s->pending -= s->start[i].count;
            s->start[i].count = 0;
        } else {
            s->start[kept++] = s->start[i];
            if (kept <= i)
                s->start[i].count = 0;
        }
    }
}

void shadow_second(struct shadow *s, const struct fluid_model *model, double prompts, int64_t now_s)
{
    if (s->pending > 0)
        become_ready(s, now_s);
    const unsigned code = stress_code(fluid_step(&s->fluid, model, s->ready, prompts));
    uint8_t *slot = &s->wait[now_s / SHADOW_SLOT_S % SHADOW_SLOTS];
    if (now_s % SHADOW_SLOT_S == 0 || code > *slot)
        *slot = (uint8_t)code;
    s->cost += (double)s->ready + s->pending;
}

unsigned shadow_stress(const struct shadow *s, const struct fluid_model *model, int64_t at_s)
{
    const unsigned wait = s->wait[at_s / SHADOW_SLOT_S % SHADOW_SLOTS];
    if (!(model->objective.itl_s > 0))
        return wait;
    const unsigned pace = stress_code(s->fluid.iteration_s / model->objective.itl_s);
    return wait > pace ? wait : pace;
}

void shadow_judge(struct shadow *s, const struct fluid_model *model, const struct miss_curve *curve,
                  double requests, int64_t at_s)
{
    uint32_t *minute = &s->minute[at_s / 60 % SHADOW_MINUTES];
    if (at_s % 60 == 0)
        *minute = 0;
    const double missed = requests * curve->share[shadow_stress(s, model, at_s)];
    *minute += (uint32_t)num_to_int(rint(missed * PARTS), 0, UINT32_MAX / 64);
}

double shadow_missed(const struct shadow *s, int64_t minute)
{
    return s->minute[minute % SHADOW_MINUTES] / PARTS;
}

void shadow_settle(struct shadow *s, double missed)
{
    s->miss += missed;
    s->square += missed * missed;
}

double shadow_missed_likely(const struct shadow *s)
{
    return s->miss + DEVIATIONS * sqrt(s->square);
}
