/* What a dispatcher has to say on its own account, and when: wakes, jumps, suspects, drained
 * replicas, waiters whose turn or whose end has come. */
#include <assert.h>

#include "base/duration.h"
#include "traffic/dispatch.h"
#include "traffic/dispatch_internal.h"

static bool next_signal(struct dispatch *d, int64_t now_ns, struct dispatch_event *ret)
{
    const bool nobody = d->queue.requests > 0 && d->balancer.live_count == 0 && d->starting <= 0;
    if (d->wake || (nobody && now_ns - d->wake_ns >= WAKE_AGAIN_NS && d->wake_ns != TIME_NONE)) {
        d->wake = false;
        d->wake_ns = now_ns;
        *ret = (struct dispatch_event){.kind = DISPATCH_WAKE};
        return true;
    }
    if (!d->jump)
        return false;
    d->jump = false;
    *ret = (struct dispatch_event){.kind = DISPATCH_JUMP};
    return true;
}

/* Suspects and drained replicas that nobody was told about. */
static bool next_replica(struct dispatch *d, int64_t now_ns, struct dispatch_event *ret)
{
    struct balancer *balancer = &d->balancer;
    if (!balancer->suspects_untold && !balancer->drains_untold)
        return false;
    for (size_t i = 0; i < balancer->count; i++) {
        struct replica *replica = &balancer->slots[i];
        if (replica->id == 0)
            continue;
        if (replica->suspect_until_ns > now_ns && !replica->suspect_told &&
            replica->cause != OUTCOME_ENGINE_BUSY) {
            replica->suspect_told = true;
            *ret = (struct dispatch_event){
                .kind = DISPATCH_SUSPECT, .replica = replica->id, .cause = replica->cause};
            return true;
        }
        if (replica->draining && replica->in_flight == 0 && !replica->drain_told) {
            replica->drain_told = true;
            *ret = (struct dispatch_event){
                .kind = DISPATCH_DRAINED, .replica = replica->id, .generation = d->generation};
            return true;
        }
    }
    balancer->suspects_untold = false;
    balancer->drains_untold = false;
    return false;
}

/* When the oldest waiter's time is up. */
static int64_t oldest_deadline(const struct dispatch *d)
{
    if (d->queue.oldest == SLOT_NONE)
        return TIME_NONE;
    const struct request *request = &d->requests[d->queue.oldest];
    const int64_t waited =
        wait_clock_when(&d->clock, request->arrived_clock_ns + d->config.queue_timeout_ns);
    const int64_t held = request->arrived_ns + d->config.hold_ns_max;
    return waited < held ? waited : held;
}

static bool next_refused(struct dispatch *d, int64_t now_ns, struct dispatch_event *ret)
{
    if (d->queue.oldest == SLOT_NONE)
        return false;
    const bool given_up = dispatch_given_up(d);
    if (!given_up && now_ns < oldest_deadline(d))
        return false;
    struct request *request = &d->requests[d->queue.oldest];
    queue_remove(&d->queue, dispatch_slot_of(d, request));
    const enum refusal refusal = given_up ? REFUSAL_START_FAILED : REFUSAL_QUEUE_TIMEOUT;
    *ret = (struct dispatch_event){.kind = DISPATCH_REFUSED,
                                   .request = request->handle,
                                   .cookie = request->cookie,
                                   .refusal = refusal,
                                   .retry_after_ns = dispatch_retry_after(d, refusal, 0, now_ns),
                                   .waited_ns = now_ns - request->arrived_ns};
    d->meter.refused++;
    meter_late(&d->meter, request->arrived_ns);
    dispatch_request_free(d, request, now_ns);
    return true;
}

static bool next_assigned(struct dispatch *d, int64_t now_ns, struct dispatch_event *ret)
{
    if (d->queue.requests == 0 || dispatch_all_taken(d) ||
        !balancer_any(&d->balancer, true, now_ns))
        return false;
    struct request *request = &d->requests[queue_pop(&d->queue)];
    const bool assigned = dispatch_assign(d, request, now_ns);
    assert(assigned); /* somebody had a free slot */
    *ret = (struct dispatch_event){.kind = DISPATCH_ASSIGNED,
                                   .request = request->handle,
                                   .cookie = request->cookie,
                                   .replica = d->balancer.slots[request->replica_slot].id,
                                   .waited_ns = now_ns - request->arrived_ns};
    return true;
}

bool dispatch_next(struct dispatch *d, int64_t now_ns, struct dispatch_event *ret)
{
    d->seen_ns = now_ns;
    return next_signal(d, now_ns, ret) || next_replica(d, now_ns, ret) ||
           next_refused(d, now_ns, ret) || next_assigned(d, now_ns, ret);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a == TIME_NONE ? b : b == TIME_NONE || a < b ? a : b;
}

int64_t dispatch_deadline(const struct dispatch *d)
{
    if (d->queue.requests == 0)
        return TIME_NONE;
    int64_t at = oldest_deadline(d);
    if (d->balancer.live_count == 0 && d->starting <= 0 && d->wake_ns != TIME_NONE)
        at = earlier(at, d->wake_ns + WAKE_AGAIN_NS);
    return earlier(at, balancer_deadline(&d->balancer, d->seen_ns));
}
