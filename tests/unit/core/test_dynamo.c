/* The policies dynamo-sla and dynamo-load: a pair of pools, profiles, predictors, budgets. */
#include "world.h"

#include "core/policy/dynamo.h"

/* Throughput falls and latency rises with the length of prompts; decode slows as it fills. */
static void fill_profile(struct dynamo_sla_config *config)
{
    static const struct dynamo_prefill_point prefill[] = {
        {100, 20, 5000},    {1000, 50, 20000},  {2000, 100, 20000},
        {4000, 220, 18000}, {8000, 500, 16000},
    };
    static const struct dynamo_decode_point decode[] = {
        {0.1, 1000, 10, 500},
        {0.5, 1000, 20, 2000},
        {0.9, 1000, 40, 3000},
    };
    memcpy(config->prefill, prefill, sizeof(prefill));
    config->prefill_count = COUNT_OF(prefill);
    memcpy(config->decode, decode, sizeof(decode));
    config->decode_count = COUNT_OF(decode);
    config->max_kv_tokens = 100000;
}

static struct dynamo_sla_config sla;
static struct dynamo_load_config load;

static struct world *pair_world(const char *name, void *config)
{
    struct world *w = world_new();
    const struct policy_ops *policy = policy_find(span_from(name));
    assert_non_null(policy);
    opt_defaults(policy->options, policy->option_count, config);
    w->pool_count = 2;
    w->pool[0].policy = policy;
    w->pool[0].policy_config = config;
    w->pool[0].exact = true;
    w->pool[1] = w->pool[0];
    strcpy(w->pool[1].name, "decode");
    w->pool[0].role = ROLE_PREFILL;
    w->pool[1].role = ROLE_DECODE;
    return w;
}

static void put(struct world *w, const char *name, double value)
{
    const int index = group_external_index(w->group, span_from(name));
    assert_true(index >= 0);
    struct sample s = world_sample(w, SIGNAL_EXTERNAL, SIGNAL_VALUE, value);
    s.external = (uint16_t)index;
    for (s.pool = 0; s.pool < w->pool_count; s.pool++)
        observe(w->group, w->state, &s, 1);
}

static void sla_interval(struct world *w, double requests)
{
    w->now_ns += sla.interval_ns;
    put(w, "interval-requests", requests);
    put(w, "interval-input-tokens", 2000);
    put(w, "interval-output-tokens", 200);
    put(w, "interval-ttft", 0.1);
    put(w, "interval-itl", 0.02);
    put(w, "interval-duration", 4);
    for (size_t i = 0; i < w->pool_count; i++)
        w->o.pool[i].ready = group_desired(w->group, w->state, i);
    (void)world_tick(w, 0);
}

static struct world *sla_world(void)
{
    struct world *w = pair_world("dynamo-sla", &sla);
    sla.input = DYNAMO_AVERAGES;
    sla.gpu_budget = 100;
    sla.correct = false;
    fill_profile(&sla);
    return w;
}

static void both_pools_work_out_the_same_pair_and_take_their_half(void **state)
{
    (void)state;
    struct world *w = sla_world();
    world_start(w, 1);
    sla_interval(w, 3600); /* 20/s: 40,000 prompt and 4,000 new tokens per second */
    const struct dynamo_sla_state *a = group_policy_state(w->group, w->state, 0);
    const struct dynamo_sla_state *b = group_policy_state(w->group, w->state, 1);
    assert_memory_equal(a, b, sizeof(*a));
    assert_int_equal(w->d[0].desired, 2);
    assert_int_equal(w->d[0].desired, a->prefill);
    assert_int_equal(w->d[1].desired, a->decode);
    assert_true(a->decode >= 2);
    world_free(w);
}

