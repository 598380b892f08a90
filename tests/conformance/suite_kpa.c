/* suite_kpa.c - Knative's autoscaler: the decision function and the windows, fed through the core
 * as an exact pool of policy knative; the functions around it alone. */
#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "base/limits.h"
#include "core/policy/knative.h"
#include "core/series.h"
#include "core/slide_max.h"
#include "suite_kpa.h"
#include "trajectory.h"

#define WEIGHTED_TOLERANCE 1e-9

/* ---- scale and e2e: trajectories ---- */

static int64_t span_of_member(const struct tree *object, const char *key)
{
    return int_of_member(object, key, 0) * MILLISECOND_NS;
}

static void fill(struct knative_config *config, const struct tree *spec)
{
    config->target = number_of_member(spec, "target", NAN);
    config->total = number_of_member(spec, "total", NAN);
    config->burst = number_of_member(spec, "tbc", 0);
    config->panic_threshold = number_of_member(spec, "panic_threshold", 2);
    config->up_rate = number_of_member(spec, "max_up", 1000);
    config->down_rate = number_of_member(spec, "max_down", 2);
    config->stable_window_ns = span_of_member(spec, "stable_window_ms");
    config->delay_ns = span_of_member(spec, "scale_down_delay_ms");
    config->reachable = bool_of_member(spec, "reachable");
    config->activation_scale = int_of_member(spec, "activation_scale", 0);
    config->initial_scale = 0; /* bounds are not part of these vectors */
}

struct expected {
    int64_t desired;
    double excess;
    bool valid;
    bool panic;
    int64_t panic_since_ns;
    int64_t panic_most;
};

static bool judge(const struct trajectory *t, size_t step, const struct expected *e)
{
    const struct proposal *p = &t->d.proposal;
    const struct knative_state *state = trajectory_state(t);
    const bool panic = state->panic_since_ns != TIME_NONE;
    if (!same_int(t->why, step, "valid", !p->abstain, e->valid) ||
        !same_int(t->why, step, "panic", panic, e->panic) ||
        (panic &&
         !same_int(t->why, step, "panic since", state->panic_since_ns, e->panic_since_ns)) ||
        !same_int(t->why, step, "largest in panic", state->panic_most, e->panic_most))
        return false;
    if (!e->valid)
        return same_int(t->why, step, "desired", p->replicas, e->desired);
    if (!same_number(t->why, step, "desired", p->exact, (double)e->desired, 0) ||
        !same_number(t->why, step, "excess", p->number[3], e->excess, 0))
        return false;
    /* What is decided is that number, but for the ceiling of all counts and the last replica. */
    return e->desired == 0 || same_int(t->why, step, "decided", t->d.desired,
                                       e->desired < REPLICAS_MAX ? e->desired : REPLICAS_MAX);
}

static enum signal_state state_of_metric(const struct tree *step)
{
    if (tree_get(step, "me") == NULL)
        return SIGNAL_VALUE;
    return text_is(step, "me", "nodata") ? SIGNAL_ABSENT : SIGNAL_FAILED;
}

static bool scale_step(struct trajectory *t, const struct tree *step, int64_t epoch_ms,
                       size_t index, int64_t *sample_ns)
{
    const int64_t now_ns = time_of(epoch_ms, int_of_member(step, "t", 0));
    const struct tree *spec = tree_get(step, "spec");
    if (spec != NULL) {
        struct knative_config *config = trajectory_config(t);
        if (config == NULL)
            return false;
        fill(config, spec);
        if (!trajectory_change(t, now_ns))
            return false;
    }
    /* Times of a vector may stand still or go back; samples are filed one after the other. */
    *sample_ns = now_ns > *sample_ns ? now_ns : *sample_ns + 1;
    const enum signal_state state = state_of_metric(step);
    trajectory_put(t, *sample_ns, SIGNAL_EXTERNAL, "stable-average", state,
                   number_of_member(step, "s", 0));
    trajectory_put(t, *sample_ns, SIGNAL_EXTERNAL, "panic-average", state,
                   number_of_member(step, "p", 0));
    t->o.pool[0].ready = int_of_member(step, "r", 0);
    t->o.pool[0].counts_state = text_is(step, "re", "err") ? SIGNAL_FAILED : SIGNAL_VALUE;
    if (!trajectory_decide(t, now_ns))
        return false;
    const struct expected e = {
        .desired = int_of_member(step, "d", -1),
        .excess = number_of_member(step, "e", NAN),
        .valid = int_of_member(step, "v", -1) == 1,
        .panic = int_of_member(step, "pm", -1) == 1,
        .panic_since_ns = time_of(epoch_ms, int_of_member(step, "pt", 0)),
        .panic_most = int_of_member(step, "mp", -1),
    };
    return judge(t, index, &e);
}

