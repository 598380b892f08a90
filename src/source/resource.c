/* resource.c - processor time and memory of the replicas on this machine, as shares of what each
 * may use. What is measured comes from the target; this makes shares of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/clock.h"
#include "source/sources_internal.h"

#define PERIOD_NS (5 * SECOND_NS)

struct used_before {
    uint64_t replica;
    double cpu_s;
    int64_t at_ns;
    bool listed;
};
struct resource {
    struct source base;
    struct used_before *before;
    size_t count;
    size_t cap;
};

static const enum signal_id signals[] = {SIGNAL_CPU_UTILIZATION, SIGNAL_MEMORY_UTILIZATION};

/* A pool whose metrics name one of them, with processes of ours. */
static bool resource_implied(const struct pool_config *pool)
{
    bool named = false;
    for (size_t i = 0; i < pool->core.metric_count; i++)
        for (size_t k = 0; k < COUNT_OF(signals); k++)
            named = named || pool->core.metric[i].signal.id == signals[k];
    return named && pool->target.kind == TARGET_PROCESS;
}

static struct used_before *before_of(struct resource *r, uint64_t replica)
{
    void *array = r->before;
    for (size_t i = 0; i < r->count; i++)
        if (r->before[i].replica == replica)
            return &r->before[i];
    if (mem_grow(&array, &r->cap, r->count + 1, sizeof(*r->before), TABLE_REPLICAS_MAX) != RC_OK)
        return NULL;
    r->before = array;
    r->before[r->count] = (struct used_before){.replica = replica, .at_ns = TIME_NONE};
    return &r->before[r->count++];
}

static void tell(struct source *s, uint64_t replica, enum signal_id signal, enum signal_state state,
                 double value)
{
    source_value(s, &(struct source_value){.signal = {.id = signal},
                                           .replica = replica,
                                           .state = state,
                                           .fault = SOURCE_FAULT_LOCAL,
                                           .value = value});
}

/* Time used since the last look; the first one, and one after processes have ended, tells nothing.
 */
static void tell_cpu(struct source *s, struct used_before *before, const struct source_usage *usage)
{
    const int64_t now_ns = clock_monotonic_ns();
    const double cpus = s->spec->resource.cpus > 0 ? s->spec->resource.cpus : usage->cpus;
    const double span_s = before->at_ns == TIME_NONE ? 0 : seconds_of(now_ns - before->at_ns);
    const double used_s = usage->cpu_s - before->cpu_s;
    if (span_s > 0 && used_s >= 0 && cpus > 0)
        tell(s, before->replica, signals[0], SIGNAL_VALUE, used_s / span_s / cpus);
    before->cpu_s = usage->cpu_s;
    before->at_ns = now_ns;
}

static void forget_gone(struct resource *r)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++)
        if (r->before[i].listed)
            r->before[kept++] = r->before[i];
    r->count = kept;
}

static void resource_ask(struct source *s)
{
    struct resource *r = (struct resource *)s; /* base is the first member */
    struct source_replica row;
    int64_t expected = 0;
    for (size_t i = 0; i < r->count; i++)
        r->before[i].listed = false;
    for (size_t i = 0; source_replica(s, i, &row); i++) {
        struct source_usage usage;
        struct used_before *before = row.ready ? before_of(r, row.id) : NULL;
        if (!before)
            continue;
        expected++;
        before->listed = true;
        if (!source_usage(s, row.id, &usage)) {
            tell(s, row.id, signals[0], SIGNAL_FAILED, 0);
            tell(s, row.id, signals[1], SIGNAL_FAILED, 0);
            source_say(s, "what replica %llu uses cannot be read here", (unsigned long long)row.id);
            continue;
        }
        const double all = s->spec->resource.memory_bytes > 0 ? s->spec->resource.memory_bytes
                                                              : usage.memory_limit_bytes;
        if (all > 0)
            tell(s, row.id, signals[1], SIGNAL_VALUE, usage.memory_bytes / all);
        tell_cpu(s, before, &usage);
    }
    forget_gone(r);
    source_expect(s, expected);
    for (size_t k = 0; k < COUNT_OF(signals) && expected == 0; k++)
        tell(s, 0, signals[k], SIGNAL_ABSENT, 0);
    source_end(s);
}

static void resource_stop(struct source *s)
{
    free(((struct resource *)s)->before);
}

const struct source_ops source_resource = {
    .name = "resource",
    .kind = SOURCE_RESOURCE,
    .size = sizeof(struct resource),
    .signals = signals,
    .signal_count = COUNT_OF(signals),
    .implied = resource_implied,
    .implied_period_ns = PERIOD_NS,
    .ask = resource_ask,
    .stop = resource_stop,
};