static void the_pair_is_fitted_into_the_budget_but_for_the_minimum(void **state)
{
    (void)state;
    struct world *w = sla_world();
    sla.gpu_budget = 3;
    world_start(w, 1);
    sla_interval(w, 36000);
    assert_int_equal(w->d[0].desired + w->d[1].desired, 3);
    world_free(w);
    w = sla_world();
    sla.gpu_budget = 3;
    sla.min_replicas = 2;
    world_start(w, 1);
    sla_interval(w, 36000);
    assert_int_equal(w->d[0].desired + w->d[1].desired, 4);
    world_free(w);
}

static void a_corrected_profile_asks_for_more_decode_replicas(void **state)
{
    (void)state;
    struct world *w = sla_world();
    sla.correct = true;
    sla.itl_ms = 20;
    world_start(w, 1);
    sla_interval(w, 3600);
    const struct dynamo_sla_state *a = group_policy_state(w->group, w->state, 0);
    assert_true(fabs(a->prefill_correction - 1) < 0.01); /* 0.1 s is what the profile says */
    assert_true(a->decode_correction > 0.5);
    world_free(w);
}

static void an_interval_without_latencies_changes_nothing(void **state)
{
    (void)state;
    struct world *w = sla_world();
    world_start(w, 4);
    w->now_ns += sla.interval_ns;
    put(w, "interval-requests", 100);
    assert_int_equal(world_tick(w, 0), 4);
    assert_true(w->d[0].proposal.abstain);
    world_free(w);
}

static void without_a_profile_it_says_so(void **state)
{
    (void)state;
    struct world *w = pair_world("dynamo-sla", &sla);
    sla.input = DYNAMO_AVERAGES;
    world_start(w, 4);
    sla_interval(w, 100);
    assert_int_equal(w->d[0].proposal.reason, REASON_NO_PROFILE);
    assert_int_equal(w->d[0].desired, 4);
    world_free(w);
}

static void a_spline_goes_through_its_points_and_a_cubic_is_met_exactly(void **state)
{
    (void)state;
    struct dynamo_prefill_point points[6];
    for (size_t i = 0; i < COUNT_OF(points); i++) {
        const double x = (double)(i * i + 1);
        points[i] = (struct dynamo_prefill_point){x, x * x * x - 4 * x, 2 * x + 1};
    }
    const struct dynamo_profile profile = {.prefill = points, .prefill_count = COUNT_OF(points)};
    for (int quarter = 4; quarter <= 104; quarter++) {
        const double x = quarter / 4.0;
        const struct dynamo_prefill p = dynamo_prefill_at(&profile, x);
        assert_true(fabs(p.ttft_ms - (x * x * x - 4 * x)) < 1e-6 * (1 + x * x * x));
        assert_true(fabs(p.throughput - (2 * x + 1)) < 1e-9);
    }
    assert_true(dynamo_prefill_at(&profile, 1000).throughput == 53); /* not beyond its ends */
    for (size_t n = 1; n < 4; n++) {
        const struct dynamo_profile few = {.prefill = points, .prefill_count = n};
        assert_true(isfinite(dynamo_prefill_at(&few, 3).ttft_ms));
    }
}

static void zeros_before_the_first_load_are_no_history(void **state)
{
    (void)state;
    const struct dynamo_predictor p = {
        .kind = DYNAMO_KALMAN, .q_level = 1, .q_trend = 0.1, .r = 10};
    struct dynamo_series s;
    dynamo_series_init(&s);
    dynamo_series_add(&p, &s, 0);
    dynamo_series_add(&p, &s, NAN);
    assert_true(dynamo_series_predict(&p, &s) == 0);
    dynamo_series_add(&p, &s, 10);
    assert_true(dynamo_series_predict(&p, &s) == 10);
    assert_true(dynamo_series_predict(&p, &s) == 10); /* twice asked is once stepped */
    for (int i = 11; i < 60; i++)
        dynamo_series_add(&p, &s, i);
    assert_true(fabs(dynamo_series_predict(&p, &s) - 60) < 0.5); /* the trend is seen */
}

