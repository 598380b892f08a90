/* What held a pool, told from recorded decisions, and the setting that would change it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api/diagnosis.h"
#include "api/tally.h"
#include "base/mem.h"
#include "config/config.h"
#include "config/resolved.h"

#include <cmocka.h>

#define SECOND SECOND_NS

static void add(struct diagnosis *d, int64_t wall_s, const char *text)
{
    struct arena arena;
    const struct tree *json = NULL;
    arena_init(&arena, 1U << 20);
    assert_int_equal(json_read(&arena, span_from(text), NULL, &json, NULL), RC_OK);
    diagnosis_add(d, wall_s * SECOND, json);
    arena_done(&arena);
}

static void add_change(struct diagnosis *d, int64_t wall_s, int previous, int desired)
{
    char text[256];
    (void)snprintf(text, sizeof(text),
                   "{\"desired\":%d,\"previous\":%d,\"proposal\":{\"reason\":\"demand\"},"
                   "\"trail\":[]}",
                   desired, previous);
    add(d, wall_s, text);
}

static void add_hold(struct diagnosis *d, int64_t wall_s, const char *stage, const char *reason,
                     int before, int after)
{
    char text[320];
    (void)snprintf(text, sizeof(text),
                   "{\"desired\":3,\"previous\":3,\"proposal\":{\"reason\":\"demand\"},"
                   "\"trail\":[{\"stage\":\"%s\",\"before\":%d,\"after\":%d,\"reason\":\"%s\"}]}",
                   stage, before, after, reason);
    add(d, wall_s, text);
}

static const struct diagnosis_facts plain = {.policy = "ratio"};

static void each_reason_that_holds_tells_its_setting(void **state)
{
    (void)state;
    static const struct {
        const char *stage, *reason;
        int before, after;
        enum diagnosis_case case_;
        const char *path;
        enum setting_way way;
    } cases[] = {
        {"stabilize", "stabilize-up", 5, 3, CASE_SLOW_UP,
         "autoscaling.behavior.scaleUp.stabilizationWindow", SETTING_SMALLER},
        {"rate", "rate-up", 9, 4, CASE_SLOW_UP, "autoscaling.behavior.scaleUp.maxChangeAbsolute",
         SETTING_LARGER},
        {"cooldown", "cooldown-up", 5, 3, CASE_SLOW_UP, "autoscaling.cooldownPeriod",
         SETTING_SMALLER},
        {"bounds", "bound-max", 9, 4, CASE_SLOW_UP, "maxReplicas", SETTING_LARGER},
        {"fleet", "budget", 9, 4, CASE_SLOW_UP, "cost.maxCostPerHour", SETTING_LARGER},
        {"supply", "supply-blocked", 9, 4, CASE_SLOW_UP, "maxUnready", SETTING_LARGER},
        {"stabilize", "stabilize-down", 1, 3, CASE_NOT_DOWN,
         "autoscaling.behavior.scaleDown.stabilizationWindow", SETTING_SMALLER},
        {"cooldown", "cooldown-down", 1, 3, CASE_NOT_DOWN, "autoscaling.cooldownPeriod",
         SETTING_SMALLER},
        {"bounds", "bound-min", 0, 3, CASE_NOT_DOWN, "minReplicas", SETTING_SMALLER},
        {"last-replica", "last-grace", 0, 1, CASE_NOT_DOWN, "scaleToZero.grace", SETTING_SMALLER},
        {"unknown", "signal-failed", 1, 3, CASE_NOT_DOWN, "", SETTING_OTHER},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct diagnosis d;
        struct diagnosis_finding found[DIAGNOSIS_FINDINGS_MAX];
        diagnosis_init(&d);
        for (int t = 0; t < 10; t++)
            add_hold(&d, 2L * t, cases[i].stage, cases[i].reason, cases[i].before, cases[i].after);
        diagnosis_end(&d, 20 * SECOND);
        assert_int_equal(diagnosis_findings(&d, &plain, found), 1);
        assert_int_equal(found[0].case_, cases[i].case_);
        assert_string_equal(found[0].path, cases[i].path);
        assert_int_equal(found[0].way, cases[i].way);
        assert_int_equal(found[0].span_ns, 20 * SECOND);
        assert_int_equal(found[0].hold->ticks, 10);
        assert_non_null(strstr(found[0].text, cases[i].reason));
    }
}

static void a_policy_that_holds_by_itself_is_counted_as_a_stage(void **state)
{
    (void)state;
    struct diagnosis d;
    struct diagnosis_finding found[DIAGNOSIS_FINDINGS_MAX];
    diagnosis_init(&d);
    for (int t = 0; t < 10; t++)
        add(&d, t,
            "{\"desired\":3,\"previous\":3,\"proposal\":{\"reason\":\"hold\"},\"trail\":[]}");
    diagnosis_end(&d, 10 * SECOND);
    assert_int_equal(diagnosis_findings(&d, &plain, found), 1);
    assert_int_equal(found[0].case_, CASE_NOT_DOWN);
    assert_int_equal(found[0].hold->stage, STAGE_POLICY);
}

static void a_count_that_turns_again_and_again_wants_a_longer_window(void **state)
{
    (void)state;
    struct diagnosis d;
    struct diagnosis_finding found[DIAGNOSIS_FINDINGS_MAX];
    diagnosis_init(&d);
    for (int t = 0; t < 8; t++)
        add_change(&d, 50L * t, t % 2 == 0 ? 1 : 4, t % 2 == 0 ? 4 : 1);
    diagnosis_end(&d, 400 * SECOND);
    assert_int_equal(d.turns, 7);
    assert_int_equal(d.swing_ns_max, 50 * SECOND);
    assert_int_equal(diagnosis_findings(&d, &plain, found), 1);
    assert_int_equal(found[0].case_, CASE_FREQUENT);
    assert_string_equal(found[0].path, "autoscaling.behavior.scaleDown.stabilizationWindow");
    assert_int_equal(found[0].way, SETTING_LARGER);
    /* The window is long enough already: the metrics jump. */
    const struct diagnosis_facts jumpy = {
        .policy = "ratio", .averages = true, .window_down_ns = 5 * MINUTE_NS};
    assert_int_equal(diagnosis_findings(&d, &jumpy, found), 1);
    assert_string_equal(found[0].path, "autoscaling.metrics[0].averagingWindow");
    const struct diagnosis_facts peer = {.policy = "hpa", .own_pace = true};
    assert_int_equal(diagnosis_findings(&d, &peer, found), 1);
    assert_string_equal(found[0].path, "autoscaling.hpa");
}

