/* test_process.c - engines as real processes: started, ready, stopped, failing in every way. */
#include "rig.h"

#define ONE_POOL                                                                                   \
    "pools: {chat: {target: {process: {command: [EXE, --engine, '{port}'], portsFrom: 23000, "     \
    "ready: {interval: 20ms}}}}}"

static void an_engine_starts_becomes_ready_and_stops(void **state)
{
    (void)state;
    struct rig *rig = rig_new(ONE_POOL);
    rig_start(rig, "chat", 7);
    assert_int_equal(rig->count, 0); /* never before the call has returned */
    const struct replica_news *ready = rig_wait(rig, NEWS_READY, 7);
    assert_string_equal(ready->pool, "chat");
    assert_string_equal(ready->host, "127.0.0.1");
    assert_true(ready->port >= 23000);
    assert_true(ready->target_hash == rig->config->pool[0]->target_hash);
    for (size_t i = 0; i < PHASE_COUNT; i++) {
        assert_int_equal(rig->news[i].kind, NEWS_PHASE);
        assert_int_equal(rig->news[i].phase, i);
    }
    targets_stop(rig->targets, 7, false);
    const struct replica_news *gone = rig_wait(rig, NEWS_GONE, 7);
    assert_string_equal(gone->text, "stopped: killed by SIGTERM");
    rig_free(rig);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--engine") == 0)
        return engine_main(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_engine_starts_becomes_ready_and_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
