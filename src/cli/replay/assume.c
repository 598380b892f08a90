/* assume.c - what a replay takes for granted, in plain words: a number from a simulation is worth
 * as much as the reader knows of these. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "cli/replay/report.h"
#include "core/policy.h"

static void seconds_text(int64_t ns, char ret[DURATION_TEXT_MAX])
{
    const int64_t unit = ns < 10 * SECOND_NS ? MILLISECOND_NS : SECOND_NS / 10;
    (void)duration_print(ns / unit * unit, ret);
}

static void rounded(struct buf *out, double value)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "%.3g", value);
    buf_text(out, text);
}

static void assume_demand(struct report *r)
{
    struct buf *out = &r->assumptions;
    bool cut = false;
    for (size_t i = 0; i < r->recorded->pool_count; i++)
        cut |= r->recorded->pool[i].minutes_cut;
    buf_printf(out,
               "Requests come as recorded whatever is decided: as many in each minute, with the "
               "same tokens in all%s. When exactly, and how long each one is, was not recorded and "
               "is drawn from seed %llu.\n",
               cut ? ", and as many between ticks where the decision log has them" : "",
               (unsigned long long)r->seed);
    buf_text(out, "Nobody tries again, gives up or stays away because of a wait; no prompt finds "
                  "an earlier one in a prefix cache.\n");
}

static void assume_engine(struct report *r, size_t index)
{
    struct buf *out = &r->assumptions;
    const struct recorded_pool *pool = &r->recorded->pool[index];
    const struct play_engine *engine = &r->engine[index];
    static const char *const speeds[] = {
        [PLAY_SPEED_ASKED] = "as --profile says",
        [PLAY_SPEED_LEARNED] = "as the policy had learned it",
        [PLAY_SPEED_MEASURED] = "fitted to what the decision log measured",
        [PLAY_SPEED_ASSUMED] = "assumed, because nothing was measured: pass --profile",
    };
    char startup[DURATION_TEXT_MAX];
    buf_printf(out, "Engines of %s: an iteration takes ", pool->rows.pool);
    rounded(out, 1e3 * engine->profile.iteration_s);
    buf_text(out, " ms + ");
    rounded(out, 1e3 * engine->profile.sequence_s);
    buf_text(out, " ms a sequence + ");
    rounded(out, 1e6 * engine->profile.context_s);
    buf_text(out, " us a token of context + ");
    rounded(out, 1e6 * engine->profile.prompt_s);
    buf_printf(out, " us a prompt token (%s); batch and KV cache are those of the profile %s.\n",
               speeds[engine->speed], engine->profile.name);
    seconds_text(engine->startup_ns, startup);
    buf_printf(out, "Starts of %s take %s", pool->rows.pool, startup);
    if (engine->startup_assumed)
        buf_text(out, " (assumed: no start is on record; pass --startup)");
    else if (pool->startup_count > 0 && engine->startup_ns == pool->startup_ns)
        buf_printf(out, " (the median of the %lld that are on record), each a little more or less",
                   (long long)pool->startup_count);
    buf_text(out, "; none fails, and no replica is lost.\n");
    if (pool->unseen_minutes > 0)
        buf_printf(out,
                   "Of %s %lld minutes are not on record (sluice did not run, or wrote nothing): "
                   "they are played without requests, and the recorded figures lack them.\n",
                   pool->rows.pool, (long long)pool->unseen_minutes);
}

static bool same_objectives(const struct slo_spec *a, const struct slo_spec *b)
{
    return a->ttft_ns == b->ttft_ns && a->ttft_per_token_ns == b->ttft_per_token_ns &&
           a->inter_token_ns == b->inter_token_ns && a->e2e_ns == b->e2e_ns;
}

/* Whether what the pool decides on is anything that only the real world could tell. */
static bool reads_outside(const struct pool_spec *pool)
{
    for (size_t i = 0; i < pool->metric_count; i++)
        if (pool->metric[i].signal.id == SIGNAL_EXTERNAL)
            return true;
    return false;
}

static void assume_config(struct report *r, size_t run)
{
    struct buf *out = &r->assumptions;
    for (size_t i = 0; i < r->config[run]->pool_count; i++) {
        const struct pool_config *pool = r->config[run]->pool[i];
        const struct pool_config *was = config_pool(r->config[0], span_from(pool->core.name));
        if (!report_tells(r, pool->core.name))
            continue;
        if (reads_outside(&pool->core) || pool->source_count > 0)
            buf_printf(out,
                       "Pool %s of %s reads sources that nobody can ask about another world: their "
                       "signals are missing in the simulation.\n",
                       pool->core.name, run == 0 ? "the recorded configuration" : r->other);
        if (run > 0 && was != NULL && !same_objectives(&was->core.slo, &pool->core.slo))
            buf_printf(out,
                       "The objectives of pool %s differ: each configuration is scored by its "
                       "own.\n",
                       pool->core.name);
    }
}

static void assume_lead(struct report *r)
{
    struct buf *out = &r->assumptions;
    char lead[DURATION_TEXT_MAX];
    const int64_t lead_ns = r->recorded->from_ns - r->recorded->begin_ns;
    seconds_text(lead_ns, lead);
    if (lead_ns > 0)
        buf_printf(out,
                   "Both simulated runs begin %s before the window, with the replicas that were "
                   "ready then, and know nothing of what had been learned before.\n",
                   lead);
    else
        buf_text(out, "Both simulated runs begin with the window, with the replicas that were "
                      "ready then, and know nothing of what had been learned before.\n");
}

void report_assume(struct report *r)
{
    buf_init(&r->assumptions, REPORT_BYTES_MAX);
    assume_demand(r);
    for (size_t i = 0; i < r->recorded->pool_count; i++)
        if (report_tells(r, r->recorded->pool[i].rows.pool))
            assume_engine(r, i);
    assume_lead(r);
    for (size_t run = 0; run < REPORT_RUNS; run++)
        if (r->play[run] != NULL)
            assume_config(r, run);
    if (isfinite(r->gpus)) {
        buf_text(&r->assumptions, "There are ");
        buf_number(&r->assumptions, r->gpus);
        buf_text(&r->assumptions, " GPUs, as the log last saw them.\n");
    }
    if (r->retake->configs > 1)
        buf_printf(&r->assumptions,
                   "%lld times the configuration changed within the log; the last one stands for "
                   "\"as recorded\".\n",
                   (long long)(r->retake->configs - 1));
    if (r->recorded->orders > 0)
        buf_printf(&r->assumptions,
                   "%lld orders of people (pins, pauses, stops) are not given again.\n",
                   (long long)r->recorded->orders);
    if (r->recorded->losses > 0)
        buf_printf(&r->assumptions,
                   "%lld times a replica was lost or failed to start; the simulation loses none.\n",
                   (long long)r->recorded->losses);
    if (r->retake->unread > 0)
        buf_printf(&r->assumptions,
                   "%lld recorded samples are of signals that the other configuration does not "
                   "know.\n",
                   (long long)r->retake->unread);
}
