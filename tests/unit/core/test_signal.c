/* Names of signals, as people write them, and targets in the unit of the signal. */
#include "world.h"

static void every_name_comes_back_as_it_was_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum signal_id id;
        double quantile;
    } cases[] = {
        {"tokens-in-queue", SIGNAL_TOKENS_IN_QUEUE, 0},
        {"kv-cache-usage", SIGNAL_KV_CACHE_USAGE, 0},
        {"ttft-p95", SIGNAL_TTFT, 0.95},
        {"ttft-p999", SIGNAL_TTFT, 0.999},
        {"itl-p50", SIGNAL_ITL, 0.5},
        {"e2e-p05", SIGNAL_E2E, 0.05},
        {"queue-time-p9999", SIGNAL_QUEUE_TIME, 0.9999},
        {"external:queue lag!", SIGNAL_EXTERNAL, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct signal_ref ref;
        struct diag diag = {0};
        char text[2 * NAME_SIZE];
        assert_int_equal(signal_parse(span_from(cases[i].text), &ref, &diag), RC_OK);
        assert_int_equal(ref.id, cases[i].id);
        assert_true(fabs(ref.quantile - cases[i].quantile) < 1e-12);
        signal_print(&ref, text, sizeof(text));
        assert_string_equal(text, cases[i].text);
    }
}

static void unknown_names_get_the_nearest_known_one(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rc rc;
        const char *says;
    } cases[] = {
        {"tokens-in-qeue", RC_UNKNOWN, "\"tokens-in-queue\""},
        {"ttft", RC_UNKNOWN, "ttft-p"},
        {"tfft-p95", RC_UNKNOWN, "\"ttft-p95\""},
        {"ttft-p", RC_RANGE, "ttft-p95"},
        {"ttft-p0", RC_RANGE, "ttft-p95"},
        {"ttft-p100", RC_OK, ""},
        {"ttft-p-5", RC_RANGE, "ttft-p95"},
        {"ttft-p1234567", RC_RANGE, "ttft-p95"},
        {"external:", RC_MISSING, "NAME"},
        {"x", RC_UNKNOWN, "external:"},
        {"", RC_UNKNOWN, ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct signal_ref ref;
        struct diag diag = {0};
        const enum rc rc = signal_parse(span_from(cases[i].text), &ref, &diag);
        if (rc != cases[i].rc || strstr(diag.text, cases[i].says) == NULL)
            print_error("%s: %s\n", cases[i].text, diag.text);
        assert_int_equal(rc, cases[i].rc);
        assert_non_null(strstr(diag.text, cases[i].says));
    }
}

static void targets_are_read_in_the_unit_of_their_signal(void **state)
{
    (void)state;
    static const struct {
        const char *type, *text;
        double target; /* NAN = refused */
    } cases[] = {
        {"ttft-p95", "500ms", 0.5},        {"ttft-p95", "0.25", 0.25},
        {"ttft-p95", "5m", 300},           {"kv-cache-usage", "70", 0.7},
        {"kv-cache-usage", "0.7", 0.7},    {"kv-cache-usage", "70%", 0.7},
        {"kv-cache-usage", "1%", 0.01},    {"tokens-in-queue", "1000", 1000},
        {"tokens-in-queue", "4k", 4000},   {"tokens-in-queue", "2Ki", 2048},
        {"tokens-in-queue", "0", NAN},     {"tokens-in-queue", "-3", NAN},
        {"tokens-in-queue", "many", NAN},  {"tokens-in-queue", "", NAN},
        {"tokens-in-queue", "1e300", NAN}, {"ttft-p95", "fast", NAN},
        {"external:lag", "0.5", 0.5},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct metric_spec metric = {0};
        struct diag diag = {0};
        (void)snprintf(metric.type, NAME_SIZE, "%s", cases[i].type);
        (void)snprintf(metric.target_text, NAME_SIZE, "%s", cases[i].text);
        const enum rc rc = metric_spec_resolve(&metric, &diag);
        if ((rc == RC_OK) == isnan(cases[i].target))
            print_error("%s %s: %s\n", cases[i].type, cases[i].text, diag.text);
        assert_int_equal(rc == RC_OK, !isnan(cases[i].target));
        if (rc == RC_OK)
            assert_true(fabs(metric.target - cases[i].target) < 1e-12);
        else
            assert_string_equal(diag.where, "target");
    }
}

static void every_reason_and_stage_is_found_by_its_own_name_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < REASON_COUNT; i++)
        assert_int_equal(reason_find(span_from(reason_code((enum reason)i))), i);
    for (size_t i = 0; i < STAGE_COUNT; i++)
        assert_int_equal(stage_find(span_from(stage_name((enum stage_id)i))), i);
    assert_int_equal(reason_find(span_from("no such")), REASON_COUNT);
}

static void stages_stand_in_their_order_and_describe_all_of_their_state(void **state)
{
    (void)state;
    static const size_t sizes[] = {[FIELD_I64] = 8, [FIELD_U64] = 8, [FIELD_F64] = 8,
                                   [FIELD_I32] = 4, [FIELD_U32] = 4, [FIELD_U8] = 1};
    int last = STAGE_POLICY;
    for (size_t i = 0; stage_at(i) != NULL; i++) {
        const struct stage_ops *ops = stage_at(i);
        assert_true((int)ops->id > last);
        last = (int)ops->id;
        size_t described = 0;
        for (size_t f = 0; f < ops->field_count; f++)
            described += ops->fields[f].count * sizes[ops->fields[f].kind];
        assert_int_equal(described, ops->state_size);
        assert_int_equal(ops->state_size % 8, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_comes_back_as_it_was_written),
        cmocka_unit_test(unknown_names_get_the_nearest_known_one),
        cmocka_unit_test(targets_are_read_in_the_unit_of_their_signal),
        cmocka_unit_test(every_reason_and_stage_is_found_by_its_own_name_only),
        cmocka_unit_test(stages_stand_in_their_order_and_describe_all_of_their_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
