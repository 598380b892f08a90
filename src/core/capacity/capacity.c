#include "core/capacity/capacity.h"

#include <math.h>

#include "base/duration.h"
#include "base/num.h"

#define NEAR 0.5               /* share of the level from which load that works says something */
#define MISS_FAR 0.4           /* share of the level below which a miss has other causes */
#define BEYOND_LEAST 1.25      /* times what was seen to work, with no headroom known ... */
#define BEYOND_MOST 1.6        /* ... and at most: queues grow faster than in proportion */
#define GROWTH_PER_S 0.001     /* of the level: doubled in twelve minutes */
#define STEP_DOWN 0.9          /* of the load at a miss */
#define MISS_NEAR 0.95         /* growth ends at this share of a level that missed */
#define MISS_FORGET_PER_S 3e-5 /* a tenth in an hour */
#define ERROR_RATIO_MAX 0.01
#define STEADY_NS (30 * SECOND_NS) /* latencies are read over so long */
#define SPAN_MAX_NS (10 * SECOND_NS)

void capacity_assume(struct capacity *c, double start)
{
    if (c->evidence_s > 0)
        return;
    c->start = start;
    c->level = start;
}

bool capacity_known(const struct capacity *c)
{
    return c->evidence_s >= CAPACITY_KNOWN_S;
}

static double limited(const struct capacity *c, double level)
{
    return fmin(fmax(level, c->start / CAPACITY_DOWN_MAX), c->start * CAPACITY_UP_MAX);
}

static void learn_met(struct capacity *c, double load, double headroom, double span_s)
{
    if (!(load >= NEAR * c->level))
        return; /* far below it: that it works there is no news */
    c->evidence_s = fmin(c->evidence_s + span_s, CAPACITY_KNOWN_S);
    double most = fmax(load * fmin(fmax(headroom, BEYOND_LEAST), BEYOND_MOST), c->level);
    if (c->missed_at > 0)
        most = fmax(fmin(most, MISS_NEAR * c->missed_at), c->level);
    c->level = limited(c, fmin(most, c->level * (1 + GROWTH_PER_S * span_s)));
}

static void learn_missed(struct capacity *c, double load)
{
    if (!(load >= MISS_FAR * c->level) || load > c->level)
        return; /* far below it: not for want of replicas; above it: for want of them */
    c->missed_at = c->missed_at > 0 ? fmin(c->missed_at, load) : load;
    c->level = limited(c, STEP_DOWN * load);
    c->settle_s = seconds_of(STEADY_NS);
    c->evidence_s = CAPACITY_KNOWN_S; /* one contradiction tells where the level is */
}

void capacity_learn(struct capacity *c, const struct capacity_lesson *lesson,
                    const struct capacity_evidence *e)
{
    const double span_s = seconds_of(lesson->span_ns);
    if (!(c->level > 0))
        return;
    if (c->missed_at > 0) {
        c->missed_at *= 1 + MISS_FORGET_PER_S * span_s;
        if (c->missed_at > c->start * CAPACITY_UP_MAX)
            c->missed_at = 0;
    }
    if (c->settle_s > 0)
        c->settle_s = fmax(c->settle_s - span_s, 0);
    else if (e->verdict == CAPACITY_MISSED && lesson->miss_counts)
        learn_missed(c, e->missed_load);
    else if (e->verdict == CAPACITY_MET && lesson->met_counts)
        learn_met(c, e->met_load, e->headroom, span_s);
}

struct capacity_lesson capacity_lesson(struct capacity_watch *w, const struct capacity_moment *m)
{
    if (m->ready > w->ready)
        w->more_ns = m->now_ns;
    if (m->ready < w->ready)
        w->fewer_ns = m->now_ns;
    w->ready = m->ready;
    const int64_t span_ns = num_clamp(num_add_sat(m->now_ns, -w->learned_ns), 0, SPAN_MAX_NS);
    w->learned_ns = m->now_ns;
    const bool sound =
        span_ns > 0 && m->ready > 0 && m->coverage >= 1 && !(m->error_ratio > ERROR_RATIO_MAX);
    const bool alone = m->pending == 0 && m->blocked == 0 && m->draining == 0;
    const bool free_choice = m->desired == m->proposed && m->ready == m->desired;
    return (struct capacity_lesson){
        .met_counts =
            sound && alone && free_choice && num_add_sat(m->now_ns, -w->fewer_ns) >= STEADY_NS,
        .miss_counts = sound && num_add_sat(m->now_ns, -w->more_ns) >= STEADY_NS,
        .span_ns = span_ns,
    };
}
