/* libsluice: structs of other versions, refusals that change nothing, and the same numbers as the
 * core, whatever way the state took. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/sluice.h>

#define SECOND INT64_C(1000000000)

static const char config[] =
    "pools:\n"
    "  chat:\n"
    "    target: {process: {command: 'serve --port {port}'}}\n"
    "    minReplicas: 1\n"
    "    maxReplicas: 20\n"
    "    group: pair\n"
    "    autoscaling: {policy: hpa, exact: true, metrics: [{type: 'external:lag', target: 10}]}\n"
    "  alone:\n"
    "    target: {process: {command: 'serve --port {port}'}}\n"
    "    maxReplicas: 9\n"
    "    autoscaling: {policy: ratio, metrics: [{type: tokens-in-queue, target: 100}]}\n"
    "  draft:\n"
    "    target: {process: {command: 'serve --port {port}'}}\n"
    "    maxReplicas: 5\n"
    "    group: pair\n"
    "    autoscaling: {policy: ratio, metrics: [{type: queue-depth, target: 10}]}\n";

static struct sluice *open_all(void)
{
    const int64_t replicas[] = {2, 3, 1};
    struct sluice_error error = SLUICE_INIT(struct sluice_error);
    struct sluice *s = sluice_open("test.yaml", config, strlen(config), &error);
    if (s == NULL)
        print_error("%s: %s\n", error.where, error.text);
    assert_non_null(s);
    sluice_start(s, 0, replicas);
    return s;
}

static void put(struct sluice *s, size_t pool, const char *signal, int64_t t_ns, double value)
{
    struct sluice_sample sample = SLUICE_INIT(struct sluice_sample);
    sample.pool = (uint32_t)pool;
    sample.signal = sluice_signal_find(s, pool, signal);
    sample.state = isnan(value) ? SLUICE_FAILED : SLUICE_VALUE;
    sample.t_ns = t_ns;
    sample.value = value;
    sample.weight = 1;
    assert_int_equal(sluice_observe(s, &sample, 1), 1);
}

static void tick(struct sluice *s, int64_t now_ns, struct sluice_decision decision[3])
{
    struct sluice_tick tick = SLUICE_INIT(struct sluice_tick);
    struct sluice_world world[3];
    for (size_t i = 0; i < 3; i++) {
        world[i] = (struct sluice_world)SLUICE_INIT(struct sluice_world);
        decision[i] = (struct sluice_decision)SLUICE_INIT(struct sluice_decision);
        sluice_world_init(&world[i]);
        world[i].ready = world[i].actual = sluice_desired(s, i);
        world[i].waiting_state = SLUICE_VALUE;
    }
    tick.now_ns = tick.wall_ns = now_ns;
    assert_int_equal(sluice_decide(s, &tick, world, decision), 0);
}

static void pools_keep_the_order_of_the_file_whatever_their_groups(void **state)
{
    (void)state;
    struct sluice *s = open_all();
    struct sluice_decision d[3];
    assert_int_equal(sluice_pool_count(s), 3);
    assert_string_equal(sluice_pool_name(s, 1), "alone");
    assert_int_equal(sluice_pool_find(s, "draft"), 2);
    assert_int_equal(sluice_pool_find(s, "nobody"), -1);
    assert_int_equal(sluice_signal_find(s, 0, "external:nobody"), -1);
    assert_int_equal(sluice_signal_find(s, 0, "no such signal"), -1);
    assert_int_equal(sluice_period_ns(s), 2 * SECOND);
    put(s, 0, "external:lag", SECOND, 35);
    put(s, 1, "tokens-in-queue", SECOND, 620);
    put(s, 2, "queue-depth", SECOND, 1);
    tick(s, SECOND, d);
    assert_int_equal(d[0].desired, 4);
    assert_int_equal(d[1].desired, 7);
    assert_int_equal(d[2].desired, 1);
    assert_int_equal(sluice_desired(s, 1), 7);
    sluice_applied(s, 1, 5);
    assert_int_equal(sluice_desired(s, 1), 5);
    sluice_close(s);
}

static void each_number_says_why(void **state)
{
    (void)state;
    struct sluice *s = open_all();
    struct sluice_decision d[3];
    struct sluice_trail trail = SLUICE_INIT(struct sluice_trail);
    char words[200];
    char text[4096];
    put(s, 0, "external:lag", SECOND, 35);
    tick(s, SECOND, d);
    assert_int_equal(sluice_trail(s, 0, 0, &trail), 0);
    assert_string_equal(trail.stage, "policy");
    assert_string_equal(trail.reason, "loop-metrics");
    assert_int_equal(trail.before, 2);
    assert_int_equal(trail.after, 4);
    assert_int_equal(trail.metric, -1);
    assert_true(sluice_words(s, 0, 0, words, sizeof(words)) < sizeof(words));
    assert_non_null(strstr(words, "the metrics ask for 4"));
    assert_true(sluice_words(s, 0, 0, words, 5) > 5);
    assert_int_equal(strlen(words), 4);
    assert_int_not_equal(sluice_trail(s, 0, 99, &trail), 0);
    assert_int_equal(sluice_words(s, 99, 0, words, sizeof(words)), 0);
    assert_true(sluice_decision_text(s, 0, text, sizeof(text)) > 0);
    assert_non_null(strstr(text, "loop-metrics"));
    sluice_close(s);
}

/* A caller of an older header has shorter structs, one of a newer header longer ones. */
static void structs_of_other_versions_are_understood(void **state)
{
    (void)state;
    struct {
        struct sluice_world known;
        int64_t unknown[3];
    } longer[3];
    struct {
        size_t size;
        int64_t desired;
    } shorter[3];
    struct sluice *s = open_all();
    struct sluice_tick tick = {.size = offsetof(struct sluice_tick, cause), .now_ns = SECOND};
    memset(longer, 0x5a, sizeof(longer));
    for (size_t i = 0; i < 3; i++) {
        longer[i].known.size = sizeof(longer[i]);
        sluice_world_init(&longer[i].known);
        assert_int_equal(longer[i].unknown[0], 0x5a5a5a5a5a5a5a5a);
        longer[i].known.ready = longer[i].known.actual = sluice_desired(s, i);
        shorter[i].size = sizeof(shorter[i]);
    }
    put(s, 1, "tokens-in-queue", SECOND, 620);
    assert_int_equal(sluice_decide(s, &tick, &longer[0].known, (void *)shorter), 0);
    assert_int_equal(shorter[1].desired, 7);
    assert_int_equal(shorter[2].desired, 1);
    assert_int_equal(shorter[2].size, sizeof(shorter[2]));
    tick.size = 0;
    assert_int_not_equal(sluice_decide(s, &tick, &longer[0].known, (void *)shorter), 0);
    sluice_close(s);
}

