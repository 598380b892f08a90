/* test_spec.c - every setting of a pool has a lowest and a highest value, both allowed, and a place
 * that is told. */
#include "world.h"

#include "base/limits.h"

enum unit { NUMBER, WHOLE, SECONDS, WORD };

struct row {
    const char *where;
    size_t offset;
    enum unit unit;
    double min;
    double max;
    bool may_be_unset; /* NAN is a value */
};

#define AT(member) offsetof(struct pool_spec, member)

static const struct row rows[] = {
    {"maxUnready", AT(max_unready), WHOLE, 1, REPLICAS_MAX, false},
    {"concurrency.limit", AT(concurrency_limit), WHOLE, 0, 1e9, false},
    {"residence", AT(residence_ns), SECONDS, 0, 31 * 86400, false},
    {"behavior.cooldownPeriod", AT(behavior.cooldown_ns), SECONDS, 0, 7 * 86400, false},
    {"behavior.tolerance", AT(behavior.tolerance), NUMBER, 0, 1, false},
    {"behavior.scaleUp.maxChangePercent", AT(behavior.up.change_percent), NUMBER, 0, 1e6, true},
    {"behavior.scaleUp.maxChangeAbsolute", AT(behavior.up.change_absolute), WHOLE, -1, REPLICAS_MAX,
     false},
    {"behavior.scaleUp.period", AT(behavior.up.period_ns), SECONDS, 0, 86400, false},
    {"behavior.scaleDown.stabilizationWindow", AT(behavior.down.stabilization_ns), SECONDS, -1,
     7 * 86400, false},
    {"behavior.scaleDown.period", AT(behavior.down.period_ns), SECONDS, 0, 86400, false},
    {"slo.ttft", AT(slo.ttft_ns), SECONDS, 0, 3600, false},
    {"slo.interTokenLatency", AT(slo.inter_token_ns), SECONDS, 0, 3600, false},
    {"slo.e2e", AT(slo.e2e_ns), SECONDS, 0, 86400, false},
    {"slo.tokensPerSecond", AT(slo.tokens_per_second), NUMBER, 0, 1e9, false},
    {"slo.availabilityPercent", AT(slo.availability_percent), NUMBER, 0, 100, false},
    {"slo.attainmentPercent", AT(slo.attainment_percent), NUMBER, 1, 99.999, false},
    {"sloTarget.headroomPercent", AT(slo_target.headroom_percent), NUMBER, 0, 99, false},
    {"sloTarget.maxScaleUp", AT(slo_target.max_scale_up), WHOLE, 0, REPLICAS_MAX, false},
    {"sloTarget.requireHeadroom", AT(slo_target.require_headroom_percent), NUMBER, 0, 100, false},
    {"sloTarget.checkDuration", AT(slo_target.check_ns), SECONDS, 0, 7 * 86400, false},
    {"lastReplica.grace", AT(last_replica.grace_ns), SECONDS, 0, 86400, false},
    {"lastReplica.retention", AT(last_replica.retention_ns), SECONDS, 0, 7 * 86400, false},
    {"warm.prewarmPercent", AT(warm.percent), NUMBER, 0, 100, false},
    {"warm.replenishDelay", AT(warm.replenish_delay_ns), SECONDS, 0, 86400, false},
    {"warm.batchSize", AT(warm.batch), WHOLE, 0, REPLICAS_MAX, false},
    {"predictive.lookbackWindow", AT(forecast.lookback_ns), SECONDS, 3600, 90 * 86400, false},
    {"predictive.horizon", AT(forecast.horizon_ns), SECONDS, 60, 86400, false},
    {"predictive.minConfidence", AT(forecast.min_confidence), NUMBER, 0, 1, false},
    {"cost.maxCostPerHour", AT(cost.max_per_hour), NUMBER, 0, 1e12, true},
    {"cost.dailyBudget", AT(cost.daily_budget), NUMBER, 0, 1e12, true},
    {"cost.fallbackAtPercent", AT(cost.fallback_percent), NUMBER, 0, 100, true},
    {"cost.spotRest", AT(cost.spot_rest_ns), SECONDS, 0, 86400, false},
    {"cost.maxSpotPercent", AT(cost.spot_max_percent), NUMBER, 0, 100, false},
    {"cost.spotMaxPrice", AT(cost.spot_max_price), NUMBER, 0, 1e9, true},
    {"classes[0].gpus", AT(class_[0].gpus), NUMBER, 0, 1024, false},
    {"classes[0].pricePerHour", AT(class_[0].price_per_hour), NUMBER, 0, 1e9, true},
    {"classes[0].capacityFactor", AT(class_[0].capacity_factor), NUMBER, 0.001, 1000, false},
    {"classes[0].maxReplicas", AT(class_[0].replicas_max), WHOLE, 0, REPLICAS_MAX, false},
    {"schedules[1].replicas", AT(schedule[1].replicas), WHOLE, 0, REPLICAS_MAX, false},
};

