/* bench_core - one round of everything that can be measured inside one process. A line each:
 * NAME TAB VALUE. CPU time of this process per operation, unless the name says otherwise. The
 * yardsticks do in the plainest way what has to be done anyhow: copy the bytes, write them.
 *
 * usage: bench_core FOLDER [PART]     (the folder is for files of the store; a profiler looks at
 * one part) */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/duration.h"
#include "core/forecast/forecast.h"
#include "core/group.h"
#include "core/plan.h"
#include "core/policy.h"
#include "core/policy/knative.h"
#include "io/http1.h"
#include "store/store_writer.h"
#include "traffic/dispatch.h"
#include "traffic/peek.h"
#include "traffic/sse.h"

#define T0 (1000 * SECOND_NS)
#define WALL (INT64_C(1790000000) * SECOND_NS)
#define STATE_BYTES 1200 /* of a pool with the policy knative */

static volatile uint64_t kept; /* so that nothing measured is optimised away */

static double cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void row(const char *name, double begin_ns, double operations)
{
    (void)printf("%s\t%.6g\n", name, (cpu_ns() - begin_ns) / operations);
}

static void must(bool fine, const char *what)
{
    if (fine)
        return;
    (void)fprintf(stderr, "bench_core: %s\n", what);
    exit(1);
}

/* ---- the core ---- */

struct bench_pool {
    struct arena arena;
    unsigned char config[8192] __attribute__((aligned(16)));
    struct pool_spec pool;
    const struct group_spec *group;
    struct group_state *state;
    struct observation o;
    struct decision d;
};

static void pool_open(struct bench_pool *b, const char *policy)
{
    struct diag diag = {0};
    const int64_t initial[POOLS_PER_GROUP_MAX] = {3};
    memset(b, 0, sizeof(*b));
    arena_init(&b->arena, 64U << 20);
    pool_spec_defaults(&b->pool);
    (void)snprintf(b->pool.name, sizeof(b->pool.name), "chat");
    b->pool.policy = policy_find(span_from(policy));
    must(b->pool.policy != NULL && b->pool.policy->config_size <= sizeof(b->config), policy);
    opt_defaults(b->pool.policy->options, b->pool.policy->option_count, b->config);
    b->pool.policy_config = b->config;
    b->pool.replicas_min = 1;
    b->pool.replicas_max = 100;
    must(group_compile(&b->arena, "g", &b->pool, 1, &b->group, &diag) == RC_OK, diag.text);
    b->state = calloc(1, group_state_size(b->group));
    must(b->state != NULL, "no memory");
    group_state_init(b->group, b->state, T0, initial);
    observation_defaults(&b->o);
    b->o.pool[0].ready = b->o.pool[0].actual_count = 3;
    b->o.pool[0].waiting_state = SIGNAL_VALUE;
    b->o.now_ns = T0;
    b->o.wall_ns = WALL;
}

static void pool_close(struct bench_pool *b)
{
    free(b->state);
    arena_done(&b->arena);
}

static void put(struct bench_pool *b, enum signal_id signal, double value)
{
    const struct sample sample = {.t_ns = b->o.now_ns,
                                  .signal = (uint16_t)signal,
                                  .state = SIGNAL_VALUE,
                                  .value = value,
                                  .weight = 1};
    observe(b->group, b->state, &sample, 1);
}

static void tick(struct bench_pool *b, int64_t after_ns)
{
    b->o.now_ns += after_ns;
    b->o.wall_ns += after_ns;
    decide(b->group, b->state, &b->o, &b->d);
    kept += (uint64_t)b->d.desired;
}

static void fill(struct bench_pool *b)
{
    for (int i = 0; i < 60; i++) {
        put(b, SIGNAL_CONCURRENCY, 200 + i);
        tick(b, 2 * SECOND_NS);
    }
}

