/* Each option of each policy and of the pool itself at either bound of its range, the others at
 * their defaults: it is refused with words, or it runs, exact or not, on absurd input, and what
 * must hold holds. A failure prints policy, option and bound. */
#include "random_policy.h"

#define TICKS 6
#define STRUCTS_DEEP 4

/* One option at one bound. */
struct place {
    const struct opt *row;
    void *base;
    double value;
};

typedef void place_fn(void *user, const struct place *place);

static void put(const struct place *place)
{
    char *at = (char *)place->base + place->row->offset;
    const int64_t whole = place->row->kind == OPT_DURATION
                              ? ns_of_seconds(place->value)
                              : num_to_int(place->value, INT64_MIN, INT64_MAX);
    if (place->row->kind == OPT_INT || place->row->kind == OPT_DURATION)
        memcpy(at, &whole, sizeof(whole));
    else
        memcpy(at, &place->value, sizeof(place->value));
}

/* Every number of a table, also inside of members and of the first element of lists. */
static void visit(const struct opt *rows, size_t count, void *base, int deep, place_fn *call,
                  void *user)
{
    for (size_t i = 0; i < count && deep < STRUCTS_DEEP; i++) {
        const struct opt *row = &rows[i];
        char saved[64];
        char *at = (char *)base + row->offset;
        const bool number = row->kind == OPT_INT || row->kind == OPT_NUMBER ||
                            row->kind == OPT_DURATION || row->kind == OPT_QUANTITY;
        const bool bounded = row->min < 0 || row->min > 0 || row->max < 0 || row->max > 0;
        if (number && bounded) {
            memcpy(saved, at, sizeof(double));
            for (int high = 0; high <= 1; high++) {
                const struct place place = {row, base, high != 0 ? row->max : row->min};
                put(&place);
                call(user, &place);
                memcpy(at, saved, sizeof(double));
            }
        } else if (row->kind == OPT_STRUCT) {
            visit(row->sub, row->sub_count, at, deep + 1, call, user);
        } else if (row->kind == OPT_LIST && (row->flags & OPT_FLAG_APART) == 0) {
            size_t was;
            const size_t one = 1;
            memcpy(&was, (char *)base + row->count_offset, sizeof(was));
            if (was == 0)
                opt_defaults(row->sub, row->sub_count, at);
            memcpy((char *)base + row->count_offset, was == 0 ? &one : &was, sizeof(one));
            visit(row->sub, row->sub_count, at, deep + 1, call, user);
            memcpy((char *)base + row->count_offset, &was, sizeof(was));
        }
    }
}

struct trial {
    const struct policy_ops *policy;
    struct world *w;
    bool exact;
    size_t ran;
    size_t refused;
};

static const char *trial_tick(struct world *w, struct rng *rng, bool exact)
{
    static struct decision again;
    const size_t size = group_state_size(w->group);
    pass_time(rng, w);
    random_samples(rng, w);
    random_pods(rng, w);
    random_observation(rng, w);
    struct group_state *copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, w->state, size);
    (void)world_tick(w, 0);
    decide(w->group, copy, &w->o, &again);
    const bool same = decision_equal(&again, &w->d[0]) && memcmp(copy, w->state, size) == 0;
    free(copy);
    if (!same)
        return "the same input gives the same bytes";
    for (uint32_t i = 0; i < w->d[0].trail_count; i++)
        for (size_t k = 0; k < COUNT_OF(w->d[0].trail[i].number); k++)
            if (isnan(w->d[0].trail[i].number[k]) && w->d[0].trail[i].stage != STAGE_POLICY)
                return "no NaN in the trail";
    if (!exact)
        return broken(w, 0);
    return w->d[0].desired >= 0 && w->d[0].desired <= REPLICAS_MAX ? NULL : "counts are counts";
}

static void try_place(void *user, const struct place *place)
{
    struct trial *t = user;
    struct world *w = t->w;
    struct diag diag = {0};
    struct arena arena;
    struct rng rng;
    const int64_t initial[POOLS_PER_GROUP_MAX] = {3};
    rng_init(&rng, 7);
    w->pool[0].exact = t->exact;
    arena_init(&arena, 64U << 20);
    if (group_compile(&arena, "g", w->pool, 1, &w->group, &diag) != RC_OK) {
        if (diag.text[0] == '\0')
            print_error("policy %s, %s %g is refused without a word\n", t->policy->name,
                        place->row->name, place->value);
        assert_true(diag.text[0] != '\0');
        t->refused++;
    } else if (group_state_size(w->group) <= STATE_BYTES_MAX) {
        t->ran++;
        w->state = malloc(group_state_size(w->group));
        assert_non_null(w->state);
        w->now_ns = WORLD_T0;
        group_state_init(w->group, w->state, w->now_ns, initial);
        for (int i = 0; i < TICKS; i++) {
            const char *what = trial_tick(w, &rng, t->exact);
            if (what != NULL)
                print_error("policy %s%s, %s %g: %s: %lld -> %lld\n", t->policy->name,
                            t->exact ? " exact" : "", place->row->name, place->value, what,
                            (long long)w->d[0].previous, (long long)w->d[0].desired);
            assert_null(what);
        }
        free(w->state);
        w->state = NULL;
    }
    w->group = NULL;
    arena_done(&arena);
}