static bool run_scale(const struct vector *v, struct trajectory *t)
{
    const int64_t epoch_ms = int_of_member(v->tree, "epoch_ms", 0);
    const int64_t created_ns = time_of(epoch_ms, int_of_member(v->tree, "created_t", 0));
    struct knative_config *config = t->pool.policy_config;
    fill(config, tree_get(v->tree, "spec"));
    config->metric = KNATIVE_AVERAGES;
    const int64_t ready =
        bool_of_member(v->tree, "created_err") ? 0 : int_of_member(v->tree, "created_ready", 0);
    if (!trajectory_start(t, created_ns, ready))
        return false;
    int64_t sample_ns = created_ns;
    size_t index = 0;
    const struct tree *steps = tree_get(v->tree, "steps");
    for (const struct tree *step = steps->first; step != NULL; step = step->next)
        if (!scale_step(t, step, epoch_ms, index++, &sample_ns))
            return false;
    return true;
}

static int64_t int_at(const struct tree *event, size_t index)
{
    int64_t value = 0;
    (void)tree_int(tree_at(event, index), &value); /* 0 for null */
    return value;
}

static double number_at(const struct tree *event, size_t index)
{
    double value = NAN;
    (void)tree_number(tree_at(event, index), &value); /* NaN for null */
    return value;
}

static void file_sample(struct trajectory *t, const struct tree *event, int64_t t_ns)
{
    trajectory_put(t, t_ns, SIGNAL_CONCURRENCY, NULL, SIGNAL_VALUE,
                   number_at(event, 2) - number_at(event, 3));
    trajectory_put(t, t_ns, SIGNAL_REQUESTS_PER_SECOND, NULL, SIGNAL_VALUE,
                   number_at(event, 4) - number_at(event, 5));
}

/* ["q", t, ready, stable, panic, d, e, v, pm, pt, mp] */
static bool evaluate(struct trajectory *t, const struct tree *event, int64_t epoch_ms, size_t index)
{
    const struct knative_config *config = t->pool.policy_config;
    const double tolerance = config->averaging == KNATIVE_WEIGHTED ? WEIGHTED_TOLERANCE : 0;
    t->o.pool[0].ready = int_at(event, 2);
    if (!trajectory_decide(t, time_of(epoch_ms, int_at(event, 1))))
        return false;
    const struct expected e = {
        .desired = int_at(event, 5),
        .excess = number_at(event, 6),
        .valid = int_at(event, 7) == 1,
        .panic = int_at(event, 8) == 1,
        .panic_since_ns = time_of(epoch_ms, int_at(event, 9)),
        .panic_most = int_at(event, 10),
    };
    const double *number = t->d.proposal.number;
    return judge(t, index, &e) &&
           (!e.valid || (same_number(t->why, index, "stable average", number[0],
                                     number_at(event, 3), tolerance) &&
                         same_number(t->why, index, "panic average", number[1], number_at(event, 4),
                                     tolerance)));
}

static bool run_e2e(const struct vector *v, struct trajectory *t)
{
    const int64_t epoch_ms = int_of_member(v->tree, "epoch_ms", 0);
    const struct tree *spec = tree_get(v->tree, "spec");
    struct knative_config *config = t->pool.policy_config;
    fill(config, spec);
    config->metric = text_is(spec, "metric", "rps") ? KNATIVE_RPS : KNATIVE_CONCURRENCY;
    config->averaging = text_is(v->tree, "algo", "weighted") ? KNATIVE_WEIGHTED : KNATIVE_LINEAR;
    config->stable_window_ns = span_of_member(v->tree, "stable_window_ms");
    config->panic_window_ns = span_of_member(v->tree, "panic_window_ms");
    config->scraped = bool_of_member(v->tree, "scrape");
    if (!trajectory_start(t, time_of(epoch_ms, int_of_member(v->tree, "created_t", 0)),
                          int_of_member(v->tree, "created_ready", 0)))
        return false;
    size_t index = 0;
    const struct tree *events = tree_get(v->tree, "ev");
    for (const struct tree *event = events->first; event != NULL; event = event->next, index++) {
        struct span what = {NULL, 0};
        (void)tree_string(tree_at(event, 0), &what); /* an empty word matches nothing below */
        if (span_equal_text(what, "s"))
            file_sample(t, event, time_of(epoch_ms, int_at(event, 1)));
        else if (!span_equal_text(what, "q") || !evaluate(t, event, epoch_ms, index))
            return false;
    }
    return true;
}

/* Straight, with the state written and read again before each evaluation, and through libsluice. */
static enum verdict each_way(const struct vector *v, struct buf *why,
                             bool run(const struct vector *v, struct trajectory *t))
{
    bool good = true;
    for (int way = WAY_STRAIGHT; way < WAY_COUNT && good; way++) {
        struct trajectory t;
        good = trajectory_init(&t, v->arena, "knative", (enum way)way, why) && run(v, &t);
        if (!good)
            buf_text(why, way_words((enum way)way));
        trajectory_done(&t);
    }
    return good ? VERDICT_PASSED : VERDICT_FAILED;
}

static enum verdict scale(const struct vector *v, struct buf *why)
{
    return each_way(v, why, run_scale);
}

