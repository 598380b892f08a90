/* Knative's configuration in its own words: errors name the place, and defaults are Knative's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail

#include <string.h>

#include "base/duration.h"
#include "config/dialect/knative.h"

static struct arena arena;

static const struct tree *json(const char *text)
{
    const struct tree *tree = NULL;
    struct diag diag = {0};
    assert_int_equal(json_read(&arena, span_from(text), NULL, &tree, &diag), RC_OK);
    return tree;
}

static void without_a_map_the_defaults_are_those_of_knative(void **state)
{
    (void)state;
    struct knative_map map;
    struct diag diag = {0};
    assert_int_equal(knative_map_read(NULL, &map, &diag), RC_OK);
    const struct knative_resolved r =
        knative_resolve(&map, &(struct knative_revision){.reachable = true});
    assert_true(r.config.target == 70 && r.config.total == 100 && r.config.burst == 211);
    assert_int_equal(r.config.stable_window_ns, MINUTE_NS);
    assert_int_equal(r.config.panic_window_ns, 6 * SECOND_NS);
    assert_int_equal(r.config.grace_ns, 30 * SECOND_NS);
}

static void a_hard_limit_bounds_the_target(void **state)
{
    (void)state;
    struct knative_map map;
    struct diag diag = {0};
    assert_int_equal(knative_map_read(NULL, &map, &diag), RC_OK);
    const struct knative_resolved r = knative_resolve(
        &map, &(struct knative_revision){
                  .reachable = true,
                  .concurrency = 1,
                  .annotations = json("{\"autoscaling.knative.dev/target\":\"50\"}"),
              });
    assert_true(r.config.total == 1 && r.config.target == 0.7); /* two GPUs for one request */
}

static void errors_name_the_key_the_value_and_what_is_allowed(void **state)
{
    (void)state;
    struct knative_map map;
    struct diag diag = {0};
    assert_int_equal(knative_map_read(json("{\"stable-window\":\"5s\"}"), &map, &diag), RC_RANGE);
    assert_string_equal(diag.where, "stable-window");
    assert_non_null(strstr(diag.text, "5s"));
    assert_non_null(strstr(diag.text, "6 to 3600 s"));
    assert_int_equal(knative_map_read(NULL, &map, &diag), RC_OK);
    diag = (struct diag){0};
    assert_int_equal(knative_annotations_check(
                         json("{\"autoscaling.knative.dev/metric\":\"tokens\"}"), &map, &diag),
                     RC_INVALID);
    assert_string_equal(diag.where, "autoscaling.knative.dev/metric");
    assert_non_null(strstr(diag.text, "concurrency, rps"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_map_the_defaults_are_those_of_knative),
        cmocka_unit_test(a_hard_limit_bounds_the_target),
        cmocka_unit_test(errors_name_the_key_the_value_and_what_is_allowed),
    };
    arena_init(&arena, 1 << 20);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_done(&arena);
    return failed;
}
