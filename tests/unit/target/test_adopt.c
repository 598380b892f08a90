/* test_adopt.c - a sluice that died left engines running: they are found, checked and adopted, or
 * left alone. */
#include "target/mark.h"
#include "target/spawn.h"

#include "rig.h"

#include <poll.h>

#define POOL_OF(words)                                                                             \
    "pools: {chat: {maxReplicas: 4, target: {process: {command: [EXE, --engine, '{port}'" words    \
    "], portsFrom: 24000, ready: {interval: 20ms}}}}}"
#define PLAIN POOL_OF("")

static pid_t document_pid(const struct buf *document)
{
    struct mark mark;
    assert_int_equal(mark_read_document(buf_view(document), &mark), RC_OK);
    return mark.pid;
}

static void fault_72_running_engines_are_found_without_any_record(void **state)
{
    (void)state;
    struct rig *rig = rig_new(PLAIN);
    rig_before(rig, PLAIN, "chat", 2, NULL);
    targets_scan(rig->targets, NULL, 0);
    assert_int_equal(rig->count, 2); /* told before the call returned */
    for (uint64_t id = 1; id <= 2; id++) {
        const struct replica_news *found = rig_seen(rig, NEWS_FOUND, id);
        assert_non_null(found);
        assert_string_equal(found->pool, "chat");
        assert_string_equal(found->host, "127.0.0.1");
        assert_true(found->ready);
        assert_true(found->target_hash == rig->config->pool[0]->target_hash);
        assert_true(found->port >= 24000);
    }
    const uint16_t first = rig_seen(rig, NEWS_FOUND, 1)->port;
    const uint16_t second = rig_seen(rig, NEWS_FOUND, 2)->port;
    rig_start(rig, "chat", 3);
    const uint16_t third = rig_wait(rig, NEWS_READY, 3)->port;
    assert_true(third != first && third != second);
    targets_stop(rig->targets, 1, false);
    assert_string_equal(rig_wait(rig, NEWS_GONE, 1)->text, "stopped: ended");
    rig_end(rig, 2);
    rig_end(rig, 3);
    rig_free(rig);
}

static void an_adopted_engine_that_dies_is_told_as_gone(void **state)
{
    struct buf document;
    (void)state;
    buf_init(&document, 1 << 16);
    struct rig *rig = rig_new(PLAIN);
    rig_before(rig, PLAIN, "chat", 1, &document);
    const struct span records[] = {buf_view(&document)};
    targets_scan(rig->targets, records, 1);
    assert_non_null(rig_seen(rig, NEWS_FOUND, 1));
    kill(document_pid(&document), SIGKILL);
    assert_string_equal(rig_wait(rig, NEWS_GONE, 1)->text, "ended");
    rig_free(rig);
    buf_done(&document);
}

static void fault_72_a_record_serves_where_the_environment_was_overwritten(void **state)
{
    struct buf document;
    (void)state;
    buf_init(&document, 1 << 16);
    struct rig *rig = rig_new(POOL_OF(", forget-env"));
    rig_before(rig, POOL_OF(", forget-env"), "chat", 1, &document);
    const struct span records[] = {buf_view(&document)};
    targets_scan(rig->targets, records, 1);
    assert_non_null(rig_seen(rig, NEWS_FOUND, 1));
    assert_true(rig_seen(rig, NEWS_FOUND, 1)->ready);
    rig_end(rig, 1);
    rig_free(rig);
    buf_done(&document);
}

static void fault_72_an_engine_of_another_installation_is_left_alone(void **state)
{
    struct buf document;
    (void)state;
    buf_init(&document, 1 << 16);
    struct rig *rig = rig_new(PLAIN);
    rig_before(rig, PLAIN, "chat", 1, &document);
    struct rig *other = rig_new_in(rig->folder, "another", PLAIN);
    targets_scan(other->targets, NULL, 0);
    assert_int_equal(other->count, 0);
    rig_start(other, "chat", 1); /* the port in use is passed over */
    (void)rig_wait(other, NEWS_READY, 1);
    rig_end(other, 1);
    assert_true(is_alive(document_pid(&document)));
    targets_scan(rig->targets, NULL, 0);
    rig_end(rig, 1);
    targets_free(other->targets);
    other->targets = NULL;
    rig_free(rig);
    assert_int_equal(mkdir(other->folder, 0700), 0);
    rig_free(other);
    buf_done(&document);
}

