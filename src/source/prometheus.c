/* prometheus.c - a query to Prometheus, and how old what it answers is.
 *
 * Prometheus answers with the last value of a series for five minutes after its source went silent,
 * stamped with the time of the query. So the age of the samples is asked for beside the value, on
 * the server's clock: ours does not matter (FAULTS 7, 23). A range is asked for as a subquery, for
 * the same reason. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "config/promql.h"
#include "io/http1.h"
#include "source/fetch.h"
#include "source/prometheus_answer.h"

#define ANSWER_BYTES_MAX (8U << 20)
#define ANSWER_MEMORY_MAX (64U << 20)
#define URL_BYTES_MAX 32768
#define AGE_BYTES_MAX ((size_t)PROMQL_SELECTORS_MAX * (QUERY_SIZE + 128))

enum part { PART_VALUE, PART_AGE, PART_COUNT };

struct prometheus {
    struct source base;
    struct source_fetch *fetch[PART_COUNT];
    bool done[PART_COUNT];
    bool aged; /* the age is asked for */
    struct arena arena;
    struct prometheus_answer answer[PART_COUNT];
};

static struct prometheus *prometheus_of(struct source *s)
{
    return (struct prometheus *)s; /* base is the first member */
}

static const struct prometheus_source *spec_of(const struct prometheus *p)
{
    return &p->base.spec->prometheus;
}

static void drop(struct source *s)
{
    struct prometheus *p = prometheus_of(s);
    for (size_t i = 0; i < PART_COUNT; i++) {
        source_fetch_cancel(p->fetch[i]);
        p->fetch[i] = NULL;
        p->done[i] = false;
        p->answer[i] = (struct prometheus_answer){0};
    }
    arena_done(&p->arena);
    arena_init(&p->arena, ANSWER_MEMORY_MAX);
}

/* ---- the age ---- */

static bool asks_for_age(const struct prometheus_source *spec)
{
    return strcmp(spec->age_query, "none") != 0;
}

/* "" where the age cannot be asked for: nothing is measured by the query. */
static void put_age_query(const struct prometheus_source *spec, struct buf *out)
{
    struct promql_scan scan;
    if (!asks_for_age(spec))
        return;
    if (spec->age_query[0] != '\0')
        buf_text(out, spec->age_query);
    else if (promql_scan(span_from(spec->query), &scan, NULL) == RC_OK)
        promql_put_age(&scan, spec->range_ns > 0, out);
}

/* Seconds; NAN: no sample stands behind the value. */
static double age_of(const struct prometheus *p)
{
    const struct prometheus_answer *ages = &p->answer[PART_AGE];
    const struct prometheus_answer *values = &p->answer[PART_VALUE];
    double newest = -INFINITY;
    double age = NAN;
    for (size_t i = 0; i < values->count; i++)
        newest = fmax(newest, values->point[i].time_s);
    for (size_t i = 0; i < ages->count; i++) {
        const struct prometheus_point *point = &ages->point[i];
        const bool is_now = strcmp(point->sluice, "now") == 0;
        age = fmax(age, is_now ? point->value - newest : point->value);
    }
    return age;
}

/* ---- the end of a round ---- */

static enum source_fault fault_of(enum rc rc)
{
    static const enum source_fault of[RC_COUNT] = {
        [RC_SYNTAX] = SOURCE_FAULT_NOT_PARSED, [RC_UNSUPPORTED] = SOURCE_FAULT_NOT_PARSED,
        [RC_LIMIT] = SOURCE_FAULT_TOO_LARGE,   [RC_REFUSED] = SOURCE_FAULT_STATUS,
        [RC_DUPLICATE] = SOURCE_FAULT_SEVERAL, [RC_NO_MEMORY] = SOURCE_FAULT_LOCAL,
    };
    return of[rc] != SOURCE_FAULT_NONE ? of[rc] : SOURCE_FAULT_LOCAL;
}

static void finish(struct prometheus *p)
{
    struct source *s = &p->base;
    struct diag diag = {0};
    double value = 0;
    const double age_s = p->aged ? age_of(p) : 0;
    const enum rc rc = prometheus_one(&p->answer[PART_VALUE],
                                      (enum source_aggregate)spec_of(p)->aggregate, &value, &diag);
    drop(s);
    if (rc != RC_OK && rc != RC_MISSING) {
        source_fail(s, fault_of(rc), -1, "%s", diag.text);
        return;
    }
    if (rc == RC_OK && isnan(age_s)) {
        source_fail(s, SOURCE_FAULT_STALE, -1,
                    "no sample stands behind the value (does the query end in \"or vector(0)\"?); "
                    "with ageQuery: none it is taken as it is");
        return;
    }
    if (rc == RC_OK)
        source_number(s, value, ns_of_seconds(age_s));
    source_end(s);
}

