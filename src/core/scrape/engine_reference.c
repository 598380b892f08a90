/* engine_reference.c - the table of names as a page for people: docs/engine-metrics.md. */
#include "core/scrape/engine_names.h"

#include "base/mem.h"

static const char head[] =
    "# Metrics of engines\n\n"
    "*Made from the table of names by `sluice schema --engine-metrics`; do not edit.*\n\n"
    "Every second the metrics page of every ready replica is read, all of them at the same time. A "
    "pool whose target\nstarts or names engines has this source unasked; `sources: [{engine: "
    "{...}}]` sets it, `metricsPath: \"\"` in the\ntarget turns it off. Which engine it is need "
    "not "
    "be said: names tell. These signals can be named in\n`autoscaling.metrics`.\n\n"
    "- Of the names of a signal that stand on a page the first one in the order below counts, and "
    "only it: a metric that\n  was renamed is not added to its old self.\n"
    "- A page may tell of several engines (data parallel) or models: queues, running requests, "
    "counters and buckets are\n  added up, of the use of the KV cache the fullest counts, of hit "
    "rates the mean. Series of tensor- or\n  pipeline-parallel ranks but 0 are left out.\n"
    "- A *growth* is that of a counter between two pages; a counter that falls, or another "
    "`process_start_time_seconds`,\n  began anew. The first page gives none.\n"
    "- A *quantile* comes from the growth of the buckets of all replicas; where their bounds "
    "differ "
    "the slowest group\n  counts. In the bucket +Inf it is the last bound: at least so much. "
    "Nothing new is unknown, not 0. Of an *average*\n  no quantile is known: the mean stands for "
    "it.\n"
    "- Latencies, rates and errors are told by the gateway. Where requests do not come through it, "
    "set `latencies: true`.\n  A replica's latencies do not count during `warmUp` after it became "
    "ready.\n"
    "- NaN, infinite, negative and absurd numbers and histograms that contradict themselves are "
    "unknown; so is all of a\n  page whose counters stand still for a minute while requests are "
    "there. A replica that is not read is not covered\n  (the others count); if none is, the "
    "signal "
    "has failed and the count is not lowered.\n";

static const struct {
    enum signal_id signal;
    const char *name;
} shown[] = {{SIGNAL_TTFT, "ttft-pNN"},
             {SIGNAL_ITL, "itl-pNN"},
             {SIGNAL_E2E, "e2e-pNN"},
             {SIGNAL_QUEUE_TIME, "queue-time-pNN"}};

static const char *signal_shown(enum signal_id signal)
{
    for (size_t i = 0; i < COUNT_OF(shown); i++)
        if (shown[i].signal == signal)
            return shown[i].name;
    return signal_row(signal)->name;
}

static void put_name(struct buf *out, const struct engine_name *row)
{
    buf_printf(out, "`%.*s", SPAN_ARG(row->name));
    if (row->label[0] != '\0')
        buf_printf(out, "{%s=\"%s\"}", row->label, row->label_value);
    buf_byte(out, '`');
}

/* The names of a part, joined; returns how many. */
static size_t put_part(struct buf *out, const struct engine_name *lead, enum engine_part part,
                       const char *before, const char *between)
{
    size_t n = 0;
    for (size_t i = 0; i < engine_name_count; i++) {
        const struct engine_name *row = &engine_names[i];
        if (row->quantity != lead->quantity || row->rank != lead->rank || row->part != part)
            continue;
        buf_text(out, n++ == 0 ? before : between);
        put_name(out, row);
    }
    return n;
}

static void put_row(struct buf *out, const struct engine_name *lead)
{
    static const char *const forms[] = {
        [ENGINE_GAUGE] = "as it is", [ENGINE_COUNTER] = "growth", [ENGINE_HISTOGRAM] = "quantile"};
    const bool latency = lead->quantity >= ENGINE_LATENCY_FIRST;
    buf_text(out, "| ");
    put_name(out, lead);
    (void)put_part(out, lead, ENGINE_ADDED, " + ", " + ");
    const size_t divisors = put_part(out, lead, ENGINE_DIVISOR, " / ", " + ");
    buf_printf(out, " | %s |", lead->engine);
    buf_printf(out, " %s |\n",
               latency && divisors > 0 ? "average of the growth" : forms[lead->form]);
}

void engine_reference_print(struct buf *out)
{
    buf_text(out, head);
    for (size_t q = 0; q < ENGINE_QUANTITY_COUNT; q++) {
        const enum signal_id signal = engine_quantity_row((enum engine_quantity)q)->signal;
        buf_printf(out, "\n## %s (%s)\n\n| on the page | engine | taken |\n| --- | --- | --- |\n",
                   signal_shown(signal), signal_row(signal)->unit);
        for (size_t i = 0; i < engine_name_count; i++)
            if (engine_names[i].quantity == q && engine_names[i].part == ENGINE_LEAD)
                put_row(out, &engine_names[i]);
    }
}