/* A pool in which most options mean something. */
static struct world *full_world(const struct policy_ops *policy)
{
    struct world *w = world_new();
    struct pool_spec *pool = &w->pool[0];
    memset(config, 0, sizeof(config));
    assert_in_range(policy->config_size, 0, POLICY_BYTES_MAX);
    opt_defaults(policy->options, policy->option_count, config);
    pool->policy = policy;
    pool->policy_config = config;
    pool->replicas_min = 1;
    pool->replicas_max = 30;
    pool->concurrency_limit = 64;
    pool->metric[0] = world_metric("tokens-in-queue", "1000");
    pool->metric[1] = world_metric("gpu-utilization", "60");
    pool->metric_count = 2;
    pool->slo.ttft_ns = SECOND_NS;
    pool->slo_target.enabled = true;
    pool->class_[0].price_per_hour = 2;
    pool->cost.daily_budget = 50;
    observation_defaults(&w->o);
    return w;
}

static void every_option_of_every_policy_at_either_bound_runs_or_is_refused_with_words(void **state)
{
    (void)state;
    size_t all = 0;
    for (size_t i = 0; policy_at(i) != NULL; i++)
        for (int exact = 0; exact <= policy_at(i)->imitation; exact++) {
            struct trial t = {
                .policy = policy_at(i), .w = full_world(policy_at(i)), .exact = exact != 0};
            visit(t.policy->options, t.policy->option_count, config, 0, try_place, &t);
            if (t.ran < t.refused)
                print_error("policy %s: %zu ran, %zu were refused\n", t.policy->name, t.ran,
                            t.refused);
            assert_true(t.ran >= t.refused);
            all += t.ran;
            world_free(t.w);
        }
    assert_true(all > 200);
}

static void every_option_of_a_pool_at_either_bound_runs_or_is_refused_with_words(void **state)
{
    (void)state;
    struct trial t = {.policy = policy_find(span_from("ratio"))};
    t.w = full_world(t.policy);
    struct pool_spec *pool = &t.w->pool[0];
    const struct {
        const struct opt *rows;
        size_t count;
        void *base;
    } tables[] = {
        {behavior_options, behavior_option_count, &pool->behavior},
        {slo_options, slo_option_count, &pool->slo},
        {slo_target_options, slo_target_option_count, &pool->slo_target},
        {last_replica_options, last_replica_option_count, &pool->last_replica},
        {warm_options, warm_option_count, &pool->warm},
        {forecast_options, forecast_option_count, &pool->forecast},
        {cost_options, cost_option_count, &pool->cost},
        {class_options, class_option_count, &pool->class_[0]},
        {metric_options, metric_option_count, &pool->metric[0]},
    };
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        visit(tables[i].rows, tables[i].count, tables[i].base, 0, try_place, &t);
    assert_true(t.ran > 50 && t.ran > t.refused);
    world_free(t.w);
}

/* No replica, none allowed, no signal, no class with a price. */
static void an_empty_pool_is_calm_under_every_policy(void **state)
{
    (void)state;
    const struct opt nothing = {.name = "nothing"};
    for (size_t i = 0; policy_at(i) != NULL; i++)
        for (int exact = 0; exact <= policy_at(i)->imitation; exact++) {
            struct trial t = {
                .policy = policy_at(i), .w = full_world(policy_at(i)), .exact = exact != 0};
            struct pool_spec *pool = &t.w->pool[0];
            pool->replicas_min = pool->replicas_max = 0;
            pool->class_count = 0;
            pool->metric_count = 0;
            pool->slo_target.enabled = false;
            pool->cost.daily_budget = NAN;
            try_place(&t, &(struct place){.row = &nothing});
            world_free(t.w);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            every_option_of_every_policy_at_either_bound_runs_or_is_refused_with_words),
        cmocka_unit_test(every_option_of_a_pool_at_either_bound_runs_or_is_refused_with_words),
        cmocka_unit_test(an_empty_pool_is_calm_under_every_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
