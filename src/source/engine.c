/* engine.c - the metrics pages of the engines of one pool: every ready replica at the same time,
 * each round. What the names mean stands in core/scrape; this asks and hands on.
 *
 * Each replica has its own limit, shorter than that of the round: one that hangs is not covered
 * (R3), the others count. What the gateway measures too (latencies, rates) is told only on demand,
 * so that nothing is counted twice. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/scrape/scrape.h"
#include "io/clock.h"
#include "io/http_fetch.h"
#include "source/fetch.h"
#include "source/sources_internal.h"

#define ASKED "accept: text/plain;version=0.0.4\r\naccept-encoding: identity\r\n"
#define EXCERPT_SIZE 81
#define IDLE_ROUNDS 8 /* a pool without replicas is told of so seldom */

/* What a replica's page came to in this round. */
enum page_state {
    PAGE_ASKED, /* no answer yet */
    PAGE_READ,
    PAGE_NONE, /* nobody said that this engine has one, and it has none */
    PAGE_FAILED,
};

struct engine_source_state;
struct scraped {
    struct engine_source_state *owner;
    uint64_t id;
    int64_t ready_ns;
    char host[ADDRESS_SIZE];
    uint16_t port;
    bool listed; /* ready in this round */
    bool known;  /* a page with names we know has come */
    bool failing;
    enum page_state state;
    enum source_fault fault;
    char text[TEXT_SIZE];
    struct http_fetch *fetch;
    struct scrape scrape;
    struct scrape_result result;
};
struct engine_source_state {
    struct source base;
    struct scraped **replica;
    size_t count;
    size_t cap;
    size_t open;        /* requests that have not ended */
    size_t idle_rounds; /* without replicas, in a row */
};

static struct engine_source_state *state_of(struct source *s)
{
    return (struct engine_source_state *)s; /* base is the first member */
}

static const enum signal_id load_signals[] = {SIGNAL_WAITING_REQUESTS, SIGNAL_RUNNING_REQUESTS,
                                              SIGNAL_KV_CACHE_USAGE, SIGNAL_PREFIX_HIT_RATIO,
                                              SIGNAL_PREEMPTIONS};

