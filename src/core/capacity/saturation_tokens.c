/* The second generation: demand and supply in tokens of the KV cache. */
#include <math.h>

#include "base/mem.h"
#include "base/num.h"
#include "core/capacity/saturation.h"

#define BYTES_PER_TOKEN 4.0

static int64_t whole(double value) /* towards zero, as the peer's conversion does */
{
    return num_to_int(value < 0 ? ceil(value) : floor(value), INT64_MIN / 2, INT64_MAX / 2);
}

static size_t bucket_of(double avg_out)
{
    return avg_out < 100 ? 0 : avg_out < 500 ? 1 : 2;
}

static void push(struct tokens_state *state, size_t bucket, int64_t value)
{
    state->history[bucket][state->history_count[bucket]++ % TOKENS_HISTORY] = value;
}

static double mean_of(const struct tokens_state *state, size_t bucket)
{
    const size_t n = state->history_count[bucket] < TOKENS_HISTORY ? state->history_count[bucket]
                                                                   : TOKENS_HISTORY;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)state->history[bucket][i];
    return n > 0 ? sum / (double)n : 0;
}

/* Tokens that a full batch of such requests holds, by what the engine was told; 0 = unknown. */
static int64_t batch_tokens(const struct vllm_args *args, double in, double out)
{
    if (!(in + out > 0))
        return 0;
    const double batched = (double)args->effective_max_batched_tokens;
    const double n = fmin(batched * out / (in + out), (double)args->max_num_seqs);
    return whole(n * (in + out / 2));
}

static int64_t effective(const struct tokens_input *in, struct tokens_state *state,
                         const struct tokens_replica *r)
{
    const struct tokens_variant_spec *spec = &in->spec[r->variant];
    const int64_t k1 = whole((double)r->capacity * in->config->kv_threshold);
    const size_t bucket = bucket_of(r->avg_out);
    int64_t k2 = 0;
    if (r->queue >= whole(in->config->queue_threshold) && r->in_use > 0) {
        k2 = r->in_use;
        push(state, bucket, k2);
    }
    if (k2 <= 0)
        k2 = whole(mean_of(state, bucket));
    if (k2 <= 0 && spec->has_args)
        k2 = batch_tokens(&spec->args, r->avg_in, r->avg_out);
    return k2 > 0 && k2 < k1 ? k2 : k1;
}

/* Insertion sort: replicas of one variant are few. */
static int64_t median(int64_t *value, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t j = i; j > 0 && value[j] < value[j - 1]; j--) {
            const int64_t kept = value[j];
            value[j] = value[j - 1];
            value[j - 1] = kept;
        }
    return n == 0 ? 0 : n % 2 == 1 ? value[n / 2] : (value[n / 2 - 1] + value[n / 2]) / 2;
}

struct averages {
    double in;
    double out;
    double hit;
};

static struct averages averages_of(const struct tokens_input *in)
{
    struct averages a = {0};
    double n = 0;
    for (size_t i = 0; i < in->replica_count; i++) {
        const struct tokens_replica *r = &in->replica[i];
        if (!(r->avg_in > 0 || r->avg_out > 0))
            continue;
        a.in += r->avg_in;
        a.out += r->avg_out;
        a.hit += r->prefix_hit;
        n++;
    }
    if (n > 0)
        a = (struct averages){a.in / n, a.out / n, a.hit / n};
    return a;
}

static bool compatible(const struct tokens_variant_spec *a, const struct tokens_variant_spec *b)
{
    return a->has_args && b->has_args && a->kind == b->kind &&
           a->args.gpu_memory_utilization == b->args.gpu_memory_utilization &&
           a->args.block_size == b->args.block_size &&
           span_equal(span_from(a->args.kv_cache_dtype), span_from(b->args.kv_cache_dtype)) &&
           a->args.tensor_parallel_size == b->args.tensor_parallel_size &&
           a->args.num_gpu_blocks_override == b->args.num_gpu_blocks_override &&
           a->args.effective_max_batched_tokens == b->args.effective_max_batched_tokens;
}

/* Of a variant without a live replica: what it had, else what its arguments allow. */
static int64_t remembered(const struct tokens_input *in, const struct tokens_state *state,
                          size_t variant, const struct averages *a)
{
    const struct tokens_variant_spec *spec = &in->spec[variant];
    if (state->live[variant] > 0)
        return state->live[variant];
    if (!spec->has_args)
        return 0;
    int64_t tokens = batch_tokens(&spec->args, a->in, a->out);
    if (tokens <= 0)
        return spec->args.effective_max_batched_tokens;
    if (spec->args.num_gpu_blocks_override > 0) {
        const int64_t k1 =
            whole((double)(spec->args.num_gpu_blocks_override * spec->args.block_size) *
                  in->config->kv_threshold);
        tokens = k1 < tokens ? k1 : tokens;
    }
    for (size_t i = 0; i < in->variant_count; i++)
        if (i != variant && state->live[i] > 0 && compatible(spec, &in->spec[i])) {
            tokens = state->live[i] < tokens ? state->live[i] : tokens;
            break;
        }
    return tokens;
}