static void fail_round(struct prometheus *p, enum source_fault fault, int64_t retry_ns,
                       const char *text)
{
    drop(&p->base);
    source_fail(&p->base, fault, retry_ns, "%s", text);
}

/* An error of the API comes with 400, 422 or 503 and says more than its status. */
static bool has_words(struct prometheus *p, const struct source_reply *reply, struct diag *diag)
{
    struct prometheus_answer answer;
    return reply->status >= 400 && reply->fault == SOURCE_FAULT_STATUS &&
           prometheus_read(&p->arena, reply->body, &answer, diag) == RC_REFUSED;
}

static void take_reply(struct prometheus *p, enum part part, const struct source_reply *reply)
{
    struct diag diag = {0};
    char text[TEXT_SIZE];
    char head[FETCH_HEAD_SIZE];
    p->fetch[part] = NULL;
    if (reply->fault != SOURCE_FAULT_NONE) {
        const bool words = has_words(p, reply, &diag);
        (void)snprintf(text, sizeof(text), "%.200s", words ? diag.text : reply->text);
        fail_round(p, reply->fault, reply->retry_ns, text);
        return;
    }
    const enum rc rc = prometheus_read(&p->arena, reply->body, &p->answer[part], &diag);
    if (rc != RC_OK) {
        (void)snprintf(text, sizeof(text), "%.150s: %s", diag.text,
                       source_fetch_head(reply->body, head));
        fail_round(p, fault_of(rc), -1, text);
        return;
    }
    p->done[part] = true;
    if (p->done[PART_VALUE] && (p->done[PART_AGE] || !p->aged))
        finish(p);
}

static void on_value(void *user, const struct source_reply *reply)
{
    take_reply(user, PART_VALUE, reply);
}

static void on_age(void *user, const struct source_reply *reply)
{
    take_reply(user, PART_AGE, reply);
}

/* ---- questions ---- */

static void put_url(const struct prometheus_source *spec, struct span query, struct buf *out)
{
    struct span base = span_from(spec->url);
    while (span_ends_with(base, "/"))
        base.len--;
    buf_span(out, base);
    buf_text(out, "/api/v1/query?query=");
    http_percent_encode(query, out);
}

static bool ask_part(struct prometheus *p, enum part part, struct span query, struct diag *diag)
{
    struct buf url;
    buf_init(&url, URL_BYTES_MAX);
    put_url(spec_of(p), query, &url);
    if (url.failed)
        (void)fail(diag, RC_LIMIT, "the query is too long for a URL");
    else
        p->fetch[part] =
            source_fetch(&p->base, buf_view(&url), &spec_of(p)->access, ANSWER_BYTES_MAX,
                         part == PART_VALUE ? on_value : on_age, p, diag);
    buf_done(&url);
    return p->fetch[part] != NULL;
}

static void put_value_query(const struct prometheus_source *spec, struct buf *out)
{
    if (spec->range_ns == 0) {
        buf_text(out, spec->query);
        return;
    }
    buf_printf(out, "(%s)[%lldms:%lldms]", spec->query,
               (long long)(spec->range_ns / MILLISECOND_NS),
               (long long)(spec->step_ns / MILLISECOND_NS));
}

static void ask(struct source *s)
{
    struct prometheus *p = prometheus_of(s);
    struct diag diag = {0};
    struct buf value;
    struct buf age;
    buf_init(&value, AGE_BYTES_MAX);
    buf_init(&age, AGE_BYTES_MAX);
    put_value_query(spec_of(p), &value);
    put_age_query(spec_of(p), &age);
    p->aged = age.len > 0;
    const bool asked = ask_part(p, PART_VALUE, buf_view(&value), &diag) &&
                       (!p->aged || ask_part(p, PART_AGE, buf_view(&age), &diag));
    buf_done(&value);
    buf_done(&age);
    if (!asked)
        fail_round(p, SOURCE_FAULT_LOCAL, -1, diag.text);
}

static enum rc start(struct source *s, struct diag *diag)
{
    (void)diag;
    arena_init(&prometheus_of(s)->arena, ANSWER_MEMORY_MAX);
    return RC_OK;
}

const struct source_ops source_prometheus = {
    .name = "prometheus",
    .kind = SOURCE_PROMETHEUS,
    .size = sizeof(struct prometheus),
    .start = start,
    .ask = ask,
    .cancel = drop,
    .stop = drop,
};