/* What Knative's Scale() does: two averages are given, a count comes out. */
static void bench_function(void)
{
    struct bench_pool b;
    pool_open(&b, "knative");
    struct knative_state state = {.panic_since_ns = TIME_NONE};
    struct knative_load load = {.panic = 260, .target = 70, .total = 100, .ready = 3};
    const int n = 5000000;
    const double begin_ns = cpu_ns();
    for (int i = 0; i < n; i++) {
        load.stable = 200 + i % 64;
        kept +=
            (uint64_t)knative_scale((const void *)b.config, &state, NULL, T0 + i, &load).desired;
    }
    row("function knative", begin_ns, n);
    pool_close(&b);
}

/* All that stands around it: windows read, bounds, the gate before the last replica. */
static void bench_policy(void)
{
    struct bench_pool b;
    pool_open(&b, "knative");
    fill(&b);
    const struct pool_plan *plan = &b.group->pool[0];
    const struct policy_plan *policy = &plan->policy;
    const struct policy_peer peer = {.pool = &b.pool, .observation = &b.o.pool[0], .desired = 3};
    struct policy_input in = {.pool = &b.pool,
                              .config = policy->config,
                              .state =
                                  (char *)b.state + policy->offset + sizeof(struct policy_state),
                              .observation = &b.o.pool[0],
                              .now_ns = b.o.now_ns,
                              .desired = 3,
                              .peer = &peer,
                              .peer_count = 1,
                              .series = &policy->reader.table,
                              .block = b.state};
    const int n = 2000000;
    const double begin_ns = cpu_ns();
    for (int i = 0; i < n; i++) {
        in.now_ns += 100;
        const struct proposal p = policy->ops->propose(&in);
        kept += (uint64_t)p.replicas;
    }
    row("policy knative", begin_ns, n);
    pool_close(&b);
}

static void bench_decide(void)
{
    struct bench_pool b;
    pool_open(&b, "knative");
    fill(&b);
    const int n = 1000000;
    double begin_ns = cpu_ns();
    b.o.cause = TICK_QUEUE; /* knative is asked on each of them */
    for (int i = 0; i < n; i++)
        tick(&b, 100);
    row("decide knative", begin_ns, n);
    b.o.cause = TICK_PERIOD;
    begin_ns = cpu_ns();
    for (int i = 0; i < n; i++) {
        put(&b, SIGNAL_CONCURRENCY, 200 + i % 50);
        put(&b, SIGNAL_REQUESTS_PER_SECOND, 20 + i % 5);
        tick(&b, 2 * SECOND_NS);
    }
    row("period knative", begin_ns, n);
    pool_close(&b);
}

static void bench_adaptive(void)
{
    struct bench_pool b;
    pool_open(&b, "adaptive");
    const int n = 300000;
    const double begin_ns = cpu_ns();
    for (int i = 0; i < n; i++) {
        put(&b, SIGNAL_CONCURRENCY, 200 + i % 50);
        put(&b, SIGNAL_RUNNING_REQUESTS, 180 + i % 50);
        tick(&b, 2 * SECOND_NS);
    }
    row("period adaptive", begin_ns, n);
    pool_close(&b);
}

static void bench_states(void)
{
    static const char *const names[] = {"knative", "adaptive"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct bench_pool b;
        pool_open(&b, names[i]);
        (void)printf("state %s\t%zu\n", names[i], group_state_size(b.group));
        pool_close(&b);
    }
    /* The same for any look-back: its buckets grow with it. */
    (void)printf("state forecast\t%zu\n", sizeof(struct forecaster));
}

#define MANY 100000