static void a_saved_state_goes_on_where_it_was(void **state)
{
    (void)state;
    struct sluice *a = open_all();
    struct sluice *b = open_all();
    struct sluice_decision da[3];
    struct sluice_decision db[3];
    for (int64_t i = 1; i <= 40; i++) {
        static const double lag[] = {35, 80, NAN, 5};
        const int64_t now_ns = i * 15 * SECOND;
        const size_t size = sluice_save(a, NULL, 0) + 1;
        char *text = malloc(size);
        assert_non_null(text);
        assert_int_equal(sluice_save(a, text, size), size - 1);
        assert_int_equal(sluice_load(b, text, size - 1, NULL), 0);
        free(text);
        put(a, 0, "external:lag", now_ns, lag[i / 3 % 4]);
        put(b, 0, "external:lag", now_ns, lag[i / 3 % 4]);
        tick(a, now_ns, da);
        tick(b, now_ns, db);
        assert_memory_equal(da, db, sizeof(da));
    }
    sluice_close(a);
    sluice_close(b);
}

static void what_is_refused_changes_nothing_and_says_why(void **state)
{
    (void)state;
    static const char wrong[] = "pools:\n  chat: {maxReplica: 3}\n";
    struct sluice_error error = SLUICE_INIT(struct sluice_error);
    char report[400];
    char before[65536];
    char after[65536];
    struct sluice *s = open_all();
    assert_true(sluice_save(s, before, sizeof(before)) < sizeof(before));
    assert_int_not_equal(sluice_reload(s, "x.yaml", wrong, strlen(wrong), SECOND, &error), 0);
    assert_int_equal(error.line, 2);
    assert_true(error.errors >= 1);
    assert_int_not_equal(error.text[0], 0);
    assert_int_not_equal(sluice_load(s, "{}", 2, &error), 0);
    assert_int_not_equal(sluice_load(s, before, strlen(before) / 2, &error), 0);
    assert_true(sluice_save(s, after, sizeof(after)) < sizeof(after));
    assert_string_equal(before, after);
    assert_null(sluice_open("x.yaml", wrong, strlen(wrong), NULL));
    assert_true(sluice_check("x.yaml", wrong, strlen(wrong), report, sizeof(report)) >= 1);
    assert_non_null(strstr(report, "did you mean \"maxReplicas\""));
    assert_non_null(strstr(report, "x.yaml:2:"));
    assert_non_null(strstr(report, "^\n"));
    assert_int_equal(sluice_check("y.yaml", config, strlen(config), report, sizeof(report)), 0);
    sluice_close(s);
    sluice_close(NULL);
}

