/* Schedules of faults: read, refused, and walked in the order of time. */
#include "sim/faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#undef fail

#include "base/duration.h"

static bool plan_of(const char *text, struct fault_plan *ret, char *ret_words, size_t size)
{
    struct problem_list problems;
    problem_list_init(&problems);
    const bool ok = faults_read("f.yaml", span_from(text), &problems, ret);
    ret_words[0] = '\0';
    for (size_t i = 0; i < problems.count; i++)
        (void)snprintf(ret_words, size, "%s", problems.item[i].text);
    problem_list_done(&problems);
    return ok;
}

/* What happens, as "60+crash 120+metrics-lost 180-metrics-lost", for so many changes. */
static void walk(const char *text, size_t count, const char *wanted)
{
    struct fault_plan plan;
    struct fault_walk w;
    struct chaos_change change;
    char words[256];
    char got[512] = "";
    assert_true(plan_of(text, &plan, words, sizeof words));
    faults_begin(&w, &plan);
    for (size_t i = 0; i < count && faults_next(&w, &change); i++) {
        const size_t len = strlen(got);
        (void)snprintf(got + len, sizeof got - len, "%s%lld%c%s", len > 0 ? " " : "",
                       (long long)(change.at_ns / SECOND_NS), change.begins ? '+' : '-',
                       chaos_fault_name(change.fault));
    }
    assert_string_equal(got, wanted);
}

static void faults_come_at_their_times_again_and_again(void **state)
{
    (void)state;
    walk("faults: [{fault: crash, at: 1m}]", 9, "60+crash");
    walk("faults: [{fault: crash, every: 10m}]", 3, "600+crash 1200+crash 1800+crash");
    walk("faults: [{fault: crash, at: 1m, every: 10m}]", 3, "60+crash 660+crash 1260+crash");
    walk("faults: [{fault: metrics-lost, every: 10m, for: 1m}]", 4,
         "600+metrics-lost 660-metrics-lost 1200+metrics-lost 1260-metrics-lost");
    walk("faults: [{fault: metrics-lost, at: 5s}]", 9, "5+metrics-lost");
    walk("faults: [{fault: storm, at: 70s}, {fault: pause, at: 60s, for: 10s}]", 9,
         "60+pause 70-pause 70+storm");
}

static void what_makes_no_sense_is_refused_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"faults: []", "at least one"},
        {"{}", "at least one"},
        {"faults: [{fault: crsh, at: 1m}]", "crash"},
        {"faults: [{fault: crash, at: 1m, for: 1m}]", "over at once"},
        {"faults: [{fault: pause, every: 1m}]", "before it comes again"},
        {"faults: [{fault: pause, every: 1m, for: 1m}]", "before it comes again"},
        {"faults: [{fault: crash, every: 10ms}]", "at least 1s"},
        {"faults: [{fault: crash, amount: 2}]", "2"},
        {"faults: [{fault: crash, when: 2}]", "when"},
        {"faults: {", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fault_plan plan;
        char words[256];
        assert_false(plan_of(cases[i].text, &plan, words, sizeof words));
        if (strstr(words, cases[i].words) == NULL)
            print_error("%s: \"%s\"\n", cases[i].text, words);
        assert_non_null(strstr(words, cases[i].words));
    }
}

static void plans_that_differ_in_anything_have_other_numbers(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "faults: [{fault: pause, at: 1m, every: 1h, for: 1m}]",
        "faults: [{fault: pin, at: 1m, every: 1h, for: 1m}]",
        "faults: [{fault: pause, at: 2m, every: 1h, for: 1m}]",
        "faults: [{fault: pause, at: 1m, every: 2h, for: 1m}]",
        "faults: [{fault: pause, at: 1m, every: 1h, for: 2m}]",
        "faults: [{fault: pause, at: 1m, every: 1h, for: 1m, amount: 0.5}]",
        "faults: [{fault: pause, at: 1m, every: 1h, for: 1m}, {fault: crash}]",
    };
    uint64_t hash[7];
    for (size_t i = 0; i < 7; i++) {
        struct fault_plan plan;
        char words[256];
        assert_true(plan_of(texts[i], &plan, words, sizeof words));
        hash[i] = faults_hash(&plan);
        for (size_t k = 0; k < i; k++)
            assert_true(hash[i] != hash[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_come_at_their_times_again_and_again),
        cmocka_unit_test(what_makes_no_sense_is_refused_in_words),
        cmocka_unit_test(plans_that_differ_in_anything_have_other_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