static void fault_72_a_process_that_contradicts_its_record_is_left_alone(void **state)
{
    struct buf document;
    struct buf changed;
    (void)state;
    buf_init(&document, 1 << 16);
    buf_init(&changed, 1 << 16);
    struct rig *rig = rig_new(PLAIN);
    rig_before(rig, PLAIN, "chat", 1, &document);
    const char *ticks = strstr(buf_cstr(&document), "\"startTicks\":");
    assert_non_null(ticks);
    const size_t head = (size_t)(ticks - document.ptr) + strlen("\"startTicks\":");
    buf_append(&changed, document.ptr, head);
    buf_text(&changed, "1");
    buf_text(&changed, buf_cstr(&document) + head);
    const struct span wrong[] = {buf_view(&changed)};
    targets_scan(rig->targets, wrong, 1);
    assert_int_equal(rig->count, 0);
    assert_true(is_alive(document_pid(&document)));
    const struct span right[] = {buf_view(&document)};
    targets_scan(rig->targets, right, 1);
    assert_non_null(rig_seen(rig, NEWS_FOUND, 1));
    rig_end(rig, 1);
    rig_free(rig);
    buf_done(&changed);
    buf_done(&document);
}

/* A process with the same mark as replica 1, as somebody could start by hand from its environment.
 */
static struct child start_twin(const struct rig *rig, const char *group)
{
    char installation[128];
    char group_entry[300];
    char pid[] = MARK_PID "=0000000000";
    struct child twin;
    snprintf(installation, sizeof installation, MARK_INSTALLATION "=%s", rig->installation);
    snprintf(group_entry, sizeof group_entry, MARK_GROUP "=%s", group);
    const char *argv[] = {"sleep", "600", NULL};
    const char *envp[] = {"PATH=/usr/bin:/bin",
                          installation,
                          MARK_REPLICA "=1",
                          MARK_POOL "=chat",
                          MARK_CLASS "=0",
                          MARK_HASH "=0000000000000001",
                          MARK_PORT "=24000",
                          MARK_GPUS "=",
                          MARK_GPU_SHARE "=0",
                          group_entry,
                          pid,
                          NULL};
    const struct spawn_spec spec = {.argv = argv,
                                    .envp = envp,
                                    .pid_slot = pid + sizeof MARK_PID,
                                    .pid_digits = MARK_PID_DIGITS};
    assert_int_equal(child_spawn(&spec, &twin, NULL), RC_OK);
    struct pollfd launched = {.fd = twin.report_fd, .events = POLLIN};
    assert_int_equal(poll(&launched, 1, 20000), 1);
    assert_int_equal(child_launched(&twin, NULL), RC_OK);
    return twin;
}

static void end_twin(struct child *twin)
{
    child_signal(twin, SIGKILL);
    while (!child_poll(twin).ended)
        ;
    child_done(twin);
}

static void fault_72_of_two_that_claim_one_replica_the_right_one_is_adopted(void **state)
{
    struct buf document;
    (void)state;
    buf_init(&document, 1 << 16);
    struct rig *rig = rig_new(PLAIN);
    rig_before(rig, PLAIN, "chat", 1, &document);
    struct child outside = start_twin(rig, "sluice-x/chat-1"); /* not in that group */
    struct child twin = start_twin(rig, "");                   /* nothing but its age is wrong */
    targets_scan(rig->targets, NULL, 0);
    assert_int_equal(rig->count, 1);
    assert_true(rig->news[0].target_hash == rig->config->pool[0]->target_hash);
    rig_end(rig, 1);
    assert_true(is_alive(outside.pid) && is_alive(twin.pid));
    end_twin(&outside);
    end_twin(&twin);
    assert_false(is_alive(document_pid(&document)));
    rig_free(rig);
    buf_done(&document);
}

