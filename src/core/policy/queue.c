/* queue.c - follows the lag of a message queue as the AgentPool guide words it: replicas are added
 * to those that are there, and only above a threshold of lag.
 *
 * What starts already counts with its share, so that it is not asked for again. Below the threshold
 * nothing is added, and what is not needed for the messages that are left may go. */
#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/opt_rows.h"
#include "core/policy.h"

struct queue_config {
    int64_t lag_max;
    int64_t prefetch;
    double throughput; /* messages per second of one replica */
    int64_t window_ns;
    int64_t max_age_ns;
};

static const struct opt options[] = {
    INT_OPT("maxLagThreshold", queue_config, lag_max, 0, 1000000000, 100, "messages",
            "Replicas are added while more than this waits."),
    INT_OPT("prefetchCount", queue_config, prefetch, 1, 1000000, 10, "messages",
            "Messages that one replica works on at a time."),
    NUMBER_OPT("targetThroughput", queue_config, throughput, 0.001, 1e6, 1, "messages/s",
               "Messages per second of one replica; a faster one is asked for less often."),
    DURATION_OPT("averagingWindow", queue_config, window_ns, 1, DAY_S, 15,
                 "Time over which the lag is averaged."),
    DURATION_OPT("maxAge", queue_config, max_age_ns, 1, DAY_S, 60, "An older lag is unknown."),
};

static struct proposal added(const struct policy_input *in, double lag, int64_t there)
{
    const struct queue_config *config = in->config;
    const double prefetch = (double)config->prefetch;
    const double beyond = lag - (double)there * prefetch;
    const int64_t more = beyond > 0 ? replicas_for(beyond / (prefetch * config->throughput)) : 0;
    return (struct proposal){
        .replicas = num_add_sat(there, more),
        .exact = NAN, /* whole replicas are added: there is no ratio to compare with a tolerance */
        .reason = REASON_QUEUE_ADDED,
        .number = {lag, (double)there, (double)more},
    };
}

/* What the messages that are left keep busy, at least one while there are any. */
static struct proposal left(const struct policy_input *in, const struct reading *reading,
                            int64_t there)
{
    const struct queue_config *config = in->config;
    const double lag = reading->value;
    const int64_t busy = num_clamp(in->observation->busy, 0, REPLICAS_MAX);
    int64_t need = replicas_for(lag / (double)config->prefetch);
    need = need > busy ? need : busy;
    if (reading->coverage < 1 && need < in->desired) /* a part of the queue was not told (R3) */
        need = in->desired;
    if (need > in->desired)
        need = lag > 0 && in->desired == 0 ? 1 : in->desired;
    return (struct proposal){
        .replicas = need,
        .exact = NAN,
        .reason = REASON_QUEUE_LEFT,
        .number = {lag, (double)config->lag_max, (double)there},
    };
}

static struct proposal propose(const struct policy_input *in)
{
    const struct queue_config *config = in->config;
    const struct pool_observation *o = in->observation;
    const struct reading lag = series_read(in, 0);
    if (lag.state != SIGNAL_VALUE)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_NO_SIGNAL};
    if (o->counts_state != SIGNAL_VALUE)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_UNCOUNTED};
    const int64_t there = num_clamp(num_add_sat(o->ready, o->pending), 0, REPLICAS_MAX);
    if (lag.value > (double)config->lag_max)
        return added(in, lag.value, there);
    return left(in, &lag, there);
}

static size_t series(const struct pool_spec *pool, const void *config_, struct series_need *ret,
                     size_t max)
{
    const struct queue_config *config = config_;
    (void)pool;
    if (max > 0)
        ret[0] = (struct series_need){
            .signal = {.id = SIGNAL_QUEUE_LAG},
            .kind = SERIES_MEAN,
            .span_ns = config->window_ns,
            .max_age_ns = config->max_age_ns,
            .required = true,
        };
    return 1;
}

const struct policy_ops policy_queue = {
    .name = "queue",
    .summary = "Adds replicas while more messages wait in a queue than a threshold allows.",
    .formula =
        "above maxLagThreshold: desired = (ready + pending) + ceil((lag - (ready + pending) * "
        "prefetchCount) / (prefetchCount * targetThroughput)); else at most what is there, at "
        "least ceil(lag / prefetchCount) and the busy ones",
    .source = "the AgentPool guide; pending replicas are counted by us",
    .blind = "how long a message takes, and messages that are not in the queue any more",
    .options = options,
    .option_count = COUNT_OF(options),
    .config_size = sizeof(struct queue_config),
    .wakes_itself = true,
    .series = series,
    .propose = propose,
};
