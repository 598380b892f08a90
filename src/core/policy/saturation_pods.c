#include "core/policy/saturation_pods.h"

#include <math.h>

#include "base/duration.h"
#include "base/num.h"

#define PEAK_NS MINUTE_NS /* over which the peer looks for the largest value */

enum { SERIES_KV, SERIES_QUEUE };

void saturation_pods_init(struct saturation_pods *pods)
{
    *pods = (struct saturation_pods){.kv_ns = TIME_NONE, .queue_ns = TIME_NONE};
}

static void count_pod(int64_t *round_ns, int64_t *count, double *values, const struct sample *s)
{
    if (*round_ns != s->t_ns) {
        *round_ns = s->t_ns;
        *count = 0;
    }
    if (*count < SATURATION_PODS_MAX)
        values[*count] = s->value;
    (*count)++;
}

void saturation_pods_take(struct saturation_pods *pods, const struct pod_sample *pod)
{
    const struct sample *s = &pod->sample;
    if (s->state != SIGNAL_VALUE || pod->phase != POD_RUNNING)
        return;
    if (s->signal == SIGNAL_KV_CACHE_USAGE)
        count_pod(&pods->kv_ns, &pods->kv_count, pods->kv, s);
    else if (s->signal == SIGNAL_WAITING_REQUESTS)
        count_pod(&pods->queue_ns, &pods->queue_count, pods->queue, s);
}

/* Both rounds are fresh and tell of the same pods. */
static bool told(const struct saturation_pods *pods, int64_t now_ns, int64_t max_age_ns)
{
    return pods->kv_ns != TIME_NONE && pods->queue_ns != TIME_NONE && pods->kv_count > 0 &&
           pods->kv_count == pods->queue_count && pods->kv_count <= SATURATION_PODS_MAX &&
           num_add_sat(now_ns, -pods->kv_ns) <= max_age_ns &&
           num_add_sat(now_ns, -pods->queue_ns) <= max_age_ns;
}

struct saturation_view saturation_view_of(const struct policy_input *in,
                                          const struct saturation_pods *pods, int64_t max_age_ns)
{
    if (told(pods, in->now_ns, max_age_ns))
        return (struct saturation_view){
            .known = true, .count = (size_t)pods->kv_count, .each = pods};
    const struct reading kv = series_read(in, SERIES_KV);
    const struct reading queue = series_read(in, SERIES_QUEUE);
    const int64_t ready = num_clamp(in->observation->ready, 0, REPLICAS_MAX);
    if (ready > 0 && (kv.state != SIGNAL_VALUE || queue.state != SIGNAL_VALUE))
        return (struct saturation_view){.known = false};
    return (struct saturation_view){
        .known = true,
        .count = (size_t)ready,
        .kv = ready > 0 ? kv.value : 0,
        .queue = ready > 0 ? queue.value / (double)ready : 0,
    };
}

double saturation_kv(const struct saturation_view *view, size_t index)
{
    return view->each != NULL ? view->each->kv[index] : view->kv;
}

double saturation_queue(const struct saturation_view *view, size_t index)
{
    return view->each != NULL ? view->each->queue[index] : view->queue;
}

void saturation_series(const struct pool_spec *pool, int64_t max_age_ns, struct series_need *ret,
                       size_t max)
{
    static const enum signal_id signals[SATURATION_SERIES] = {
        [SERIES_KV] = SIGNAL_KV_CACHE_USAGE,
        [SERIES_QUEUE] = SIGNAL_WAITING_REQUESTS,
    };
    for (size_t i = 0; i < SATURATION_SERIES && i < max; i++)
        ret[i] = (struct series_need){.signal = {.id = signals[i]},
                                      .kind = SERIES_MAX,
                                      .span_ns = PEAK_NS,
                                      .max_age_ns = pool->exact ? 0 : max_age_ns,
                                      .required = !pool->exact};
}