static void fault_72_a_process_outside_the_group_of_its_mark_is_left_alone(void **state)
{
    char group[128];
    (void)state;
    struct rig *rig = rig_new(PLAIN);
    snprintf(group, sizeof group, CGROUP_PREFIX "%s/chat-1", rig->installation);
    struct child twin = start_twin(rig, group);
    targets_scan(rig->targets, NULL, 0);
    assert_int_equal(rig->count, 0);
    assert_true(is_alive(twin.pid));
    end_twin(&twin);
    rig_free(rig);
}

static void fault_72_what_a_dead_leader_left_behind_is_ended(void **state)
{
    static const char *const yaml[] = {POOL_OF(", 'grandchild=DIR/grandchild'"),
                                       POOL_OF(", 'grandchild=DIR/grandchild', own-session")};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(yaml); i++) {
        struct buf document;
        char path[128];
        buf_init(&document, 1 << 16);
        struct rig *rig = rig_new(yaml[i]);
        rig_before(rig, yaml[i], "chat", 1, &document);
        snprintf(path, sizeof path, "%s/grandchild", rig->folder);
        const pid_t grandchild = rig_pid_in(rig, path);
        kill(document_pid(&document), SIGKILL);
        while (is_alive(document_pid(&document)))
            ;
        assert_true(is_alive(grandchild));
        targets_scan(rig->targets, NULL, 0);
        assert_null(rig_seen(rig, NEWS_FOUND, 1));
        (void)rig_wait(rig, NEWS_GONE, 1);
        assert_false(is_alive(grandchild));
        rig_free(rig);
        buf_done(&document);
    }
}

static void gpus_of_adopted_replicas_are_taken(void **state)
{
    static const char yaml[] =
        "inventory: {gpus: [{name: GPU-a}, {name: GPU-b}, {name: GPU-c}]}\n"
        "pools: {chat: {maxReplicas: 4, target: {process: {gpus: 2, command: [EXE, --engine, "
        "'{port}'], portsFrom: 24000, ready: {interval: 20ms}}}},\n"
        "  small: {target: {process: {gpus: 0.5, command: [EXE, --engine, '{port}']}}}}";
    (void)state;
    struct rig *rig = rig_new(yaml);
    rig_before(rig, yaml, "chat", 1, NULL);
    assert_int_equal(targets_room(rig->targets, "small"), 6);
    targets_scan(rig->targets, NULL, 0);
    assert_non_null(rig_seen(rig, NEWS_FOUND, 1));
    assert_true(targets_gpus_free(rig->targets) == 1);
    assert_int_equal(targets_room(rig->targets, "chat"), 1);
    assert_int_equal(targets_room(rig->targets, "small"), 6); /* if nobody else held any */
    rig_configure(rig, yaml);                                 /* the inventory is built again */
    assert_true(targets_gpus_free(rig->targets) == 1);
    rig_end(rig, 1);
    assert_true(targets_gpus_free(rig->targets) == 3);
    rig_free(rig);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--engine") == 0)
        return engine_main(argc, argv);
    if (!rig_can_run())
        return 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_72_running_engines_are_found_without_any_record),
        cmocka_unit_test(an_adopted_engine_that_dies_is_told_as_gone),
        cmocka_unit_test(fault_72_a_record_serves_where_the_environment_was_overwritten),
        cmocka_unit_test(fault_72_an_engine_of_another_installation_is_left_alone),
        cmocka_unit_test(fault_72_a_process_that_contradicts_its_record_is_left_alone),
        cmocka_unit_test(fault_72_of_two_that_claim_one_replica_the_right_one_is_adopted),
        cmocka_unit_test(fault_72_a_process_outside_the_group_of_its_mark_is_left_alone),
        cmocka_unit_test(fault_72_what_a_dead_leader_left_behind_is_ended),
        cmocka_unit_test(gpus_of_adopted_replicas_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
