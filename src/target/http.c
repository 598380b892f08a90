/* http.c - engines that run elsewhere: an address each, watched and never started.
 *
 * The id of an endpoint is made from the name of its pool and its address: it stays the same over
 * restarts and however the list is ordered. */
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "target/target_internal.h"

struct http_replica {
    struct replica base;
    struct ready_spec ready;
};

static struct http_replica *http_of(struct replica *r)
{
    return (struct http_replica *)r; /* base is the first member */
}

static uint64_t endpoint_id(const struct pool_config *pool, const char *url)
{
    const uint64_t hash = hash_span(hash_span(0, span_from(pool->core.name)), span_from(url));
    return REPLICA_ID_FOREIGN + hash % REPLICA_ID_FOREIGN;
}

static void refuse(const struct targets *t, const struct pool_config *pool, const char *url,
                   const char *reason)
{
    log_event(t->config.log, LOG_PROBLEM, LOG_TEXT("pool", pool->core.name),
              LOG_TEXT("endpoint", url), LOG_TEXT("reason", reason));
}

static void add(struct targets *t, const struct pool_config *pool, const char *url)
{
    struct http_url parts;
    struct diag diag;
    char host[ADDRESS_SIZE];
    if (http_url_parse(span_from(url), &parts, &diag) != RC_OK) {
        refuse(t, pool, url, diag.text);
        return;
    }
    if (parts.tls) {
        refuse(t, pool, url, "endpoints are reached by http:// only");
        return;
    }
    if (span_starts_with(parts.host, "[")) /* as URLs write IPv6 */
        parts.host = span_slice(parts.host, 1, parts.host.len - 2);
    if (!span_copy(parts.host, host, sizeof host)) {
        refuse(t, pool, url, "the host's name is too long");
        return;
    }
    struct replica *r = replica_new(t, &target_http, endpoint_id(pool, url), pool->core.name);
    if (!r) {
        refuse(t, pool, url, "there is no memory for it, or it stands there twice");
        return;
    }
    memcpy(r->host, host, sizeof r->host);
    r->port = parts.port;
    r->hash = pool->target_hash;
    http_of(r)->ready = pool->target.http.ready;
    if (replica_probe(r, &http_of(r)->ready, PROBE_SILENT) != RC_OK) {
        refuse(t, pool, url, "there is no memory to probe it");
        replica_remove(r);
        return;
    }
    replica_due(r, DUE_FOUND);
}

static void http_configured(struct targets *t)
{
    for (size_t i = 0; i < t->spec->pool_count; i++) {
        const struct pool_config *pool = t->spec->pool[i];
        const struct text_list *list = &pool->target.http.endpoints;
        if (pool->target.kind != TARGET_HTTP)
            continue;
        for (size_t k = 0; k < list->count; k++) {
            struct replica *r = targets_find(t, endpoint_id(pool, list->item[k]));
            if (!r)
                add(t, pool, list->item[k]);
            else if (r->ended) /* its end is not told yet, and not true any more */
                replica_revive(r, &pool->target.http.ready);
        }
    }
}

static bool is_listed(const struct replica *r, const struct pool_config *pool)
{
    if (!pool || pool->target.kind != TARGET_HTTP)
        return false;
    for (size_t i = 0; i < pool->target.http.endpoints.count; i++)
        if (endpoint_id(pool, pool->target.http.endpoints.item[i]) == r->id)
            return true;
    return false;
}

static void http_adapt(struct replica *r, const struct pool_config *pool)
{
    if (!is_listed(r, pool)) {
        replica_end(r, NEWS_GONE, "it does not stand in the configuration any more");
        return;
    }
    r->hash = pool->target_hash;
    http_of(r)->ready = pool->target.http.ready;
    probe_change(&r->probe, pool->target.http.ready.path, pool->target.http.ready.interval_ns);
}

static void http_stop(struct replica *r, bool kill)
{
    (void)kill;
    replica_end(r, NEWS_GONE, "it is let go until the configuration is read again");
}

/* Those not told yet are asked before they are told. */
static void http_scan(struct targets *t, const struct span *recorded, size_t count)
{
    struct asked_replica *asked = mem_new(t->replica_count, sizeof *asked);
    size_t found = 0;
    (void)recorded, (void)count; /* what is configured is all there is */
    for (size_t i = 0; i < t->replica_count && asked; i++)
        if (t->replica[i]->ops == &target_http && (t->replica[i]->due & DUE_FOUND))
            asked[found++] = (struct asked_replica){.replica = t->replica[i],
                                                    .ready = &http_of(t->replica[i])->ready};
    replicas_ask(asked, found);
    for (size_t i = 0; i < found; i++) {
        struct replica *r = asked[i].replica;
        probe_stop(&r->probe);
        r->due &= ~DUE_FOUND;
        if (replica_probe(r, asked[i].ready, asked[i].state) == RC_OK)
            replica_found(r);
        else
            replica_end(r, NEWS_GONE, "there is no memory to probe it");
    }
    free(asked);
}

const struct target_ops target_http = {
    .name = "http",
    .kind = TARGET_HTTP,
    .replica_size = sizeof(struct http_replica),
    .stop = http_stop,
    .scan = http_scan,
    .configured = http_configured,
    .adapt = http_adapt,
};
