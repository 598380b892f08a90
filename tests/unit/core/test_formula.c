/* Formulas: values, types, errors with their column, and what a pool makes of them. */
#include "world.h"

#include "base/rng.h"
#include "core/formula.h"

static const char *const names[] = {"queue", "kv", "ttft_p95"};
static const double values[] = {4, 2.5, 10};

static void values_are_those_of_school(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"1", 1},
        {"queue", 4},
        {" queue + kv * 2 ", 9},
        {"(queue + kv) * 2", 13},
        {"queue - kv - 1", 0.5},
        {"8 / 2 / 2", 2},
        {"7 % 4", 3},
        {"-7 % 4", -3},
        {"-queue", -4},
        {"--queue", 4},
        {"2 - -2", 4},
        {"max(queue, kv, 3) + min(queue, kv)", 6.5},
        {"ceil(kv)", 3},
        {"ceil(0.1 + 0.2 + 1.7)", 2}, /* errors of rounding are forgiven */
        {"floor(kv) + round(kv) + abs(-1)", 6},
        {"queue > 3 ? 10 : 20", 10},
        {"queue > 3 && kv > 3 ? 10 : 20", 20},
        {"queue > 3 || kv > 3 ? 10 : 20", 10},
        {"!(queue > 3) ? 1 : kv == 2.5 ? 2 : 3", 2},
        {"queue != 4 ? 1 : 0", 0},
        {"queue <= 4 && queue >= 4 ? 1 : 0", 1},
        {"true ? queue : kv", 4},
        {"1.5k + 500m", 1500.5},
        {"max(ttft_p95, 2 * queue)", 10},
        {"max ( queue , kv )", 4},
        {"sum(queue, kv, 1) + mean([queue, 2])", 10.5},
        {"max([queue, kv])", 4},
        {"queue ?? 7", 4},
        {"0 / 0 ?? 7", NAN}, /* it binds tighter than any other */
        {"(0 / 0) ?? 7", 7},
        {"(0 / 0) ?? (0 / 0) ?? kv + 1", 3.5},
        {"queue > 3 ? (0 / 0) ?? 1 : 2", 1},
        {"1 / 0", NAN},
        {"0 / 0", NAN},
        {"1 / 0 > 5 ? 1 : 2", 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct formula formula;
        struct diag diag = {0};
        const enum rc rc =
            formula_parse(span_from(cases[i].text), names, COUNT_OF(names), &formula, &diag);
        if (rc != RC_OK)
            print_error("%s: %s\n", cases[i].text, diag.text);
        assert_int_equal(rc, RC_OK);
        const double value = formula_value(&formula, values);
        if (!(fabs(value - cases[i].value) < 1e-12) && !(isnan(value) && isnan(cases[i].value)))
            print_error("%s is %g\n", cases[i].text, value);
        assert_true(fabs(value - cases[i].value) < 1e-12 ||
                    (isnan(value) && isnan(cases[i].value)));
    }
}

static void what_is_wrong_is_told_with_its_column(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rc rc;
        const char *says;
    } cases[] = {
        {"", RC_SYNTAX, "column 1 of the formula: it ends where a value is wanted"},
        {"queue +", RC_SYNTAX, "column 8 of the formula: it ends"},
        {"queue kv", RC_SYNTAX, "column 7 of the formula: nothing more"},
        {"(queue", RC_SYNTAX, "column 7 of the formula: a \")\" is wanted"},
        {"max(queue)", RC_SYNTAX, "column 1 of the formula: this function takes two or more"},
        {"1 + ceil(queue, kv)", RC_SYNTAX, "column 5 of the formula: this function takes one"},
        {"min(queue kv)", RC_SYNTAX, "column 11"},
        {"queue ? 1 : 2", RC_INVALID, "column 1 of the formula: a condition is wanted"},
        {"queue > 1", RC_INVALID, "column 1 of the formula: a number is wanted"},
        {"queue + (kv > 1)", RC_INVALID, "column 8 of the formula: a number is wanted"},
        {"kv > 1 ? queue : kv > 2", RC_INVALID, "a number is wanted"},
        {"kv > 1 ? queue", RC_SYNTAX, "a \":\" is wanted"},
        {"!queue", RC_INVALID, "column 2"},
        {"1 < 2 < 3", RC_INVALID, "a number is wanted"},
        {"quue + 1", RC_UNKNOWN,
         "column 1 of the formula: \"quue\" is not known; did you mean \"queue\"?"},
        {"1 + xyzzy", RC_UNKNOWN, "column 5 of the formula: \"xyzzy\" is not known"},
        {"ceil", RC_UNKNOWN, "\"ceil\" is not known"},
        {"1.2.3", RC_SYNTAX, "column 1 of the formula: this is no number"},
        {"2 ** 3", RC_SYNTAX, "column 4"},
        {"queue = 3 ? 1 : 2", RC_SYNTAX, "column 7"},
        {"$", RC_SYNTAX, "column 1"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct formula formula;
        struct diag diag = {0};
        const enum rc rc =
            formula_parse(span_from(cases[i].text), names, COUNT_OF(names), &formula, &diag);
        if (rc != cases[i].rc || strstr(diag.text, cases[i].says) == NULL)
            print_error("%s: %s\n", cases[i].text, diag.text);
        assert_int_equal(rc, cases[i].rc);
        assert_non_null(strstr(diag.text, cases[i].says));
    }
}

