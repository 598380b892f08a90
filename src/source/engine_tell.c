/* engine_tell.c - what the pages of a round mean for the pool: levels of each replica, latencies of
 * all warm ones together. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/engine_source.h"

#define SHOWN_QUANTILE 0.95

const enum signal_id engine_load_signals[ENGINE_LOAD_SIGNALS] = {
    SIGNAL_WAITING_REQUESTS, SIGNAL_RUNNING_REQUESTS, SIGNAL_KV_CACHE_USAGE,
    SIGNAL_PREFIX_HIT_RATIO, SIGNAL_PREEMPTIONS};

/* Beyond those of engine_load_signals: only where the gateway does not measure them. */
static bool is_told(const struct source *s, enum engine_quantity quantity)
{
    const enum signal_id signal = engine_quantity_row(quantity)->signal;
    for (size_t i = 0; i < COUNT_OF(engine_load_signals); i++)
        if (engine_load_signals[i] == signal)
            return true;
    return s->spec->engine.latencies;
}

/* Observations of the past stay true when there are no new ones; a level does not. */
static bool is_of_events(enum engine_quantity quantity)
{
    const enum signal_fold fold = signal_row(engine_quantity_row(quantity)->signal)->fold;
    return fold == FOLD_QUANTILE || fold == FOLD_RATIO || fold == FOLD_RATE;
}

void engine_tell_nothing(struct source *s)
{
    for (size_t i = 0; i < ENGINE_QUANTITY_COUNT; i++)
        if (is_told(s, (enum engine_quantity)i) && !is_of_events((enum engine_quantity)i))
            source_value(s,
                         &(struct source_value){
                             .signal = {.id = engine_quantity_row((enum engine_quantity)i)->signal},
                             .state = SIGNAL_ABSENT});
}

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
        value.fault = engine_page_doubt(v->doubt);
        value.value = v->value;
        value.weight = v->weight;
    }
    if (value.state != SIGNAL_ABSENT || !is_of_events(quantity))
        source_value(s, &value);
}

static bool is_warm(const struct source *s, const struct scraped *r)
{
    return r->ready_ns == TIME_NONE || source_now_ns(s) - r->ready_ns >= s->spec->engine.warm_up_ns;
}

/* FAULTS 9: what lies beyond the last bound of a histogram counts as that bound, and is said. */
static void say_beyond(struct source *s, const struct buckets *all, enum engine_quantity quantity)
{
    const struct bucket_quantile seen = buckets_quantile(all, SHOWN_QUANTILE);
    if (seen.at_least)
        source_say(s, "%s: the 95th percentile is at least %g s, the last bound of its histogram",
                   signal_row(engine_quantity_row(quantity)->signal)->name, seen.value);
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
    say_beyond(s, &all, quantity);
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
        source_say(&e->base, "%s", e->replica[i]->text);
        return;
    }
}

void engine_tell_round(struct engine_source_state *e)
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
