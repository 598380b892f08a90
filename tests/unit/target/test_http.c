/* test_http.c - engines that run elsewhere: found, probed, taken out and put in by configuration.
 */
#include "target/target_internal.h"

#include "rig.h"

/* An engine as a process of this test, outside of any target. */
static pid_t serve(const struct rig *rig, uint16_t port, const char *word)
{
    char text[8];
    snprintf(text, sizeof text, "%u", (unsigned)port);
    const pid_t pid = fork();
    if (pid == 0) {
        execl(rig->program, rig->program, "--engine", text, word, NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void configure(struct rig *rig, const char *endpoints)
{
    char yaml[512];
    snprintf(yaml, sizeof yaml,
             "pools: {far: {target: {http: {endpoints: [%s], ready: {interval: 20ms}}}}}",
             endpoints);
    rig_configure(rig, yaml);
}

static const struct replica_news *news_at(const struct rig *rig, enum news_kind kind, uint16_t port)
{
    for (size_t i = 0; i < rig->count; i++)
        if (rig->news[i].kind == kind && rig->news[i].port == port)
            return &rig->news[i];
    return NULL;
}

static void endpoints_are_found_as_they_are(void **state)
{
    (void)state;
    struct rig *rig = rig_new("pools: {far: {target: {http: {endpoints: ['http://127.0.0.1:27001', "
                              "'http://127.0.0.1:27002'], ready: {interval: 20ms}}}}}");
    const pid_t engine = serve(rig, 27001, "");
    struct timer tick; /* until it listens */
    assert_int_equal(timer_init(&tick, rig->loop, rig_late, rig), RC_OK);
    for (int fd = -1; fd < 0;) {
        const struct sockaddr_in address = {.sin_family = AF_INET,
                                            .sin_port = htons(27001),
                                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        const int try = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(try, (const struct sockaddr *)&address, sizeof address) == 0)
            fd = try;
        close(try);
    }
    timer_done(&tick);
    targets_scan(rig->targets, NULL, 0);
    assert_int_equal(rig->count, 2);
    const struct replica_news *first = news_at(rig, NEWS_FOUND, 27001);
    const struct replica_news *second = news_at(rig, NEWS_FOUND, 27002);
    assert_non_null(first);
    assert_non_null(second);
    assert_true(first->ready);
    assert_false(second->ready);
    assert_string_equal(first->host, "127.0.0.1");
    assert_true(first->replica >= REPLICA_ID_FOREIGN && second->replica >= REPLICA_ID_FOREIGN);
    assert_true(first->target_hash == rig->config->pool[0]->target_hash);
    assert_int_equal(targets_room(rig->targets, "far"), NO_COUNT);
    const uint64_t late = second->replica;
    const pid_t other = serve(rig, 27002, "");
    (void)rig_wait(rig, NEWS_READY, late);
    end(engine);
    end(other);
    rig_free(rig);
}

static void ids_stay_and_endpoints_come_and_go_by_configuration(void **state)
{
    (void)state;
    struct rig *rig = rig_new("pools: {far: {target: {http: {endpoints: "
                              "['http://127.0.0.1:27001', 'http://[::1]:27002']}}}}");
    targets_scan(rig->targets, NULL, 0);
    const uint64_t first = news_at(rig, NEWS_FOUND, 27001)->replica;
    const uint64_t second = news_at(rig, NEWS_FOUND, 27002)->replica;
    assert_string_equal(news_at(rig, NEWS_FOUND, 27002)->host, "::1");
    rig->count = 0;
    configure(rig, "'http://127.0.0.1:27003', 'http://[::1]:27002'");
    assert_int_equal(rig->count, 0);
    (void)rig_wait(rig, NEWS_GONE, first);
    assert_non_null(news_at(rig, NEWS_FOUND, 27003));
    assert_null(rig_seen(rig, NEWS_FOUND, second));
    configure(rig, "'http://[::1]:27002'"); /* taken back before it was told */
    configure(rig, "'http://[::1]:27002', 'http://127.0.0.1:27003'");
    rig->count = 0;
    configure(rig, "'http://127.0.0.1:27001'"); /* comes back under the same id */
    (void)rig_wait(rig, NEWS_FOUND, first);
    (void)rig_wait(rig, NEWS_GONE, second);
    assert_int_equal(rig->count, 3);
    rig_free(rig);
}

static void what_is_no_endpoint_of_ours_is_said_and_left_out(void **state)
{
    (void)state;
    struct rig *rig = rig_new("pools: {far: {target: {http: {endpoints: "
                              "['http://127.0.0.1:27001', 'http://127.0.0.1:27001']}}}}");
    targets_scan(rig->targets, NULL, 0);
    assert_int_equal(rig->count, 1); /* the same one twice is one */
    const uint64_t id = rig->news[0].replica;
    rig_start(rig, "far", 1);
    assert_non_null(strstr(rig_wait(rig, NEWS_FAILED, 1)->text, "not started by sluice"));
    targets_stop(rig->targets, id, false);
    (void)rig_wait(rig, NEWS_GONE, id);
    rig_free(rig);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--engine") == 0)
        return engine_main(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoints_are_found_as_they_are),
        cmocka_unit_test(ids_stay_and_endpoints_come_and_go_by_configuration),
        cmocka_unit_test(what_is_no_endpoint_of_ours_is_said_and_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
