/* test_cycles.c - two hundred lives of replicas leave nothing behind: no descriptor, process,
 * group, file or timer. */
#include "target/cgroup.h"
#include "target/target_internal.h"

#include "rig.h"

#include <dirent.h>

#define ROUNDS 25
#define AT_ONCE 8

static const char yaml[] =
    "pools: {chat: {maxReplicas: 8, target: {process: {command: [EXE, --engine, '{port}', "
    "'say=hello'], portsFrom: 26000, stopGrace: 10s, ready: {interval: 10ms}}}},\n"
    "  bad: {maxReplicas: 8, target: {process: {command: [EXE, --engine, '{port}', exit=1, "
    "say=no]}}}}";

static size_t entries_of(const char *path)
{
    size_t count = 0;
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        count += entry->d_name[0] != '.';
    if (folder)
        closedir(folder);
    return count;
}

static size_t children(void)
{
    size_t count = 0;
    int pid;
    FILE *file = fopen("/proc/thread-self/children", "re");
    while (file && fscanf(file, "%d", &pid) == 1)
        count++;
    if (file)
        fclose(file);
    return count;
}

static bool has_group(const struct rig *rig)
{
    char name[CGROUP_PATH_SIZE];
    struct cgroup group;
    snprintf(name, sizeof name, CGROUP_PREFIX "%s", rig->installation);
    return cgroup_find(NULL, name, &group);
}

static void one_round(struct rig *rig, uint64_t first, const char *pool)
{
    const bool bad = strcmp(pool, "bad") == 0;
    rig->count = 0;
    for (uint64_t id = first; id < first + AT_ONCE; id++)
        rig_start(rig, pool, id);
    for (uint64_t id = first; id < first + AT_ONCE; id++)
        (void)rig_wait(rig, bad ? NEWS_FAILED : NEWS_READY, id);
    for (uint64_t id = first; id < first + AT_ONCE && !bad; id++)
        targets_stop(rig->targets, id, id % 2 == 1);
    for (uint64_t id = first; id < first + AT_ONCE && !bad; id++)
        (void)rig_wait(rig, NEWS_GONE, id);
}

static void two_hundred_lives_leave_nothing_behind(void **state)
{
    (void)state;
    struct rig *rig = rig_new(yaml);
    one_round(rig, 1, "chat"); /* what is opened once and kept is there now */
    const size_t descriptors = entries_of("/proc/self/fd");
    for (uint64_t round = 1; round <= ROUNDS; round++)
        one_round(rig, round * AT_ONCE + 1, "chat");
    assert_int_equal(entries_of("/proc/self/fd"), descriptors);
    assert_int_equal(children(), 0);
    assert_int_equal(entries_of(rig->folder), 0);
    assert_false(has_group(rig));
    assert_int_equal(rig->targets->replica_count, 0);
    assert_int_equal(rig->targets->outputs.count, 0);
    rig_free(rig);
}

static void failed_starts_leave_their_newest_output_only(void **state)
{
    (void)state;
    struct rig *rig = rig_new(yaml);
    one_round(rig, 1, "bad");
    const size_t descriptors = entries_of("/proc/self/fd");
    for (uint64_t round = 1; round <= 3; round++)
        one_round(rig, round * AT_ONCE + 1, "bad");
    assert_int_equal(entries_of("/proc/self/fd"), descriptors);
    assert_int_equal(children(), 0);
    assert_int_equal(entries_of(rig->folder), OUTPUTS_KEPT_PER_POOL);
    assert_false(has_group(rig));
    rig_free(rig);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--engine") == 0)
        return engine_main(argc, argv);
    if (!rig_can_run())
        return 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hundred_lives_leave_nothing_behind),
        cmocka_unit_test(failed_starts_leave_their_newest_output_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