/* All pools of an installation once, none of them in a cache. */
static void bench_many(void)
{
    static struct observation o;
    struct bench_pool b;
    pool_open(&b, "knative");
    fill(&b);
    const size_t size = group_state_size(b.group);
    char *all = malloc(MANY * size);
    must(all != NULL, "no memory");
    for (size_t i = 0; i < MANY; i++)
        memcpy(all + i * size, b.state, size);
    o = b.o;
    o.now_ns += 2 * SECOND_NS;
    const double begin_ns = cpu_ns();
    for (size_t i = 0; i < MANY; i++) {
        struct group_state *state = (void *)(all + i * size);
        group_state_prefetch(b.group, (void *)(all + (i + 2) % MANY * size));
        decide(b.group, state, &o, &b.d);
        kept += (uint64_t)b.d.desired;
    }
    row("100000 pools, ms", begin_ns, 1e6);
    free(all);
    pool_close(&b);
}

/* ---- bytes ---- */

static const char request_text[] =
    "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost:8080\r\n"
    "connection: keep-alive\r\naccept: application/json\r\naccept-encoding: gzip, deflate\r\n"
    "accept-language: *\r\nauthorization: Bearer sk-0123456789abcdef0123456789abcdef\r\n"
    "content-type: application/json\r\nsec-fetch-mode: cors\r\nuser-agent: OpenAI/JS 4.104.0\r\n"
    "x-stainless-arch: x64\r\nx-stainless-lang: js\r\nx-stainless-os: Linux\r\n"
    "x-stainless-package-version: 4.104.0\r\nx-stainless-retry-count: 0\r\n"
    "x-stainless-runtime: node\r\nx-stainless-runtime-version: v20.20.2\r\n"
    "x-stainless-timeout: 600\r\ncontent-length: 4096\r\n\r\n";

static void bench_parser(void)
{
    static struct http_head head;
    static char copy[sizeof(request_text)];
    const int n = 500000;
    double begin_ns = cpu_ns();
    for (int i = 0; i < n; i++) {
        size_t scanned = 0;
        must(http_parse_request(span_of(request_text, sizeof(request_text) - 1), &scanned, &head,
                                NULL) == RC_OK,
             "the head is refused");
        kept += head.header_count;
    }
    row("head parsed", begin_ns, n);
    begin_ns = cpu_ns();
    for (int i = 0; i < n; i++) {
        memcpy(copy, request_text, sizeof(copy));
        __asm__ volatile("" : : "r"(copy) : "memory");
    }
    row("head copied", begin_ns, n);
    (void)printf("head bytes\t%zu\n", sizeof(request_text) - 1);
}

static void bench_body(void)
{
    static struct peek peek;
    static char body[4096];
    static char copy[sizeof(body)];
    size_t len = (size_t)snprintf(body, sizeof(body),
                                  "{\"model\":\"llama-3.1-8b\",\"stream\":true,\"messages\":["
                                  "{\"role\":\"user\",\"content\":\"");
    for (; len < sizeof(body) - 4; len++)
        body[len] = "the quick brown fox "[len % 20];
    memcpy(body + len, "\"}]}", 4);
    const int n = 200000;
    double begin_ns = cpu_ns();
    for (int i = 0; i < n; i++) {
        peek_init(&peek, peek_format_of(span_from("application/json")), span_from(""));
        (void)peek_feed(&peek, body, sizeof(body));
        must(peek_end(&peek) == PEEK_DONE && peek.model_len > 0, "the body is not understood");
        kept += peek.prompt_bytes;
    }
    row("body peeked", begin_ns, n);
    begin_ns = cpu_ns();
    for (int i = 0; i < n; i++) {
        memcpy(copy, body, sizeof(copy));
        __asm__ volatile("" : : "r"(copy) : "memory");
    }
    row("body copied", begin_ns, n);
}

static void bench_events(void)
{
    static const char event[] =
        "data: "
        "{\"id\":\"chatcmpl-123\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
        "\"model\":\"llama-3.1-8b\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"},"
        "\"logprobs\":null,\"finish_reason\":null}]}\n\n";
    static struct sse sse;
    const int n = 500000;
    sse_init(&sse, SSE_EVENTS);
    const double begin_ns = cpu_ns();
    for (int i = 0; i < n; i++)
        kept += (uint64_t)sse_feed(&sse, event, sizeof(event) - 1);
    row("event metered", begin_ns, n);
}

