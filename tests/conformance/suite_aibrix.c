/* suite_aibrix.c - AIBrix' PodAutoscaler: whole decisions over many ticks, fed through the core as
 * an exact pool; its formulas, windows and cooldown alone. Kinds about configuration are in
 * suite_aibrix_config.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "config/dialect/aibrix.h"
#include "io/zoneinfo.h"
#include "suite_aibrix.h"
#include "trajectory.h"

#define TOLERANCE 1e-9
#define POINTS_MAX 4096

static enum verdict verdict_of(bool good)
{
    return good ? VERDICT_PASSED : VERDICT_FAILED;
}

bool aibrix_zone(struct arena *arena, const char *name, const struct zone **ret)
{
    struct diag diag = {.code = RC_OK};
    struct buf bytes;
    buf_init(&bytes, ZONE_BYTES_MAX);
    bool good = strcmp(name, "UTC") == 0;
    if (good)
        *ret = zone_utc();
    else
        good = zoneinfo_read(NULL, name, &bytes, &diag) == RC_OK &&
               zone_read(arena, buf_view(&bytes), ret, &diag) == RC_OK;
    buf_done(&bytes);
    return good;
}

/* ---- steps ---- */

static struct aibrix_terms terms_from(const struct tree *in, bool apa)
{
    return (struct aibrix_terms){
        .algorithm = apa ? AIBRIX_APA : AIBRIX_KPA,
        .target = number_of_member(in, "target", NAN),
        .up_tolerance = number_of_member(in, "up_tol", 0),
        .down_tolerance = number_of_member(in, "down_tol", 0),
        .up_rate = number_of_member(in, "up_rate", 0),
        .down_rate = number_of_member(in, "down_rate", 0),
        .panic_threshold = number_of_member(in, "panic_threshold", 0),
        .activation_scale = int_of_member(in, "activation_scale", 0),
        .min = int_of_member(in, "min", 0),
        .max = int_of_member(in, "max", 0),
    };
}

static enum verdict steps(const struct vector *v, struct buf *why)
{
    const struct tree *in = tree_get(v->tree, "in");
    const struct tree *out = tree_get(v->tree, "out");
    const bool apa = text_is(v->tree, "algo", "apa");
    const bool full = text_is(v->tree, "call", "full");
    const struct aibrix_terms terms = terms_from(in, apa);
    const struct aibrix_load load = {
        .current = int_of_member(in, "current", 0),
        .stable = number_of_member(in, "stable", 0),
        .panic = number_of_member(in, "panic", 0),
        .pods = 1,
    };
    struct aibrix_panic panic = {
        .on = full ? aibrix_in_panic(&terms, &load) : bool_of_member(in, "in_panic"),
        .most = int_of_member(in, "max_panic_pods", 0),
    };
    int64_t count = aibrix_formula(&terms, &load, &panic);
    if (full)
        count = aibrix_clamp(count, terms.min, terms.max);
    if (!apa && full && !text_is(out, "mode", panic.on ? "panic" : "stable")) {
        buf_text(why, "another mode");
        return VERDICT_FAILED;
    }
    return verdict_of(same_int(why, 0, "replicas", count, int_of_member(out, "replicas", -1)) &&
                      (apa || same_int(why, 0, "largest in panic", panic.most,
                                       int_of_member(out, "max_panic_pods", -1))));
}

/* ---- windows and cooldown ---- */

static bool same_summary(struct buf *why, size_t step, const struct aibrix_summary *found,
                         const struct tree *out, const char *mean)
{
    return same_int(why, step, "n", found->count, int_of_member(out, "n", -1)) &&
           same_number(why, step, mean, found->mean, number_of_member(out, mean, NAN), TOLERANCE) &&
           same_number(why, step, "min", found->min, number_of_member(out, "min", NAN), 0) &&
           same_number(why, step, "max", found->max, number_of_member(out, "max", NAN), 0);
}