static void load_interval(struct world *w, double queue, double kv)
{
    w->now_ns += load.interval_ns;
    put(w, "prefill-queue", queue);
    put(w, "decode-load", kv);
    for (size_t i = 0; i < 2; i++)
        w->o.pool[i].ready = group_desired(w->group, w->state, i);
    (void)world_tick(w, 0);
}

static void each_pool_moves_by_one_when_its_threshold_is_passed(void **state)
{
    (void)state;
    struct world *w = pair_world("dynamo-load", &load);
    world_start(w, 2);
    load_interval(w, 20, 0.95);
    assert_int_equal(w->d[0].desired, 3);
    assert_int_equal(w->d[1].desired, 3);
    load_interval(w, 0, 0.1); /* a new decode replica has its grace */
    assert_int_equal(w->d[0].desired, 2);
    assert_int_equal(w->d[1].desired, 3);
    load_interval(w, 2, 0.1);
    load_interval(w, 2, 0.1);
    assert_int_equal(w->d[1].desired, 2);
    world_free(w);
}

static void while_decode_replicas_come_by_themselves_nothing_is_done(void **state)
{
    (void)state;
    struct world *w = pair_world("dynamo-load", &load);
    world_start(w, 2);
    load_interval(w, 2, 0.7);
    w->now_ns += load.interval_ns;
    put(w, "prefill-queue", 100);
    put(w, "decode-load", 2);
    w->o.pool[1].ready = 3;
    (void)world_tick(w, 0);
    assert_int_equal(w->d[0].desired, 2);
    world_free(w);
}

static void the_budget_of_gpus_stops_both(void **state)
{
    (void)state;
    struct world *w = pair_world("dynamo-load", &load);
    load.gpu_budget = 5;
    world_start(w, 2);
    load_interval(w, 100, 2);
    assert_int_equal(w->d[0].desired, 3);
    assert_int_equal(w->d[1].desired, 2);
    world_free(w);
}

static void waiting_requests_weigh_beside_active_ones_only(void **state)
{
    (void)state;
    assert_true(dynamo_kv_load(0.5, 10, 0) == 0.5);
    assert_true(fabs(dynamo_kv_load(0.5, 10, 1) - 0.7) < 1e-12);
}

static void opposing_moves_wait_while_both_would_draw_too_much(void **state)
{
    (void)state;
    const struct dynamo_draw prefill = {.proposed = 4, .current = 2, .watts = 1000};
    const struct dynamo_draw decode = {.proposed = 2, .current = 4, .watts = 1000};
    const struct dynamo_powered p = dynamo_fit_power(&prefill, &decode, 6500);
    assert_int_equal(p.outcome, DYNAMO_POWER_STAGED);
    assert_int_equal(p.count.prefill, 2);
    assert_int_equal(p.count.decode, 2);
    assert_int_equal(dynamo_fit_power(&prefill, &decode, 8000).outcome, DYNAMO_POWER_FITS);
}

/* One pool of both roles. */
static struct world *single_world(const char *name, void *config)
{
    struct world *w = pair_world(name, config);
    w->pool_count = 1;
    w->pool[0].role = ROLE_NONE;
    w->pool[0].replicas_min = 1;
    w->pool[0].replicas_max = 40;
    return w;
}

static void one_pool_of_both_roles_gets_both_needs_rounded_up_together(void **state)
{
    (void)state;
    struct world *w = sla_world();
    world_start(w, 1);
    sla_interval(w, 10000);
    const int64_t prefill = w->d[0].desired; /* 111,111 / 20,000 = 5.6 */
    const int64_t decode = w->d[1].desired;  /* 11,111 / 3,000 = 3.7 */
    world_free(w);
    w = single_world("dynamo-sla", &sla);
    sla.input = DYNAMO_AVERAGES;
    sla.gpu_budget = 100;
    sla.correct = false;
    fill_profile(&sla);
    world_start(w, 1);
    sla_interval(w, 10000);
    assert_int_equal(prefill, 6);
    assert_int_equal(decode, 4);
    assert_int_equal(w->d[0].desired, 10); /* 9.3 */
    sla_interval(w, 9000);
    assert_int_equal(w->d[0].desired, 9); /* 5.0 + 3.3; a pair would take 5 + 4 */
    world_free(w);
}