static void measure_variant(const struct tokens_input *in, struct tokens_state *state, size_t index,
                            const int64_t *capacity, struct tokens_variant *v)
{
    int64_t live[SATURATION_REPLICAS_MAX];
    size_t n = 0;
    v->demand = 0;
    v->cost = 0;
    for (size_t i = 0; i < in->replica_count && i < SATURATION_REPLICAS_MAX; i++) {
        const struct tokens_replica *r = &in->replica[i];
        if (r->variant != index)
            continue;
        v->cost = in->spec[index].cost;
        if (r->capacity == 0)
            continue;
        v->demand += r->in_use + (r->avg_in > 0 ? r->queue * whole(r->avg_in) : 0);
        live[n++] = capacity[i];
        state->live[index] = capacity[i];
    }
    v->per_replica = median(live, n);
    v->ready = v->current > v->pending ? v->current - v->pending : 0;
}

static double queued(const struct tokens_queue *queue, const struct averages *a)
{
    return fmax(queue->bytes / BYTES_PER_TOKEN, queue->size * a->in) * (1 - a->hit) +
           queue->size * a->out;
}

/* ---- targets ---- */

static double price(const struct tokens_variant *v)
{
    return v->per_replica > 0 ? v->cost / (double)v->per_replica : INFINITY;
}

static void grow(struct tokens_variant *variant, size_t count, double required)
{
    size_t chosen = count;
    for (size_t i = 0; i < count; i++)
        if (variant[i].per_replica > 0 &&
            (chosen == count || price(&variant[i]) < price(&variant[chosen])))
            chosen = i;
    if (chosen < count) /* the cheapest takes all of it */
        variant[chosen].target += whole(ceil(required / (double)variant[chosen].per_replica));
}

static size_t next_dearest(const struct tokens_variant *variant, size_t count, const bool *done)
{
    size_t chosen = count;
    for (size_t i = 0; i < count; i++)
        if (!done[i] && (chosen == count || variant[i].cost > variant[chosen].cost))
            chosen = i;
    return chosen;
}

static size_t cheapest(const struct tokens_variant *variant, size_t count)
{
    size_t chosen = 0;
    for (size_t i = 1; i < count; i++)
        if (variant[i].cost < variant[chosen].cost)
            chosen = i;
    return chosen;
}

static void shrink(struct tokens_variant *variant, size_t count, double spare)
{
    bool done[SATURATION_VARIANTS_MAX] = {false};
    const size_t least = cheapest(variant, count);
    for (size_t n = 0; n < count; n++) {
        const size_t i = next_dearest(variant, count, done);
        struct tokens_variant *v = &variant[i];
        int64_t others = 0;
        done[i] = true;
        for (size_t j = 0; j < count; j++)
            others += j != i ? variant[j].target : 0;
        if (v->per_replica <= 0)
            continue;
        const int64_t removable = i == least && others == 0 ? v->target - 1 : v->target;
        int64_t remove = whole(floor(spare / (double)v->per_replica));
        remove = remove < removable ? remove : removable;
        if (remove <= 0)
            continue;
        v->target -= remove;
        spare -= (double)(remove * v->per_replica);
    }
}

void tokens_cycle(const struct tokens_input *in, struct tokens_state *state,
                  struct tokens_variant *variant, struct tokens_result *ret)
{
    int64_t capacity[SATURATION_REPLICAS_MAX];
    const struct averages a = averages_of(in);
    struct tokens_result r = {0};
    double coming = 0;
    for (size_t i = 0; i < in->replica_count && i < SATURATION_REPLICAS_MAX; i++)
        capacity[i] = in->replica[i].capacity > 0 ? effective(in, state, &in->replica[i]) : 0;
    for (size_t i = 0; i < in->variant_count; i++)
        measure_variant(in, state, i, capacity, &variant[i]);
    for (size_t i = 0; i < in->variant_count; i++) {
        struct tokens_variant *v = &variant[i];
        if (v->per_replica == 0)
            v->per_replica = remembered(in, state, i, &a);
        v->capacity = v->ready * v->per_replica;
        r.supply += (double)v->capacity;
        r.demand += (double)v->demand;
        coming += (double)((v->ready + v->pending) * v->per_replica);
        v->target = v->current;
    }
    if (in->queue != NULL)
        r.demand += queued(in->queue, &a);
    r.required = fmax(0, r.demand / in->config->up_threshold - coming);
    r.spare = fmax(0, r.supply - r.demand / in->config->down_boundary);
    if (r.required > 0)
        grow(variant, in->variant_count, r.required);
    else if (r.spare > 0)
        shrink(variant, in->variant_count, r.spare);
    *ret = r;
}