static enum verdict windows(const struct vector *v, struct buf *why)
{
    struct aibrix_point *items = arena_array(v->arena, (size_t)2 * POINTS_MAX, sizeof(*items));
    uint32_t counts[2] = {0, 0};
    const int64_t span_ns = int_of_member(v->tree, "duration_s", 0) * SECOND_NS;
    const int64_t granularity_ns = int_of_member(v->tree, "granularity_s", 1) * SECOND_NS;
    if (items == NULL)
        return VERDICT_FAILED;
    const struct aibrix_points window = {items, &counts[0], POINTS_MAX};
    const struct aibrix_points history = {items + POINTS_MAX, &counts[1], POINTS_MAX};
    const struct tree *op = tree_get(v->tree, "ops")->first;
    const struct tree *out = tree_get(v->tree, "out")->first;
    for (size_t i = 0; op != NULL && out != NULL; op = op->next, out = out->next, i++) {
        int64_t t_ms = 0;
        double value = 0;
        if (!tree_int(tree_at(op, 0), &t_ms) || !tree_number(tree_at(op, 1), &value))
            return VERDICT_FAILED;
        aibrix_window_put(&window, span_ns, granularity_ns, time_of(0, t_ms), value);
        aibrix_history_put(&history, span_ns, time_of(0, t_ms), value);
        const struct aibrix_summary a = aibrix_summary(window.item, counts[0]);
        const struct aibrix_summary b = aibrix_summary(history.item, counts[1]);
        const struct tree *hist = tree_get(out, "hist");
        if (!same_summary(why, i, &a, out, "avg") || !same_summary(why, i, &b, hist, "mean") ||
            !same_number(why, i, "variance", b.variance, number_of_member(hist, "variance", NAN),
                         TOLERANCE))
            return VERDICT_FAILED;
    }
    return VERDICT_PASSED;
}

static enum verdict stabilize(const struct vector *v, struct buf *why)
{
    struct aibrix_record items[POINTS_MAX / 4];
    uint32_t count = 0;
    const struct aibrix_records records = {items, &count, COUNT_OF(items)};
    const struct aibrix_windows cooldown = {
        .up_ns = int_of_member(v->tree, "up_window_s", 0) * SECOND_NS,
        .down_ns = int_of_member(v->tree, "down_window_s", 0) * SECOND_NS,
    };
    size_t i = 0;
    const struct tree *step = tree_get(v->tree, "steps")->first;
    for (; step != NULL; step = step->next, i++) {
        const int64_t found =
            aibrix_cool(&records, &cooldown, time_of(0, int_of_member(step, "t_ms", 0)),
                        int_of_member(step, "rec", 0), int_of_member(step, "current", 0));
        if (!same_int(why, i, "out", found, int_of_member(step, "out", -1)))
            return VERDICT_FAILED;
    }
    return VERDICT_PASSED;
}

/* ---- pipeline ---- */

struct pipeline {
    struct trajectory t;
    const struct tree *metadata;
    struct aibrix_document document;
    struct aibrix_schedules schedules;
    const struct zone *zone;
};

/* An evaluation at every tick: no two are nearer than the period. */
static int64_t period_of(const struct tree *ticks)
{
    int64_t shortest_ms = 10000;
    for (const struct tree *tick = ticks->first; tick->next != NULL; tick = tick->next) {
        const int64_t apart_ms =
            int_of_member(tick->next, "t_ms", 0) - int_of_member(tick, "t_ms", 0);
        shortest_ms = apart_ms < shortest_ms ? apart_ms : shortest_ms;
    }
    return shortest_ms * MILLISECOND_NS;
}

static bool take_spec(struct pipeline *p, const struct tree *spec, const struct tree *ticks)
{
    struct diag diag = {.code = RC_OK};
    struct aibrix_config *config = trajectory_config(&p->t);
    if (config == NULL || aibrix_document_read(p->metadata, spec, &p->document, &diag) != RC_OK ||
        aibrix_schedules_read(spec, &p->schedules, &diag) != RC_OK ||
        !aibrix_zone(p->t.arena, p->schedules.zone, &p->zone)) {
        buf_printf(p->t.why, "%s: %s", diag.where, diag.text);
        return false;
    }
    *config = p->document.config;
    config->period_ns = period_of(ticks);
    p->t.pool.replicas_min = p->document.min;
    p->t.pool.replicas_max = p->document.max;
    return true;
}