static void one_pool_keeps_its_bounds_and_its_budget(void **state)
{
    (void)state;
    const int64_t budgets[] = {7, 1000};
    for (size_t i = 0; i < COUNT_OF(budgets); i++) {
        struct world *w = single_world("dynamo-sla", &sla);
        sla.input = DYNAMO_AVERAGES;
        sla.gpu_budget = budgets[i];
        sla.correct = false;
        fill_profile(&sla);
        world_start(w, 1);
        sla_interval(w, 1000000);
        assert_int_equal(w->d[0].desired, i == 0 ? 7 : 40);
        world_free(w);
    }
}

/* Ten seconds of samples of a fleet of so many. */
static int64_t catalogue_interval(struct world *w, int64_t ready, double kv, double waiting)
{
    for (int i = 0; i < 5; i++) {
        w->now_ns += 2 * SECOND_NS;
        struct sample s = world_sample(w, SIGNAL_WAITING_REQUESTS, SIGNAL_VALUE, waiting);
        s.covered = s.expected = (uint32_t)ready;
        observe(w->group, w->state, &s, 1);
        s.signal = SIGNAL_KV_CACHE_USAGE;
        s.value = kv;
        observe(w->group, w->state, &s, 1);
    }
    w->o.pool[0].ready = ready;
    return world_tick(w, 0);
}

static void the_load_planner_reads_one_pool_from_the_catalogue(void **state)
{
    (void)state;
    struct world *w = single_world("dynamo-load", &load);
    load.input = DYNAMO_CATALOGUE;
    load.gpu_budget = 100;
    load.interval_ns = 10 * SECOND_NS;
    world_start(w, 4);
    assert_int_equal(world_tick(w, 0), 4); /* the first interval begins */
    assert_int_equal(catalogue_interval(w, 4, 0.6, 0), 4);
    assert_int_equal(catalogue_interval(w, 4, 0.6, 64), 5); /* 16 on each: 0.6 + 0.32 */
    assert_int_equal(catalogue_interval(w, 5, 0.1, 0), 5);  /* grace after one was added */
    assert_int_equal(catalogue_interval(w, 5, 0.1, 0), 5);
    assert_int_equal(catalogue_interval(w, 5, 0.1, 0), 4);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_pools_work_out_the_same_pair_and_take_their_half),
        cmocka_unit_test(the_pair_is_fitted_into_the_budget_but_for_the_minimum),
        cmocka_unit_test(a_corrected_profile_asks_for_more_decode_replicas),
        cmocka_unit_test(an_interval_without_latencies_changes_nothing),
        cmocka_unit_test(without_a_profile_it_says_so),
        cmocka_unit_test(a_spline_goes_through_its_points_and_a_cubic_is_met_exactly),
        cmocka_unit_test(zeros_before_the_first_load_are_no_history),
        cmocka_unit_test(each_pool_moves_by_one_when_its_threshold_is_passed),
        cmocka_unit_test(while_decode_replicas_come_by_themselves_nothing_is_done),
        cmocka_unit_test(the_budget_of_gpus_stops_both),
        cmocka_unit_test(waiting_requests_weigh_beside_active_ones_only),
        cmocka_unit_test(opposing_moves_wait_while_both_would_draw_too_much),
        cmocka_unit_test(one_pool_of_both_roles_gets_both_needs_rounded_up_together),
        cmocka_unit_test(one_pool_keeps_its_bounds_and_its_budget),
        cmocka_unit_test(the_load_planner_reads_one_pool_from_the_catalogue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
