/* test_process_faults.c - FAULTS 70 to 75 and 88: what engines and the machine do to us. */
#include "target/target_internal.h"

#include "rig.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define ENGINE(words, more)                                                                        \
    "pools: {chat: {maxReplicas: 8, target: {process: {command: [EXE, --engine, '{port}'" words    \
    "], portsFrom: 25000, ready: {interval: 20ms}" more "}}}}"

static void fault_70_every_way_to_fail_at_once_is_told_with_its_reason(void **state)
{
    static const struct {
        const char *yaml;
        const char *text;
    } cases[] = {
        {"pools: {chat: {target: {process: {command: [no-such-engine]}}}}",
         "program \"no-such-engine\" is not in PATH"},
        {"pools: {chat: {target: {process: {command: [/etc/passwd]}}}}", "Permission denied"},
        {"pools: {chat: {target: {process: {command: [sleep, '60'], workdir: /no/such}}}}",
         "working folder \"/no/such\": No such file"},
        {ENGINE(", exit=7, say=bye", ""),
         "ended before it was ready: exit code 7; its last words: bye"},
        {ENGINE(", exit=0", ""), "ended before it was ready: exit code 0"},
        {"pools: {chat: {target: {process: {command: [sh, -c, 'kill -SEGV $$']}}}}",
         "ended before it was ready: killed by SIGSEGV"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig *rig = rig_new(cases[i].yaml);
        rig_start(rig, "chat", 1);
        const char *text = rig_wait(rig, NEWS_FAILED, 1)->text;
        if (!strstr(text, cases[i].text))
            fail_msg("\"%s\" is not in \"%s\"", cases[i].text, text);
        rig_free(rig);
    }
}

static void fault_71_grandchildren_are_gone_when_the_end_is_told(void **state)
{
    static const char *const yaml[] = {
        ENGINE(", 'grandchild=DIR/pid'", ", stopGrace: 30s"),
        ENGINE(", 'grandchild=DIR/pid', own-session", ", stopGrace: 30s"),
        ENGINE(", 'grandchild=DIR/pid', own-session, ignore-term", ", stopGrace: 20ms")};
    (void)state;
    for (size_t i = 0; i < 2 * COUNT_OF(yaml); i++) {
        char path[128];
        struct rig *rig = rig_new(yaml[i / 2]);
        rig->targets->group_refused = i % 2 == 1; /* also as a user who may not make groups */
        rig_start(rig, "chat", 1);
        (void)rig_wait(rig, NEWS_READY, 1);
        snprintf(path, sizeof path, "%s/pid", rig->folder);
        const pid_t grandchild = rig_pid_in(rig, path);
        targets_stop(rig->targets, 1, false);
        assert_string_equal(rig_wait(rig, NEWS_GONE, 1)->text,
                            i < 4 ? "stopped: killed by SIGTERM" : "stopped: killed by SIGKILL");
        assert_false(is_alive(grandchild));
        rig_free(rig);
    }
}

static int listen_on(uint16_t port)
{
    const int fd = engine_listen(port);
    assert_true(fd >= 0);
    return fd;
}

static void fault_73_a_taken_port_is_passed_over_and_a_fixed_one_is_refused(void **state)
{
    (void)state;
    struct rig *rig = rig_new(ENGINE("", ""));
    rig_start(rig, "chat", 1);
    const uint16_t first = rig_wait(rig, NEWS_READY, 1)->port;
    rig_end(rig, 1);
    const int taken = listen_on(first);
    rig_start(rig, "chat", 2);
    assert_true(rig_wait(rig, NEWS_READY, 2)->port > first);
    rig_end(rig, 2);
    char yaml[512];
    snprintf(yaml, sizeof yaml,
             "pools: {chat: {maxReplicas: 1, target: {process: {command: [EXE, --engine, "
             "'{port}'], port: %u, ready: {interval: 20ms}}}}}",
             (unsigned)first);
    rig_configure(rig, yaml);
    assert_int_equal(targets_room(rig->targets, "chat"), 1);
    rig_start(rig, "chat", 3);
    char words[64];
    snprintf(words, sizeof words, "port %u is taken", (unsigned)first);
    assert_string_equal(rig_wait(rig, NEWS_REFUSED, 3)->text, words);
    close(taken);
    rig_start(rig, "chat", 4);
    (void)rig_wait(rig, NEWS_READY, 4);
    rig_start(rig, "chat", 5); /* taken by our own replica */
    assert_string_equal(rig_wait(rig, NEWS_REFUSED, 5)->text, words);
    rig_end(rig, 4);
    rig_free(rig);
}

struct size_check {
    const char *path;
    off_t limit;
};

static bool is_small(void *user)
{
    const struct size_check *check = user;
    struct stat st;
    return stat(check->path, &st) == 0 && st.st_size <= check->limit;
}

static void fault_74_a_flood_of_output_is_cut_to_its_size(void **state)
{
    struct buf path;
    (void)state;
    buf_init(&path, 4096);
    struct rig *rig = rig_new(ENGINE(", flood=32, say=first", ", logSize: 1Mi"));
    rig_start(rig, "chat", 1);
    (void)rig_wait(rig, NEWS_READY, 1);
    assert_true(targets_log_path(rig->targets, 1, &path));
    struct size_check check = {.path = buf_cstr(&path), .limit = 1 << 20};
    rig_until(rig, is_small, &check);
    assert_true(is_small(&check));
    rig_end(rig, 1);
    assert_int_not_equal(access(buf_cstr(&path), F_OK), 0);
    rig_free(rig);
    buf_done(&path);
}

static void fault_74_a_full_disk_stops_neither_engine_nor_sluice(void **state)
{
    char folder[128];
    (void)state;
    struct rig *rig = rig_new(ENGINE(", flood=4", ", logFolder: 'DIR/small', logSize: 1Mi"));
    snprintf(folder, sizeof folder, "%s/small", rig->folder);
    assert_int_equal(mkdir(folder, 0755), 0);
    /* In a view of its own of the files: it goes with this program, whatever happens. */
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", folder, "tmpfs", 0, "size=128k") != 0) {
        print_message("# a small disk cannot be mounted here\n");
        rig_free(rig);
        skip();
    }
    rig_start(rig, "chat", 1);
    (void)rig_wait(rig, NEWS_READY, 1);
    rig_start(rig, "chat", 2); /* its file is made on the full disk */
    (void)rig_wait(rig, NEWS_READY, 2);
    rig_end(rig, 1);
    rig_end(rig, 2);
    targets_free(rig->targets);
    rig->targets = NULL;
    loop_turn(rig->loop, false);
    assert_int_equal(umount2(folder, MNT_DETACH), 0);
    rig_free(rig);
}

