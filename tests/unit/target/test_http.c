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

/* Three addresses for a pool; "1", "2" and "3" in the list stand for them, as often as they do. */
struct place {
    const char *host; /* as a URL writes it */
    uint16_t port;
};
static struct place places[] = {{"127.0.0.1", 0}, {"[::1]", 0}, {"127.0.0.1", 0}};

static int choose_ports(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(places); i++)
        places[i].port = rig_port();
    return 0;
}

static const char *with(const char *list)
{
    static char yaml[1024];
    size_t len = (size_t)snprintf(yaml, sizeof yaml, "pools: {far: {target: {http: {endpoints: [");
    for (; *list; list++)
        len += (size_t)snprintf(yaml + len, sizeof yaml - len, "'http://%s:%u',",
                                places[*list - '1'].host, (unsigned)places[*list - '1'].port);
    snprintf(yaml + len, sizeof yaml - len, "], ready: {interval: 20ms}}}}}");
    return yaml;
}

static const struct replica_news *news_at(const struct rig *rig, enum news_kind kind, uint16_t port)
{
    for (size_t i = 0; i < rig->count; i++)
        if (rig->news[i].kind == kind && rig->news[i].port == port)
            return &rig->news[i];
    return NULL;
}

/* Until it listens. */
static void wait_for_port(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (bool fine = false; !fine;) {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        fine = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
        close(fd);
    }
}

static void endpoints_are_found_as_they_are(void **state)
{
    (void)state;
    struct rig *rig = rig_new(with("13"));
    const pid_t engine = serve(rig, places[0].port, "");
    wait_for_port(places[0].port);
    targets_scan(rig->targets, NULL, 0);
    assert_int_equal(rig->count, 2);
    const struct replica_news *first = news_at(rig, NEWS_FOUND, places[0].port);
    const struct replica_news *second = news_at(rig, NEWS_FOUND, places[2].port);
    assert_non_null(first);
    assert_non_null(second);
    assert_true(first->ready);
    assert_false(second->ready);
    assert_string_equal(first->host, "127.0.0.1");
    assert_true(first->replica >= REPLICA_ID_FOREIGN && second->replica >= REPLICA_ID_FOREIGN);
    assert_true(first->target_hash == rig->config->pool[0]->target_hash);
    assert_int_equal(targets_room(rig->targets, "far"), NO_COUNT);
    const uint64_t late = second->replica;
    const pid_t other = serve(rig, places[2].port, "");
    (void)rig_wait(rig, NEWS_READY, late);
    end(engine);
    end(other);
    rig_free(rig);
}

static void ids_stay_and_endpoints_come_and_go_by_configuration(void **state)
{
    (void)state;
    struct rig *rig = rig_new(with("12"));
    targets_scan(rig->targets, NULL, 0);
    const uint64_t first = news_at(rig, NEWS_FOUND, places[0].port)->replica;
    const uint64_t second = news_at(rig, NEWS_FOUND, places[1].port)->replica;
    assert_string_equal(news_at(rig, NEWS_FOUND, places[1].port)->host, "::1");
    rig->count = 0;
    rig_configure(rig, with("32"));
    assert_int_equal(rig->count, 0);
    (void)rig_wait(rig, NEWS_GONE, first);
    assert_non_null(news_at(rig, NEWS_FOUND, places[2].port));
    assert_null(rig_seen(rig, NEWS_FOUND, second));
    rig->count = 0;
    rig_configure(rig, with("2")); /* taken back before it was told */
    rig_configure(rig, with("23"));
    rig_configure(rig, with("1")); /* comes back under the same id */
    (void)rig_wait(rig, NEWS_FOUND, first);
    (void)rig_wait(rig, NEWS_GONE, second);
    assert_int_equal(rig->count, 3);
    rig_free(rig);
}

static void what_is_no_endpoint_of_ours_is_said_and_left_out(void **state)
{
    (void)state;
    struct rig *rig = rig_new(with("11"));
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
    if (!rig_can_run())
        return 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoints_are_found_as_they_are),
        cmocka_unit_test(ids_stay_and_endpoints_come_and_go_by_configuration),
        cmocka_unit_test(what_is_no_endpoint_of_ours_is_said_and_left_out),
    };
    return cmocka_run_group_tests(tests, choose_ports, NULL);
}