static void raises_that_wait_for_starts_want_warm_replicas(void **state)
{
    (void)state;
    struct diagnosis d;
    struct diagnosis_finding found[DIAGNOSIS_FINDINGS_MAX];
    const struct diagnosis_facts slow = {.policy = "adaptive", .start_p90_ns = 40 * SECOND};
    const struct diagnosis_facts warm = {
        .policy = "adaptive", .start_p90_ns = 40 * SECOND, .warm_percent = 20};
    diagnosis_init(&d);
    for (int t = 0; t < 10; t++)
        add_change(&d, 30L * t, t, t + 1);
    diagnosis_end(&d, 300 * SECOND);
    assert_int_equal(diagnosis_findings(&d, &slow, found), 1);
    assert_int_equal(found[0].case_, CASE_SLOW_UP);
    assert_string_equal(found[0].path, "warm.prewarmPercent");
    assert_null(found[0].hold);
    assert_int_equal(diagnosis_findings(&d, &warm, found), 0);
}

static void a_rare_hold_a_rest_and_an_unknown_word_are_no_trouble(void **state)
{
    (void)state;
    struct diagnosis d;
    struct diagnosis_finding found[DIAGNOSIS_FINDINGS_MAX];
    diagnosis_init(&d);
    assert_int_equal(diagnosis_findings(&d, &plain, found), 0);
    add_hold(&d, 0, "stabilize", "stabilize-down", 1, 3);
    add_hold(&d, 2, "flux", "stabilize-down", 1, 3);
    add_hold(&d, 4, "stabilize", "because", 1, 3);
    add(&d, 6, "{\"trail\":[{}, 5]}");
    add(&d, 8, "[]");
    for (int t = 0; t < 10; t++)
        add_change(&d, 10 + 1000L * t, 2, 2);
    diagnosis_end(&d, 20000 * SECOND);
    assert_int_equal(d.hold_count, 1);
    assert_int_equal(d.hold[0].span_ns, 2 * SECOND);
    assert_int_equal(d.span_ns, 10 * SECOND + 10 * DIAGNOSIS_TICK_NS_MAX);
    assert_int_equal(diagnosis_findings(&d, &plain, found), 0);
}

static void holds_beyond_the_limit_are_left_out(void **state)
{
    (void)state;
    struct diagnosis d;
    diagnosis_init(&d);
    for (int stage = 0; stage < STAGE_COUNT; stage++)
        for (int reason = 1; reason < REASON_COUNT; reason++)
            if (setting_of((enum reason)reason).words != NULL)
                add_hold(&d, 1, stage_name((enum stage_id)stage), reason_code((enum reason)reason),
                         1, 2);
    assert_int_equal(d.hold_count, DIAGNOSIS_HOLDS_MAX);
}

/* ---- the table ---- */

static const char *wanted;
static bool is_there;
static bool on_option(void *user, const struct resolved *value)
{
    (void)user;
    const struct span path = span_from(value->path + strlen("pools.chat."));
    const size_t len = strlen(wanted);
    if (span_starts_with(path, wanted) &&
        (path.len == len || path.ptr[len] == '.' || path.ptr[len] == '['))
        is_there = true;
    return !is_there;
}

static void every_setting_is_an_option_of_a_pool(void **state)
{
    (void)state;
    struct problem_list problems;
    problem_list_init(&problems);
    struct config *config =
        config_read("x.yaml",
                    span_from("pools:\n  chat:\n    classes: [{name: a, gpus: 1}]\n"
                              "    autoscaling: {policy: adaptive, sloTarget: {}, metrics: [{type: "
                              "queue-depth, target: \"1\"}]}\n"
                              "    target: {process: {command: [x]}}\n"),
                    &(struct env_table){0}, &problems);
    assert_non_null(config);
    for (int reason = 0; reason < REASON_COUNT; reason++) {
        const struct setting setting = setting_of((enum reason)reason);
        if (setting.words == NULL || setting.path[0] == '\0')
            continue;
        wanted = setting.path;
        is_there = false;
        pool_visit(config->layout, config->pool[0], on_option, NULL);
        if (!is_there)
            print_message("no option: %s\n", setting.path);
        assert_true(is_there);
    }
    config_free(config);
    problem_list_done(&problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reason_that_holds_tells_its_setting),
        cmocka_unit_test(a_policy_that_holds_by_itself_is_counted_as_a_stage),
        cmocka_unit_test(a_count_that_turns_again_and_again_wants_a_longer_window),
        cmocka_unit_test(raises_that_wait_for_starts_want_warm_replicas),
        cmocka_unit_test(a_rare_hold_a_rest_and_an_unknown_word_are_no_trouble),
        cmocka_unit_test(holds_beyond_the_limit_are_left_out),
        cmocka_unit_test(every_setting_is_an_option_of_a_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