static void fault_75_an_engine_that_takes_too_much_memory_is_told_by_that_name(void **state)
{
    (void)state;
    struct rig *rig = rig_new(ENGINE(", eat=256", ", memory: 64Mi"));
    rig_start(rig, "chat", 1);
    const char *text = rig_wait(rig, NEWS_FAILED, 1)->text;
    if (strstr(text, "limits of cpu and memory cannot be kept here"))
        print_message("# no groups can be made here: %s\n", text);
    else
        assert_string_equal(text, "ended before it was ready: out of memory: killed by the kernel "
                                  "at its limit of 64 MiB");
    rig_free(rig);
}

static void a_replica_whose_limits_cannot_be_set_does_not_start(void **state)
{
    (void)state;
    if (geteuid() == 0)
        skip(); /* may set them */
    struct rig *rig = rig_new(ENGINE("", ", cpus: 1"));
    rig_start(rig, "chat", 1);
    assert_non_null(strstr(rig_wait(rig, NEWS_FAILED, 1)->text, "limits of cpu and memory"));
    rig_free(rig);
}

/* The start is refused under each limit of descriptors that lets the loop itself live. */
static void fault_88_without_descriptors_a_start_is_refused_and_works_later(void **state)
{
    struct rlimit before;
    size_t refused = 0;
    uint64_t id = 1;
    (void)state;
    struct rig *rig = rig_new(ENGINE("", ""));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const int top = dup(0); /* the next number that is free */
    close(top);
    for (int spare = 0; spare < 8; spare++, id++) {
        const struct rlimit few = {.rlim_cur = (rlim_t)(top + spare), .rlim_max = before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        rig_start(rig, "chat", id);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        loop_turn(rig->loop, false);
        const struct replica_news *news = rig_seen(rig, NEWS_REFUSED, id);
        print_message("# %d descriptors: %s\n", spare, news ? news->text : "started");
        if (news)
            assert_true(strstr(news->text, "Too many open files") ||
                        strstr(news->text, "cannot be watched"));
        else
            rig_end(rig, id);
        assert_null(rig_seen(rig, NEWS_FAILED, id));
        refused += news != NULL;
    }
    assert_true(refused >= 2);
    rig_start(rig, "chat", id);
    (void)rig_wait(rig, NEWS_READY, id);
    rig_end(rig, id);
    rig_free(rig);
}

/* From here on the kernel answers this process so; 0 = as always. */
static bool answer_fork(uint32_t clone3_error, uint32_t clone_error)
{
    const uint32_t clone_answer =
        clone_error != 0 ? SECCOMP_RET_ERRNO | clone_error : SECCOMP_RET_ALLOW;
    struct sock_filter rows[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | clone3_error),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, clone_answer),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = COUNT_OF(rows), .filter = rows};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* A filter cannot be taken off again: a process of its own. */
