#include "traffic/meter.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

/* One answer moves the ratio by at most this share, a small prompt by less: chat templates add
 * tokens that no byte of the body explains. */
#define LEARN_SHARE 0.05
#define LEARN_TOKENS 256.0
#define BYTES_PER_TOKEN_FIRST 4.0
#define BYTES_PER_TOKEN_MIN 1.0
#define BYTES_PER_TOKEN_MAX 16.0
#define OUTPUT_MEAN_FIRST 128.0
#define OUTPUT_SHARE (1.0 / 64)

void meter_init(struct meter *meter, int64_t now_ns)
{
    *meter = (struct meter){.bytes_per_token = BYTES_PER_TOKEN_FIRST,
                            .output_mean = OUTPUT_MEAN_FIRST,
                            .served_from_ns = now_ns,
                            .session_free = SLOT_NONE};
    for (size_t i = 0; i < METER_SESSION_BUCKETS; i++)
        meter->bucket_first[i] = SLOT_NONE;
}

void meter_done(struct meter *meter)
{
    free(meter->latency);
    free(meter->sessions);
    meter->latency = NULL;
    meter->sessions = NULL;
    lookup_done(&meter->by_session);
}

static void forget_bucket(struct meter *meter, uint32_t bucket)
{
    uint32_t slot = meter->bucket_first[bucket];
    while (slot != SLOT_NONE) {
        struct meter_session *session = &meter->sessions[slot];
        const uint32_t next = session->next;
        lookup_remove(&meter->by_session, session->session);
        session->next = meter->session_free;
        meter->session_free = slot;
        slot = next;
    }
    meter->bucket_first[bucket] = SLOT_NONE;
}

static void advance_buckets(struct meter *meter, int64_t now_ns)
{
    const int64_t target = now_ns / METER_SESSION_BUCKET_NS;
    int64_t steps = target - meter->bucket_now;
    if (steps <= 0)
        return;
    if (steps > METER_SESSION_BUCKETS)
        steps = METER_SESSION_BUCKETS;
    for (int64_t i = 0; i < steps; i++)
        forget_bucket(meter, (uint32_t)((uint64_t)(target - i) % METER_SESSION_BUCKETS));
    meter->bucket_now = target;
}

static void bucket_add(struct meter *meter, uint32_t slot)
{
    const uint32_t bucket = (uint32_t)((uint64_t)meter->bucket_now % METER_SESSION_BUCKETS);
    struct meter_session *session = &meter->sessions[slot];
    session->bucket = bucket;
    session->prev = SLOT_NONE;
    session->next = meter->bucket_first[bucket];
    if (session->next != SLOT_NONE)
        meter->sessions[session->next].prev = slot;
    meter->bucket_first[bucket] = slot;
}

static void bucket_remove(struct meter *meter, uint32_t slot)
{
    const struct meter_session *session = &meter->sessions[slot];
    *(session->prev != SLOT_NONE ? &meter->sessions[session->prev].next
                                 : &meter->bucket_first[session->bucket]) = session->next;
    if (session->next != SLOT_NONE)
        meter->sessions[session->next].prev = session->prev;
}

static uint32_t session_new(struct meter *meter, uint64_t id)
{
    uint32_t slot = meter->session_free;
    if (slot != SLOT_NONE)
        meter->session_free = meter->sessions[slot].next;
    else if (mem_grow((void **)&meter->sessions, &meter->session_cap, meter->session_count + 1,
                      sizeof(*meter->sessions), METER_SESSIONS_MAX) == RC_OK)
        slot = (uint32_t)meter->session_count++;
    else
        return SLOT_NONE;
    meter->sessions[slot] = (struct meter_session){.session = id};
    if (lookup_put(&meter->by_session, id, slot) == RC_OK)
        return slot;
    meter->sessions[slot].next = meter->session_free;
    meter->session_free = slot;
    return SLOT_NONE;
}

void meter_session(struct meter *meter, uint64_t id, int64_t now_ns)
{
    if (id == 0)
        return;
    advance_buckets(meter, now_ns);
    uint32_t slot = lookup_get(&meter->by_session, id);
    if (slot == SLOT_NONE) {
        slot = session_new(meter, id);
        if (slot == SLOT_NONE)
            return;
    } else {
        bucket_remove(meter, slot);
    }
    bucket_add(meter, slot);
}

int64_t meter_sessions(struct meter *meter, int64_t now_ns)
{
    advance_buckets(meter, now_ns);
    return (int64_t)meter->by_session.count;
}

void meter_learn(struct meter *meter, int64_t prompt_bytes, int64_t prompt_tokens,
                 int64_t output_tokens)
{
    if (output_tokens > 0)
        meter->output_mean += OUTPUT_SHARE * ((double)output_tokens - meter->output_mean);
    if (prompt_bytes <= 0 || prompt_tokens <= 0)
        return;
    double ratio = (double)prompt_bytes / (double)prompt_tokens;
    if (ratio < BYTES_PER_TOKEN_MIN)
        ratio = BYTES_PER_TOKEN_MIN;
    if (ratio > BYTES_PER_TOKEN_MAX)
        ratio = BYTES_PER_TOKEN_MAX;
    const double tokens = (double)prompt_tokens;
    const double share = LEARN_SHARE * tokens / (tokens + LEARN_TOKENS);
    meter->bytes_per_token += share * (ratio - meter->bytes_per_token);
}

