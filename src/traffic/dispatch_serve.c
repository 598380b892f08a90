/* What happens to a request on its replica, and what the meter learns from it. */
#include "base/duration.h"
#include "traffic/dispatch.h"
#include "traffic/dispatch_internal.h"

#define PROMPT_CHUNK 2048 /* prompt tokens of an iteration, as engines are usually set */

void dispatch_failed(struct dispatch *d, const struct request *request)
{
    d->meter.failed++;
    meter_late(&d->meter, request->arrived_ns);
}

void dispatch_first_byte(struct dispatch *d, uint64_t handle, int64_t now_ns)
{
    dispatch_in_flight(d, handle)->byte_sent = true;
    d->active_ns = now_ns;
}

/* What an engine does is told by its answers: an iteration gives each of those that decode one
 * token, so that a token stands for its share of an iteration. Prompts are computed before the
 * first token, in iterations of their own where nobody decodes. */
static void meter_first(struct dispatch *d, const struct request *request)
{
    struct replica *replica = &d->balancer.slots[request->replica_slot];
    const int64_t chunks = (request->prompt_tokens + PROMPT_CHUNK - 1) / PROMPT_CHUNK;
    d->meter.computed_tokens += (double)request->prompt_tokens;
    if (replica->decoding == 0)
        d->meter.iterations += chunks > 1 ? (double)chunks : 1;
    replica->decoding++;
}

static void meter_decoded(struct dispatch *d, const struct request *request, int64_t n)
{
    const struct replica *replica = &d->balancer.slots[request->replica_slot];
    const int64_t decoding = request->stream ? replica->decoding : replica->in_flight;
    const double context = (double)(request->prompt_tokens + request->output_tokens);
    d->meter.iterations += (double)n / (double)(decoding > 1 ? decoding : 1);
    d->meter.decoded_tokens += (double)n;
    d->meter.context_tokens += (double)n * (context + (double)n / 2);
}

void dispatch_tokens(struct dispatch *d, uint64_t handle, int64_t n, int64_t now_ns)
{
    struct request *request = dispatch_in_flight(d, handle);
    if (n <= 0)
        return;
    if (request->first_token_ns == TIME_NONE) {
        d->balancer.slots[request->replica_slot].load -= dispatch_prompt_ahead(request);
        request->first_token_ns = now_ns;
        meter_first(d, request);
        if (n > 1)
            meter_decoded(d, request, n - 1);
        if (request->stream)
            meter_latency(&d->meter, LATENCY_TTFT, seconds_of(now_ns - request->arrived_ns), 1);
    } else {
        const double gap_s = seconds_of(now_ns - request->last_token_ns) / (double)n;
        if (request->stream)
            meter_latency(&d->meter, LATENCY_ITL, gap_s, (double)n);
        meter_decoded(d, request, n);
    }
    request->last_token_ns = now_ns;
    request->byte_sent = true;
    request->output_tokens += n;
    d->in_flight_tokens += n;
    d->balancer.slots[request->replica_slot].tokens += n;
    d->meter.output_tokens += (double)n;
    d->active_ns = now_ns;
}

static bool within(double value, double objective)
{
    return !(objective > 0) || value <= objective;
}

static bool is_good(const struct dispatch *d, const struct request *request, int64_t now_ns)
{
    const struct dispatch_config *c = &d->config;
    const double e2e_s = seconds_of(now_ns - request->arrived_ns);
    if (!within(e2e_s, c->e2e_s))
        return false;
    if (c->tokens_per_s > 0 && (double)request->output_tokens < c->tokens_per_s * e2e_s)
        return false;
    if (!request->stream || request->first_token_ns == TIME_NONE)
        return true;
    const double ttft_s = seconds_of(request->first_token_ns - request->arrived_ns);
    const int64_t gaps = request->output_tokens - 1;
    const double itl_s =
        gaps > 0 ? seconds_of(request->last_token_ns - request->first_token_ns) / (double)gaps : 0;
    const double ttft_most_s = c->ttft_s + c->ttft_per_token_s * (double)request->prompt_tokens;
    return within(ttft_s, ttft_most_s) && within(itl_s, c->itl_s);
}

/* What the stream did not show one by one, usage tells at the end. */
static void take_usage(struct dispatch *d, struct request *request, const struct usage *usage)
{
    if (usage->output_tokens > request->output_tokens) {
        const int64_t more = usage->output_tokens - request->output_tokens;
        meter_decoded(d, request, more);
        if (request->first_token_ns == TIME_NONE)
            d->meter.computed_tokens += (double)request->prompt_tokens;
        request->output_tokens += more;
        d->in_flight_tokens += more;
        d->balancer.slots[request->replica_slot].tokens += more;
        d->meter.output_tokens += (double)more;
    }
    d->meter.tool_calls += (double)usage->tool_calls;
}

static void meter_completed(struct dispatch *d, const struct request *request,
                            const struct usage *usage, int64_t now_ns)
{
    const int64_t prompt =
        usage && usage->prompt_tokens >= 0 ? usage->prompt_tokens : request->prompt_tokens;
    struct meter *meter = &d->meter;
    meter->completed++;
    const bool good = is_good(d, request, now_ns);
    meter->good += good;
    if (!good)
        meter_late(meter, request->arrived_ns);
    meter->completed_prompt_tokens += (double)prompt;
    meter->completed_tokens += (double)(prompt + request->output_tokens);
    meter_latency(meter, LATENCY_E2E, seconds_of(now_ns - request->arrived_ns), 1);
    meter_learn(meter, request->prompt_bytes, usage ? usage->prompt_tokens : -1,
                request->output_tokens);
}

void dispatch_finish(struct dispatch *d, uint64_t handle, enum outcome outcome,
                     const struct usage *usage, int64_t now_ns)
{
    struct request *request = dispatch_in_flight(d, handle);
    if (usage)
        take_usage(d, request, usage);
    dispatch_release(d, request, outcome, true, now_ns);
    if (outcome == OUTCOME_OK)
        meter_completed(d, request, usage, now_ns);
    else
        dispatch_failed(d, request);
    meter_session(&d->meter, request->session, now_ns);
    meter_served(&d->meter, now_ns);
    dispatch_request_free(d, request, now_ns);
}

void dispatch_cancel(struct dispatch *d, uint64_t handle, int64_t now_ns)
{
    struct request *request = dispatch_request(d, handle);
    if (request->state == REQUEST_HELD)
        queue_remove(&d->queue, dispatch_slot_of(d, request));
    else
        dispatch_release(d, request, OUTCOME_OK, false, now_ns);
    d->meter.cancelled++;
    dispatch_request_free(d, request, now_ns);
}
