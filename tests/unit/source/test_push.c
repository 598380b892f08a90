#include "source/push.h"

#include "rig.h"

static const char one_source[] = "pools:\n"
                                 "  chat:\n"
                                 "    target: {process: {command: x, port: 9, engine: other}}\n"
                                 "    sources:\n"
                                 "      - signal: [queue-lag, kv-cache-usage]\n"
                                 "        push: {secret: salt, window: 60s}\n";

#define NOW_NS (1800000000 * SECOND_NS)

struct told {
    const char *secret;
    const char *pool;
    const char *timestamp;
    const char *nonce;
    const char *body;
    const char *signature; /* NULL = the right one */
};

static enum rc push(struct rig *rig, const struct told *told)
{
    char signature[PUSH_SIGNATURE_SIZE];
    struct arena arena;
    size_t count = 0;
    struct push_message message = {.timestamp = span_from(told->timestamp),
                                   .nonce = span_from(told->nonce),
                                   .body = span_from(told->body),
                                   .wall_ns = NOW_NS};
    push_sign(span_from(told->secret), told->pool, &message, signature);
    message.signature = span_from(told->signature != NULL ? told->signature : signature);
    arena_init(&arena, 1U << 20);
    const enum rc rc = push_take(rig->sources, "chat", &message, &arena, &count, NULL);
    arena_done(&arena);
    return rc;
}

static int begin(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    rig_init(rig);
    rig_use(rig, one_source);
    *state = rig;
    return 0;
}

static int end(void **state)
{
    rig_done(*state);
    free(*state);
    return 0;
}

#define GOOD_BODY "{\"signals\": {\"queue-lag\": 12}}"

static void a_signed_message_becomes_samples(void **state)
{
    struct rig *rig = *state;
    const struct told told = {"salt",
                              "chat",
                              "1800000000",
                              "nonce-1234",
                              "{\"signals\": {\"queue-lag\": 12, \"kv-cache-usage\": null}}",
                              NULL};
    assert_int_equal(push(rig, &told), RC_OK);
    assert_int_equal(rig->sample_count, 2);
    assert_int_equal(rig->sample[0].signal.id, SIGNAL_QUEUE_LAG);
    assert_int_equal(rig->sample[0].sample.state, SIGNAL_VALUE);
    assert_true(rig->sample[0].sample.value == 12);
    assert_int_equal(rig->sample[1].sample.state, SIGNAL_ABSENT);
    assert_true(rig_row(rig, 0).status->answered);
}

static void the_time_stamp_is_the_age_of_the_values(void **state)
{
    struct rig *rig = *state;
    const struct told told = {"salt", "chat", "1799999970", "nonce-1234", GOOD_BODY, NULL};
    assert_int_equal(push(rig, &told), RC_OK);
    const int64_t now_ns = rig_row(rig, 0).now_ns;
    const int64_t age_ns = now_ns - rig->sample[0].sample.t_ns;
    assert_true(age_ns >= 30 * SECOND_NS && age_ns < 31 * SECOND_NS);
}

static void fault_84_forged_old_and_replayed_messages_are_refused_whole(void **state)
{
    struct rig *rig = *state;
    const struct {
        struct told told;
        enum rc rc;
    } rows[] = {
        {{"pepper", "chat", "1800000000", "nonce-0001", GOOD_BODY, NULL}, RC_DENIED},
        {{"salt", "mail", "1800000000", "nonce-0002", GOOD_BODY, NULL}, RC_DENIED},
        {{"salt", "chat", "1800000000", "nonce-0003", GOOD_BODY, ""}, RC_DENIED},
        {{"salt", "chat", "1800000000", "nonce-0004", GOOD_BODY, "sha256=00"}, RC_DENIED},
        {{"salt", "chat", "1799999939", "nonce-0005", GOOD_BODY, NULL}, RC_RANGE},
        {{"salt", "chat", "1800000061", "nonce-0006", GOOD_BODY, NULL}, RC_RANGE},
        {{"salt", "chat", "now", "nonce-0007", GOOD_BODY, NULL}, RC_RANGE},
        {{"salt", "chat", "1800000000", "short", GOOD_BODY, NULL}, RC_RANGE},
        {{"salt", "chat", "1800000000", "nonce-0008", "[]", NULL}, RC_SYNTAX},
        {{"salt", "chat", "1800000000", "nonce-0009", "{\"signals\": {\"ttft\": 1}}", NULL},
         RC_UNKNOWN},
        {{"salt", "chat", "1800000000", "nonce-0010",
          "{\"signals\": {\"queue-lag\": 1, \"kv-cache-usage\": \"1\"}}", NULL},
         RC_SYNTAX},
        {{"salt", "chat", "1800000000", "nonce-0011", "{\"signals\": {\"queue-lag\": 1}", NULL},
         RC_SYNTAX},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(push(rig, &rows[i].told), rows[i].rc);
        assert_int_equal(rig->sample_count, 0);
    }
    const struct told told = {"salt", "chat", "1800000000", "nonce-0012", GOOD_BODY, NULL};
    assert_int_equal(push(rig, &told), RC_OK);
    rig->sample_count = 0;
    assert_int_equal(push(rig, &told), RC_CONFLICT);
    assert_int_equal(rig->sample_count, 0);
}

static void fault_84_a_flood_of_messages_finds_a_bound(void **state)
{
    struct rig *rig = *state;
    enum rc rc = RC_OK;
    size_t taken = 0;
    for (; rc == RC_OK && taken < 100000; taken++) {
        char nonce[32];
        snprintf(nonce, sizeof(nonce), "nonce-%06zu", taken);
        const struct told told = {"salt", "chat", "1800000000", nonce, GOOD_BODY, NULL};
        rc = push(rig, &told);
        rig->sample_count = 0;
    }
    assert_int_equal(rc, RC_LIMIT);
    assert_true(taken < 10000);
}

static void fault_10_and_11_values_that_cannot_be_are_refused_and_unknown(void **state)
{
    struct rig *rig = *state;
    static const struct {
        const char *body;
        enum source_fault fault;
    } rows[] = {
        {"{\"signals\": {\"queue-lag\": -5}}", SOURCE_FAULT_NEGATIVE},
        {"{\"signals\": {\"queue-lag\": 922337203685477579}}", SOURCE_FAULT_ABSURD},
        {"{\"signals\": {\"kv-cache-usage\": 87}}", SOURCE_FAULT_ABSURD},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char nonce[32];
        snprintf(nonce, sizeof(nonce), "nonce-%06zu", i);
        const struct told told = {"salt", "chat", "1800000000", nonce, rows[i].body, NULL};
        rig->sample_count = 0;
        assert_int_equal(push(rig, &told), RC_RANGE);
        assert_int_equal(rig_last(rig)->state, SIGNAL_FAILED);
        assert_int_equal(rig_row(rig, 0).status->fault, rows[i].fault);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_signed_message_becomes_samples, begin, end),
        cmocka_unit_test_setup_teardown(the_time_stamp_is_the_age_of_the_values, begin, end),
        cmocka_unit_test_setup_teardown(fault_84_forged_old_and_replayed_messages_are_refused_whole,
                                        begin, end),
        cmocka_unit_test_setup_teardown(fault_84_a_flood_of_messages_finds_a_bound, begin, end),
        cmocka_unit_test_setup_teardown(
            fault_10_and_11_values_that_cannot_be_are_refused_and_unknown, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