static void another_configuration_takes_over_what_pools_remember(void **state)
{
    (void)state;
    char changed[sizeof(config)];
    struct sluice *s = open_all();
    struct sluice_decision d[3];
    put(s, 0, "external:lag", SECOND, 35);
    tick(s, SECOND, d);
    memcpy(changed, config, sizeof(config));
    memcpy(strstr(changed, "maxReplicas: 20"), "maxReplicas: 3 ", strlen("maxReplicas: 3 "));
    assert_int_equal(sluice_reload(s, "b.yaml", changed, strlen(changed), 2 * SECOND, NULL), 0);
    assert_int_equal(sluice_desired(s, 0), 4);
    tick(s, 31 * SECOND, d);
    assert_int_equal(d[0].desired, 3);
    sluice_close(s);
}

static void what_cannot_be_is_no_number(void **state)
{
    (void)state;
    static const double absurd[] = {-1, INFINITY, 1e300};
    struct sluice *s = open_all();
    struct sluice_decision d[3];
    struct sluice_sample sample = SLUICE_INIT(struct sluice_sample);
    for (size_t i = 0; i < 3; i++) {
        put(s, 0, "external:lag", (int64_t)(i + 1) * 15 * SECOND, absurd[i]);
        tick(s, (int64_t)(i + 1) * 15 * SECOND, d);
        assert_int_equal(d[0].desired, 2);
        assert_int_not_equal(d[0].flags & SLUICE_IS_ABSTAINED, 0);
    }
    sample.pool = 77;
    assert_int_equal(sluice_observe(s, &sample, 1), 0);
    sample.pool = 0;
    sample.signal = INT64_MAX;
    assert_int_equal(sluice_observe(s, &sample, 1), 0);
    sluice_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pools_keep_the_order_of_the_file_whatever_their_groups),
        cmocka_unit_test(each_number_says_why),
        cmocka_unit_test(structs_of_other_versions_are_understood),
        cmocka_unit_test(a_saved_state_goes_on_where_it_was),
        cmocka_unit_test(what_is_refused_changes_nothing_and_says_why),
        cmocka_unit_test(another_configuration_takes_over_what_pools_remember),
        cmocka_unit_test(what_cannot_be_is_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
