/* metrics.c - GET /metrics: values gathered from control, gateway, store and the tally. */
#include <math.h>
#include <string.h>

#include "api/scrape.h"
#include "core/policy.h"
#include "source/sources.h"
#include "store/store_writer.h"

#define INPUTS_MAX 64

static const struct pool_spec *spec_of(const struct scrape *s, size_t pool)
{
    const struct pool_status *status = &s->status[pool];
    return group_pool(reconcile_group_of(s->reconcile, status->group), status->pool_in_group);
}

void scrape_per_pool(struct scrape *s, enum metric_id id, scrape_value_fn *value)
{
    metric_begin(&s->page, id);
    for (size_t i = 0; i < s->pools; i++)
        metric_value(&s->page, (const char *[]){s->status[i].name}, value(s, i));
}

/* ---- the process ---- */

static void put_conditions(struct scrape *s)
{
    const struct condition *condition;
    metric_begin(&s->page, METRIC_ID_CONDITION);
    for (size_t i = 0; (condition = control_condition(s->control, i)) != NULL; i++)
        metric_value(&s->page, (const char *[]){condition->name, condition->pool}, 1);
}

static bool has_condition(const struct scrape *s, const char *name)
{
    const struct condition *condition;
    for (size_t i = 0; (condition = control_condition(s->control, i)) != NULL; i++)
        if (strcmp(condition->name, name) == 0)
            return true;
    return false;
}

static void put_process(struct scrape *s)
{
    struct store_writer_status store = {.durable = false};
    const bool stored = control_store(s->control) != NULL;
    if (stored)
        store_writer_status(control_store(s->control), &store);
    metric_begin(&s->page, METRIC_ID_BUILD_INFO);
    metric_value(&s->page, (const char *[]){SLUICE_VERSION}, 1);
    metric_plain(&s->page, METRIC_ID_START_TIME, seconds_of(control_started_wall_ns(s->control)));
    metric_plain(&s->page, METRIC_ID_POOLS, (double)s->pools);
    metric_plain(&s->page, METRIC_ID_CONFIG_OK, has_condition(s, "ConfigRejected") ? 0 : 1);
    put_conditions(s);
    metric_plain(&s->page, METRIC_ID_CONFIG_GENERATION, (double)control_generation(s->control));
    metric_plain(&s->page, METRIC_ID_STATE_DURABLE,
                 stored && store.durable && !has_condition(s, "StateNotDurable") ? 1 : 0);
    metric_plain(&s->page, METRIC_ID_STATE_QUEUE, stored ? (double)store.queued_bytes : NAN);
    metric_begin(&s->page, METRIC_ID_STATE_RECORDS);
    metric_value(&s->page, (const char *[]){"written"}, (double)store.written);
    metric_value(&s->page, (const char *[]){"dropped"}, (double)store.dropped);
    metric_plain(&s->page, METRIC_ID_ROUTES_GENERATION, (double)reconcile_generation(s->reconcile));
}

/* ---- replicas ---- */

static void put_replicas(struct scrape *s)
{
    metric_begin(&s->page, METRIC_ID_REPLICAS);
    for (size_t i = 0; i < s->pools; i++) {
        const struct pool_status *status = &s->status[i];
        int64_t current = 0;
        metric_value(&s->page, (const char *[]){status->name, "desired"}, (double)status->desired);
        for (int state = 0; state <= REPLICA_FAILED; state++) {
            metric_value(
                &s->page,
                (const char *[]){status->name, replica_state_name((enum replica_state)state)},
                (double)status->count[state]);
            if (state != REPLICA_BLOCKED && state != REPLICA_FAILED)
                current += status->count[state];
        }
        metric_value(&s->page, (const char *[]){status->name, "current"}, (double)current);
    }
}

static double replicas_min(const struct scrape *s, size_t pool)
{
    return (double)spec_of(s, pool)->replicas_min;
}

static double replicas_max(const struct scrape *s, size_t pool)
{
    return (double)spec_of(s, pool)->replicas_max;
}

static double proposed(const struct proposal *proposal)
{
    return proposal->abstain ? NAN : (double)proposal->replicas;
}

static void put_recommended(struct scrape *s)
{
    metric_begin(&s->page, METRIC_ID_RECOMMENDED);
    for (size_t i = 0; i < s->pools; i++) {
        const struct decision *decision = s->status[i].decision;
        const struct pool_spec *spec = spec_of(s, i);
        if (decision == NULL || spec->policy == NULL)
            continue;
        metric_value(&s->page, (const char *[]){s->status[i].name, spec->policy->name},
                     proposed(&decision->proposal));
        for (size_t k = 0; k < spec->shadow_count; k++)
            if (spec->shadow[k].policy != spec->policy) /* the same with other options: left out */
                metric_value(&s->page,
                             (const char *[]){s->status[i].name, spec->shadow[k].policy->name},
                             proposed(&decision->shadow[k]));
    }
}

