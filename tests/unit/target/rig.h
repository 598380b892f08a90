/* rig.h - for tests of targets: a set of targets on a loop of its own, with every news recorded,
 * and a small engine, which is the test program itself called with "--engine".
 *
 * The engine serves HTTP on a port; words after the port say how it misbehaves. Nothing sleeps:
 * whatever is waited for is a news, and a guard of 30 s ends a test that waits in vain. */
#ifndef SLUICE_TESTS_RIG_H
#define SLUICE_TESTS_RIG_H

#include "base/duration.h"
#include "config/config.h"
#include "io/loop.h"
#include "target/ports.h"
#include "target/target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Without pidfd no engine is started: an old kernel, or valgrind 3.19, which does not know the
 * call.
 */
static inline bool rig_can_run(void)
{
    const int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (fd >= 0)
        close(fd);
    else
        printf("1..0 # SKIP there is no pidfd here: %s\n", strerror(errno));
    return fd >= 0;
}

/* In a child of a test: a failed assertion must end it, not go on with the next test. */
static inline void rig_fail_at_once(void)
{
    setenv("CMOCKA_TEST_ABORT", "1", 1);
}

/* ---- the engine ---- */

static inline bool engine_has(int argc, char **argv, const char *word)
{
    for (int i = 3; i < argc; i++)
        if (strcmp(argv[i], word) == 0)
            return true;
    return false;
}

static inline const char *engine_value(int argc, char **argv, const char *name)
{
    for (int i = 3; i < argc; i++)
        if (strncmp(argv[i], name, strlen(name)) == 0)
            return argv[i] + strlen(name);
    return NULL;
}

/* A grandchild that no stop signal reaches; says that it lives by a file with its pid. */
static inline void engine_grandchild(int argc, char **argv)
{
    const char *path = engine_value(argc, argv, "grandchild=");
    if (!path || fork() != 0)
        return;
    if (engine_has(argc, argv, "own-session"))
        (void)setsid();
    signal(SIGTERM, SIG_IGN);
    char made[512];
    snprintf(made, sizeof made, "%s.new", path);
    FILE *file = fopen(made, "we");
    if (file) {
        fprintf(file, "%d\n", (int)getpid());
        fclose(file);
    }
    rename(made, path);
    for (;;)
        pause();
}

static inline void engine_answer(int listener, int argc, char **argv)
{
    char request[4096];
    const char *sick = engine_value(argc, argv, "sick-while=");
    const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, request, sizeof request) > 0) {
        const bool fine = !sick || access(sick, F_OK) != 0;
        const char *answer = fine ? "HTTP/1.1 200 OK\r\nconnection: close\r\n"
                                    "content-length: 2\r\n\r\nok"
                                  : "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n"
                                    "content-length: 0\r\n\r\n";
        (void)!write(fd, answer, strlen(answer));
    }
    close(fd);
}

static inline int engine_listen(int port)
{
    const int one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 64) != 0) {
        printf("cannot listen on port %d: %s\n", port, strerror(errno));
        fflush(stdout);
        _exit(98);
    }
    return fd;
}

static inline void engine_flood(const char *mebibytes)
{
    char line[128];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    for (long i = 0; i < strtol(mebibytes, NULL, 10) * 8192; i++)
        (void)!write(STDOUT_FILENO, line, sizeof line);
}

static inline void engine_eat(const char *mebibytes)
{
    for (long i = 0; i < strtol(mebibytes, NULL, 10); i++) {
        volatile char *block = malloc(1 << 20);
        for (size_t at = 0; block && at < 1 << 20; at += 4096)
            block[at] = 1;
    }
}

/* SLUICE_RIG_PIDS: file that every engine appends its pid to. */
static inline int engine_main(int argc, char **argv)
{
    const char *code = engine_value(argc, argv, "exit=");
    const char *say = engine_value(argc, argv, "say=");
    if (say)
        printf("%s\n", say);
    fflush(stdout);
    if (engine_has(argc, argv, "print-env"))
        for (char **e = environ; *e; e++)
            printf("%s\n", *e);
    fflush(stdout);
    if (code)
        return (int)strtol(code, NULL, 10);
    if (engine_has(argc, argv, "ignore-term"))
        signal(SIGTERM, SIG_IGN);
    engine_grandchild(argc, argv);
    if (engine_has(argc, argv, "forget-env")) /* as programs do that set their title */
        for (char **e = environ; *e; e++)
            memset(*e, ' ', strlen(*e));
    const char *flood = engine_value(argc, argv, "flood=");
    if (flood)
        engine_flood(flood);
    const char *eat = engine_value(argc, argv, "eat=");
    if (eat)
        engine_eat(eat);
    const int listener = engine_listen((int)strtol(argv[2], NULL, 10));
    const char *answers = engine_value(argc, argv, "end-after=");
    for (long i = answers ? strtol(answers, NULL, 10) : LONG_MAX; i > 0; i--)
        engine_answer(listener, argc, argv);
    return 3;
}