static void in_a_filter(uint32_t clone3_error, uint32_t clone_error, bool (*check)(struct rig *rig))
{
    int status = 0;
    const pid_t pid = fork();
    if (pid == 0) {
        rig_fail_at_once();
        struct rig *rig = rig_new(ENGINE("", ""));
        if (!answer_fork(clone3_error, clone_error))
            _exit(77);
        const bool fine = check(rig);
        targets_free(rig->targets);
        rmdir(rig->folder);
        _exit(fine ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool is_refused(struct rig *rig)
{
    rig_start(rig, "chat", 1);
    const char *text = rig_wait(rig, NEWS_REFUSED, 1)->text;
    return strstr(text, "no process") && strstr(text, "Resource temporarily unavailable");
}

static void fault_88_without_processes_a_start_is_refused(void **state)
{
    (void)state;
    in_a_filter(EAGAIN, EAGAIN, is_refused);
}

static bool lives(struct rig *rig)
{
    rig_start(rig, "chat", 1);
    (void)rig_wait(rig, NEWS_READY, 1);
    rig_end(rig, 1);
    return true;
}

static void engines_start_where_containers_know_no_clone3(void **state)
{
    (void)state;
    in_a_filter(ENOSYS, 0, lives);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--engine") == 0)
        return engine_main(argc, argv);
    if (!rig_can_run())
        return 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_70_every_way_to_fail_at_once_is_told_with_its_reason),
        cmocka_unit_test(fault_71_grandchildren_are_gone_when_the_end_is_told),
        cmocka_unit_test(fault_73_a_taken_port_is_passed_over_and_a_fixed_one_is_refused),
        cmocka_unit_test(fault_74_a_flood_of_output_is_cut_to_its_size),
        cmocka_unit_test(fault_74_a_full_disk_stops_neither_engine_nor_sluice),
        cmocka_unit_test(fault_75_an_engine_that_takes_too_much_memory_is_told_by_that_name),
        cmocka_unit_test(a_replica_whose_limits_cannot_be_set_does_not_start),
        cmocka_unit_test(fault_88_without_descriptors_a_start_is_refused_and_works_later),
        cmocka_unit_test(fault_88_without_processes_a_start_is_refused),
        cmocka_unit_test(engines_start_where_containers_know_no_clone3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