static double replica_seconds(const struct scrape *s, size_t pool)
{
    return s->status[pool].replica_seconds;
}

static double gpu_seconds(const struct scrape *s, size_t pool)
{
    const struct pool_config *config =
        config_pool(control_config(s->control), span_from(s->status[pool].name));
    if (config == NULL || config->target.kind != TARGET_PROCESS)
        return NAN;
    return s->status[pool].replica_seconds * config->target.process.gpus;
}

static struct control_money money_of(const struct scrape *s, size_t pool)
{
    return control_money(s->control, s->status[pool].group, s->status[pool].pool_in_group);
}

static double cost(const struct scrape *s, size_t pool)
{
    return money_of(s, pool).since_start;
}

static double budget_left(const struct scrape *s, size_t pool)
{
    return spec_of(s, pool)->cost.daily_budget - money_of(s, pool).today; /* NAN without one */
}

static void put_tick_time(struct scrape *s)
{
    metric_begin(&s->page, METRIC_ID_TICK_TIME);
    metric_histogram(&s->page, NULL, &s->api->tally->tick_time);
}

static void put_starts(struct scrape *s)
{
    const struct tally *tally = s->api->tally;
    metric_begin(&s->page, METRIC_ID_START);
    for (size_t i = 0; i < tally->start_count; i++)
        for (size_t phase = 0; phase < TALLY_PHASES; phase++)
            metric_histogram(&s->page,
                             (const char *[]){tally->starts[i]->pool, tally_phase_name(phase)},
                             &tally->starts[i]->phase[phase]);
}

static double start_p90(const struct scrape *s, size_t pool)
{
    const int64_t ns = s->status[pool].start_p90_ns;
    return ns > 0 ? seconds_of(ns) : NAN;
}

/* ---- decisions and signals ---- */

static double pinned(const struct scrape *s, size_t pool)
{
    return s->status[pool].pin_count == NO_COUNT ? NAN : (double)s->status[pool].pin_count;
}

static double paused(const struct scrape *s, size_t pool)
{
    return s->status[pool].paused ? 1 : 0;
}

static double contended(const struct scrape *s, size_t pool)
{
    return s->status[pool].contended ? 1 : 0;
}

static void put_input(struct scrape *s, enum metric_id id, const char *pool,
                      const struct group_input *input)
{
    char name[NAME_SIZE + 16];
    const struct reading *reading = &input->reading;
    double value = NAN;
    signal_print(&input->signal, name, sizeof(name));
    if (id == METRIC_ID_SIGNAL)
        value = reading->state == SIGNAL_VALUE ? reading->value : NAN;
    else if (id == METRIC_ID_SIGNAL_AGE)
        value = reading->age_ns == INT64_MAX ? NAN : seconds_of(reading->age_ns);
    else
        value = reading->state == SIGNAL_FAILED ? 1 : 0;
    metric_value(&s->page, (const char *[]){pool, name}, value);
}

/* The same signal over another window would be the same series: the first one, which is the metric
 * of the configuration where there is one, stands for all. */
static bool is_again(const struct group_input *input, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (signal_ref_equal(&input[i].signal, &input[index].signal))
            return true;
    return false;
}

static void put_inputs(struct scrape *s, enum metric_id id)
{
    metric_begin(&s->page, id);
    for (size_t i = 0; i < s->pools; i++) {
        struct group_input input[INPUTS_MAX];
        const struct pool_status *status = &s->status[i];
        const struct group_state *state = reconcile_state_of(s->reconcile, status->group);
        if (state == NULL || status->observation == NULL)
            continue;
        const size_t count =
            group_inputs(reconcile_group_of(s->reconcile, status->group), state,
                         status->pool_in_group, control_now_ns(s->control), input, INPUTS_MAX);
        for (size_t k = 0; k < count; k++)
            if (!is_again(input, k))
                put_input(s, id, status->name, &input[k]);
    }
}

static void put_sources(struct scrape *s)
{
    metric_begin(&s->page, METRIC_ID_SOURCE_UP);
    for (size_t i = 0; i < s->pools && control_gateway(s->control) != NULL; i++)
        metric_value(&s->page, (const char *[]){s->status[i].name, "gateway"},
                     s->status[i].gateway_silent ? 0 : 1);
    struct source_row row;
    const struct sources *sources = control_sources(s->control);
    for (size_t i = 0; sources != NULL && sources_at(sources, i, &row); i++)
        metric_value(&s->page, (const char *[]){row.pool, row.spec->name},
                     row.status->fault == SOURCE_FAULT_NONE ? 1 : 0);
    metric_begin(&s->page, METRIC_ID_SOURCE_REPEATED);
    for (size_t i = 0; sources != NULL && sources_at(sources, i, &row); i++)
        metric_value(&s->page, (const char *[]){row.pool, row.spec->name},
                     (double)row.status->repeated);
}