static enum verdict e2e(const struct vector *v, struct buf *why)
{
    return each_way(v, why, run_e2e);
}

/* ---- windows ---- */

struct window {
    struct series_need need;
    void *state;
};

static bool make_window(struct arena *arena, struct window *w)
{
    const size_t size = series_size(&w->need);
    w->state = size > 0 ? arena_alloc(arena, size) : NULL;
    return w->state != NULL;
}

static bool resize(struct arena *arena, struct window *w, int64_t span_ns, int64_t now_ns)
{
    struct window next = *w;
    if (span_ns == w->need.span_ns)
        return true;
    next.need.span_ns = span_ns;
    if (!make_window(arena, &next))
        return false;
    series_resize(&w->need, w->state, &next.need, next.state, now_ns);
    *w = next;
    return true;
}

static bool ask(const struct window *w, const struct tree *event, int64_t t_ns, size_t index,
                struct buf *why)
{
    const struct reading r = series_value(&w->need, w->state, t_ns);
    const bool empty = r.state != SIGNAL_VALUE;
    return same_int(why, index, "empty", empty, int_at(event, 3)) &&
           same_number(why, index, "average", empty ? 0 : r.value, number_at(event, 2),
                       w->need.kind == SERIES_KPA_WEIGHTED ? WEIGHTED_TOLERANCE : 0);
}

static enum verdict window(const struct vector *v, struct buf *why)
{
    const int64_t epoch_ms = int_of_member(v->tree, "epoch_ms", 0);
    struct window w = {
        .need = {.signal = {.id = SIGNAL_CONCURRENCY},
                 .kind =
                     text_is(v->tree, "algo", "weighted") ? SERIES_KPA_WEIGHTED : SERIES_KPA_LINEAR,
                 .span_ns = span_of_member(v->tree, "window_ms"),
                 .granularity_ns = span_of_member(v->tree, "granularity_ms")},
    };
    bool good = make_window(v->arena, &w);
    if (good)
        series_init(&w.need, w.state);
    size_t index = 0;
    const struct tree *events = tree_get(v->tree, "ev");
    for (const struct tree *event = events->first; event != NULL && good;
         event = event->next, index++) {
        struct span what = {NULL, 0};
        (void)tree_string(tree_at(event, 0), &what); /* an empty word matches nothing below */
        const int64_t t_ns = time_of(epoch_ms, int_at(event, 1));
        const struct sample sample = {
            .t_ns = t_ns, .signal = SIGNAL_CONCURRENCY, .value = number_at(event, 2), .weight = 1};
        if (span_equal_text(what, "r"))
            series_record(&w.need, w.state, &sample);
        else if (span_equal_text(what, "w"))
            good = resize(v->arena, &w, int_at(event, 2) * MILLISECOND_NS, t_ns);
        else
            good = ask(&w, event, t_ns, index, why);
        good = good && series_valid(&w.need, w.state);
    }
    return good ? VERDICT_PASSED : VERDICT_FAILED;
}

static enum verdict maxwin(const struct vector *v, struct buf *why)
{
    const int64_t epoch_ms = int_of_member(v->tree, "epoch_ms", 0);
    const int64_t granularity_ms = int_of_member(v->tree, "granularity_ms", 1000);
    const int64_t window_ms = int_of_member(v->tree, "window_ms", 0);
    const uint32_t slots = (uint32_t)((window_ms + granularity_ms - 1) / granularity_ms);
    struct slide_max *m = arena_alloc(v->arena, slide_max_size(slots));
    if (m == NULL)
        return VERDICT_FAILED;
    slide_max_init(m, slots, slots);
    size_t index = 0;
    const struct tree *events = tree_get(v->tree, "ev");
    for (const struct tree *event = events->first; event != NULL; event = event->next) {
        /* Whole seconds of the Unix time, in whole granularities. */
        const int64_t slot = (epoch_ms + int_at(event, 0)) / 1000 / (granularity_ms / 1000);
        if (!same_int(why, index++, "maximum", slide_max_record(m, slot, int_at(event, 1)),
                      int_at(event, 2)) ||
            !slide_max_valid(m, slots))
            return VERDICT_FAILED;
    }
    return VERDICT_PASSED;
}

static enum verdict run(const struct vector *v, struct buf *why)
{
    static const struct kind_row kinds[] = {
        {"scale", scale},
        {"e2e", e2e},
        {"window", window},
        {"maxwin", maxwin},
        {"scale_to_zero", kpa_scale_to_zero},
        {"active", kpa_active_condition},
        {"num_activators", kpa_num_activators},
        {"pod_subset", kpa_pod_subset},
        {"request_stats", kpa_request_stats},
        {"validate_config", kpa_validate_config},
        {"validate_annotations", kpa_validate_annotations},
        {"resolve", kpa_resolve},
        {NULL, NULL},
    };
    return run_kind(kinds, v, why);
}

const struct suite suite_kpa = {.name = "kpa", .run = run};
