/* probe.c - see probe.h. */
#include "target/probe.h"

#include <stdio.h>
#include <string.h>

#include "io/address.h"
#include "io/conn.h"

#define ANSWER_BYTES_MAX (256U << 10) /* of a health page; more is no reason to be unready */

static int64_t next_after(const struct probe *probe)
{
    if (probe->state != PROBE_READY)
        return probe->interval_ns;
    const int64_t calm = probe->failures > 0 ? PROBE_DOUBT_NS : PROBE_CALM_NS;
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
    const bool changed = next != probe->state;
    probe->state = next;
    timer_after(&probe->timer, next_after(probe));
    if (changed)
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
    conclude(probe, result->rc != RC_REFUSED && result->rc != RC_NO_MEMORY,
             answered && result->status >= 200 && result->status < 300, words);
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

static bool ask_port(struct probe *probe)
{
    static const struct conn_limits limits = {.high_water_bytes = 1, .low_water_bytes = 1};
    struct address address;
    if (address_parse(span_from(probe->host), probe->port, &address) != RC_OK)
        return false;
    probe->conn =
        conn_connect(http_client_loop(probe->client), &address, &limits, &conn_probe_ops, probe);
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
    if (!(probe->path[0] != '\0' ? ask_path(probe) : ask_port(probe)))
        conclude(probe, false, false, "no memory or descriptor for a probe");
}

enum rc probe_start(struct probe *probe, struct http_client *client, const struct probe_plan *plan,
                    probe_fn *fn, void *user)
{
    *probe = (struct probe){.fn = fn,
                            .user = user,
                            .port = plan->port,
                            .interval_ns = plan->interval_ns,
                            .state = PROBE_SILENT};
    (void)snprintf(probe->host, sizeof probe->host, "%s", plan->host);
    (void)snprintf(probe->path, sizeof probe->path, "%s", plan->path);
    const enum rc rc = timer_init(&probe->timer, http_client_loop(client), on_timer, probe);
    if (rc != RC_OK)
        return rc;
    probe->client = client;
    timer_after(&probe->timer, 0);
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
