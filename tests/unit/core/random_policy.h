/* random_policy.h - every registered policy in random worlds, with random options, those at the
 * bounds of their ranges among them. Included by each test once. */
#ifndef SLUICE_TEST_CORE_RANDOM_POLICY_H
#define SLUICE_TEST_CORE_RANDOM_POLICY_H

#include "random_world.h"

#define POLICY_BYTES_MAX (1 << 16)
#define STATE_BYTES_MAX ((size_t)2 << 20) /* larger ones are the same, only slower */
#define TRIES 60                          /* for options that fit each other */

/* ---- random options ---- */

static void random_options(struct rng *rng, const struct opt *rows, size_t count, void *base);

/* A bound, the default, or anything between. */
static double random_number(struct rng *rng, const struct opt *row)
{
    const bool bounded = row->min < 0 || row->min > 0 || row->max < 0 || row->max > 0;
    if (!bounded || chance(rng, 3))
        return row->def;
    if (chance(rng, 8))
        return chance(rng, 2) ? row->min : row->max;
    /* Most ranges are of several powers of ten: near the begin things happen. */
    const double share = rng_unit(rng);
    return row->min + (row->max - row->min) * share * share * share * share;
}

static void random_text(struct rng *rng, const struct opt *row, char *at)
{
    static const char *const words[] = {"", "", "lag", "queue-depth", "concurrency", "cpu", "a"};
    const char *word = words[rng_range(rng, 0, COUNT_OF(words) - 1)];
    if (strcmp(row->name, "formula") == 0)
        word = chance(rng, 3) ? "a ?? 1" : "";
    (void)span_copy(span_from(word), at, row->size);
}

static void random_list(struct rng *rng, const struct opt *row, void *base)
{
    const size_t most = row->list_max < 4 ? row->list_max : 4;
    const size_t count =
        (row->flags & OPT_FLAG_APART) != 0 ? 0 : (size_t)rng_range(rng, 0, (int64_t)most);
    memcpy((char *)base + row->count_offset, &count, sizeof(count));
    for (size_t i = 0; i < count; i++) {
        char *element = (char *)base + row->offset + i * row->size;
        opt_defaults(row->sub, row->sub_count, element);
        random_options(rng, row->sub, row->sub_count, element);
    }
}

static void random_option(struct rng *rng, const struct opt *row, void *base)
{
    char *at = (char *)base + row->offset;
    double number = random_number(rng, row);
    int64_t whole = num_to_int(number, INT64_MIN, INT64_MAX);
    bool truth = chance(rng, 2);
    switch (row->kind) {
    case OPT_BOOL:
        memcpy(at, &truth, sizeof(truth));
        return;
    case OPT_DURATION:
        whole = ns_of_seconds(floor(number));
        memcpy(at, &whole, sizeof(whole));
        return;
    case OPT_INT:
        memcpy(at, &whole, sizeof(whole));
        return;
    case OPT_NUMBER:
    case OPT_QUANTITY:
        if ((row->flags & OPT_FLAG_UNSET_NAN) != 0 && truth)
            number = NAN;
        memcpy(at, &number, sizeof(number));
        return;
    case OPT_TEXT:
        random_text(rng, row, at);
        return;
    case OPT_ENUM: {
        int choices = 0;
        while (row->choices[choices].name != NULL)
            choices++;
        const int value = row->choices[rng_range(rng, 0, choices - 1)].value;
        memcpy(at, &value, sizeof(value));
        return;
    }
    case OPT_STRUCT:
        random_options(rng, row->sub, row->sub_count, at);
        return;
    case OPT_LIST:
        random_list(rng, row, base);
        return;
    case OPT_TEXTS:
    case OPT_TREE:
        return; /* no policy has one */
    }
}

static void random_options(struct rng *rng, const struct opt *rows, size_t count, void *base)
{
    for (size_t i = 0; i < count; i++)
        if (chance(rng, 2))
            random_option(rng, &rows[i], base);
}

/* ---- worlds ---- */

static unsigned char config[POLICY_BYTES_MAX] __attribute__((aligned(16)));

static bool fits(struct world *w)
{
    struct diag diag = {0};
    struct arena arena;
    const struct group_spec *group = NULL;
    arena_init(&arena, 64U << 20);
    const bool good = group_compile(&arena, "g", w->pool, w->pool_count, &group, &diag) == RC_OK &&
                      group_state_size(group) <= STATE_BYTES_MAX;
    arena_done(&arena);
    return good;
}

/* NULL when no try gave options that fit each other. */
static inline struct world *random_policy_world(struct rng *rng, const struct policy_ops *policy,
                                                bool exact)
{
    struct world *w = world_new();
    assert_in_range(policy->config_size, 0, POLICY_BYTES_MAX);
    for (int i = 0; i < TRIES; i++) {
        random_pool(rng, &w->pool[0]);
        memset(config, 0, sizeof(config));
        opt_defaults(policy->options, policy->option_count, config);
        if (i < TRIES - 1)
            random_options(rng, policy->options, policy->option_count, config);
        w->pool[0].policy = policy;
        w->pool[0].policy_config = config;
        w->pool[0].exact = exact;
        w->pool[0].concurrency_limit = rng_range(rng, 0, 64);
        if (!fits(w))
            continue;
        world_start(w, rng_range(rng, 0, 20));
        return w;
    }
    world_free(w);
    return NULL;
}

static inline void random_pods(struct rng *rng, struct world *w)
{
    for (int i = 0; i < 6; i++) {
        const struct pod_sample pod = {
            .sample = {.t_ns = w->now_ns,
                       .signal = (uint16_t)rng_range(rng, 0, SIGNAL_COUNT),
                       .external = (uint16_t)rng_range(rng, 0, 2),
                       .state = (uint8_t)rng_range(rng, 0, 3),
                       .value = absurd_value(rng),
                       .weight = 1},
            .measured_ns = w->now_ns - rng_range(rng, 0, 60) * SECOND_NS,
            .window_ns = rng_range(rng, -1, 60) * SECOND_NS,
            .ready_since_ns = maybe(rng, 5, INT64_MAX, w->now_ns - MINUTE_NS),
            .started_ns = maybe(rng, 5, TIME_NONE, w->now_ns - MINUTE_NS),
            .request = absurd_value(rng),
            .phase = (uint8_t)rng_range(rng, 0, 4),
            .readiness = (uint8_t)rng_range(rng, 0, 4),
            .leaving = chance(rng, 5),
        };
        observe_pods(w->group, w->state, &pod, 1);
    }
}

/* Time goes on, mostly; a clock may also jump either way. */
static inline void pass_time(struct rng *rng, struct world *w)
{
    static const int64_t jumps[] = {-HOUR_NS, HOUR_NS, 3 * DAY_NS, -SECOND_NS};
    w->now_ns += chance(rng, 25) ? jumps[rng_range(rng, 0, COUNT_OF(jumps) - 1)]
                                 : rng_range(rng, 0, 40) * SECOND_NS / 2;
}

#endif
