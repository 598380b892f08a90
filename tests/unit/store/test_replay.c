/* R17: what a store recorded is decided again with the same bytes; what was tampered with is found.
 */
#include "store/replay.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail

#include "base/duration.h"
#include "base/rng.h"
#include "sim/installation.h"

#define TICKS 300

static const char text[] = "pools:\n"
                           "  chat:\n"
                           "    target: {process: {command: [\"${env:ENGINE}\", \"{port}\"]}}\n"
                           "    minReplicas: 0\n"
                           "    maxReplicas: 12\n"
                           "    concurrency: {limit: 16}\n"
                           "    slo: {ttft: 500ms}\n"
                           "    autoscaling:\n"
                           "      sloTarget: {enabled: true}\n"
                           "      shadow: [ratio]\n"
                           "      metrics: [{type: ttft-p95, target: 500ms}]\n"
                           "  code:\n"
                           "    target: {process: {command: [x, \"{port}\"]}}\n"
                           "    maxReplicas: 9\n"
                           "    autoscaling:\n"
                           "      policy: ratio\n"
                           "      metrics:\n"
                           "        - {type: tokens-in-queue, target: 1000}\n"
                           "        - {type: \"external:jobs\", target: 10, required: false}\n"
                           "      behavior: {scaleUp: {maxChangeAbsolute: 2, period: 30s}}\n";

static struct env_pair pairs[] = {{"ENGINE", "vllm"}};
static const struct env_table env = {.item = pairs, .count = 1};

struct rig {
    struct store *store;
    struct config *config;
    struct installation *installation;
    struct problem_list problems;
};

static void rig_begin(struct rig *r)
{
    struct store_opening opening;
    struct diag diag = {.code = RC_OK};
    problem_list_init(&r->problems);
    r->config = config_read("rig.yaml", span_from(text), &env, &r->problems);
    if (r->config == NULL)
        print_error("%s\n", r->problems.item[0].text);
    assert_non_null(r->config);
    assert_int_equal(installation_make(r->config, &r->installation, &diag), RC_OK);
    assert_int_equal(store_open(":memory:", &r->store, &opening, &diag), RC_OK);
    assert_int_equal(store_config(r->store, r->config->hash, "rig.yaml", span_from(text), &diag),
                     RC_OK);
}

static void rig_end(struct rig *r)
{
    store_close(r->store);
    installation_free(r->installation);
    config_free(r->config);
    problem_list_done(&r->problems);
}

static struct sample some_sample(struct rng *rng, const struct group_spec *group, int64_t now_ns)
{
    return (struct sample){
        .t_ns = now_ns - rng_range(rng, 0, 2) * SECOND_NS,
        .pool = (uint16_t)rng_range(rng, 0, (int64_t)group_pool_count(group) - 1),
        .signal = (uint16_t)rng_range(rng, 0,
                                      group_external_index(group, span_from("jobs")) < 0
                                          ? SIGNAL_EXTERNAL - 1
                                          : SIGNAL_EXTERNAL),
        .state = (uint8_t)(rng_range(rng, 1, 8) == 1 ? rng_range(rng, 1, 2) : SIGNAL_VALUE),
        .covered = 3,
        .expected = 3,
        .value = rng_range(rng, 1, 20) == 1 ? (double)NAN : rng_unit(rng) * 4000,
        .weight = rng_unit(rng) * 3,
    };
}

static void some_observation(struct rng *rng, struct observation *o)
{
    for (size_t i = 0; i < POOLS_PER_GROUP_MAX; i++) {
        struct pool_observation *p = &o->pool[i];
        p->ready = rng_range(rng, 0, 8);
        p->pending = rng_range(rng, 0, 2);
        p->waiting_state = (uint8_t)rng_range(rng, 0, 2);
        p->waiting_requests = rng_range(rng, 0, 30);
        p->in_flight_requests = rng_range(rng, 0, 90);
        p->start_p50_ns = p->start_p90_ns = 5 * SECOND_NS;
        p->spent_today = rng_unit(rng);
        p->batch_count = 1;
        p->batch[0].count = p->pending;
        p->batch[0].due_ns = o->now_ns + SECOND_NS;
    }
}

static void print_tick(const struct group_spec *group, const struct sample *samples, size_t n,
                       const struct observation *o, const struct decision *d, struct buf out[3])
{
    struct json_writer w;
    json_init(&w, &out[0]);
    json_array(&w);
    for (size_t i = 0; i < n; i++)
        sample_print(group, &samples[i], &w);
    json_array_end(&w);
    json_init(&w, &out[1]);
    observation_print(group, o, &w);
    json_init(&w, &out[2]);
    json_array(&w);
    for (size_t i = 0; i < group_pool_count(group); i++)
        decision_print(group, i, &d[i], &w);
    json_array_end(&w);
}

/* A run of one group, recorded as the daemon records. In tick number `lie` the stored decision is
 * another one; -1 is never. */
