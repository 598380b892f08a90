/* probe.c - see probe.h. */
#include "target/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/address.h"
#include "io/conn.h"

#define ANSWER_BYTES_MAX (256U << 10) /* of a health page; more is no reason to be unready */

struct http_client *probe_client(struct loop *loop)
{
    struct http_client_config config;
    http_client_defaults(&config);
    config.keep_max = 0; /* probes of many engines must not hold descriptors */
    config.connect_timeout_ns = config.first_byte_timeout_ns = PROBE_TIMEOUT_NS;
    return http_client_new(loop, &config);
}

static int64_t next_after(const struct probe *probe)
{
    if (probe->state != PROBE_READY)
        return probe->interval_ns;
    const int64_t calm = probe->failures > 0 ? probe->doubt_ns : probe->calm_ns;
    return calm > probe->interval_ns ? calm : probe->interval_ns;
}

/* One probe has ended. */
static void conclude(struct probe *probe, bool accepted, bool ready, const char *words)
{
    enum probe_state next = probe->state;
    probe->failures = ready ? 0 : probe->failures + 1;
    if (ready)
        next = PROBE_READY;
    else if (probe->state == PROBE_READY && probe->failures >= PROBE_FAILURES)
        next = PROBE_UNREADY;
    else if (probe->state == PROBE_SILENT && accepted)
        next = PROBE_LOADING;
    const bool told = next != probe->state || probe->tell_same;
    probe->state = next;
    timer_after(&probe->timer, next_after(probe));
    if (told)
        probe->fn(probe->user, next, next == PROBE_UNREADY ? words : "");
}

static void on_answer(void *user, const struct http_result *result)
{
    struct probe *probe = user;
    char words[TEXT_SIZE];
    probe->fetch = NULL;
    const bool answered = result->rc == RC_OK || result->rc == RC_LIMIT;
    if (answered)
        (void)snprintf(words, sizeof words, "GET %.120s is answered with status %d", probe->path,
                       result->status);
    else
        (void)snprintf(words, sizeof words, "GET %.120s: %.100s", probe->path, result->diag->text);
    const bool accepted = result->rc != RC_REFUSED && result->rc != RC_NO_MEMORY;
    const bool fine = answered && result->status >= 200 && result->status < 300;
    conclude(probe, accepted, probe->path[0] != '\0' ? fine : accepted, words);
}

static void drop_conn(struct probe *probe)
{
    conn_close(probe->conn);
    probe->conn = NULL;
}

static void on_connected(void *user)
{
    struct probe *probe = user;
    drop_conn(probe);
    conclude(probe, true, true, "");
}

static void on_closed(void *user, enum rc why)
{
    struct probe *probe = user;
    drop_conn(probe);
    conclude(probe, false, false,
             why == RC_REFUSED ? "the port accepts no connection" : rc_words(why));
}

static void on_data(void *user, struct span bytes)
{
    (void)user, (void)bytes; /* closed as soon as it is connected */
}

static const struct conn_ops conn_probe_ops = {
    .connected = on_connected, .data = on_data, .closed = on_closed};

static bool ask_port(struct probe *probe, const struct address *address)
{
    static const struct conn_limits limits = {.high_water_bytes = 1, .low_water_bytes = 1};
    probe->conn =
        conn_connect(http_client_loop(probe->client), address, &limits, &conn_probe_ops, probe);
    if (probe->conn)
        timer_after(&probe->timer, PROBE_TIMEOUT_NS);
    return probe->conn != NULL;
}

static bool ask_path(struct probe *probe)
{
    char url[ADDRESS_SIZE + TEXT_SIZE + 16];
    const bool v6 = strchr(probe->host, ':') != NULL;
    const int len =
        snprintf(url, sizeof url, "http://%s%s%s:%u%s%s", v6 ? "[" : "", probe->host, v6 ? "]" : "",
                 (unsigned)probe->port, probe->path[0] == '/' ? "" : "/", probe->path);
    const struct http_fetch_options options = {.url = span_of(url, (size_t)len),
                                               .timeout_ns = PROBE_TIMEOUT_NS,
                                               .body_bytes_max = ANSWER_BYTES_MAX};
    probe->fetch = http_fetch(probe->client, &options, on_answer, probe);
    return probe->fetch != NULL;
}

