/* What a run holds in memory follows from what is under way, not from how much came. */
#include "sim/world_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "base/duration.h"
#include "sim/installation.h"
#include "traffic/dispatch_internal.h"

#include <cmocka.h>

#define GAP_NS (100 * MILLISECOND_NS)

struct source {
    int64_t told;
    int64_t count;
};

static bool next(void *user, struct world_arrival *ret)
{
    struct source *source = user;
    if (source->told == source->count)
        return false;
    *ret = (struct world_arrival){.at_ns = source->told++ * GAP_NS,
                                  .prompt_tokens = 500,
                                  .output_tokens = 50,
                                  .session = (uint64_t)(1 + source->told % 7),
                                  .priority = UINT32_MAX};
    return true;
}

/* Places for what is under way, wherever a run keeps them. */
struct held {
    size_t calls;
    size_t requests;
    size_t agenda;
    size_t messages;
    size_t sessions;
    size_t timers;
};

static struct held play(const struct installation *in, int64_t count)
{
    struct source source = {.count = count};
    const int64_t initial = 3;
    struct world_pool pool = {.startup = startup_of_total(SECOND_NS)};
    assert_int_equal(profile_preset(span_from("8b"), &pool.profile, NULL), RC_OK);
    dispatch_config_default(&pool.dispatch);
    pool.ttft_s = 1;
    pool.itl_s = 1;
    pool.e2e_s = 60;
    const struct world_spec spec = {.control = &in->spec,
                                    .pool = &pool,
                                    .pool_count = 1,
                                    .gpus = 1e9,
                                    .seed = 1,
                                    .initial = &initial,
                                    .next = next,
                                    .source = &source};
    struct world *world = world_new(&spec);
    assert_non_null(world);
    assert_int_equal(world_finish(world, MINUTE_NS), RC_OK);
    assert_string_equal(world_violation(world), "");
    struct world_result result;
    world_result(world, &result);
    assert_int_equal(result.requests, count);
    assert_int_equal(result.ok, count);
    const struct held held = {.calls = world->call_cap,
                              .requests = world->front[0]->request_cap,
                              .agenda = world->agenda.cap,
                              .messages = world->up_cap,
                              .sessions = world->front[0]->meter.session_cap,
                              .timers = world->engines.heap_cap};
    world_free(world);
    return held;
}

static void ten_times_the_trace_takes_no_more_memory(void **state)
{
    (void)state;
    struct problem_list problems;
    problem_list_init(&problems);
    struct config *config =
        config_read("test.yaml",
                    span_from("pools:\n"
                              "  a: {minReplicas: 3, maxReplicas: 3, target: {process: {command: "
                              "[x]}}, autoscaling: {policy: static, static: {replicas: 3}}}\n"),
                    NULL, &problems);
    struct installation *in = NULL;
    assert_non_null(config);
    assert_int_equal(installation_make(config, &in, NULL), RC_OK);
    const struct held few = play(in, 2000);
    const struct held many = play(in, 20000);
    assert_in_range(few.calls, 1, 256);
    assert_memory_equal(&few, &many, sizeof few);
    installation_free(in);
    config_free(config);
    problem_list_done(&problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_times_the_trace_takes_no_more_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