/* Beyond those of load_signals: only where the gateway does not measure them. */
static bool is_told(const struct source *s, enum engine_quantity quantity)
{
    const enum signal_id signal = engine_quantity_row(quantity)->signal;
    for (size_t i = 0; i < COUNT_OF(load_signals); i++)
        if (load_signals[i] == signal)
            return true;
    return s->spec.engine.latencies;
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

static bool engine_implied(const struct pool_config *pool, struct source_spec *ret)
{
    if (pool->target.kind == TARGET_NONE || path_of(&pool->target)[0] == '\0' ||
        engine_of(&pool->target) == ENGINE_OTHER)
        return false;
    ret->period_ns = SECOND_NS;
    return true;
}

/* Nobody has said that these engines have metrics. */
static bool is_guess(const struct source *s)
{
    return s->spec.source == NULL && engine_of(target_of(s)) == ENGINE_AUTO;
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

/* ---- one page ---- */

static void set_fault(struct scraped *r, enum source_fault fault, const char *words)
{
    r->state = PAGE_FAILED;
    r->fault = fault;
    (void)snprintf(r->text, sizeof(r->text), "%.64s:%u: %.180s", r->host, (unsigned)r->port, words);
}

static enum source_fault fault_of_status(int status)
{
    if (status == 401 || status == 403)
        return SOURCE_FAULT_DENIED;
    return status == 429 || status == 503 ? SOURCE_FAULT_BUSY : SOURCE_FAULT_STATUS;
}

static enum source_fault fault_of_doubt(enum scrape_doubt doubt)
{
    static const enum source_fault faults[] = {
        [SCRAPE_SURE] = SOURCE_FAULT_NONE,         [SCRAPE_NAN] = SOURCE_FAULT_NOT_A_NUMBER,
        [SCRAPE_NEGATIVE] = SOURCE_FAULT_NEGATIVE, [SCRAPE_ABSURD] = SOURCE_FAULT_ABSURD,
        [SCRAPE_BROKEN] = SOURCE_FAULT_NOT_PARSED, [SCRAPE_FROZEN] = SOURCE_FAULT_FROZEN,
        [SCRAPE_STALE] = SOURCE_FAULT_STALE,
    };
    return faults[doubt];
}

static void refuse(struct scraped *r, enum rc rc, const struct diag *diag, struct span body)
{
    char quote[EXCERPT_SIZE];
    char words[TEXT_SIZE];
    prom_excerpt(body, quote, sizeof(quote));
    (void)snprintf(words, sizeof(words), "line %" PRIu32 ": %.90s; it begins \"%s\"", diag->line,
                   diag->text, quote);
    set_fault(r, rc == RC_LIMIT ? SOURCE_FAULT_TOO_LARGE : SOURCE_FAULT_NOT_PARSED, words);
}

/* Words for what stands on the page and cannot be. */
static void say_doubt(struct scraped *r)
{
    char words[TEXT_SIZE];
    for (size_t i = 0; i < ENGINE_QUANTITY_COUNT; i++) {
        const struct scrape_value *v = &r->result.value[i];
        if (v->name >= 0)
            r->known = true;
        if (v->state != SIGNAL_FAILED || r->text[0] != '\0')
            continue;
        r->fault = fault_of_doubt(v->doubt);
        (void)snprintf(words, sizeof(words), "%.*s: %s", SPAN_ARG(engine_names[v->name].name),
                       scrape_doubt_words(v->doubt));
        (void)snprintf(r->text, sizeof(r->text), "%.64s:%u: %.180s", r->host, (unsigned)r->port,
                       words);
    }
}

static void read_page(struct scraped *r, const struct http_result *answer)
{
    struct diag diag = {.code = RC_OK};
    const enum prom_format format = prom_format_of(answer->content_type);
    const struct scrape_body body = {.text = answer->body,
                                     .format = format,
                                     .whole = answer->whole,
                                     .now_ns = clock_monotonic_ns()};
    const size_t slots = prom_seen_slots(answer->body, format);
    const struct prom_seen seen = {mem_new(slots, sizeof(uint64_t)), slots};
    if (!seen.slot) {
        set_fault(r, SOURCE_FAULT_LOCAL, "no memory to read its page");
        return;
    }
    const enum rc rc = scrape_take(&r->scrape, &body, seen, &r->result, &diag);
    free(seen.slot);
    if (rc != RC_OK) {
        refuse(r, rc, &diag, answer->body);
        return;
    }
    r->state = PAGE_READ;
    r->owner->base.status.repeated += (int64_t)r->result.repeated;
    say_doubt(r);
}

/* A change is told once, not every second. */
static void log_change(struct scraped *r)
{
    const bool failing = r->text[0] != '\0';
    const struct source *s = &r->owner->base;
    if (failing == r->failing)
        return;
    r->failing = failing;
    log_event(source_log(s), failing ? LOG_METRICS_LOST : LOG_METRICS_BACK,
              LOG_TEXT("pool", s->pool), LOG_INT("replica", (int64_t)r->id),
              LOG_TEXT("reason", failing ? source_fault_name(r->fault) : ""),
              LOG_TEXT("text", r->text));
}

static void end_round(struct engine_source_state *e);

static void page_is_over(struct scraped *r)
{
    struct engine_source_state *e = r->owner;
    const bool no_page = r->state == PAGE_FAILED && !r->known && is_guess(&e->base) &&
                         (r->fault == SOURCE_FAULT_STATUS || r->fault == SOURCE_FAULT_NOT_PARSED);
    if (no_page) {
        r->state = PAGE_NONE;
        r->text[0] = '\0';
    }
    log_change(r);
    if (--e->open == 0)
        end_round(e);
}

static void on_page(void *user, const struct http_result *answer)
{
    struct scraped *r = user;
    char words[64];
    r->fetch = NULL;
    if (answer->rc != RC_OK) {
        set_fault(r, fetch_fault(answer->rc), answer->diag->text);
    } else if (answer->status != 200) {
        (void)snprintf(words, sizeof(words), "it answers %d", answer->status);
        set_fault(r, fault_of_status(answer->status), words);
    } else {
        read_page(r, answer);
    }
    page_is_over(r);
}

/* ---- one round ---- */

static bool fetch(struct engine_source_state *e, struct scraped *r)
{
    const struct engine_source *spec = &e->base.spec.engine;
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
        .timeout_ns = source_deadline_ns(&e->base.spec) / 10 * 9,
        .body_bytes_max = PROM_PAGE_BYTES_MAX,
    };
    r->state = PAGE_ASKED;
    r->text[0] = '\0';
    r->fetch = http_fetch(source_client(&e->base), &options, on_page, r);
    return r->fetch != NULL;
}

/* Observations of the past stay true when there are no new ones; a level does not. */
static bool is_of_events(enum engine_quantity quantity)
{
    const enum signal_fold fold = signal_row(engine_quantity_row(quantity)->signal)->fold;
    return fold == FOLD_QUANTILE || fold == FOLD_RATIO || fold == FOLD_RATE;
}

static void tell_nothing(struct source *s)
{
    for (size_t i = 0; i < ENGINE_QUANTITY_COUNT; i++)
        if (is_told(s, (enum engine_quantity)i) && !is_of_events((enum engine_quantity)i))
            source_value(s,
                         &(struct source_value){
                             .signal = {.id = engine_quantity_row((enum engine_quantity)i)->signal},
                             .state = SIGNAL_ABSENT});
}

static void engine_ask(struct source *s)
{
    struct engine_source_state *e = state_of(s);
    list_replicas(e);
    e->open = e->count;
    if (e->count == 0) {
        if (e->idle_rounds++ % IDLE_ROUNDS == 0)
            tell_nothing(s);
        source_end(s);
        return;
    }
    e->idle_rounds = 0;
    /* Answers come in a later loop turn; those that cannot be asked are over now. */
    size_t failed = 0;
    for (size_t i = 0; i < e->count; i++) {
        if (fetch(e, e->replica[i]))
            continue;
        set_fault(e->replica[i], SOURCE_FAULT_LOCAL, "no memory to ask it");
        failed++;
    }
    e->open -= failed;
    if (e->open == 0)
        end_round(e);
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

/* ---- telling ---- */

static void tell_replica(struct source *s, const struct scraped *r, enum engine_quantity quantity)
{
    const struct scrape_value *v = &r->result.value[quantity];
    const enum signal_id signal = engine_quantity_row(quantity)->signal;
    struct source_value value = {.signal = {.id = signal},
                                 .replica = r->id,
                                 .state = SIGNAL_ABSENT,
                                 .amount = signal_row(signal)->fold == FOLD_RATE};
    if (r->state == PAGE_FAILED) {
        value.state = SIGNAL_FAILED;
        value.fault = r->fault;
    } else if (r->state == PAGE_READ && v->name >= 0) {
        value.state = v->state;
        value.fault = fault_of_doubt(v->doubt);
        value.value = v->value;
        value.weight = v->weight;
    }
    if (value.state != SIGNAL_ABSENT || !is_of_events(quantity))
        source_value(s, &value);
}

static bool is_warm(const struct source *s, const struct scraped *r)
{
    return r->ready_ns == TIME_NONE || source_now_ns(s) - r->ready_ns >= s->spec.engine.warm_up_ns;
}

/* FAULTS 14, 20, 21: growth of warm replicas, merged where bounds are the same; none is absent. */
static void tell_latency(struct engine_source_state *e, enum engine_quantity quantity)
{
    struct source *s = &e->base;
    const size_t at = (size_t)quantity - ENGINE_LATENCY_FIRST;
    struct source_value value = {.signal = {.id = engine_quantity_row(quantity)->signal}};
    const struct buckets **each = mem_new(e->count, sizeof(struct buckets *));
    struct bucket_point point[BUCKET_POINTS_MAX];
    struct buckets all;
    size_t count = 0;
    size_t failed = 0;
    bool mixed = false;
    for (size_t i = 0; i < e->count && each; i++) {
        const struct scraped *r = e->replica[i];
        const bool read = r->state == PAGE_READ;
        failed +=
            r->state == PAGE_FAILED || (read && r->result.value[quantity].state == SIGNAL_FAILED);
        if (read && r->result.value[quantity].state == SIGNAL_VALUE && is_warm(s, r))
            each[count++] = &r->result.latency[at];
    }
    buckets_fold(each, count, &all, &mixed);
    free(each);
    const size_t points = buckets_points(&all, point, COUNT_OF(point));
    for (size_t i = 0; i < points; i++) {
        value.state = SIGNAL_VALUE;
        value.value = point[i].value;
        value.weight = point[i].weight;
        source_value(s, &value);
    }
    if (points > 0 || failed < e->count)
        return; /* nothing new: what windows hold stays */
    value.state = SIGNAL_FAILED;
    value.fault = SOURCE_FAULT_UNCOVERED;
    source_value(s, &value);
}

/* The words of the first replica that failed; screening has none for failures that are told. */
static void say_failure(struct engine_source_state *e)
{
    for (size_t i = 0; i < e->count; i++) {
        if (e->replica[i]->text[0] == '\0')
            continue;
        memcpy(e->base.status.text, e->replica[i]->text, sizeof(e->base.status.text));
        return;
    }
}

static void end_round(struct engine_source_state *e)
{
    struct source *s = &e->base;
    source_expect(s, (int64_t)e->count);
    for (size_t q = 0; q < ENGINE_QUANTITY_COUNT; q++) {
        const enum engine_quantity quantity = (enum engine_quantity)q;
        if (!is_told(s, quantity))
            continue;
        if (q >= ENGINE_LATENCY_FIRST) {
            tell_latency(e, quantity);
            continue;
        }
        for (size_t i = 0; i < e->count; i++)
            tell_replica(s, e->replica[i], quantity);
    }
    say_failure(e);
    source_end(s);
}

const struct source_ops source_engine = {
    .name = "engine",
    .kind = SOURCE_ENGINE,
    .size = sizeof(struct engine_source_state),
    .signals = load_signals,
    .signal_count = COUNT_OF(load_signals),
    .implied = engine_implied,
    .ask = engine_ask,
    .cancel = engine_cancel,
    .stop = engine_stop,
};