static void advance_rate(struct meter *meter, int64_t now_ns)
{
    const int64_t passed = now_ns - meter->served_from_ns;
    if (passed < METER_RATE_NS)
        return;
    meter->served_before = passed < 2 * METER_RATE_NS ? meter->served : 0;
    meter->served = 0;
    meter->served_from_ns += passed / METER_RATE_NS * METER_RATE_NS;
}

void meter_served(struct meter *meter, int64_t now_ns)
{
    advance_rate(meter, now_ns);
    meter->served++;
}

double meter_rate_per_s(const struct meter *meter, int64_t now_ns)
{
    const double current = (double)(now_ns - meter->served_from_ns) / 1e9;
    const double before = meter->served_before > 0 ? (double)METER_RATE_NS / 1e9 : 0;
    const double span = current + before;
    return span > 0 ? (meter->served + meter->served_before) / span : 0;
}

/* In the span of its arrival; when all places are taken, in the nearest one. */
void meter_late(struct meter *meter, int64_t arrived_ns)
{
    const int64_t slot = arrived_ns / METER_LATE_NS;
    size_t best = 0;
    for (size_t i = 0; i < LATE_SPANS_MAX; i++) {
        if (!(meter->late_requests[i] > 0)) {
            meter->late_slot[i] = slot;
            best = i;
            break;
        }
        const int64_t off = meter->late_slot[i] - slot;
        const int64_t off_best = meter->late_slot[best] - slot;
        if (off * off < off_best * off_best)
            best = i;
        if (off == 0)
            break;
    }
    meter->late_requests[best]++;
}

/* One that nothing was recorded in is clear already. */
static void clear_used(struct histogram *h)
{
    if (h->count > 0)
        histogram_clear(h);
}

/* A pool that is never asked needs no room for them. */
void meter_latency(struct meter *meter, enum latency latency, double seconds, double weight)
{
    if (meter->latency == NULL)
        meter->latency = mem_new(1, sizeof(*meter->latency));
    if (meter->latency == NULL)
        return; /* without memory it is not measured, which is no zero */
    for (size_t i = 0; i < LATENCY_COUNT && meter->latency_told; i++)
        clear_used(&meter->latency->of[i]);
    meter->latency_told = false;
    histogram_record(&meter->latency->of[latency], seconds, weight);
}

static void take_late(struct meter *meter, int64_t now_ns, struct gateway_snapshot *ret)
{
    for (size_t i = 0; i < LATE_SPANS_MAX; i++) {
        const int64_t middle_ns = meter->late_slot[i] * METER_LATE_NS + METER_LATE_NS / 2;
        const bool told = meter->late_requests[i] > 0;
        ret->late_age_s[i] = told && now_ns > middle_ns ? (double)(now_ns - middle_ns) / 1e9 : 0;
        ret->late_requests[i] = meter->late_requests[i];
        meter->late_requests[i] = 0;
    }
}

static void take_work(struct meter *meter, struct gateway_snapshot *ret)
{
    ret->busy_s = meter->busy_s;
    ret->iterations = meter->iterations;
    ret->decoded_tokens = meter->decoded_tokens;
    ret->context_tokens = meter->context_tokens;
    ret->computed_tokens = meter->computed_tokens;
    meter->busy_s = 0;
    meter->iterations = 0;
    meter->decoded_tokens = 0;
    meter->context_tokens = 0;
    meter->computed_tokens = 0;
}

void meter_take(struct meter *meter, int64_t now_ns, struct gateway_snapshot *ret)
{
    take_work(meter, ret);
    take_late(meter, now_ns, ret);
    ret->arrived_requests = meter->arrived;
    ret->completed_requests = meter->completed;
    ret->failed_requests = meter->failed;
    ret->refused_requests = meter->refused;
    ret->good_requests = meter->good;
    ret->prompt_tokens = meter->prompt_tokens;
    ret->excess_arrived = meter->excess_arrived;
    ret->excess_prompt_tokens = meter->excess_prompt_tokens;
    ret->completed_prompt_tokens = meter->completed_prompt_tokens;
    ret->output_tokens = meter->output_tokens;
    ret->completed_tokens = meter->completed_tokens;
    ret->tool_calls = meter->tool_calls;
    ret->latency = meter->latency_told ? NULL : meter->latency;
    meter->latency_told = true;
    meter->arrived = 0;
    meter->completed = 0;
    meter->failed = 0;
    meter->refused = 0;
    meter->cancelled = 0;
    meter->good = 0;
    meter->prompt_tokens = 0;
    meter->excess_arrived = 0;
    meter->excess_prompt_tokens = 0;
    meter->completed_prompt_tokens = 0;
    meter->output_tokens = 0;
    meter->completed_tokens = 0;
    meter->tool_calls = 0;
}