static void long_and_deep_formulas_end_at_limits(void **state)
{
    (void)state;
    struct buf text;
    struct formula formula;
    struct diag diag = {0};
    buf_init(&text, 100000);
    for (int i = 0; i < 10000; i++)
        buf_byte(&text, '(');
    assert_int_equal(formula_parse(buf_view(&text), names, 3, &formula, &diag), RC_LIMIT);
    buf_clear(&text);
    buf_text(&text, "kv");
    for (int i = 0; i < 2000; i++)
        buf_text(&text, "+kv");
    assert_int_equal(formula_parse(buf_view(&text), names, 3, &formula, &diag), RC_LIMIT);
    buf_clear(&text);
    buf_text(&text, "max(kv");
    for (int i = 0; i < 60; i++)
        buf_text(&text, ",kv");
    buf_text(&text, ")");
    assert_int_equal(formula_parse(buf_view(&text), names, 3, &formula, &diag), RC_LIMIT);
    buf_done(&text);
}

static void random_texts_are_survived(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "queue", "kv", "max(", "min(", "ceil(", "(", ")", "+", "-",   "*", "/",    "%", "<", "==",
        "&&",    "||", "!",    "?",    ":",     ",", "1", "0", "2.5", " ", "true", "x", "."};
    struct rng rng;
    rng_init(&rng, 21);
    size_t good = 0;
    for (int i = 0; i < 200000; i++) {
        char text[256] = "";
        struct formula formula;
        struct diag diag = {0};
        const int64_t n = rng_range(&rng, 1, 12);
        for (int64_t k = 0; k < n; k++)
            strcat(text, pieces[rng_range(&rng, 0, (int64_t)COUNT_OF(pieces) - 1)]);
        if (formula_parse(span_from(text), names, COUNT_OF(names), &formula, &diag) != RC_OK)
            continue;
        const double value = formula_value(&formula, values);
        assert_true(isnan(value) || isfinite(value));
        good++;
    }
    assert_true(good > 1000);
}

/* ---- in a pool ---- */

static struct world *formula_world(int *config, const char *formula)
{
    struct world *w = world_new();
    struct pool_spec *pool = &w->pool[0];
    pool->policy = policy_find(span_from("ratio"));
    pool->policy_config = config;
    pool->behavior.tolerance = 0;
    pool->metric[0] = world_metric("tokens-in-queue", "1000");
    pool->metric[1] = world_metric("kv-cache-usage", "50");
    strcpy(pool->metric[1].name, "kv");
    pool->metric_count = 2;
    pool->combine = COMBINE_FORMULA;
    (void)snprintf(pool->formula_text, sizeof(pool->formula_text), "%s", formula);
    return w;
}

static void a_pool_counts_by_its_formula_over_needs(void **state)
{
    (void)state;
    int config = 0;
    struct diag diag = {0};
    struct world *w = formula_world(&config, "max(tokens_in_queue, kv) + 1");
    assert_int_equal(pool_spec_resolve_formula(&w->pool[0], &diag), RC_OK);
    world_start(w, 4);
    world_put(w, SIGNAL_TOKENS_IN_QUEUE, SIGNAL_VALUE, 5500); /* 5.5 replicas */
    world_put(w, SIGNAL_KV_CACHE_USAGE, SIGNAL_VALUE, 0.25);  /* half of what is ready */
    assert_int_equal(world_tick(w, SECOND_NS), 7);
    assert_true(world_said(w, STAGE_POLICY, REASON_COMBINE_FORMULA));
    /* what it reads becomes unknown: it abstains, and nothing is lowered */
    world_put(w, SIGNAL_KV_CACHE_USAGE, SIGNAL_FAILED, 0);
    world_put(w, SIGNAL_TOKENS_IN_QUEUE, SIGNAL_VALUE, 0);
    assert_int_equal(world_tick(w, MINUTE_NS), 7);
    assert_true(w->d[0].proposal.abstain);
    assert_int_equal(w->d[0].proposal.reason, REASON_FORMULA_UNKNOWN);
    world_free(w);
}

static void a_formula_without_a_value_holds(void **state)
{
    (void)state;
    int config = 0;
    struct diag diag = {0};
    struct world *w = formula_world(&config, "4 / (kv - kv)");
    assert_int_equal(pool_spec_resolve_formula(&w->pool[0], &diag), RC_OK);
    world_start(w, 4);
    world_put(w, SIGNAL_KV_CACHE_USAGE, SIGNAL_VALUE, 0.25);
    world_put(w, SIGNAL_TOKENS_IN_QUEUE, SIGNAL_VALUE, 0);
    assert_int_equal(world_tick(w, SECOND_NS), 4);
    assert_int_equal(w->d[0].proposal.reason, REASON_FORMULA_UNDEFINED);
    world_free(w);
}

static void names_of_metrics_must_be_names_and_differ(void **state)
{
    (void)state;
    int config = 0;
    struct diag diag = {0};
    struct world *w = formula_world(&config, "kv");
    strcpy(w->pool[0].metric[0].name, "kv");
    assert_int_equal(pool_spec_resolve_formula(&w->pool[0], &diag), RC_DUPLICATE);
    strcpy(w->pool[0].metric[0].name, "my queue");
    assert_int_equal(pool_spec_resolve_formula(&w->pool[0], &diag), RC_INVALID);
    strcpy(w->pool[0].metric[0].name, "");
    w->pool[0].formula_text[0] = '\0';
    assert_int_equal(pool_spec_resolve_formula(&w->pool[0], &diag), RC_MISSING);
    assert_int_equal(pool_spec_check(&w->pool[0], &diag), RC_MISSING);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_school),
        cmocka_unit_test(what_is_wrong_is_told_with_its_column),
        cmocka_unit_test(long_and_deep_formulas_end_at_limits),
        cmocka_unit_test(random_texts_are_survived),
        cmocka_unit_test(a_pool_counts_by_its_formula_over_needs),
        cmocka_unit_test(a_formula_without_a_value_holds),
        cmocka_unit_test(names_of_metrics_must_be_names_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
