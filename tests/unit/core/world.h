/* world.h - one pool, or a few, for tests: a policy that says what the test wants, an observation
 * of a healthy world, ticks. Included by each test once. */
#ifndef SLUICE_TEST_CORE_WORLD_H
#define SLUICE_TEST_CORE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* base/rc.h has a function of that name */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/group.h"
#include "core/policy.h"
#include "core/stage.h"

/* What the probe policy proposes now. */
struct probe_config {
    int64_t replicas;
    double exact;
    bool abstain;
    bool urgent;
    int64_t period_ns;
};

static inline struct proposal probe_propose(const struct policy_input *in)
{
    const struct probe_config *config = in->config;
    return (struct proposal){.replicas = config->replicas,
                             .exact = config->exact,
                             .abstain = config->abstain,
                             .urgent = config->urgent,
                             .reason = REASON_DEMAND};
}

static inline int64_t probe_period_ns(const struct pool_spec *pool, const void *config)
{
    (void)pool;
    return ((const struct probe_config *)config)->period_ns;
}

static const struct policy_ops probe = {.name = "probe",
                                        .config_size = sizeof(struct probe_config),
                                        .period_ns = probe_period_ns,
                                        .propose = probe_propose};
static const struct policy_ops probe_imitation = {.name = "probe-imitation",
                                                  .config_size = sizeof(struct probe_config),
                                                  .imitation = true,
                                                  .period_ns = probe_period_ns,
                                                  .propose = probe_propose};

#define WORLD_T0 (1000 * SECOND_NS)
#define WORLD_WALL (INT64_C(1790000000) * SECOND_NS)

struct world {
    struct arena arena;
    struct pool_spec pool[POOLS_PER_GROUP_MAX];
    size_t pool_count;
    struct probe_config config;
    const struct group_spec *group;
    struct group_state *state;
    struct observation o;
    struct decision d[POOLS_PER_GROUP_MAX];
    int64_t now_ns;
};

static inline void world_observe_healthy(struct pool_observation *o, int64_t ready)
{
    *o = (struct pool_observation){
        .ready = ready,
        .actual_count = ready,
        .waiting_state = SIGNAL_VALUE,
        .foreign_count = NO_COUNT,
        .inventory_limit = NO_COUNT,
        .quota_limit = NO_COUNT,
        .budget_limit = NO_COUNT,
        .pin_count = NO_COUNT,
        .bound_min = NO_COUNT,
        .bound_max = NO_COUNT,
        .schedule_now = NO_COUNT,
        .schedule_next = NO_COUNT,
        .schedule_next_ns = TIME_NONE,
        .start_p50_ns = MINUTE_NS,
        .start_p90_ns = 2 * MINUTE_NS,
        .spent_today = NAN,
    };
}

static inline void world_stop(const struct diag *diag)
{
    print_error("%s: %s\n", diag->where, diag->text);
    assert_string_equal("", diag->text);
}

/* One native pool of 0 to 100 replicas without pace; change world.pool[0], then world_start(). */
static inline struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    arena_init(&w->arena, 64U << 20);
    w->pool_count = 1;
    w->config = (struct probe_config){.exact = NAN, .period_ns = 1};
    pool_spec_defaults(&w->pool[0]);
    strcpy(w->pool[0].name, "chat");
    w->pool[0].replicas_min = 0;
    w->pool[0].replicas_max = 100;
    w->pool[0].policy = &probe;
    w->pool[0].policy_config = &w->config;
    w->pool[0].behavior.down.stabilization_ns = 0;
    w->pool[0].last_replica = (struct last_replica_spec){0};
    return w;
}

static inline void world_compile(struct world *w)
{
    struct diag diag = {0};
    const enum rc rc = group_compile(&w->arena, "g", w->pool, w->pool_count, &w->group, &diag);
    if (rc != RC_OK)
        world_stop(&diag);
}

static inline void world_start(struct world *w, int64_t desired)
{
    int64_t initial[POOLS_PER_GROUP_MAX];
    world_compile(w);
    w->now_ns = WORLD_T0;
    w->state = malloc(group_state_size(w->group));
    assert_non_null(w->state);
    for (size_t i = 0; i < POOLS_PER_GROUP_MAX; i++) {
        initial[i] = desired;
        world_observe_healthy(&w->o.pool[i], desired);
    }
    group_state_init(w->group, w->state, w->now_ns, initial);
    w->config.replicas = desired;
}

/* One tick after `after_ns`; returns the desired count of the first pool. */
static inline int64_t world_tick(struct world *w, int64_t after_ns)
{
    w->now_ns += after_ns;
    w->o.now_ns = w->now_ns;
    w->o.wall_ns = WORLD_WALL + w->now_ns;
    decide(w->group, w->state, &w->o, w->d);
    return w->d[0].desired;
}

/* A tick at which the policy asks for a count. */
static inline int64_t world_ask(struct world *w, int64_t after_ns, int64_t replicas)
{
    w->config.replicas = replicas;
    return world_tick(w, after_ns);
}

/* The specification changes, the state is carried over. */
static inline void world_reload(struct world *w)
{
    const struct group_spec *old = w->group;
    world_compile(w);
    struct group_state *next = malloc(group_state_size(w->group));
    assert_non_null(next);
    group_reshape(old, w->state, w->group, next, w->now_ns);
    free(w->state);
    w->state = next;
}

static inline void world_free(struct world *w)
{
    arena_done(&w->arena);
    free(w->state);
    free(w);
}

static inline struct sample world_sample(const struct world *w, enum signal_id signal,
                                         enum signal_state state, double value)
{
    return (struct sample){.t_ns = w->now_ns,
                           .signal = (uint16_t)signal,
                           .state = (uint8_t)state,
                           .value = value,
                           .weight = 1};
}

static inline void world_put(struct world *w, enum signal_id signal, enum signal_state state,
                             double value)
{
    const struct sample sample = world_sample(w, signal, state, value);
    observe(w->group, w->state, &sample, 1);
}

static inline bool world_said(const struct world *w, enum stage_id stage, enum reason reason)
{
    for (uint32_t i = 0; i < w->d[0].trail_count; i++)
        if (w->d[0].trail[i].stage == stage && w->d[0].trail[i].reason == reason)
            return true;
    return false;
}

static inline struct metric_spec world_metric(const char *type, const char *target)
{
    struct metric_spec metric;
    struct diag diag = {0};
    opt_defaults(metric_options, metric_option_count, &metric);
    memset(&metric.signal, 0, sizeof(metric.signal));
    metric.target = 0;
    (void)snprintf(metric.type, sizeof(metric.type), "%s", type);
    (void)snprintf(metric.target_text, sizeof(metric.target_text), "%s", target);
    if (metric_spec_resolve(&metric, &diag) != RC_OK)
        world_stop(&diag);
    return metric;
}

#endif