/* What a source would say: the mean of the pods that answered. */
static void feed_metric(struct pipeline *p, const struct aibrix_metric *metric,
                        const struct tree *value, int64_t now_ns)
{
    double sum = 0;
    int64_t count = 0;
    enum signal_state state = SIGNAL_VALUE;
    if (value != NULL && value->kind == TREE_ARRAY) {
        for (const struct tree *pod = value->first; pod != NULL; pod = pod->next) {
            double one = 0;
            if (!tree_number(pod, &one))
                continue;
            sum += one;
            count++;
        }
        if (count == 0)
            state = value->count == 0 ? SIGNAL_ABSENT : SIGNAL_FAILED;
    } else {
        state = tree_number(value, &sum) ? SIGNAL_VALUE : SIGNAL_FAILED;
        count = 1;
    }
    struct signal_ref signal;
    if (!signal_named(span_from(metric->name), &signal))
        return;
    trajectory_put(&p->t, now_ns, signal.id, signal.id == SIGNAL_EXTERNAL ? signal.external : NULL,
                   state, state == SIGNAL_VALUE ? sum / (double)count : 0);
}

static void feed(struct pipeline *p, const struct tree *tick, int64_t now_ns)
{
    const struct aibrix_config *config = p->t.pool.policy_config;
    const struct tree *values = tree_get(tick, "values");
    for (size_t i = 0; i < config->metric_count; i++)
        feed_metric(p, &config->metric[i], tree_get(values, config->metric[i].name), now_ns);
}

static bool same_metric(const struct pipeline *p, size_t step, const struct tree *out,
                        const struct aibrix_metric_state *m)
{
    struct buf *why = p->t.why;
    double stable = 0;
    const bool failed = !tree_number(tree_get(out, "stable"), &stable);
    if (failed)
        return same_int(why, step, "a failed metric", m->replicas, -1);
    if (p->document.strategy == AIBRIX_STRATEGY_KPA &&
        !text_is(out, "mode", m->in_panic ? "panic" : "stable")) {
        buf_printf(why, "tick %zu: another mode", step);
        return false;
    }
    return same_number(why, step, "stable", m->stable, stable, TOLERANCE) &&
           same_number(why, step, "panic", m->panic, number_of_member(out, "panic", NAN),
                       TOLERANCE) &&
           same_int(why, step, "rec", m->replicas, int_of_member(out, "rec", -1));
}

static bool same_reason(const struct pipeline *p, size_t step, const struct tree *out,
                        const struct aibrix_state *state)
{
    const bool kpa = p->document.strategy == AIBRIX_STRATEGY_KPA;
    const char *const reasons[] = {
        [AIBRIX_NOTHING] = "?",
        [AIBRIX_STABLE] = "stable",
        [AIBRIX_ABOVE] = kpa ? "kpa above target" : "apa above target",
        [AIBRIX_BELOW] = "All metrics below target",
        [AIBRIX_DISABLED] = "scaling disabled: current replicas is 0",
        [AIBRIX_OVER_MAX] = "current replicas exceed maximum",
        [AIBRIX_UNDER_MIN] = "current replicas below minimum",
        [AIBRIX_FAILED] = "",
    };
    if (text_is(out, "reason", reasons[state->outcome]))
        return true;
    buf_printf(p->t.why, "tick %zu: the reason is \"%s\"", step, reasons[state->outcome]);
    return false;
}

