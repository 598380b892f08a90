/* engine.c - the metrics pages of the engines of one pool: every ready replica at the same time,
 * each round. What the names mean stands in core/scrape; this asks and hands on.
 *
 * Each replica has its own limit, shorter than that of the round: one that hangs is not covered
 * (R3), the others count. What the gateway measures too (latencies, rates) is told only on demand,
 * so that nothing is counted twice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/http_fetch.h"
#include "source/engine_source.h"

#define ASKED "accept: text/plain;version=0.0.4\r\naccept-encoding: identity\r\n"
#define IDLE_ROUNDS 8 /* a pool without replicas is told of so seldom */

static struct engine_source_state *state_of(struct source *s)
{
    return (struct engine_source_state *)s; /* base is the first member */
}

/* ---- where the pages are ---- */

static const struct target_spec *target_of(const struct source *s)
{
    return &s->set->spec->pool[s->pool_index]->target;
}

static int engine_of(const struct target_spec *target)
{
    return target->kind == TARGET_HTTP ? target->http.engine : target->process.engine;
}

static const char *path_of(const struct target_spec *target)
{
    return target->kind == TARGET_HTTP ? target->http.metrics_path : target->process.metrics_path;
}

static bool engine_implied(const struct pool_config *pool)
{
    return pool->target.kind != TARGET_NONE && path_of(&pool->target)[0] != '\0' &&
           engine_of(&pool->target) != ENGINE_OTHER;
}

/* Nobody has said that these engines have metrics. */
static bool is_guess(const struct source *s)
{
    return s->spec->source == NULL && engine_of(target_of(s)) == ENGINE_AUTO;
}

/* ---- the replicas ---- */

static void scraped_free(struct scraped *r)
{
    http_fetch_cancel(r->fetch);
    scrape_done(&r->scrape);
    free(r);
}

static struct scraped *scraped_new(struct engine_source_state *e, uint64_t id)
{
    void *array = e->replica;
    if (mem_grow(&array, &e->cap, e->count + 1, sizeof(struct scraped *), TABLE_REPLICAS_MAX) !=
        RC_OK)
        return NULL;
    e->replica = array;
    struct scraped *r = mem_new(1, sizeof(*r));
    if (!r)
        return NULL;
    r->owner = e;
    r->id = id;
    scrape_init(&r->scrape);
    e->replica[e->count++] = r;
    return r;
}

/* Both lists are in the order of ids, so the search begins where the last one ended. */
static struct scraped *find(struct engine_source_state *e, uint64_t id, size_t *from)
{
    for (size_t k = 0; k < e->count; k++) {
        const size_t i = (*from + k) % e->count;
        if (e->replica[i]->id != id)
            continue;
        *from = i + 1;
        return e->replica[i];
    }
    return scraped_new(e, id);
}

/* Ready replicas, with what is remembered of each. */
static void list_replicas(struct engine_source_state *e)
{
    struct source_replica row;
    size_t from = 0;
    for (size_t i = 0; i < e->count; i++)
        e->replica[i]->listed = false;
    for (size_t i = 0; source_replica(&e->base, i, &row); i++) {
        struct scraped *r = row.ready ? find(e, row.id, &from) : NULL;
        if (!r)
            continue;
        r->listed = true;
        r->ready_ns = row.ready_ns;
        r->port = row.port;
        memcpy(r->host, row.host, sizeof(r->host));
    }
    size_t kept = 0;
    for (size_t i = 0; i < e->count; i++) {
        if (e->replica[i]->listed)
            e->replica[kept++] = e->replica[i];
        else
            scraped_free(e->replica[i]);
    }
    e->count = kept;
}

static void page_is_over(struct scraped *r)
{
    struct engine_source_state *e = r->owner;
    const bool no_page = r->state == PAGE_FAILED && !r->known && is_guess(&e->base) &&
                         (r->fault == SOURCE_FAULT_STATUS || r->fault == SOURCE_FAULT_NOT_PARSED);
    if (no_page) {
        r->state = PAGE_NONE;
        r->text[0] = '\0';
    }
    engine_page_log(r);
    if (--e->open == 0)
        engine_tell_round(e);
}

static void on_page(void *user, const struct http_result *answer)
{
    struct scraped *r = user;
    r->fetch = NULL;
    engine_page_take(r, answer);
    page_is_over(r);
}

/* ---- one round ---- */

static bool fetch(struct engine_source_state *e, struct scraped *r)
{
    const struct engine_source *spec = &e->base.spec->engine;
    const char *path = spec->path[0] != '\0' ? spec->path : path_of(target_of(&e->base));
    const bool v6 = strchr(r->host, ':') != NULL;
    char url[ADDRESS_SIZE + TEXT_SIZE + 32];
    const int len =
        snprintf(url, sizeof(url), "http://%s%s%s:%u%s%s", v6 ? "[" : "", r->host, v6 ? "]" : "",
                 spec->port > 0 ? (unsigned)spec->port : r->port, path[0] == '/' ? "" : "/", path);
    const struct http_fetch_options options = {
        .url = span_of(url, (size_t)len),
        .lines = span_from(ASKED),
        /* The round ends a little later: what has come by then is told. */
        .timeout_ns = source_deadline_ns(e->base.spec) / 10 * 9,
        .body_bytes_max = PROM_PAGE_BYTES_MAX,
    };
    r->state = PAGE_ASKED;
    r->text[0] = '\0';
    r->fetch = http_fetch(source_client(&e->base), &options, on_page, r);
    return r->fetch != NULL;
}

static void engine_ask(struct source *s)
{
    struct engine_source_state *e = state_of(s);
    list_replicas(e);
    e->open = e->count;
    if (e->count == 0) {
        if (e->idle_rounds++ % IDLE_ROUNDS == 0)
            engine_tell_nothing(s);
        source_end(s);
        return;
    }
    e->idle_rounds = 0;
    /* Answers come in a later loop turn; those that cannot be asked are over now. */
    size_t failed = 0;
    for (size_t i = 0; i < e->count; i++) {
        if (fetch(e, e->replica[i]))
            continue;
        engine_page_fault(e->replica[i], SOURCE_FAULT_LOCAL, "no memory to ask it");
        failed++;
    }
    e->open -= failed;
    if (e->open == 0)
        engine_tell_round(e);
}

static void engine_cancel(struct source *s)
{
    struct engine_source_state *e = state_of(s);
    for (size_t i = 0; i < e->count; i++) {
        http_fetch_cancel(e->replica[i]->fetch);
        e->replica[i]->fetch = NULL;
    }
    e->open = 0;
}

static void engine_stop(struct source *s)
{
    struct engine_source_state *e = state_of(s);
    for (size_t i = 0; i < e->count; i++)
        scraped_free(e->replica[i]);
    free(e->replica);
    e->replica = NULL;
    e->count = e->cap = 0;
}

const struct source_ops source_engine = {
    .name = "engine",
    .kind = SOURCE_ENGINE,
    .size = sizeof(struct engine_source_state),
    .signals = engine_load_signals,
    .signal_count = ENGINE_LOAD_SIGNALS,
    .implied = engine_implied,
    .implied_period_ns = SECOND_NS,
    .ask = engine_ask,
    .cancel = engine_cancel,
    .stop = engine_stop,
};