static void record(struct rig *r, size_t index, uint64_t seed, int lie)
{
    const struct group_spec *group = r->installation->spec.group[index].group;
    const size_t size = group_state_size(group);
    struct group_state *state = malloc(size);
    void *before = malloc(size);
    struct rng rng;
    struct observation o;
    struct decision d[POOLS_PER_GROUP_MAX];
    struct buf out[3];
    assert_non_null(state);
    assert_non_null(before);
    rng_init(&rng, seed);
    observation_defaults(&o);
    for (size_t i = 0; i < 3; i++)
        buf_init(&out[i], 1U << 20);
    group_state_init(group, state, SECOND_NS, (int64_t[POOLS_PER_GROUP_MAX]){2});
    for (int i = 0; i < TICKS; i++) {
        struct sample samples[8];
        o.now_ns = (int64_t)(i + 1) * 2 * SECOND_NS;
        o.wall_ns = 1000 * SECOND_NS + o.now_ns;
        some_observation(&rng, &o);
        for (size_t k = 0; k < 8; k++)
            samples[k] = some_sample(&rng, group, o.now_ns);
        memcpy(before, state, size);
        observe(group, state, samples, 8);
        decide(group, state, &o, d);
        for (size_t k = 0; k < 3; k++)
            buf_clear(&out[k]);
        d[0].desired += i == lie;
        print_tick(group, samples, 8, &o, d, out);
        const struct store_tick tick = {.wall_ns = o.wall_ns,
                                        .now_ns = o.now_ns,
                                        .group = group_name(group),
                                        .config_hash = r->config->hash,
                                        .state = span_of(before, size),
                                        .samples = buf_view(&out[0]),
                                        .observation = buf_view(&out[1]),
                                        .decision = buf_view(&out[2])};
        assert_int_equal(store_tick(r->store, &tick, NULL), RC_OK);
        if (i % 10 == 3) /* not everything that is decided is granted */
            group_applied(group, state, 0, d[0].previous);
    }
    for (size_t i = 0; i < 3; i++)
        buf_done(&out[i]);
    free(state);
    free(before);
}

static const struct replay_options everything = {
    .query = {.from_ns = INT64_MIN, .to_ns = INT64_MAX}, .env = &env};

static bool last_words(void *context, const struct replay_tick *tick)
{
    if (!tick->same)
        (void)snprintf(context, 400, "%s", tick->what);
    return true;
}

static struct replay_result replay(struct rig *r, struct replay_options options, char words[400])
{
    struct replay_result result = {0};
    struct diag diag = {.code = RC_OK};
    words[0] = '\0';
    options.each = last_words;
    options.context = words;
    if (store_replay(r->store, &options, &result, &diag) != RC_OK)
        print_error("%s\n", diag.text);
    if (words[0] != '\0' && result.passed > 0 && result.failed > 1)
        print_error("%s\n", words);
    return result;
}

static void R17_every_recorded_decision_comes_out_again_byte_for_byte(void **state)
{
    (void)state;
    struct rig r;
    char words[400];
    rig_begin(&r);
    record(&r, 0, 1, -1);
    record(&r, 1, 2, -1);
    struct replay_result result = replay(&r, everything, words);
    assert_int_equal(result.passed, 2 * TICKS);
    assert_int_equal(result.failed, 0);
    struct replay_options some = everything;
    some.pool = "code";
    some.query.from_ns = 1000 * SECOND_NS + 20 * SECOND_NS;
    some.query.to_ns = 1000 * SECOND_NS + 39 * SECOND_NS;
    result = replay(&r, some, words);
    assert_int_equal(result.passed, 10);
    rig_end(&r);
}

static void R17_a_decision_that_is_not_what_was_decided_is_found(void **state)
{
    (void)state;
    struct rig r;
    char words[400];
    rig_begin(&r);
    record(&r, 0, 3, 77);
    const struct replay_result result = replay(&r, everything, words);
    assert_int_equal(result.passed, TICKS - 1);
    assert_int_equal(result.failed, 1);
    assert_non_null(strstr(words, "decided differently"));
    assert_non_null(strstr(words, "\"desired\":"));
    rig_end(&r);
}

static void what_cannot_be_decided_again_fails_with_the_reason(void **state)
{
    (void)state;
    struct rig r;
    char words[400];
    const struct store_tick good = {.wall_ns = 1,
                                    .group = "chat",
                                    .state = span_from("short"),
                                    .samples = span_from("[]"),
                                    .observation = span_from("{}"),
                                    .decision = span_from("[]")};
    const struct {
        uint64_t hash;
        const char *group;
        const char *says;
    } cases[] = {
        {12345, "chat", "not in the file any more"},
        {0, "nobody", "no group \"nobody\""},
        {0, "chat", "not a state of this program"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig_begin(&r);
        struct store_tick tick = good;
        tick.config_hash = cases[i].hash != 0 ? cases[i].hash : r.config->hash;
        tick.group = cases[i].group;
        assert_int_equal(store_tick(r.store, &tick, NULL), RC_OK);
        const struct replay_result result = replay(&r, everything, words);
        assert_int_equal(result.failed, 1);
        if (strstr(words, cases[i].says) == NULL)
            print_error("case %zu: %s\n", i, words);
        assert_non_null(strstr(words, cases[i].says));
        rig_end(&r);
    }
    rig_begin(&r); /* the environment of the recording is needed */
    record(&r, 0, 4, -1);
    struct replay_options bare = everything;
    bare.env = NULL;
    assert_int_equal(replay(&r, bare, words).failed, TICKS);
    assert_non_null(strstr(words, "not valid here: pools.chat.target.process.command"));
    rig_end(&r);
}

static void a_reader_makes_and_moves_nothing(void **state)
{
    (void)state;
    char path[] = "/tmp/sluice-test-replay-XXXXXX";
    struct store *store = NULL;
    struct diag diag = {.code = RC_OK};
    const int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, "this is no database, only words", 31), 31);
    assert_int_equal(store_open_reading(path, &store, &diag), RC_CORRUPT);
    assert_int_equal(access(path, F_OK), 0);
    (void)close(file);
    (void)unlink(path);
    assert_int_equal(store_open_reading(path, &store, &diag), RC_NOT_FOUND);
    assert_int_not_equal(access(path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R17_every_recorded_decision_comes_out_again_byte_for_byte),
        cmocka_unit_test(R17_a_decision_that_is_not_what_was_decided_is_found),
        cmocka_unit_test(what_cannot_be_decided_again_fails_with_the_reason),
        cmocka_unit_test(a_reader_makes_and_moves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