static void set(struct pool_spec *spec, const struct row *row, double value)
{
    void *at = (unsigned char *)spec + row->offset;
    const int64_t whole = (int64_t)(row->unit == SECONDS ? value * 1e9 : value);
    if (row->unit == NUMBER)
        memcpy(at, &value, sizeof(value));
    else
        memcpy(at, &whole, sizeof(whole));
}

static void both_ends_of_every_range_are_allowed_and_nothing_beyond(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].schedule_count = 2;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *row = &rows[i];
        const double step = row->unit == WHOLE ? 1 : row->max / 1e6;
        const struct {
            double value;
            enum rc rc;
        } tries[] = {{row->min, RC_OK},
                     {row->max, RC_OK},
                     {row->min - (row->unit == WHOLE ? 1 : 0.0005), RC_RANGE},
                     {row->max + step, RC_RANGE},
                     {(double)NAN, row->may_be_unset ? RC_OK : RC_RANGE}};
        for (size_t k = 0; k < (row->unit == NUMBER ? 5U : 4U); k++) {
            struct pool_spec spec = w->pool[0];
            struct diag diag = {0};
            set(&spec, row, tries[k].value);
            const enum rc rc = pool_spec_check(&spec, &diag);
            if (rc != tries[k].rc || (rc != RC_OK && strcmp(diag.where, row->where) != 0))
                print_error("%s = %g: rc %d at %s: %s\n", row->where, tries[k].value, (int)rc,
                            diag.where, diag.text);
            assert_int_equal(rc, tries[k].rc);
            if (rc != RC_OK)
                assert_string_equal(diag.where, row->where);
        }
    }
    world_free(w);
}