/* ---- ports ---- */

static inline bool rig_port_taken(const void *user, uint16_t port)
{
    (void)user, (void)port;
    return false;
}

/* A port that nobody else gets while this program runs, be it a test or an engine of a sluice. */
static inline uint16_t rig_port(void)
{
    static int reserved[64]; /* kept until the end of the program */
    static size_t count;
    const struct port_wish wish = {.first = 27000, .taken = rig_port_taken};
    uint16_t port = 0;
    assert_true(count < COUNT_OF(reserved));
    assert_int_equal(port_choose(&wish, &port, &reserved[count++], NULL), RC_OK);
    return port;
}

/* ---- the set under test ---- */

#define RIG_NEWS_MAX 4096
#define RIG_WAIT_NS (60 * SECOND_NS)
#define RIG_TICK_NS (10 * MILLISECOND_NS)

struct rig {
    struct loop *loop;
    struct targets *targets;
    struct config *config;
    struct config *old; /* replaced, still in use by nobody */
    struct timer guard;
    int ticks_left;
    bool late;
    char folder[64];
    char program[256];
    char installation[64];
    struct replica_news news[RIG_NEWS_MAX];
    size_t count;
    size_t room_calls;
};

static inline void rig_news(void *user, const struct replica_news *news)
{
    struct rig *rig = user;
    assert_true(rig->count < RIG_NEWS_MAX);
    rig->news[rig->count++] = *news;
}

static inline void rig_room(void *user)
{
    struct rig *rig = user;
    rig->room_calls++;
}

static inline void rig_late(void *user)
{
    struct rig *rig = user;
    rig->late = --rig->ticks_left <= 0;
    if (!rig->late)
        timer_after(&rig->guard, RIG_TICK_NS);
}

/* EXE in the text becomes the engine, DIR the folder of the test. */
static inline struct config *rig_read(const struct rig *rig, const char *yaml)
{
    struct buf text;
    struct problem_list problems;
    buf_init(&text, 1 << 20);
    for (const char *at = yaml; *at; at++) {
        if (strncmp(at, "EXE", 3) == 0 || strncmp(at, "DIR", 3) == 0) {
            buf_text(&text, *at == 'E' ? rig->program : rig->folder);
            at += 2;
        } else {
            buf_byte(&text, *at);
        }
    }
    problem_list_init(&problems);
    const struct env_table env = {.item = NULL};
    struct config *config = config_read("test.yaml", buf_view(&text), &env, &problems);
    if (!config)
        fail_msg("%s: %s", problems.item[0].path, problems.item[0].text);
    problem_list_done(&problems);
    buf_done(&text);
    return config;
}

static inline void rig_configure(struct rig *rig, const char *yaml)
{
    struct diag diag = {0};
    struct config *config = rig_read(rig, yaml);
    if (targets_configure(rig->targets, config, &diag) != RC_OK)
        fail_msg("%s: %s", diag.where, diag.text);
    config_free(rig->config);
    rig->config = config;
}

/* Another set over the same processes, as after a restart. */
static inline void rig_renew(struct rig *rig, const char *yaml)
{
    struct diag diag = {0};
    const struct targets_config config = {.installation = rig->installation,
                                          .folder = rig->folder,
                                          .news = rig_news,
                                          .room = rig_room,
                                          .user = rig};
    targets_free(rig->targets);
    rig->targets = NULL;
    rig->count = 0;
    if (targets_new(rig->loop, &config, &rig->targets, &diag) != RC_OK)
        fail_msg("%s", diag.text);
    rig_configure(rig, yaml);
}

/* In a folder and under a name that are there already. */
static inline struct rig *rig_new_in(const char *folder, const char *installation, const char *yaml)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    snprintf(rig->folder, sizeof rig->folder, "%s", folder);
    snprintf(rig->installation, sizeof rig->installation, "%s", installation);
    const ssize_t len = readlink("/proc/self/exe", rig->program, sizeof rig->program - 1);
    assert_true(len > 0);
    assert_int_equal(loop_new(&rig->loop, NULL), RC_OK);
    assert_int_equal(timer_init(&rig->guard, rig->loop, rig_late, rig), RC_OK);
    rig_renew(rig, yaml);
    return rig;
}