static bool judge(const struct pipeline *p, const struct tree *out, size_t step)
{
    const struct aibrix_state *state = trajectory_state(&p->t);
    const struct aibrix_metric_state *metrics = aibrix_metric_states(state);
    struct buf *why = p->t.why;
    if (!same_int(why, step, "desired", p->t.d.desired, int_of_member(out, "desired", -1)) ||
        !same_int(why, step, "err", state->outcome == AIBRIX_FAILED, bool_of_member(out, "err")) ||
        !same_int(why, step, "before the cooldown", state->metric_desired,
                  int_of_member(out, "metric_desired", -1)) ||
        !same_reason(p, step, out, state))
        return false;
    size_t i = 0;
    const struct tree *list = tree_get(out, "metrics");
    const struct tree *metric = list != NULL ? list->first : NULL;
    for (; metric != NULL; metric = metric->next)
        if (!same_metric(p, step, metric, &metrics[i++]))
            return false;
    return true;
}

static bool run_tick(struct pipeline *p, const struct tree *ticks, const struct tree *tick,
                     size_t step)
{
    const int64_t t_ms = int_of_member(tick, "t_ms", 0);
    const int64_t current = int_of_member(tick, "current", 0);
    const struct tree *spec = tree_get(tick, "new_spec");
    if (spec != NULL && (!take_spec(p, spec, ticks) || !trajectory_change(&p->t, time_of(0, t_ms))))
        return false;
    struct pool_observation *o = &p->t.o.pool[0];
    const struct aibrix_bounds bounds = aibrix_bounds_at(&p->schedules, p->zone, t_ms);
    o->bound_min = bounds.active != NULL && bounds.active->min >= 0 ? bounds.min : NO_COUNT;
    o->bound_max = bounds.active != NULL && bounds.active->max >= 0 ? bounds.max : NO_COUNT;
    o->ready = current;
    o->foreign_count = current != group_desired(p->t.group, p->t.state, 0) ? current : NO_COUNT;
    feed(p, tick, time_of(0, t_ms));
    return trajectory_decide(&p->t, time_of(0, t_ms)) && judge(p, tree_get(tick, "out"), step);
}

static bool run_pipeline(const struct vector *v, struct pipeline *p)
{
    const struct tree *ticks = tree_get(v->tree, "ticks");
    const struct tree *tick = ticks != NULL ? ticks->first : NULL;
    if (tick == NULL || !take_spec(p, tree_get(v->tree, "spec"), ticks) ||
        !trajectory_start(&p->t, time_of(0, int_of_member(tick, "t_ms", 0)),
                          int_of_member(tick, "current", 0)))
        return false;
    for (size_t step = 0; tick != NULL; tick = tick->next, step++)
        if (!run_tick(p, ticks, tick, step))
            return false;
    return true;
}

/* Straight, with the state written and read again before each tick, and through libsluice. */
static enum verdict pipeline(const struct vector *v, struct buf *why)
{
    const bool kpa = text_is(tree_get(v->tree, "spec"), "scalingStrategy", "KPA");
    bool good = true;
    for (int way = WAY_STRAIGHT; way < WAY_COUNT && good; way++) {
        struct pipeline p = {.metadata = tree_get(v->tree, "metadata")};
        good = trajectory_init(&p.t, v->arena, kpa ? "aibrix-kpa" : "aibrix-apa", (enum way)way,
                               why) &&
               run_pipeline(v, &p);
        if (!good)
            buf_text(why, way_words((enum way)way));
        trajectory_done(&p.t);
    }
    return verdict_of(good);
}

static enum verdict run(const struct vector *v, struct buf *why)
{
    static const struct kind_row kinds[] = {
        {"steps", steps},
        {"windows", windows},
        {"stabilize", stabilize},
        {"pipeline", pipeline},
        {"schedules", aibrix_suite_schedules},
        {"annotations", aibrix_suite_annotations},
        {"hpa", aibrix_suite_hpa},
        {"validation", aibrix_suite_validation},
        {NULL, NULL},
    };
    return run_kind(kinds, v, why);
}

const struct suite suite_aibrix = {.name = "aibrix", .run = run};
