/* test_probe.c - when an engine counts as loading, ready and unready. */
#include "target/probe.h"

#include "rig.h"

struct seen {
    struct loop *loop;
    enum probe_state state[64];
    char words[TEXT_SIZE];
    size_t count;
};

static void on_state(void *user, enum probe_state state, const char *words)
{
    struct seen *seen = user;
    assert_true(seen->count < COUNT_OF(seen->state));
    seen->state[seen->count++] = state;
    snprintf(seen->words, sizeof seen->words, "%s", words);
}

static void wait_for(struct seen *seen, size_t count)
{
    while (seen->count < count)
        loop_turn(seen->loop, true); /* the test's own time limit is the guard */
}

struct engine {
    pid_t pid;
    uint16_t port;
    char sick[64];
};

static void engine_begin(struct engine *engine)
{
    char program[256] = "";
    char port[8];
    char word[96];
    assert_true(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
    snprintf(engine->sick, sizeof engine->sick, "/tmp/sluice-test-probe-%d", (int)getpid());
    snprintf(word, sizeof word, "sick-while=%s", engine->sick);
    snprintf(port, sizeof port, "%u", (unsigned)engine->port);
    engine->pid = fork();
    if (engine->pid == 0) {
        execl(program, program, "--engine", port, word, NULL);
        _exit(127);
    }
}

static void engine_end(struct engine *engine)
{
    kill(engine->pid, SIGKILL);
    assert_int_equal(waitpid(engine->pid, NULL, 0), engine->pid);
}

static void sicken(const struct engine *engine)
{
    FILE *file = fopen(engine->sick, "we");
    assert_non_null(file);
    fclose(file);
}

static void an_engine_loads_serves_fails_and_serves_again(void **state)
{
    struct engine engine = {.port = rig_port()};
    struct seen seen = {.count = 0};
    struct probe probe;
    (void)state;
    assert_int_equal(loop_new(&seen.loop, NULL), RC_OK);
    struct http_client *client = probe_client(seen.loop);
    const struct probe_plan plan = {.host = "127.0.0.1",
                                    .port = engine.port,
                                    .path = "/health",
                                    .interval_ns = 5 * MILLISECOND_NS,
                                    .calm_ns = 5 * MILLISECOND_NS,
                                    .doubt_ns = 5 * MILLISECOND_NS};
    assert_int_equal(probe_start(&probe, client, &plan, on_state, &seen), RC_OK);
    for (int i = 0; i < 20; i++)
        loop_turn(seen.loop, true); /* nobody listens: nothing is told */
    assert_int_equal(seen.count, 0);
    snprintf(engine.sick, sizeof engine.sick, "/tmp/sluice-test-probe-%d", (int)getpid());
    sicken(&engine);
    engine_begin(&engine);
    wait_for(&seen, 1);
    assert_int_equal(seen.state[0], PROBE_LOADING);
    unlink(engine.sick);
    wait_for(&seen, 2);
    assert_int_equal(seen.state[1], PROBE_READY);
    sicken(&engine);
    wait_for(&seen, 3);
    assert_int_equal(seen.state[2], PROBE_UNREADY);
    assert_string_equal(seen.words, "GET /health is answered with status 503");
    assert_int_equal(probe.failures, PROBE_FAILURES);
    unlink(engine.sick);
    wait_for(&seen, 4);
    assert_int_equal(seen.state[3], PROBE_READY);
    engine_end(&engine);
    wait_for(&seen, 5);
    assert_int_equal(seen.state[4], PROBE_UNREADY);
    probe_stop(&probe);
    probe_stop(&probe);
    http_client_free(client);
    loop_free(seen.loop);
}

static void without_a_path_an_open_port_is_enough(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        struct seen seen = {.count = 0};
        struct probe probe;
        struct engine engine = {.port = rig_port()};
        assert_int_equal(loop_new(&seen.loop, NULL), RC_OK);
        struct http_client *client = probe_client(seen.loop);
        const struct probe_plan plan = {
            .host = hosts[i], .port = engine.port, .path = "", .interval_ns = 5 * MILLISECOND_NS};
        assert_int_equal(probe_start(&probe, client, &plan, on_state, &seen), RC_OK);
        engine_begin(&engine);
        sicken(&engine);
        wait_for(&seen, 1);
        assert_int_equal(seen.state[0], PROBE_READY);
        unlink(engine.sick);
        engine_end(&engine);
        probe_stop(&probe);
        http_client_free(client);
        loop_free(seen.loop);
    }
}

static void many_are_asked_at_once_and_silence_has_a_limit(void **state)
{
    struct probe_plan plan[3];
    (void)state;
    const uint16_t port = rig_port();
    const int silent = engine_listen(port); /* accepts, never answers */
    for (size_t i = 0; i < COUNT_OF(plan); i++)
        plan[i] = (struct probe_plan){.host = "127.0.0.1",
                                      .port = i == 0 ? port : rig_port(),
                                      .path = i == 2 ? "" : "/health",
                                      .interval_ns = SECOND_NS};
    probe_all(plan, COUNT_OF(plan), 50 * MILLISECOND_NS);
    for (size_t i = 0; i < COUNT_OF(plan); i++)
        assert_int_equal(plan[i].state, PROBE_SILENT);
    plan[0].path = "";
    probe_all(plan, COUNT_OF(plan), 10 * SECOND_NS);
    assert_int_equal(plan[0].state, PROBE_READY);
    assert_int_equal(plan[1].state, PROBE_SILENT);
    close(silent);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--engine") == 0)
        return engine_main(argc, argv);
    if (!rig_can_run())
        return 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_engine_loads_serves_fails_and_serves_again),
        cmocka_unit_test(without_a_path_an_open_port_is_enough),
        cmocka_unit_test(many_are_asked_at_once_and_silence_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