/* ---- the page ---- */

static void put_other(struct scrape *s)
{
    const struct tally *tally = s->api->tally;
    const struct {
        enum metric_id id;
        const struct counts *counts;
    } counted[] = {
        {METRIC_ID_DECISIONS, tally->decisions},       {METRIC_ID_LIMITED, tally->limited},
        {METRIC_ID_REPLICA_FAILURES, tally->failures}, {METRIC_ID_WRITES, tally->writes},
        {METRIC_ID_API_REQUESTS, tally->requests},
    };
    metric_begin(&s->page, METRIC_ID_SERIES_OTHER);
    for (size_t i = 0; i < COUNT_OF(counted); i++)
        if (counts_overflow(counted[i].counts))
            metric_value(&s->page, (const char *[]){metric_rows[counted[i].id].name}, 1);
}

static void put_api(struct scrape *s)
{
    struct stream_stats stream;
    stream_read_stats(s->api->stream, &stream);
    metric_counts(&s->page, METRIC_ID_API_REQUESTS, s->api->tally->requests);
    metric_plain(&s->page, METRIC_ID_API_STREAMS, (double)stream.clients);
    metric_plain(&s->page, METRIC_ID_API_STREAMS_DROPPED, (double)stream.dropped);
    put_other(s);
}

static void put_all(struct scrape *s)
{
    const struct tally *tally = s->api->tally;
    put_process(s);
    put_replicas(s);
    scrape_per_pool(s, METRIC_ID_REPLICAS_MIN, replicas_min);
    scrape_per_pool(s, METRIC_ID_REPLICAS_MAX, replicas_max);
    put_recommended(s);
    scrape_per_pool(s, METRIC_ID_REPLICA_SECONDS, replica_seconds);
    scrape_per_pool(s, METRIC_ID_GPU_SECONDS, gpu_seconds);
    scrape_per_pool(s, METRIC_ID_COST, cost);
    scrape_per_pool(s, METRIC_ID_BUDGET_LEFT, budget_left);
    put_starts(s);
    scrape_per_pool(s, METRIC_ID_START_P90, start_p90);
    metric_counts(&s->page, METRIC_ID_REPLICA_FAILURES, tally->failures);
    metric_counts(&s->page, METRIC_ID_WRITES, tally->writes);
    metric_counts(&s->page, METRIC_ID_TICKS, tally->ticks);
    metric_plain(&s->page, METRIC_ID_OVERRUNS, (double)tally->overruns);
    put_tick_time(s);
    metric_counts(&s->page, METRIC_ID_DECISIONS, tally->decisions);
    metric_counts(&s->page, METRIC_ID_LIMITED, tally->limited);
    scrape_per_pool(s, METRIC_ID_PINNED, pinned);
    scrape_per_pool(s, METRIC_ID_PAUSED, paused);
    scrape_per_pool(s, METRIC_ID_CONTENDED, contended);
    put_inputs(s, METRIC_ID_SIGNAL);
    put_inputs(s, METRIC_ID_SIGNAL_AGE);
    put_inputs(s, METRIC_ID_SIGNAL_FAILED);
    put_sources(s);
    scrape_traffic(s);
    scrape_gateway(s);
    put_api(s);
}

void handle_metrics(struct api_call *call)
{
    const char *names = call_param(call, "names");
    if (names != NULL && strcmp(names, "neuronetes") != 0) {
        call_failure(call, RC_INVALID, "names", names,
                     "names is \"%.40s\": neuronetes is the one set of further names", names);
        return;
    }
    struct scrape s = {.api = call->api,
                       .control = call->api->control,
                       .reconcile = control_reconcile(call->api->control),
                       .page = {.out = &call->out}};
    s.pools = reconcile_pool_count(s.reconcile);
    s.status = arena_array(&call->arena, s.pools + 1, sizeof(*s.status));
    s.level = arena_array(&call->arena, s.pools + 1, sizeof(*s.level));
    if (s.status == NULL || s.level == NULL) {
        call_failure(call, RC_NO_MEMORY, NULL, NULL, "no memory for the page");
        return;
    }
    for (size_t i = 0; i < s.pools; i++) {
        reconcile_pool_status(s.reconcile, i, &s.status[i]);
        scrape_levels(s.status[i].snapshot, &s.level[i]);
    }
    put_all(&s);
    if (names != NULL)
        scrape_guide(&s);
    call_answer_text(call, 200, "text/plain; version=0.0.4; charset=utf-8");
}