static void bench_dispatch(void)
{
    struct dispatch_config config;
    dispatch_config_default(&config);
    struct dispatch *d = dispatch_new(&config);
    struct route_replica replicas[8] = {{.id = 0}};
    struct route_pool routes = {
        .replica = replicas, .replica_count = COUNT_OF(replicas), .eta_ns = -1};
    for (size_t i = 0; i < COUNT_OF(replicas); i++)
        replicas[i] = (struct route_replica){.id = i + 1, .weight = 1};
    must(d != NULL && dispatch_routes(d, &routes, 1, T0) == RC_OK, "no dispatcher");
    const int n = 300000;
    const double begin_ns = cpu_ns();
    for (int i = 0; i < n; i++) {
        const int64_t now_ns = T0 + i * MILLISECOND_NS;
        const struct arrival arrival = {.session = (uint64_t)i % 1000 + 1, .prompt_tokens = 500};
        const struct dispatch_answer answer = dispatch_arrive(d, &arrival, now_ns);
        for (int k = 0; k < 20; k++)
            dispatch_tokens(d, answer.request, 1, now_ns + k);
        dispatch_finish(d, answer.request, OUTCOME_OK, NULL, now_ns + 20);
    }
    row("request dispatched", begin_ns, n);
    dispatch_free(d);
}

/* ---- the store ---- */

static void bench_store(const char *folder)
{
    static char bytes[2600];
    char path[4096];
    struct store *store = NULL;
    struct store_writer *writer = NULL;
    struct store_opening opening;
    struct diag diag = {0};
    const int n = 5000;
    memset(bytes, 'x', sizeof(bytes));
    (void)snprintf(path, sizeof(path), "%s/bench.db", folder);
    must(store_open(path, &store, &opening, &diag) == RC_OK, diag.text);
    must(store_writer_new(store, &writer, &diag) == RC_OK, diag.text);
    double begin_ns = cpu_ns();
    for (int i = 0; i < n; i++) {
        const struct store_tick t = {.wall_ns = WALL + i * 2 * SECOND_NS,
                                     .now_ns = T0 + i * 2 * SECOND_NS,
                                     .group = "chat",
                                     .config_hash = 1,
                                     .changed = i % 10 == 0,
                                     .state = span_of(bytes, STATE_BYTES),
                                     .samples = span_of(bytes, 300),
                                     .observation = span_of(bytes, 400),
                                     .decision = span_of(bytes, 700)};
        must(store_writer_tick(writer, &t) == RC_OK, "the queue of the store is full");
    }
    store_writer_flush(writer);
    row("decision stored", begin_ns, n);
    store_writer_free(writer);
    (void)snprintf(path, sizeof(path), "%s/bench.plain", folder);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(fd >= 0, "a plain file cannot be written");
    begin_ns = cpu_ns();
    for (int i = 0; i < n; i++) {
        must(write(fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes), "a plain file is full");
        if (i % STORE_BATCH_MAX == 0)
            (void)fdatasync(fd);
    }
    row("decision written", begin_ns, n);
    (void)close(fd);
}

static const char *folder;

static void bench_store_here(void)
{
    bench_store(folder);
}

static const struct {
    const char *name;
    void (*run)(void);
} parts[] = {
    {"function", bench_function}, {"policy", bench_policy},    {"decide", bench_decide},
    {"adaptive", bench_adaptive}, {"states", bench_states},    {"many", bench_many},
    {"parser", bench_parser},     {"body", bench_body},        {"events", bench_events},
    {"dispatch", bench_dispatch}, {"store", bench_store_here},
};

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        (void)fprintf(stderr, "usage: bench_core FOLDER [PART]\n");
        return 2;
    }
    folder = argv[1];
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (argc == 2 || strcmp(parts[i].name, argv[2]) == 0)
            parts[i].run();
    return 0;
}