static void on_timer(void *user)
{
    struct probe *probe = user;
    if (probe->conn) {
        drop_conn(probe);
        conclude(probe, false, false, "the port does not answer");
        return;
    }
    struct address numeric;
    /* A host with a name is looked up by the client of HTTP: any answer shows an open port. */
    const bool by_path = probe->path[0] != '\0' ||
                         address_parse(span_from(probe->host), probe->port, &numeric) != RC_OK;
    if (!(by_path ? ask_path(probe) : ask_port(probe, &numeric)))
        conclude(probe, false, false, "no memory or descriptor for a probe");
}

enum rc probe_start(struct probe *probe, struct http_client *client, const struct probe_plan *plan,
                    probe_fn *fn, void *user)
{
    *probe = (struct probe){.fn = fn,
                            .user = user,
                            .port = plan->port,
                            .interval_ns = plan->interval_ns,
                            .calm_ns = plan->calm_ns > 0 ? plan->calm_ns : PROBE_CALM_NS,
                            .doubt_ns = plan->doubt_ns > 0 ? plan->doubt_ns : PROBE_DOUBT_NS,
                            .state = plan->state};
    (void)snprintf(probe->host, sizeof probe->host, "%s", plan->host);
    (void)snprintf(probe->path, sizeof probe->path, "%s", plan->path);
    const enum rc rc = timer_init(&probe->timer, http_client_loop(client), on_timer, probe);
    if (rc != RC_OK)
        return rc;
    probe->client = client;
    timer_after(&probe->timer, plan->state == PROBE_READY ? next_after(probe) : 0);
    return RC_OK;
}

void probe_change(struct probe *probe, const char *path, int64_t interval_ns)
{
    (void)snprintf(probe->path, sizeof probe->path, "%s", path);
    probe->interval_ns = interval_ns;
}

void probe_stop(struct probe *probe)
{
    if (!probe->client)
        return;
    timer_done(&probe->timer);
    http_fetch_cancel(probe->fetch);
    if (probe->conn)
        conn_close(probe->conn);
    probe->client = NULL;
    probe->fetch = NULL;
    probe->conn = NULL;
}

/* One of many that are asked once. */
struct asked {
    struct probe probe;
    struct probe_plan *plan;
    size_t *open;
    bool counted;
};

static void on_asked(void *user, enum probe_state state, const char *words)
{
    struct asked *asked = user;
    (void)words;
    asked->plan->state = state;
    *asked->open -= asked->counted;
    asked->counted = false;
}

static void on_limit(void *user)
{
    size_t *open = user;
    *open = 0;
}

static void ask_all(struct loop *loop, struct http_client *client, struct asked *asked,
                    size_t count, int64_t limit_ns)
{
    struct timer limit = {0};
    size_t open = 0;
    if (timer_init(&limit, loop, on_limit, &open) != RC_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        asked[i].open = &open;
        asked[i].counted =
            probe_start(&asked[i].probe, client, asked[i].plan, on_asked, &asked[i]) == RC_OK;
        asked[i].probe.tell_same = true;
        open += asked[i].counted;
    }
    timer_after(&limit, limit_ns);
    while (open > 0)
        loop_turn(loop, true);
    for (size_t i = 0; i < count; i++)
        probe_stop(&asked[i].probe);
    timer_done(&limit);
}

void probe_all(struct probe_plan *plan, size_t count, int64_t limit_ns)
{
    struct loop *loop = NULL;
    struct http_client *client = NULL;
    struct asked *asked = mem_new(count, sizeof *asked);
    for (size_t i = 0; i < count && asked; i++)
        asked[i].plan = &plan[i];
    if (asked && loop_new(&loop, NULL) == RC_OK)
        client = probe_client(loop);
    if (client)
        ask_all(loop, client, asked, count, limit_ns);
    http_client_free(client);
    loop_free(loop);
    free(asked);
}