static void words_and_counts_of_a_pool_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        size_t offset;
        size_t size;
        int64_t good[2];
        int64_t bad[2];
        enum rc rc;
    } cases[] = {
        {"role",
         AT(role),
         sizeof(int),
         {ROLE_NONE, ROLE_DECODE},
         {ROLE_NONE - 1, ROLE_DECODE + 1},
         RC_INVALID},
        {"mode",
         AT(mode),
         sizeof(int),
         {MODE_ACTIVE, MODE_OBSERVE},
         {MODE_ACTIVE - 1, MODE_OBSERVE + 1},
         RC_INVALID},
        {"cooldown",
         AT(behavior.cooldown_applies),
         sizeof(int),
         {COOLDOWN_DOWN, COOLDOWN_BOTH},
         {COOLDOWN_DOWN - 1, COOLDOWN_BOTH + 1},
         RC_INVALID},
        {"combine",
         AT(combine),
         sizeof(int),
         {COMBINE_MAX, COMBINE_FORMULA - 1},
         {COMBINE_MAX - 1, COMBINE_FORMULA + 1},
         RC_INVALID},
        {"minReplicas", AT(replicas_min), sizeof(int64_t), {0, 100}, {-1, 101}, RC_RANGE},
        {"maxReplicas",
         AT(replicas_max),
         sizeof(int64_t),
         {0, REPLICAS_MAX},
         {-1, REPLICAS_MAX + 1},
         RC_RANGE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (int k = 0; k < 4; k++) {
            struct world *w = world_new();
            const int64_t value = k < 2 ? cases[i].good[k] : cases[i].bad[k - 2];
            const int word = (int)value;
            struct diag diag = {0};
            memcpy((unsigned char *)&w->pool[0] + cases[i].offset,
                   cases[i].size == sizeof(int) ? (const void *)&word : &value, cases[i].size);
            const enum rc rc = pool_spec_check(&w->pool[0], &diag);
            if (rc != (k < 2 ? RC_OK : cases[i].rc))
                print_error("%s = %d: %d %s\n", cases[i].what, word, (int)rc, diag.text);
            assert_int_equal(rc, k < 2 ? RC_OK : cases[i].rc);
            world_free(w);
        }
}

static void lists_have_their_limits_and_names_are_given_once(void **state)
{
    (void)state;
    static const struct {
        size_t classes;
        size_t schedules;
        size_t metrics;
        const char *name; /* of the second class */
        enum rc rc;
    } cases[] = {
        {CLASSES_PER_POOL_MAX, SCHEDULES_MAX, METRICS_PER_POOL_MAX, "b", RC_OK},
        {CLASSES_PER_POOL_MAX + 1, 0, 1, "b", RC_LIMIT},
        {1, SCHEDULES_MAX + 1, 1, "b", RC_LIMIT},
        {1, 0, METRICS_PER_POOL_MAX + 1, "b", RC_LIMIT},
        {2, 0, 1, "a", RC_DUPLICATE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world *w = world_new();
        struct pool_spec *spec = &w->pool[0];
        struct diag diag = {0};
        spec->class_count = cases[i].classes;
        for (size_t k = 0; k < CLASSES_PER_POOL_MAX; k++) {
            spec->class_[k] = spec->class_[0];
            (void)snprintf(spec->class_[k].name, sizeof(spec->class_[k].name), "%c",
                           (char)('a' + (char)k));
        }
        (void)snprintf(spec->class_[1].name, sizeof(spec->class_[1].name), "%s", cases[i].name);
        spec->schedule_count = cases[i].schedules;
        spec->metric_count = cases[i].metrics;
        for (size_t k = 0; k < METRICS_PER_POOL_MAX; k++)
            spec->metric[k] = world_metric("concurrency", "4");
        const enum rc rc = pool_spec_check(spec, &diag);
        if (rc != cases[i].rc)
            print_error("case %zu: %s\n", i, diag.text);
        assert_int_equal(rc, cases[i].rc);
        world_free(w);
    }
}

static void a_metric_needs_a_target_an_age_and_a_window(void **state)
{
    (void)state;
    static const struct {
        double target;
        int64_t window_s;
        int64_t age_s;
        enum rc rc;
    } cases[] = {
        {4, 60, 30, RC_OK},     {0.001, 1, 0, RC_OK},          {0, 60, 30, RC_RANGE},
        {-1, 60, 30, RC_RANGE}, {1.0 / 0.0, 60, 30, RC_RANGE}, {4, 0, 30, RC_RANGE},
        {4, -60, 30, RC_RANGE}, {4, 60, -1, RC_RANGE},         {4, 32 * 86400, 30, RC_RANGE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world *w = world_new();
        struct diag diag = {0};
        w->pool[0].metric_count = 2;
        w->pool[0].metric[0] = w->pool[0].metric[1] = world_metric("concurrency", "4");
        w->pool[0].metric[1].target = cases[i].target;
        w->pool[0].metric[1].window_ns = cases[i].window_s * SECOND_NS;
        w->pool[0].metric[1].max_age_ns = cases[i].age_s * SECOND_NS;
        assert_int_equal(pool_spec_check(&w->pool[0], &diag), cases[i].rc);
        if (cases[i].rc != RC_OK)
            assert_string_equal(diag.where, "metrics[1]");
        world_free(w);
    }
}

static void an_objective_of_any_kind_is_enough_for_a_target(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct world *w = world_new();
        struct diag diag = {0};
        w->pool[0].slo_target.enabled = true;
        w->pool[0].slo.ttft_ns = i == 1 ? 1 : 0;
        w->pool[0].slo.inter_token_ns = i == 2 ? 1 : 0;
        w->pool[0].slo.e2e_ns = i == 3 ? 1 : 0;
        assert_int_equal(pool_spec_check(&w->pool[0], &diag), i == 0 ? RC_MISSING : RC_OK);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_of_every_range_are_allowed_and_nothing_beyond),
        cmocka_unit_test(words_and_counts_of_a_pool_are_checked),
        cmocka_unit_test(lists_have_their_limits_and_names_are_given_once),
        cmocka_unit_test(a_metric_needs_a_target_an_age_and_a_window),
        cmocka_unit_test(an_objective_of_any_kind_is_enough_for_a_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
