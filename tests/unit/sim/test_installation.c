#include "sim/installation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "base/duration.h"

#include <cmocka.h>

static struct config *config_of(const char *text)
{
    struct problem_list problems;
    problem_list_init(&problems);
    struct config *config = config_read("test.yaml", span_from(text), NULL, &problems);
    for (size_t i = 0; i < problems.count && config == NULL; i++)
        print_error("%s: %s\n", problems.item[i].path, problems.item[i].text);
    problem_list_done(&problems);
    assert_non_null(config);
    return config;
}

static void lone_pools_are_groups_of_their_own_and_roles_are_decided_together(void **state)
{
    (void)state;
    struct config *config = config_of("pools:\n"
                                      "  a: {target: {process: {command: [x]}}}\n"
                                      "  p: {group: d, role: prefill, target: {process: {command: "
                                      "[x]}}}\n"
                                      "  b: {target: {http: {endpoints: 'http://127.0.0.1:9'}}}\n"
                                      "  q: {group: d, role: decode, target: {process: {command: "
                                      "[x]}}}\n");
    struct installation *in = NULL;
    struct diag diag = {0};
    assert_int_equal(installation_make(config, &in, &diag), RC_OK);
    assert_int_equal(in->spec.group_count, 3);
    assert_string_equal(group_name(in->spec.group[1].group), "d");
    assert_int_equal(group_pool_count(in->spec.group[1].group), 2);
    static const char *const order[] = {"a", "p", "q", "b"};
    assert_int_equal(in->pool_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(in->pool[i]->core.name, order[i]);
    assert_string_equal(in->spec.group[1].pool[1].name, "q");
    assert_true(in->spec.group[2].pool[0].fixed);
    installation_free(in);
    config_free(config);
}

static void models_point_to_their_pools_and_aliases_are_sent_on_as_the_first_model(void **state)
{
    (void)state;
    struct config *config = config_of("pools:\n"
                                      "  a: {models: [m, n], aliases: [gpt-4o], target: {process: "
                                      "{command: [x]}}}\n"
                                      "  b: {models: [m], fallbackOrder: 1, upstreamModel: up, "
                                      "target: {process: {command: [x]}}}\n");
    struct installation *in = NULL;
    assert_int_equal(installation_make(config, &in, NULL), RC_OK);
    static const struct {
        const char *name;
        uint16_t pool;
        uint16_t order;
        const char *upstream;
    } want[] = {
        {"m", 0, 0, ""},
        {"n", 0, 0, ""},
        {"gpt-4o", 0, 0, "m"},
        {"m", 1, 1, "up"},
    };
    assert_int_equal(in->spec.model_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(in->spec.model[i].name, want[i].name);
        assert_int_equal(in->spec.model[i].pool, want[i].pool);
        assert_int_equal(in->spec.model[i].order, want[i].order);
        assert_string_equal(in->spec.model[i].upstream, want[i].upstream);
    }
    installation_free(in);
    config_free(config);
}

static void limits_and_times_of_a_pool_arrive_whole(void **state)
{
    (void)state;
    struct config *config =
        config_of("pools:\n"
                  "  a:\n"
                  "    concurrency: {limit: 7}\n"
                  "    queue: {maxRequests: 9, maxTokens: 2k, timeout: 3m}\n"
                  "    target: {process: {command: [x], gpus: 2, drainTimeout: 4m,\n"
                  "      ready: {timeout: 6m}, restart: {backoff: 2s, maxBackoff: 8s, giveUpAfter: "
                  "3}}}\n");
    struct installation *in = NULL;
    assert_int_equal(installation_make(config, &in, NULL), RC_OK);
    const struct reconcile_pool *pool = &in->spec.group[0].pool[0];
    assert_int_equal(pool->limits.concurrency, 7);
    assert_int_equal(pool->limits.queue_requests, 9);
    assert_int_equal(pool->limits.queue_tokens, 2000);
    assert_int_equal(pool->limits.queue_timeout_ns, 3 * MINUTE_NS);
    assert_true(pool->gpus_each == 2);
    assert_int_equal(pool->drain_timeout_ns, 4 * MINUTE_NS);
    assert_int_equal(pool->ready_timeout_ns, 6 * MINUTE_NS);
    assert_int_equal(pool->backoff_min_ns, 2 * SECOND_NS);
    assert_int_equal(pool->backoff_max_ns, 8 * SECOND_NS);
    assert_int_equal(pool->give_up_after, 3);
    assert_true(pool->routed && !pool->fixed);
    installation_free(in);
    config_free(config);
}

static void a_part_of_a_gpu_by_memory_counts_as_its_share(void **state)
{
    (void)state;
    struct config *config = config_of("inventory: {gpus: [{name: '0', memory: 24Gi}]}\n"
                                      "pools:\n"
                                      "  a: {target: {process: {command: [x], gpuMemory: 6Gi}}}\n");
    struct installation *in = NULL;
    assert_int_equal(installation_make(config, &in, NULL), RC_OK);
    assert_true(in->spec.group[0].pool[0].gpus_each == 0.25);
    installation_free(in);
    config_free(config);
}

static void a_group_with_the_name_of_a_lone_pool_is_refused(void **state)
{
    (void)state;
    struct config *config = config_of("pools:\n"
                                      "  d: {target: {process: {command: [x]}}}\n"
                                      "  p: {group: d, target: {process: {command: [x]}}}\n"
                                      "  q: {group: d, target: {process: {command: [x]}}}\n");
    struct installation *in = NULL;
    struct diag diag = {0};
    assert_int_equal(installation_make(config, &in, &diag), RC_DUPLICATE);
    assert_non_null(strstr(diag.text, "group d"));
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lone_pools_are_groups_of_their_own_and_roles_are_decided_together),
        cmocka_unit_test(models_point_to_their_pools_and_aliases_are_sent_on_as_the_first_model),
        cmocka_unit_test(limits_and_times_of_a_pool_arrive_whole),
        cmocka_unit_test(a_part_of_a_gpu_by_memory_counts_as_its_share),
        cmocka_unit_test(a_group_with_the_name_of_a_lone_pool_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