static inline struct rig *rig_new(const char *yaml)
{
    char folder[] = "/tmp/sluice-test-target-XXXXXX";
    char installation[64];
    assert_non_null(mkdtemp(folder));
    snprintf(installation, sizeof installation, "test%d", (int)getpid());
    return rig_new_in(folder, installation, yaml);
}

static inline const struct replica_news *rig_seen(const struct rig *rig, enum news_kind kind,
                                                  uint64_t replica)
{
    for (size_t i = rig->count; i-- > 0;)
        if (rig->news[i].kind == kind && rig->news[i].replica == replica)
            return &rig->news[i];
    return NULL;
}

static inline void rig_fail(const struct rig *rig, const char *what, uint64_t replica)
{
    for (size_t i = 0; i < rig->count; i++)
        print_message("news %zu: kind %d replica %" PRIu64 " phase %d: %s\n", i,
                      (int)rig->news[i].kind, rig->news[i].replica, rig->news[i].phase,
                      rig->news[i].text);
    fail_msg("waited in vain for %s of replica %" PRIu64, what, replica);
}

/* Files and processes make no event: they are looked at every tick. */
static inline void rig_until(struct rig *rig, bool (*done)(void *user), void *user)
{
    rig->late = false;
    rig->ticks_left = (int)(RIG_WAIT_NS / RIG_TICK_NS);
    timer_after(&rig->guard, RIG_TICK_NS);
    while (!done(user) && !rig->late)
        loop_turn(rig->loop, true);
    timer_stop(&rig->guard);
}

struct rig_wish {
    const struct rig *rig;
    enum news_kind kind;
    uint64_t replica;
};

static inline bool rig_wish_done(void *user)
{
    const struct rig_wish *wish = user;
    return rig_seen(wish->rig, wish->kind, wish->replica) != NULL;
}

/* Runs the loop until this news of the replica has come. */
static inline const struct replica_news *rig_wait(struct rig *rig, enum news_kind kind,
                                                  uint64_t replica)
{
    struct rig_wish wish = {.rig = rig, .kind = kind, .replica = replica};
    rig_until(rig, rig_wish_done, &wish);
    if (!rig_seen(rig, kind, replica))
        rig_fail(rig, "a news", replica);
    return rig_seen(rig, kind, replica);
}

static inline void rig_start(struct rig *rig, const char *pool, uint64_t replica)
{
    targets_start(rig->targets, pool, replica, 0);
}

static inline void rig_end(struct rig *rig, uint64_t replica)
{
    targets_stop(rig->targets, replica, true);
    (void)rig_wait(rig, NEWS_GONE, replica);
}

/* A sluice before this one: starts replicas 1 to `count` of a pool, sees them ready, hands over the
 * document of the first one, and dies without a word. */
static inline void rig_before(const struct rig *rig, const char *yaml, const char *pool,
                              uint64_t count, struct buf *document)
{
    int channel[2];
    char text[4096];
    int status = 0;
    assert_int_equal(pipe2(channel, O_CLOEXEC), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        rig_fail_at_once();
        struct rig *before = rig_new_in(rig->folder, rig->installation, yaml);
        struct buf json;
        buf_init(&json, 1 << 16);
        for (uint64_t id = 1; id <= count; id++)
            rig_start(before, pool, id);
        for (uint64_t id = 1; id <= count; id++)
            (void)rig_wait(before, NEWS_READY, id);
        if (!targets_document(before->targets, 1, &json))
            _exit(1);
        (void)!write(channel[1], json.ptr, json.len);
        _exit(0);
    }
    close(channel[1]);
    const ssize_t len = read(channel[0], text, sizeof text);
    close(channel[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(len > 0);
    if (document)
        buf_append(document, text, (size_t)len);
}

static inline void rig_free(struct rig *rig)
{
    char command[128];
    targets_free(rig->targets);
    config_free(rig->config);
    timer_done(&rig->guard);
    loop_free(rig->loop);
    snprintf(command, sizeof command, "rm -rf %s", rig->folder);
    assert_int_equal(system(command), 0); /* a folder that mkdtemp() made */
    free(rig);
}

/* One more request to an engine, whose answer nobody reads. */
static inline void rig_poke(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

static inline bool is_alive(pid_t pid)
{
    char path[64];
    char text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    const char *state = strrchr(text, ')');
    return state && state[2] != 'Z' && state[2] != 'X';
}

/* The number in a file that an engine writes; waits for the file while the loop runs. */
static inline bool rig_file_there(void *path)
{
    return access(path, F_OK) == 0;
}

static inline pid_t rig_pid_in(struct rig *rig, char *path)
{
    int pid = 0;
    rig_until(rig, rig_file_there, path);
    assert_true(rig_file_there(path));
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    return pid;
}

#endif
